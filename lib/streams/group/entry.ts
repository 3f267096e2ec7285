/** One record on its way through a group's worker, from its page to the handler. */
import type { Item } from '../../codec/index.js';
import type { Change, Parser, RecordMeta } from '../change.js';
import { metaOf } from '../meta.js';
import type { StreamRecord } from '../port.js';
import type { ShardPosition } from '../position.js';
import type { Place } from './commit-prefix.js';

export interface Entry<T> extends Place {
  readonly record: StreamRecord;
  readonly meta: RecordMeta;
  /** What the handler is given; absent while it could not be parsed. */
  change: Change<T> | undefined;
  /** Bytes that it counts for in the backlog. */
  heldBytes: number;
  /** What the parser or the filter threw. */
  failure: { readonly error: unknown } | undefined;
}

/** What makes changes of records. */
export interface Reading<T> {
  readonly parser: Parser<T>;
  readonly filter: ((change: Change<T>) => boolean) | undefined;
}

/** Entries of a page, in order. Those that are not to be delivered are done; those that fail say so. */
export async function entriesOf<T>(
  reading: Reading<T>,
  shardId: string,
  records: readonly StreamRecord[],
): Promise<Entry<T>[]> {
  const entries: Entry<T>[] = [];
  const late: Promise<void>[] = [];
  for (const record of records) {
    const meta = metaOf(shardId, record);
    const position: ShardPosition = { after: meta.sequenceNumber };
    const entry: Entry<T> = {
      position,
      isDone: false,
      record,
      meta,
      change: undefined,
      heldBytes: 0,
      failure: undefined,
    };
    entries.push(entry);
    const parsing = parse(reading, entry);
    if (parsing !== undefined) late.push(parsing);
  }
  if (late.length > 0) await Promise.all(late);
  return entries;
}

/** Tries anew what could not be parsed; never rejects. */
export async function parseAgain<T>(reading: Reading<T>, entry: Entry<T>): Promise<void> {
  entry.failure = undefined;
  await parse(reading, entry);
}

/** Most parsers are done at once: then there is nothing to wait for. Never rejects. */
function parse<T>(reading: Reading<T>, entry: Entry<T>): Promise<void> | undefined {
  try {
    const value = reading.parser.parse(entry.record, entry.meta);
    if (!(value instanceof Promise)) {
      take(reading, entry, value);
      return undefined;
    }
    return value.then((parsed) => take(reading, entry, parsed)).catch((error: unknown) => fail(entry, error));
  } catch (error) {
    fail(entry, error);
    return undefined;
  }
}

function take<T>({ filter }: Reading<T>, entry: Entry<T>, value: T | undefined): void {
  const change = value === undefined ? undefined : { value, meta: entry.meta };
  if (change === undefined || filter?.(change) === false) entry.isDone = true;
  else entry.change = change;
}

function fail(entry: Entry<unknown>, error: unknown): void {
  entry.failure = { error };
}

/** The key of the item that a record is of, as text: equal for equal keys, whatever the order of their attributes. */
export function keyTextOf({ dynamodb }: StreamRecord): string {
  const keys: Item = dynamodb?.Keys ?? {};
  const names = Object.keys(keys).sort();
  return JSON.stringify(names.map((name) => [name, plainOf(keys[name])]));
}

function plainOf(attribute: Item[string] | undefined): unknown {
  const { B: bytes } = (attribute ?? {}) as { readonly B?: Uint8Array };
  return bytes === undefined ? attribute : { B: Buffer.from(bytes).toString('base64') };
}

/** Which of so many lanes a key goes by (FNV-1a). */
export function laneOf(keyText: string, lanes: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < keyText.length; index += 1) {
    hash = Math.imul(hash ^ keyText.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % lanes;
}
