import type { AtomTable } from '../atom/index.js';
import { type Clock, type Random, systemClock, systemRandom, unlessAborted } from '../engine/index.js';
import type { Change, ImagesNeeded, Parser } from './change.js';
import { Governor } from './governor.js';
import { type Pace, type PaceOptions, paceOf } from './pace.js';
import { raw } from './parser.js';
import type { StreamRecord, StreamsPort } from './port.js';
import { type ReadOptions, settingsOf } from './read-options.js';
import { StreamReader } from './reader.js';
import { type DynamoDBStreamsClientLike, SdkStreams } from './sdk-port.js';
import { parseStreamArn } from './stream-arn.js';
import { requireImages, type StreamFacts, streamOfArn, streamOfTable } from './stream-lookup.js';

/** Options of {@link TableStream} beside the stream itself. */
export interface TableStreamBaseOptions {
  /** @defaultValue that of the table, where an `AtomTable` is given; else the process's clocks */
  readonly clock?: Clock;
  /** How often shards are asked, by all readers of this stream in this process together. */
  readonly pace?: PaceOptions;
  /** Randomness of pauses. @defaultValue that of the table, else `Math.random` */
  readonly random?: Random;
}

/** Options of {@link TableStream}: your client of DynamoDB Streams or a port, and the table or the ARN of a stream. */
export type TableStreamOptions = TableStreamBaseOptions &
  (
    | {
        /** Your `DynamoDBStreamsClient`. It is never reconfigured and never closed. */
        readonly client: DynamoDBStreamsClientLike;
        readonly port?: never;
      }
    | {
        /** Any implementation of the port, for tests and simulations. */
        readonly port: StreamsPort;
        readonly client?: never;
      }
  ) &
  (
    | {
        /** The table whose stream is read: an `AtomTable`, or the table's name. */
        readonly table: AtomTable | string;
        readonly arn?: never;
        readonly allowDisabled?: never;
      }
    | {
        /** A stream by its ARN. */
        readonly arn: string;
        /**
         * Reads a stream that was turned off, to its end; possible for a day.
         * @defaultValue false: it is refused, since nothing new will ever come from it
         */
        readonly allowDisabled?: boolean;
        readonly table?: never;
      }
  );

/** Options of {@link TableStream.resolve}. */
export interface ResolveOptions {
  /** Images that the view of the stream must have. @defaultValue any view will do */
  readonly needs?: ImagesNeeded;
  /**
   * Asks anew, since the stream may have been replaced; readers that are opened from then on read what is found.
   * @defaultValue false
   */
  readonly fresh?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The stream of a table: what changed in it during the last day, in order.
 *
 * Make one per process and stream and share it. Making it sends nothing; which stream is meant is found out at the first use, once.
 */
export class TableStream {
  /** Where the stream is read. */
  readonly port: StreamsPort;
  /** The same, within what the service bears: what all readers of this stream ask. */
  readonly governed: StreamsPort;
  readonly pace: Pace;
  readonly clock: Clock;
  readonly random: Random;
  /** The table whose stream it is, where that was given as an `AtomTable`. */
  readonly table: AtomTable | undefined;
  /** The table's name or the ARN, as it was given: for messages. */
  readonly #given: string | AtomTable;
  readonly #arn: string | undefined;
  readonly #allowDisabled: boolean;
  #facts: Promise<StreamFacts> | undefined;

  /** @throws TypeError for wrong options; {@link StreamError} `ERR_STREAM` for what is no ARN of a stream. */
  constructor(options: TableStreamOptions) {
    const { client, port, table, arn, allowDisabled = false } = options;
    if ((client === undefined) === (port === undefined)) {
      throw new TypeError('Cannot read a stream: give client (a DynamoDBStreamsClient) or port, one of them');
    }
    if ((table === undefined) === (arn === undefined)) {
      throw new TypeError('Cannot read a stream: give table (an AtomTable or its name) or arn, one of them');
    }
    if (arn !== undefined && typeof arn !== 'string') {
      throw new TypeError(`Cannot read a stream: arn must be a string: ${typeof arn}`);
    }
    const isTable = typeof table === 'object' && table?.sources !== undefined;
    if (table !== undefined && !isTable && (typeof table !== 'string' || table === '')) {
      throw new TypeError("Cannot read a stream: table must be an AtomTable or a table's name");
    }
    if (typeof table === 'string' && table.includes('/stream/')) {
      throw new TypeError(`Cannot read a stream: ${table} is the ARN of a stream, and no table; give it as arn`);
    }
    if (arn !== undefined) parseStreamArn(arn);
    this.port = port ?? new SdkStreams(client as DynamoDBStreamsClientLike);
    this.table = isTable ? table : undefined;
    this.clock = options.clock ?? this.table?.sources.clock ?? systemClock;
    this.random = options.random ?? this.table?.sources.random ?? systemRandom;
    this.pace = paceOf(options.pace);
    this.governed = new Governor(this.port, this.clock, this.pace);
    this.#given = (table ?? arn) as string | AtomTable;
    this.#arn = arn;
    this.#allowDisabled = allowDisabled;
  }

