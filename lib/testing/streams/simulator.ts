/**
 * Streams in this process, on a clock that is turned by hand: rolls, splits, listings that lie, records that are trimmed, everything
 * that a reader must bear and that no engine on a desk does.
 *
 * ```
 *   atoms, leases ─► engine (memory) ─ every change ─► partitions ─► shards ─► port(reader) ─► readers, groups
 *                                                                     │
 *                        roll, split, disable, trim by hand ──────────┘        shards(), history(), traffic(): what is true
 * ```
 *
 * The same seed, options and calls give the same run. All time is the clock's monotonic one: a client's wall clock may step without the
 * server's noticing. Nothing here has a timer of its own, so shards that nobody asks for cost nothing.
 */
import {
  type Clock,
  type Engine,
  type MemoryEngine,
  type MemoryEngineOptions,
  type StreamViewType,
  systemClock,
} from '../../engine/index.js';
import { type StreamCapriceProfile, type StreamCaprices, streamCaprices } from './caprices.js';
import { Draws } from './draws.js';
import { type PortWorld, SimulatedStreams } from './simulated-port.js';
import type { SimulatedShard } from './simulated-shard.js';
import { SimulatedStream, type WrittenRecord } from './simulated-stream.js';
import { SimulatedTables } from './simulated-tables.js';
import { type ShardView, type StreamTraffic, trafficOf, viewOf } from './simulator-views.js';
import { type StreamSimulatorLimits, streamSimulatorLimits } from './stream-limits.js';
import { type SourceOptions, syntheticShard } from './synthetic-shard.js';
import { RateWindow, type StreamViolation } from './traffic.js';

/** Options of {@link StreamSimulator}. */
export interface StreamSimulatorOptions {
  /**
   * A `VirtualClock`, as a rule.
   * @defaultValue the system's clock
   */
  readonly clock?: Clock;
  /**
   * Seed of all that is random.
   * @defaultValue 0
   */
  readonly seed?: number;
  /** @defaultValue `calm` */
  readonly profile?: StreamCapriceProfile;
  /** Switches that are set otherwise than in the profile. */
  readonly caprices?: Partial<StreamCaprices>;
  /** @defaultValue the service's; `scaledStreamLimits` for a day in twenty minutes */
  readonly limits?: Partial<StreamSimulatorLimits>;
  /**
   * Partitions of each table at first: open shards of its stream.
   * @defaultValue 1
   */
  readonly partitions?: number;
  /**
   * Whether `history()` keeps what was written for good.
   * @defaultValue true
   */
  readonly keepsHistory?: boolean;
  /** Of the memory engine beneath. */
  readonly engine?: Omit<MemoryEngineOptions, 'clock' | 'seed' | 'onCommit'>;
}

const violationsKept = 100;

/**
 * The simulator.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { StreamSimulator, VirtualClock } from 'leyden-jar/testing';
 *
 * const clock = new VirtualClock();
 * const simulator = new StreamSimulator({ clock, seed: 7, profile: 'service' });
 * const table = new AtomTable({ engine: simulator.engine, clock, tableName: 'orders' });
 * await clock.run(table.create({ streamViewType: 'NEW_AND_OLD_IMAGES' }));
 * await clock.run(table.atom<number>('n').reset(1));
 *
 * const [shard] = simulator.shards('orders');
 * const [child] = simulator.roll(shard?.shardId ?? '');
 * console.log(simulator.history('orders').length, simulator.shards('orders').length); // => 1 2
 * console.log(child === simulator.shards('orders')[1]?.shardId); // => true
 * ```
 */
export class StreamSimulator {
  /** The tables: one that is watched, one for coordination. Their streams come from `port()`. */
  readonly engine: Engine;
  readonly #tables: MemoryEngine;
  readonly #world: PortWorld;
  readonly #options: StreamSimulatorOptions;
  readonly #limits: StreamSimulatorLimits;
  /** Drawn from for what happens by itself; what is asked has its own. */
  readonly #life: Draws;
  readonly #byTable = new Map<string, SimulatedStream[]>();
  readonly #byArn = new Map<string, SimulatedStream>();
  readonly #ports = new Map<string, SimulatedStreams>();
  readonly #made: { readonly shard: SimulatedShard; readonly stream: SimulatedStream }[] = [];
  readonly #violations: StreamViolation[] = [];
  readonly #describes = { asked: new RateWindow(), served: new RateWindow() };
  readonly #startMs: number;
  readonly #startMonotonicMs: number;
  #violationsCount = 0;
  #caprices: StreamCaprices;
  #sources = 0;

