/** Records made into changes. */
import type { Change, Parser, RecordMeta } from './change.js';
import { RecordParseError } from './errors.js';
import { metaOf } from './meta.js';
import type { StreamRecord } from './port.js';

/** A class: see `meta.ts`. */
class Parsed<T> implements Change<T> {
  readonly value: T;
  readonly meta: RecordMeta;

  constructor(value: T, meta: RecordMeta) {
    this.value = value;
    this.meta = meta;
  }
}

/**
 * Parses records in their order; those for which the parser has nothing are left out. No promise is waited for that was not made.
 *
 * @throws {RecordParseError} `ERR_STREAM_PARSE` for the first record at which the parser threw.
 */
export function parsePage<T>(
  shardId: string,
  records: readonly StreamRecord[],
  parser: Parser<T>,
): readonly Change<T>[] | Promise<readonly Change<T>[]> {
  const changes: Change<T>[] = [];
  for (let at = 0; at < records.length; at += 1) {
    const record = records[at] as StreamRecord;
    const meta = metaOf(shardId, record);
    let value: T | undefined | Promise<T | undefined>;
    try {
      value = parser.parse(record, meta);
    } catch (error) {
      throw new RecordParseError(meta, error);
    }
    if (isPromise(value)) return parseRest(shardId, records, parser, at, value, changes);
    if (value !== undefined) changes.push(new Parsed(value, meta));
  }
  return changes;
}

/** Also one of another realm, or of another library. */
function isPromise(value: unknown): value is Promise<unknown> {
  return typeof (value as { readonly then?: unknown } | undefined | null)?.then === 'function';
}

async function parseRest<T>(
  shardId: string,
  records: readonly StreamRecord[],
  parser: Parser<T>,
  from: number,
  first: Promise<T | undefined>,
  changes: Change<T>[],
): Promise<readonly Change<T>[]> {
  for (let at = from; at < records.length; at += 1) {
    const record = records[at] as StreamRecord;
    const meta = metaOf(shardId, record);
    try {
      const value = await (at === from ? first : parser.parse(record, meta));
      if (value !== undefined) changes.push(new Parsed(value, meta));
    } catch (error) {
      throw new RecordParseError(meta, error);
    }
  }
  return changes;
}
