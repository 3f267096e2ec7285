/** What is known of streams without reading their events: of one by its head, of all by a scan of the table. */

import type { AtomTable } from '../atom/index.js';
import { type Head, headOptions, requireHead } from '../journal/index.js';
import { requireOptions } from './call-options.js';
import { type Closing, closingOf } from './stream-closing.js';
import { escapeName, streamOfHead } from './stream-name.js';
import type { Categories } from './together/categories.js';

/** A stream, as its head tells of it. */
export interface StreamInfo {
  readonly stream: string;
  /** Number of its events, and of the last one. Of a deleted stream, when it was deleted. */
  readonly version: number;
  /** Whether it can be read: not of a deleted one. */
  readonly exists: boolean;
  /** The first event that is there for sure: 1, or higher where older ones were pruned. Told of one stream, and not in lists. */
  readonly floor?: number;
  /** Epoch milliseconds of the last commit, that which has closed it included. */
  readonly updatedAt: number;
  /** Why no more events are taken, if so. */
  readonly closed: Closing | undefined;
}

/** Which streams are wanted. */
export interface StreamsOptions {
  /** Those whose names begin so. @defaultValue all */
  readonly prefix?: string;
  /** Those of this category. @defaultValue all */
  readonly category?: string;
  /**
   * `open` and `archived` streams exist, `deleted` ones have left their name.
   * @defaultValue all that exist
   */
  readonly closed?: 'open' | Closing;
  /** `eventual` for half the units. @defaultValue 'strong' */
  readonly consistency?: 'strong' | 'eventual';
  /** Ends the loop with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
}

/** @throws TypeError for wrong options. */
export function requireStreamsOptions(options: StreamsOptions): void {
  requireOptions<StreamsOptions>('list streams', options, {
    ...{ prefix: true, category: true, closed: true, consistency: true, signal: true },
  });
  const { closed, consistency } = options;
  for (const name of ['prefix', 'category'] as const) {
    const value: unknown = options[name];
    if (value === undefined || typeof value === 'string') continue;
    throw new TypeError(`Cannot list streams: ${name} must be a string: ${typeof value}`);
  }
  if (consistency !== undefined && consistency !== 'strong' && consistency !== 'eventual') {
    throw new TypeError(
      `Cannot list streams: consistency must be 'strong' or 'eventual': ${JSON.stringify(consistency)}`,
    );
  }
  if (closed === undefined || closed === 'open' || closed === 'archived' || closed === 'deleted') return;
  throw new TypeError(`Cannot list streams: closed must be 'open', 'archived' or 'deleted': ${JSON.stringify(closed)}`);
}

/** `undefined` where there is no stream of this name, and was none. */
export function infoOf(stream: string, image: Head | undefined): StreamInfo | undefined {
  if (image === undefined) return undefined;
  const closed = closingOf(image);
  if (image.seq === 0 && closed === undefined) return undefined;
  return { stream, version: image.seq, exists: closed !== 'deleted', updatedAt: image.time, closed };
}

/** Where streams are looked for. */
export interface StreamsPlace {
  readonly table: AtomTable;
  readonly store: string;
  readonly categories: Categories;
}

/**
 * All streams of a store, as a scan finds them. What else lies in the table is passed over before it is looked at; a head that can't be
 * read is not.
 */
export async function* listStreams(
  { table, store, categories }: StreamsPlace,
  { prefix = '', category, closed, consistency = 'strong', signal }: StreamsOptions,
): AsyncGenerator<StreamInfo> {
  const isWanted = (name: string) => {
    const stream = streamOfHead(store, name);
    return stream !== undefined && (category === undefined || categories.orderOf(stream).category === category);
  };
  const scan = { consistency, signal, atom: headOptions, isWanted };
  for await (const { name, value } of table.scanNamed<Head>(`${store}/${escapeName(prefix)}`, scan)) {
    const stream = streamOfHead(store, name) as string;
    const { label, otherLabels } = categories.labelsOf(stream);
    const labels = [label, ...otherLabels];
    // A journal of another application, whose name only looks like one of ours. Whose one of a later format is can't be told.
    if (value.journalId && !labels.includes(value.label)) continue;
    requireHead(name, value, labels);
    const info = infoOf(stream, value);
    if (info === undefined) continue;
    if (closed === undefined ? info.exists : (info.closed ?? 'open') === closed) yield info;
  }
}
