import {
  keyTextOf,
  type WatchListener,
  type WatchSource,
  type WatchSubscription,
  type WatchTarget,
} from '../../atom/index.js';
import type { Clock } from '../../engine/index.js';
import type { StreamPosition } from '../position.js';
import type { StreamFacts } from '../stream-lookup.js';
import { Publisher } from './publisher.js';
import { ReaderSlots } from './reader-slots.js';
import { SharedReader, type SharedReaderState } from './shared-reader.js';
import { bareTableName } from './tap.js';
import type { WatchHint } from './watch-hint.js';
import { type StreamWatchSourceOptions, type WatchChoice, watchChoiceOf } from './watch-options.js';
import { WatchedKeys } from './watched-keys.js';

/** A reader at the tip may leave out what is written within so many milliseconds of its beginning. */
const settleMs = 3_000;

/** What a {@link StreamWatchSource} is doing. */
export interface WatchSourceStatus {
  /**
   * `idle`: nothing is watched. `polling`: it never reads. `waiting`: others have the places for readers. `starting`: the reader is being
   * opened. `live`: every change is told. `down`: something stands in the way, and is tried again. `closed`.
   */
  readonly state: SharedReaderState | 'polling';
  /** The place that it reads in, 1 or 2. */
  readonly slot: number | undefined;
  /** Atoms that are watched, in all tables of this process that have this source. */
  readonly watchedAtoms: number;
}

/** What those need who tell of every change. */
export interface EveryChange {
  readonly reader: SharedReader;
  readonly clock: Clock;
  /** Ends the reader; present where nobody else listens to it. */
  readonly closeReader?: (() => void) | undefined;
}

/**
 * Feeds watches from the stream of their table: `watch`, `addWatch` and `waitFor` learn of a change of another process about as soon as it is
 * in the stream, and polling is left to a safety interval.
 *
 * **Guarantee.** What it tells makes watches quicker, and never wrong: they see the newest value eventually, and never an older one after
 * a newer, whatever the reader misses. It says that it is healthy only while every open shard of the stream is read; before that, and
 * after any doubt (a gap, a reader that was opened anew, a shard that was not heard of, a place that was lost), each watched atom is read
 * consistently once. It can *not* be sooner than the stream, which the service does not promise a time for; and between two polls of a
 * quiet shard lie up to a second.
 *
 * One reader serves all watches of the process, however many, through all `AtomTable`s that were given this object. It starts with the first
 * watched atom, and stops some time after the last. A shard bears two readers, so at most `slots` processes read; all others poll as if
 * there was no source, and ask for a place now and then. Places are locks in the table `coordination`.
 *
 * **If the process dies**, another takes its place after 30 s and the time to its next try (`slotRetryMs`). If the place is lost, the
 * reader is stopped, and its watches poll.
 *
 * Any view type will do. With NEW_IMAGE or NEW_AND_OLD_IMAGES a change costs no read; with the others each costs one consistent read.
 *
 * @cost Per open shard: at most 1.05 GetRecords a second while it is quiet, up to 1.8 with traffic (`shardReadsPerSecondMax`); per
 * process: DescribeStream every 5 minutes and at the end of a shard. Each atom is read consistently twice when the reader starts, then
 * eventually once a minute (`watch.safetyMs`). A place: 0.1 write units a second, and as much for a process that waits for one.
 * @iam dynamodb:DescribeStream, dynamodb:GetShardIterator, dynamodb:GetRecords; what `TableStream.resolve` needs; what `Lock` needs, on
 * `coordination`
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { StreamWatchSource, TableStream } from 'leyden-jar/streams';
 * import { StreamSimulator } from 'leyden-jar/testing';
 *
 * const simulator = new StreamSimulator(); // yours: engine and port are clients of the SDK
 * const coordination = new AtomTable({ engine: simulator.engine, tableName: 'coordination' });
 * await coordination.create();
 * const stream = new TableStream({ port: simulator.port(), table: 'state' });
 * await using watchSource = new StreamWatchSource({ stream, coordination });
 * await using table = new AtomTable({ engine: simulator.engine, tableName: 'state', watchSource });
 * await table.create({ streamViewType: 'NEW_AND_OLD_IMAGES' });
 *
 * const two = table.atom<number>('n', { initial: 0 }).waitFor((n) => n === 2);
 * await new AtomTable({ engine: simulator.engine, tableName: 'state' }).atom<number>('n').reset(2); // another process
 * console.log(await two, watchSource.status.watchedAtoms); // => 2 0
 * ```
 */
export class StreamWatchSource implements WatchSource, AsyncDisposable {
  readonly #options: StreamWatchSourceOptions;
  readonly #choice: WatchChoice;
  readonly #keys = new WatchedKeys();
  readonly #slots: ReaderSlots | undefined;
  readonly #reader: SharedReader;
  readonly #publisher: Publisher | undefined;
  /** Readers of those who began elsewhere than now. */
  readonly #alone = new Set<SharedReader>();
  #leaveKeys: (() => void) | undefined;
  #leavePublisher: (() => void) | undefined;
  #isClosed = false;

  /** Sends nothing. @throws TypeError, RangeError for wrong options. */
  constructor(options: StreamWatchSourceOptions) {
    const choice = watchChoiceOf(options);
    const { coordination: table, publish, stream } = options;
    const { clock, random } = stream;
    const { slots: count, slotRetryMs: retryMs, onError } = choice;
    this.#options = options;
    this.#choice = choice;
    const slots =
      choice.via === 'auto' && table !== undefined
        ? new ReaderSlots({ table, count, retryMs, clock, random, onError })
        : undefined;
    this.#slots = slots;
    this.#reader = this.#openReader();
    this.#publisher = publish && new Publisher(publish, onError);
  }

