/** All streams of a store, or of a category: appending to several at once, reading all, following all. */

import type { AtomTable } from '../../atom/index.js';
import { isLeydenError } from '../../errors.js';
import type { Appended } from '../append-work.js';
import { type OptionNames, requireOptions } from '../call-options.js';
import type { RecordedEvent } from '../event.js';
import type { OpenStreams } from '../open-streams.js';
import type { WriteOptions } from '../store-options.js';
import { readStream } from '../stream-reader.js';
import { AppendAll } from './append-all.js';
import type { Categories } from './categories.js';
import { openCategory } from './category.js';
import { CategoryFeed, type FeedOptions } from './category-feed.js';
import { orderStreams } from './order-category.js';
import { readCategory } from './read-category.js';
import { requireEntries, type StreamEntry } from './stream-entry.js';
import { feedStreams, type StreamsFeedOptions } from './streams-feed.js';

/** Options of `readAll`. */
export interface ReadAllOptions {
  /** Those of this category. @defaultValue all, stream after stream */
  readonly category?: string;
  /** Position of the first event, in a category that is ordered. @defaultValue 1 */
  readonly from?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Options of `subscribeAll`: a category that is ordered, and a position in it; or a source, or scans. */
export type SubscribeAllOptions =
  | (FeedOptions & { readonly category: string; readonly source?: undefined; readonly scanEveryMs?: undefined })
  | StreamsFeedOptions;

export interface AllStreamsFacts {
  readonly table: AtomTable;
  readonly store: string;
  readonly streams: OpenStreams;
  readonly categories: Categories;
  /** Aborts when the store is closed. */
  readonly ends: AbortSignal;
}

const subscribeAllOptions: OptionNames<SubscribeAllOptions> = {
  ...{ category: true, from: true, onCaughtUp: true, signal: true, source: true, scanEveryMs: true, seen: true },
};

export class AllStreams {
  readonly #facts: AllStreamsFacts;
  readonly #appending = new Set<Promise<void>>();

  constructor(facts: AllStreamsFacts) {
    this.#facts = facts;
  }

  append(entries: readonly StreamEntry[], options: WriteOptions, timeoutMs: number): Promise<readonly Appended[]> {
    const { table, streams, categories } = this.#facts;
    const { metadata, commandId, signal } = options;
    const parts = requireEntries(entries, { metadata, commandId, categories, open: (stream) => streams.of(stream) });
    signal?.throwIfAborted();
    const names = parts.map(({ open }) => open.facts.stream);
    const call = new AppendAll({
      ...streams.waiting(names, commandId ?? 'of these events', timeoutMs),
      table,
      categories,
      parts,
    });
    const running = call.run().finally(() => this.#appending.delete(running));
    this.#appending.add(running);
    return streams.awaited(call, signal);
  }

  async *read({ category, from, signal }: ReadAllOptions): AsyncGenerator<RecordedEvent, void, undefined> {
    const { streams, categories } = this.#facts;
    requirePosition(from);
    if (category !== undefined && typeof category !== 'string') {
      throw new TypeError(`Cannot read all: category must be a string: ${typeof category}`);
    }
    if (category !== undefined && categories.isOrdered(category)) {
      const place = this.#placeOf(category, signal);
      const image = await place.journal.readHead(signal);
      if (image !== undefined) for await (const events of readCategory(place, image, from ?? 1)) yield* events;
      return;
    }
    if (from !== undefined) throw notOrdered('read all from a position', category);
    for await (const { stream } of streams.list(category === undefined ? { signal } : { category, signal })) {
      try {
        for await (const events of readStream(streams.toRead(stream), { signal })) yield* events;
      } catch (error) {
        // Deleted meanwhile.
        if (!isLeydenError(error, 'ERR_STREAM_CLOSED')) throw error;
      }
    }
  }

  /** @throws TypeError, RangeError for wrong options. */
  feed(options: SubscribeAllOptions): CategoryFeed | AsyncGenerator<RecordedEvent, void, undefined> {
    requireOptions<SubscribeAllOptions>('subscribe to all', options, subscribeAllOptions);
    const { table, store, streams, categories, ends } = this.#facts;
    const { clock } = table.sources;
    const { source, scanEveryMs, category, signal } = options;
    if (source !== undefined || scanEveryMs !== undefined) {
      if (scanEveryMs !== undefined && !(scanEveryMs > 0)) {
        throw new RangeError(`Cannot subscribe to all: scanEveryMs must be a positive number: ${scanEveryMs}`);
      }
      return feedStreams({ store, streams, categories, clock, ends }, options as StreamsFeedOptions);
    }
    const { from } = options as FeedOptions;
    requirePosition(from);
    if (category === undefined || !categories.isOrdered(category)) {
      throw notOrdered('subscribe to all', category);
    }
    return new CategoryFeed(this.#placeOf(category, signal), options as FeedOptions, clock, ends);
  }

  /** @returns the number of streams that were brought into the order. */
  order(category: string, signal: AbortSignal | undefined): Promise<number> {
    const { table, streams, categories } = this.#facts;
    if (!categories.isOrdered(category)) throw notOrdered('order', category);
    async function* all() {
      for await (const { stream } of streams.list({ category, signal })) {
        yield { stream, journal: streams.endsOf(stream).journal };
      }
    }
    return orderStreams(table, categories.factsOf(category), all(), signal);
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    await Promise.all(this.#appending);
  }

  #placeOf(category: string, signal: AbortSignal | undefined) {
    const { streams, categories } = this.#facts;
    const journal = openCategory(categories.factsOf(category));
    return { journal, toRead: (stream: string) => streams.toRead(stream), signal };
  }
}

function requirePosition(from: number | undefined): void {
  if (from === undefined || (Number.isSafeInteger(from) && from >= 0)) return;
  throw new RangeError(`Cannot read a category: from must be a whole number from 0: ${from}`);
}

function notOrdered(action: string, category: string | undefined): TypeError {
  const subject =
    category === undefined ? 'no category is given' : `category ${JSON.stringify(category)} is not in order`;
  return new TypeError(
    `Cannot ${action}: ${subject}; open the store with ordered, and name the category, or give a source or scanEveryMs`,
  );
}
