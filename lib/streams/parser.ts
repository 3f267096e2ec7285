/**
 * What can be made of records: themselves, plain values, or whatever a function makes of them.
 *
 * A parser works on one record and sends nothing; `atomChanges` alone may, to read what does not fit an item. What a parser throws is
 * a failure of that record, and of no other.
 */
import { fromForeign, type Item, type NumbersAs, numberReader } from '../codec/index.js';
import type { Parser } from './change.js';
import type { StreamRecord } from './port.js';

/** Options of {@link unmarshalled}. */
export interface UnmarshalledOptions {
  /**
   * What numbers become. `'number'`: a number; a whole one beyond `Number.MAX_SAFE_INTEGER` a `bigint`, a fraction with more digits
   * than a number keeps its text. `'bigint'`: whole ones `bigint`, fractions as above. `'string'`: the text.
   *
   * @defaultValue 'number'
   */
  readonly numbers?: NumbersAs;
}

/** What {@link unmarshalled} makes of a record. */
export interface Unmarshalled {
  /** The key attributes. */
  readonly keys: Record<string, unknown>;
  /** The item after the change; `undefined`: there is none, or the view of the stream leaves it out. */
  readonly newImage: Record<string, unknown> | undefined;
  /** The item before the change; `undefined`: there was none, or the view of the stream leaves it out. Never an empty object in its place. */
  readonly oldImage: Record<string, unknown> | undefined;
}

/**
 * Records as they are: what Lambda and the SDK hand out. Costs nothing.
 *
 * @example
 * ```ts
 * import { raw } from 'leyden-jar/streams';
 * const record = { eventName: 'INSERT', dynamodb: { Keys: { id: { S: 'a' } } } };
 * const meta = { shardId: 's', sequenceNumber: '1', eventId: 'e', event: 'INSERT', sizeBytes: 1, ttl: false } as const;
 * console.log(raw().parse(record, { ...meta, approximateCreationTime: new Date(0) }) === record); // => true
 * ```
 */
export function raw(): Parser<StreamRecord> {
  return { parse: (record) => record };
}

/**
 * Images as plain values: numbers, strings, booleans, null, `Uint8Array`, `Set`, arrays and objects, however they are nested.
 *
 * **Guarantee.** No digit is lost in silence: a number that JavaScript has no number for becomes a `bigint` or stays text (`numbers`).
 * An image that is missing is `undefined`, never `{}`.
 *
 * @throws {DecodeError} `ERR_DECODE` from `parse`, for an attribute named `__proto__`: as a failure of that record.
 *
 * @example
 * ```ts
 * import { unmarshalled } from 'leyden-jar/streams';
 * const record = { dynamodb: { Keys: { id: { S: 'a' } }, NewImage: { id: { S: 'a' }, n: { L: [{ N: '9007199254740993' }] } } } };
 * const meta = { shardId: 's', sequenceNumber: '1', eventId: 'e', event: 'INSERT', sizeBytes: 1, ttl: false } as const;
 * const parsed = await unmarshalled().parse(record, { ...meta, approximateCreationTime: new Date(0) });
 * console.log(parsed?.newImage, parsed?.oldImage); // => { id: 'a', n: [ 9007199254740993n ] } undefined
 * ```
 */
export function unmarshalled(options: UnmarshalledOptions = {}): Parser<Unmarshalled> {
  const readNumber = numberReader(options.numbers ?? 'number');
  return {
    parse({ dynamodb = {} }, { sequenceNumber }) {
      const plain = (image: Item) => fromForeign(image, `record ${sequenceNumber}`, readNumber);
      const { Keys = {}, NewImage, OldImage } = dynamodb;
      return {
        keys: plain(Keys),
        newImage: NewImage && plain(NewImage),
        oldImage: OldImage && plain(OldImage),
      };
    },
  };
}