  constructor(options: StreamSimulatorOptions = {}) {
    const { clock = systemClock, seed = 0, profile, caprices, partitions = 1, limits } = options;
    if (!Number.isSafeInteger(partitions) || partitions < 1) {
      throw new RangeError(`Cannot simulate streams: partitions must be a positive integer: ${partitions}`);
    }
    this.#options = options;
    this.#limits = { ...streamSimulatorLimits, ...limits };
    this.#caprices = streamCaprices(profile, caprices);
    this.#life = new Draws(seed, 1);
    this.#startMs = clock.now();
    this.#startMonotonicMs = clock.monotonicMs();
    this.#world = {
      clock,
      limits: this.#limits,
      draws: new Draws(seed, 2),
      describes: this.#describes,
      caprices: () => this.#caprices,
      nowMs: () => this.#nowMs(),
      streamsOf: (tableName) => this.#byTable.get(tableName) ?? [],
      streamAt: (arn) => this.#byArn.get(arn),
      made: (ordinal) => this.#made[ordinal],
      violated: (violation) => {
        this.#violationsCount += 1;
        if (this.#violations.length < violationsKept) this.#violations.push(violation);
      },
    };
    this.#tables = this.#openTables(clock, seed);
    this.engine = this.#tables;
  }

  /** The port of one process. Each name is one reader. */
  port(reader = 'reader'): SimulatedStreams {
    const known = this.#ports.get(reader);
    if (known !== undefined) return known;
    const port = new SimulatedStreams(this.#world, reader);
    this.#ports.set(reader, port);
    return port;
  }

  /** Turns switches from now on. */
  set(changed: Partial<StreamCaprices>): void {
    this.#caprices = streamCaprices('calm', { ...this.#caprices, ...changed });
  }

  /** Closes an open shard and opens one in its place; tells its id. */
  roll(shardId: string): readonly string[] {
    const { stream, shard } = this.#shard(shardId);
    return stream.roll(shard);
  }

  /** Closes an open shard and opens two, each with half of its keys; tells their ids. */
  split(shardId: string): readonly string[] {
    const { stream, shard } = this.#shard(shardId);
    return stream.split(shard);
  }

  /** Removes the oldest records of a shard now, as age does. @defaultValue all */
  trim(shardId: string, count: number = Number.POSITIVE_INFINITY): void {
    this.#shard(shardId).shard.log.drop(count);
  }

  /** Removes a closed shard now, with its records, as age does. */
  vanish(shardId: string): void {
    const { end, log } = this.#shard(shardId).shard;
    if (end === undefined) throw new Error(`Cannot remove shard ${shardId}: it is open`);
    end.goneAtMs = this.#nowMs();
    log.drop(Number.POSITIVE_INFINITY);
  }

  /** Disables the table's stream: its shards close, and what is written from now on is in none. */
  disable(tableName: string): void {
    this.#newest(tableName)?.disable();
  }

  /** Enables a stream of the table: a new one, with an ARN of its own. */
  enable(tableName: string, viewType: StreamViewType = 'NEW_AND_OLD_IMAGES'): string {
    const newest = this.#newest(tableName);
    if (newest === undefined) throw new Error(`Cannot enable a stream of ${tableName}: it never had one`);
    if (!newest.isDisabled) throw new Error(`Cannot enable a stream of ${tableName}: it has one`);
    return this.#open(tableName, viewType, newest.init.keyNames, this.#options.partitions ?? 1).init.arn;
  }

  /** Deletes what is past its time to live, as the service does sooner or later; tells how many items went. */
  expire(): number {
    return this.#tables.expire();
  }

  /**
   * A stream without a table, whose shards hold records that are made when they are read: for measuring readers. Tells its ARN.
   */
  addSource(options: SourceOptions = {}): string {
    const { shards = 1, records = 1 } = options;
    for (const [name, value] of Object.entries({ shards, records })) {
      if (Number.isSafeInteger(value) && value >= 1) continue;
      throw new RangeError(`Cannot add a source: ${name} must be a positive integer: ${value}`);
    }
    this.#sources += 1;
    const stream = this.#open(`source-${this.#sources}`, 'NEW_AND_OLD_IMAGES', ['pk'], 0);
    for (let at = 0; at < shards; at += 1) {
      stream.addSource(syntheticShard(options, at, this.#nowMs()));
    }
    return stream.init.arn;
  }

  /** All shards that a table's streams, or the stream with this ARN, ever had, oldest first. */
  shards(of: string): readonly ShardView[] {
    return this.#streams(of).flatMap((stream) => {
      stream.catchUp(this.#nowMs());
      return stream.shards.map(viewOf);
    });
  }

  /** All that was ever written to them, oldest first. */
  history(of: string): readonly WrittenRecord[] {
    const streams = this.#streams(of);
    return streams.length === 1 ? (streams[0] as SimulatedStream).history : streams.flatMap((one) => one.history);
  }

  /** Who asked what, since the beginning. */
  traffic(): StreamTraffic {
    const shards = [...this.#byArn.values()].flatMap((stream) => stream.shards);
    return {
      describesPerSecondMax: this.#describes.asked.perSecondMax,
      shards: shards.map(trafficOf),
      violations: this.#violations,
      violationsCount: this.#violationsCount,
    };
  }

  #nowMs(): number {
    return this.#startMs + this.#world.clock.monotonicMs() - this.#startMonotonicMs;
  }

  #newest(tableName: string): SimulatedStream | undefined {
    return this.#byTable.get(tableName)?.at(-1);
  }

  #streams(of: string): readonly SimulatedStream[] {
    const stream = this.#byArn.get(of);
    return stream === undefined ? (this.#byTable.get(of) ?? []) : [stream];
  }

  #shard(shardId: string): { readonly stream: SimulatedStream; readonly shard: SimulatedShard } {
    for (const stream of this.#byArn.values()) {
      stream.catchUp(this.#nowMs());
      const shard = stream.shard(shardId);
      if (shard !== undefined) return { stream, shard };
    }
    throw new Error(`Cannot find shard ${shardId}`);
  }

  #openTables(clock: Clock, seed: number): MemoryEngine {
    return new SimulatedTables(
      {
        created: ({ table, streamViewType, partitionKey, sortKey }) => {
          if (streamViewType === undefined) return;
          const keyNames = [partitionKey.name, ...(sortKey === undefined ? [] : [sortKey.name])];
          this.#open(table, streamViewType, keyNames, this.#options.partitions ?? 1);
        },
        deleted: (tableName) => this.disable(tableName),
        newest: (tableName) => {
          const newest = this.#newest(tableName);
          if (newest === undefined) return undefined;
          const { arn, viewType } = newest.init;
          return { arn, viewType: newest.isDisabled ? undefined : viewType };
        },
      },
      {
        ...this.#options.engine,
        clock,
        seed,
        onCommit: (commit) => this.#newest(commit.table)?.append(commit),
      },
    );
  }

  #open(tableName: string, viewType: StreamViewType, keyNames: readonly string[], partitions: number): SimulatedStream {
    const arnAt = (ms: number) => {
      const label = new Date(ms).toISOString().slice(0, -1);
      return { label, arn: `arn:aws:dynamodb:simulator:000000000000:table/${tableName}/stream/${label}` };
    };
    let ms = Math.floor(this.#nowMs());
    while (this.#byArn.has(arnAt(ms).arn)) ms += 1;
    const world = {
      limits: this.#limits,
      draws: this.#life,
      caprices: () => this.#caprices,
      nextOrdinal: () => this.#made.length,
      register: (shard: SimulatedShard, of: SimulatedStream) => this.#made.push({ shard, stream: of }),
      nowMs: () => this.#nowMs(),
    };
    const init = { ...arnAt(ms), tableName, viewType, keyNames, partitions };
    const stream = new SimulatedStream(world, init, this.#options.keepsHistory !== false);
    this.#byTable.set(tableName, [...(this.#byTable.get(tableName) ?? []), stream]);
    this.#byArn.set(init.arn, stream);
    return stream;
  }
}