  /** A stream that was turned off is read to its end, and that is no failure. */
  get allowsDisabled(): boolean {
    return this.#allowDisabled;
  }

  /**
   * The records of this stream from a position on, as batches, for ever. Reading begins with the first pull.
   *
   * **Guarantee.** Every record that was in the stream while this reader was less than a day behind is delivered at least once, those of one
   * item in their order; where that can't be kept a {@link StreamGapError} comes first. What it does *not* do: exclude that another process
   * reads the same (use a group for that), or that a record comes twice after a crash: those since the last save do.
   *
   * @cost 1 request per poll: 4 a second and shard while there is something, 1 a second while idle; 1 request per 5 minutes to list the
   * shards, and per 10 minutes and shard at most 1 for an iterator.
   * @iam dynamodb:DescribeStream, dynamodb:GetShardIterator, dynamodb:GetRecords
   * @throws TypeError, RangeError for wrong options.
   */
  read<T = StreamRecord>(options: ReadOptions<T>): StreamReader<T> {
    return new StreamReader<T>(this, settingsOf(options, raw() as unknown as Parser<T>), false);
  }

  /**
   * What is in the stream now, from a position on, as batches, and then the end: records that are written after the pass began may be left
   * to the next one. With a `checkpointer`, or with `reader.token()`, the next pass goes on where this one ended.
   *
   * It ends also when the table is written on and on: at the first record that was written after the beginning.
   *
   * @cost 1 request per page of 1,000 records or 1 MB, and some five for each open shard.
   * @iam as {@link TableStream.read}
   * @throws TypeError, RangeError for wrong options.
   */
  singlePass<T = StreamRecord>(options: ReadOptions<T>): StreamReader<T> {
    const settings = settingsOf(options, raw() as unknown as Parser<T>);
    if (settings.from === 'latest')
      throw new TypeError("Cannot read in one pass from 'latest': nothing is there yet; give another position");
    return new StreamReader<T>(this, settings, true);
  }

  /** As {@link TableStream.read}, one record at a time. Pulling the next one says that the one before is done. */
  async *records<T = StreamRecord>(options: ReadOptions<T>): AsyncGenerator<Change<T>, void, undefined> {
    for await (const { records } of this.read(options)) yield* records;
  }

  /**
   * Finds out which stream is meant, and whether it can be read. Asked once: what was found is remembered, a failure is not.
   *
   * A stream that replaces this one later is not noticed here: readers tell of the end of theirs.
   *
   * @cost The first time 2 requests (one with `arn`), then nothing.
   * @iam dynamodb:DescribeStream; dynamodb:DescribeTable for an `AtomTable`, or dynamodb:ListStreams
   * @throws {StreamError} `ERR_STREAM`: no such table, no stream, turned off, replaced by a newer one, a view that lacks images that are
   * needed. Each says what to do about it. What the service refuses for good, and `signal.reason`, pass through unchanged.
   */
  async resolve(options: ResolveOptions = {}): Promise<StreamFacts> {
    const { needs, fresh = false, signal } = options;
    signal?.throwIfAborted();
    if (this.#facts === undefined || fresh) {
      const found = this.#find();
      this.#facts = found;
      found.catch(() => {
        if (this.#facts === found) this.#facts = undefined;
      });
    }
    const facts = await unlessAborted(this.#facts, signal);
    requireImages(facts, needs);
    return facts;
  }

  /** Without anybody's signal: all who ask meanwhile share the answer. */
  #find(): Promise<StreamFacts> {
    const given = this.#given;
    if (this.#arn !== undefined) return streamOfArn(this.port, this.#arn, this.#allowDisabled);
    if (typeof given === 'string') return streamOfTable(this.port, given);
    return streamOfTable(this.port, given.tableName, () => given.describe());
  }
}
