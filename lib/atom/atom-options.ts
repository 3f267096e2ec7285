/** What tables and atoms are opened with. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Item, SealingCodec, ValueCodec } from '../codec/index.js';
import type { Clock, DynamoDBClientLike, Engine, Random } from '../engine/index.js';
import type { Logger } from './diagnostics/logger.js';
import type { RetryOptions } from './ground.js';
import type { AttributeNames } from './item-format.js';
import type { Large } from './large/large.js';
import type { IndexFunction } from './value-rules.js';
import type { TableWatchOptions } from './watch/watches.js';

/** A key of a table with a sort key. */
export interface CompositeKey {
  readonly pk: unknown;
  readonly sk: unknown;
}

/** Options of {@link AtomTable} beside the place where items live. */
export interface AtomTableBaseOptions extends TableWatchOptions {
  /** The table's name, or a function of it for environments that are set up late. */
  readonly tableName: string | (() => string);
  /**
   * Name of the partition key attribute (a string).
   * @defaultValue 'id'
   */
  readonly keyName?: string;
  /** Name of the sort key attribute (a string); keys are then `{ pk, sk }`. */
  readonly sortKeyName?: string;
  /** How hard and how long operations try, unless an atom or a call says otherwise. */
  readonly retry?: RetryOptions;
  /** Other names for the attributes of the item format. All programs that share the table must agree. */
  readonly attributeNames?: Partial<AttributeNames>;
  /**
   * Writers that one generation of evidence holds. With at most this many processes on one atom, the fate of every write
   * can be told; each costs about 15 bytes in the item.
   * @defaultValue 8
   */
  readonly evidenceWritersMax?: number;
  /**
   * How long the receipt of a call with an `opId` is kept at least, in milliseconds.
   * @defaultValue 86400000, a day
   */
  readonly receiptMs?: number;
  /**
   * Receipts that one item keeps at most, on a store without transactions: so many calls with an `opId` can be made on one atom within
   * `receiptMs`. On DynamoDB receipts are items of their own, and there is no limit.
   * @defaultValue 100
   */
  readonly receiptsMax?: number;
  /**
   * The stored form of every atom's value that says nothing else: a codec of one's own, compression, encryption.
   * @defaultValue native attributes, readable in the console
   */
  readonly codec?: ValueCodec | SealingCodec;
  /**
   * Told in words of what goes wrong or nearly so; `console`, pino and others fit. See {@link Logger} for what is written.
   * @defaultValue silence
   */
  readonly logger?: Logger;
  /**
   * What becomes of values that do not fit their item (400 KB), of every atom that says nothing else: `parts`: they are compressed, and
   * split into items of their own when even that does not fit, up to 64 MB; `refuse`: they are refused; or sizes of your own.
   * @defaultValue 'parts'
   */
  readonly large?: Large;
  /** @defaultValue the process's clocks */
  readonly clock?: Clock;
  /** Randomness of pauses. @defaultValue `Math.random` */
  readonly random?: Random;
  /** Source of the random names of writers and incarnations; must never repeat. @defaultValue `crypto.randomBytes` */
  readonly randomBytes?: (count: number) => Uint8Array;
}

/** Options of {@link AtomTable}: your client, or an engine. */
export type AtomTableOptions = AtomTableBaseOptions &
  (
    | {
        /** Your `DynamoDBClient` or `DynamoDBDocumentClient`. It is never reconfigured and never closed. */
        readonly client: DynamoDBClientLike;
        readonly engine?: never;
      }
    | {
        /** Any engine of the port, for tests and simulations. */
        readonly engine: Engine;
        readonly client?: never;
      }
  );

/** Options of {@link AtomTable.atom}. All handles of one key must be opened with the same ones. */
export interface AtomOptions<T> {
  /** Given to functions and readers where nothing is stored; not written by itself. */
  readonly initial?: T;
  /** Checks and shapes what is written and what is read; any Standard Schema. Must accept its own output. */
  readonly schema?: StandardSchemaV1<unknown, T>;
  /**
   * Another form of the stored value; `'native'` for native attributes, readable in the console.
   * @defaultValue the codec of the table
   */
  readonly codec?: ValueCodec | SealingCodec | 'native';
  /**
   * How long a value is there after it was written, in milliseconds, rounded up to whole ones; each write begins it anew, a no-op
   * does not. Judged by the clock of whoever reads: from then on the atom is missing. The table's time to live removes the item an
   * hour later.
   * @defaultValue for ever
   */
  readonly ttlMs?: number;
  /**
   * What becomes of a value that does not fit its item. All who share the atom should say the same: where they do not, each can read
   * what the others wrote.
   * @defaultValue that of the table
   */
  readonly large?: Large;
  /** Top-level attributes for secondary indexes, written with the value in the same put. */
  readonly index?: Readonly<Record<string, IndexFunction<T>>>;
  /**
   * Takes over an item of another layout: its attributes to the value, `undefined` to refuse. The first write replaces the item
   * as a whole, under the condition that every attribute that was read is still the same; what `adopt` does not take into the
   * value is gone, and so is an attribute that another program adds meanwhile without changing one of those.
   */
  readonly adopt?: (attributes: Item) => T | undefined;
  /**
   * What to do with attributes that another program added: `carry` keeps them at each write (a concurrent change to one,
   * by a program that does not also change the token, may be undone); `refuse` throws `DecodeError`.
   * @defaultValue 'carry'
   */
  readonly foreign?: 'carry' | 'refuse';
  readonly retry?: RetryOptions;
}