  /** What a source is doing now. Costs nothing. */
  get status(): WatchSourceStatus {
    const { via } = this.#choice;
    const state = via === 'poll' && !this.#isClosed ? 'polling' : this.#reader.state;
    return { state, slot: this.#reader.slot, watchedAtoms: this.#keys.size };
  }

  /** Called by the watches of an `AtomTable`. After `close()` it does nothing, and watches poll. */
  subscribe(target: WatchTarget, listener: WatchListener): WatchSubscription {
    const leave = this.#keys.add(target, listener);
    this.#listen();
    return {
      close: () => {
        leave();
        if (this.#keys.size > 0) return;
        this.#leaveKeys?.();
        this.#leaveKeys = undefined;
        this.#keys.left();
      },
    };
  }

  /**
   * Reads the stream from now on, also with nothing watched here, until `close()`: for a process that feeds others through `publish`.
   *
   * @throws TypeError without `publish`, with `via: 'poll'`, and when closed.
   */
  start(): void {
    if (this.#publisher === undefined || this.#choice.via === 'poll') {
      throw new TypeError(
        "Cannot start a watch source: only one that has publish, and not via: 'poll', reads unwatched",
      );
    }
    this.#leavePublisher ??= this.#reader.add(this.#publisher);
  }

  /**
   * Takes in what another process told (`publish`). Weighed like an eventually consistent read: it moves watches forward, never back. It may
   * come twice, late, in any order, or not at all, since polling goes on.
   *
   * @throws TypeError for what is no hint.
   */
  receive(hint: WatchHint): void {
    const { tableName, key, change } = hint ?? {};
    if (typeof tableName !== 'string' || typeof key !== 'object' || key === null) {
      throw new TypeError('Cannot take in a hint: it must have tableName and key');
    }
    const keyText = keyTextOf(key, this.#keys.keyNames);
    if (keyText === undefined || this.#isClosed) return;
    this.#keys.tell(keyText, change && { item: change.item }, bareTableName(tableName));
  }

  /** Looks at once: something was written. Costs at most one GetRecords per shard, within their pace. */
  nudge(): void {
    this.#reader.nudge();
  }

  /** Stops reading for good, and gives the place back. Watches go on by polling. Closing again is the same as the first time. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([this.#reader, ...this.#alone].map((reader) => reader.close()));
    await this.#slots?.close();
  }

  /** As {@link StreamWatchSource.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * @internal What tells of every change: the reader that is shared, or with `from` one for this caller alone, which takes a place as well.
   *
   * @throws TypeError for a source that does not read.
   */
  static readerOf(source: StreamWatchSource, from: StreamPosition | undefined): EveryChange {
    if (source.#choice.via === 'poll' || source.#isClosed) {
      const why = source.#isClosed ? 'was closed' : "does not read (via: 'poll', slots: 0)";
      throw new TypeError(
        `Cannot tell of every change: the watch source ${why}, and polling sees the newest values only`,
      );
    }
    const { clock } = source.#options.stream;
    if (from === undefined) return { reader: source.#reader, clock };
    const reader = source.#openReader(from);
    source.#alone.add(reader);
    return {
      reader,
      clock,
      closeReader: () => {
        source.#alone.delete(reader);
        void reader.close();
      },
    };
  }

  /** @internal The reader that is shared, for those who can do without. */
  static sharedBy(source: StreamWatchSource): SharedReader | undefined {
    return source.#choice.via === 'poll' || source.#isClosed ? undefined : source.#reader;
  }

  #openReader(from?: StreamPosition): SharedReader {
    const { stream } = this.#options;
    const { clock, random } = stream;
    const { lingerMs, slowMs, shardReadsPerSecondMax, onError } = this.#choice;
    const slots = this.#slots;
    return new SharedReader({
      clock,
      random,
      resolve: (sending) => stream.resolve(sending),
      // Watches that wait keep the process alive themselves.
      open: (reading) => stream.read({ ...reading, pace: { shardReadsPerSecondMax }, background: true }),
      take: slots && ((arn, signal) => slots.take(arn, signal)),
      accept: (facts) => this.#accept(facts),
      from,
      lingerMs,
      slowMs,
      settleMs,
      onError,
    });
  }

  #listen(): void {
    if (this.#choice.via === 'poll' || this.#isClosed) return;
    this.#leaveKeys ??= this.#reader.add(this.#keys);
    if (this.#publisher !== undefined) this.#leavePublisher ??= this.#reader.add(this.#publisher);
  }

  /** @throws TypeError for a stream that would feed itself. */
  #accept(facts: StreamFacts): void {
    const { coordination } = this.#options;
    if (this.#slots !== undefined && bareTableName(coordination?.tableName ?? '') === facts.tableName) {
      throw new TypeError(
        `Cannot feed watches from the stream of ${facts.tableName}: coordination is the same table, so that each heartbeat of a ` +
          'reader would be a record of the stream; give another one',
      );
    }
    const [stranger] = this.#keys.strangers(facts);
    if (stranger === undefined) return;
    this.#choice.onError(
      new TypeError(
        `Cannot feed watches of table ${stranger} from the stream of ${facts.tableName}: they poll; give each table a source of its own`,
      ),
    );
  }
}
