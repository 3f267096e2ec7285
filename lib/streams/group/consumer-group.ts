import { unlessAborted } from '../../engine/index.js';
import type { RecordMeta } from '../change.js';
import { Discovery } from '../discovery.js';
import { EventQueues, type Lost } from '../event-queue.js';
import { retentionMs } from '../limits.js';
import { persist } from '../persist.js';
import type { ShardPosition, StreamPosition } from '../position.js';
import { requirePosition, requireShardPosition } from '../require-position.js';
import { serviceNowMs } from '../service-time.js';
import type { StreamFacts } from '../stream-lookup.js';
import { tell } from '../tell.js';
import { GroupFromError, GroupTableError } from './consumer-group-errors.js';
import { DeadLetterBox } from './dead-letter-box.js';
import { DeadLetters } from './dead-letters.js';
import { Deliveries, type GroupDelivery } from './deliveries.js';
import { firstLook } from './first-look.js';
import { type GroupEvent, GroupMeter, type GroupMetrics } from './group-events.js';
import { GroupItems } from './group-items.js';
import { type ConsumerGroupOptions, type GroupSettings, groupSettingsOf } from './group-options.js';
import { requireNobody, resetAll, resetShard } from './group-reset.js';
import { GroupRun } from './group-run.js';
import { type GroupStatus, statusOf } from './group-status.js';
import type { GroupHandler } from './handler.js';

/** Longest pause between two tries to find the stream at the beginning. */
const waitMsMax = 5_000;

/** Options of {@link ConsumerGroup.reset}. */
export type GroupResetOptions = {
  /** Does not look whether members live: those that do lose their shards. @defaultValue false */
  readonly force?: boolean;
  readonly signal?: AbortSignal | undefined;
} & (
  | {
      /** Where the group begins anew. Its dead letters stay. */
      readonly to: StreamPosition;
      readonly shardId?: never;
    }
  | {
      /** Where this shard goes on. Shards that follow it are not touched. */
      readonly to: ShardPosition | 'latest';
      readonly shardId: string;
    }
);

/** Options of {@link ConsumerGroup.retry}. */
export interface GroupRetryShardOptions {
  /**
   * A shard that stands at a gap goes on behind it. Without it, it looks again whether the records are there.
   * @defaultValue false
   */
  readonly overGap?: boolean;
}

/**
 * Processes that share the shards of a stream, and work on each change with a handler that is awaited.
 *
 * **Guarantee.** Every record that was in the stream while the group was less than a day behind is delivered **at least once**, those of one item
 * in their order, across rolls and splits; where that can't be kept a gap is told first. A record counts as done when its handler has
 * returned, never before. After a crash, records since the last save (a second) are delivered again; after a stop or a hand-over none are. What a
 * handler does by `ctx.transact` happens **exactly once**. What it does *not* do: keep a process that was suspended for longer than its lease from
 * finishing what its handler had begun, while another is at the same records. Only `ctx.transact`, or a sink that checks `ctx.epoch`, does.
 *
 * **If a process dies**, its shards are others' within the lease and a beat: 13.5 s with the defaults. If answers get lost, the items settle it.
 * A handler that fails stops its own shard at most (`errors`), and no other one.
 *
 * @cost Per member: 1 write and 1 query each 2.5 s. Per busy shard: 4 reads and at most 1 write a second. Per idle shard: a read each 2 s, no write.
 * @iam dynamodb:DescribeStream, dynamodb:GetShardIterator, dynamodb:GetRecords on the stream; dynamodb:PutItem, dynamodb:UpdateItem,
 * dynamodb:GetItem, dynamodb:Query, dynamodb:ConditionCheckItem on the coordination table
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { ConsumerGroup, TableStream } from 'leyden-jar/streams';
 * import { StreamSimulator } from 'leyden-jar/testing';
 *
 * const simulator = new StreamSimulator();
 * const orders = new AtomTable({ engine: simulator.engine, tableName: 'orders' });
 * await orders.create({ streamViewType: 'NEW_AND_OLD_IMAGES' });
 * const groups = new AtomTable({ engine: simulator.engine, tableName: 'groups', sortKeyName: 'sk' });
 * await groups.create();
 * await orders.atom<number>('order-7').reset(500);
 *
 * const group = new ConsumerGroup({
 *   name: 'billing',
 *   stream: new TableStream({ port: simulator.port('reader'), table: orders }),
 *   table: groups,
 *   from: 'trim-horizon',
 *   handler: async ({ records }, { signal }) => {
 *     signal.throwIfAborted(); // before each step
 *     for (const { meta } of records) console.log(meta.event); // => INSERT
 *     void group.stop(); // yours: run({ signal }), until the process is to end
 *   },
 * });
 * await group.run();
 * ```
 */
export class ConsumerGroup<T> implements AsyncDisposable {
  readonly name: string;
  /** What was set aside. */
  readonly deadLetters: DeadLetters<T>;
  readonly #settings: GroupSettings<T>;
  readonly #items: GroupItems;
  readonly #box: DeadLetterBox;
  readonly #events = new EventQueues<GroupEvent>();
  readonly #meter = new GroupMeter();
  #run: GroupRun<T> | undefined;
  #running: Promise<void> | undefined;
  #leaving: AbortController | undefined;
  #label = '';

  /** Sends nothing. @throws TypeError, RangeError for wrong options. */
  constructor(options: ConsumerGroupOptions<T>) {
    const settings = groupSettingsOf(options);
    const { name, table, parser, filter, handler, stream } = settings;
    this.name = name;
    this.#settings = settings;
    this.#items = new GroupItems(table, name);
    this.#box = new DeadLetterBox(table, name, 'redrive');
    const idempotencyKey = ({ shardId, sequenceNumber }: RecordMeta) => `${this.#label}/${shardId}/${sequenceNumber}`;
    this.deadLetters = new DeadLetters<T>({
      ...{ name, table, box: this.#box, clock: stream.clock, reading: { parser, filter }, handler, idempotencyKey },
      prepare: async () => {
        this.#label = (await stream.resolve()).label;
      },
    });
  }

  /**
   * Takes part in the group until `signal` aborts or {@link ConsumerGroup.stop} is called; resolves when all shards of this process were
   * given up in order: handlers had `handoffMs` to come to an end, what they have done is saved.
   *
   * @throws {GroupFromError} `ERR_GROUP_FROM`, {@link GroupTableError} `ERR_GROUP_TABLE`, {@link GroupSettingsError} `ERR_GROUP_SETTINGS`, {@link GroupMemberError}
   * `ERR_GROUP_MEMBER`, {@link StreamError} `ERR_STREAM`, {@link TableError} `ERR_TABLE` for the coordination table; what the stream or the table refuses for good (access denied), after everything was given up.
   * Never what a handler throws. TypeError while it runs already, and without a handler.
   */
  run(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const { handler } = this.#settings;
    if (handler === undefined) {
      return Promise.reject(
        new TypeError(`Cannot run group ${this.name}: it has no handler; give one, or take its batches()`),
      );
    }
    return this.#begin(handler, options.signal, this.#settings.handlerMsMax);
  }

  /**
   * The same as a loop: each batch of this process's shards, one after the other. Pulling the next one says that the one before is done;
   * when the loop is left, by `break` or by an error, the batch in hand is not. The loop ends when the group was stopped.
   *
   * @throws as {@link ConsumerGroup.run}
   */
  async *batches(
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<GroupDelivery<T>, void, undefined> {
    const deliveries = new Deliveries<T>();
    // Whoever pulls late is no handler that hangs.
    const handler: GroupHandler<T> = (batch, context) => deliveries.hand(batch, context);
    const running = this.#begin(handler, options.signal, Number.POSITIVE_INFINITY);
    running.then(
      () => deliveries.end(),
      (error: unknown) => deliveries.end({ error }),
    );
    try {
      for (;;) {
        const delivery = await deliveries.next();
        if (delivery === undefined) return;
        yield delivery;
      }
    } finally {
      deliveries.leave();
      await this.stop();
    }
  }

  /** Gives up all shards of this process, and leaves the group. Resolves when that is done; never rejects: `run` does. */
  async stop(): Promise<void> {
    this.#leaving?.abort();
    await this.#running?.catch(() => {});
  }

  /** As {@link ConsumerGroup.stop}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Events of this member from now on. Whoever listens too slowly loses the oldest, and is told how many. */
  events(): AsyncIterableIterator<GroupEvent | Lost> {
    return this.#events.listen();
  }

  /** The table was written to by this process: asks its shards as soon as their pace allows. */
  nudge(): void {
    this.#run?.scheduler.nudge();
  }

  /** Figures of this member. Costs nothing. */
  metrics(): GroupMetrics {
    const { counts } = this.#meter;
    const statuses = this.#run === undefined ? [] : [...this.#run.workers].map((worker) => worker.status());
    const ages = statuses.map(({ ageMs }) => ageMs).sort((a, b) => a - b);
    const iteratorAgeMs = ages.at(-1) ?? 0;
    return {
      ...counts,
      reads: { ...counts.reads },
      leasesTaken: { ...counts.leasesTaken },
      iteratorAgeMs,
      iteratorAgeMsP50: ages[Math.floor(ages.length / 2)] ?? 0,
      timeToTrimMs: Math.max(0, retentionMs - iteratorAgeMs),
      leasesOwned: this.#run?.member.leases.size ?? 0,
      parkedShards: statuses.filter(({ isParked }) => isParked).length,
      bufferedBytes: this.#run?.bufferedBytes ?? 0,
    };
  }

  /**
   * The group at a glance: members, shards, who owns them, how far they are, and why one is not being read. Works from any process.
   *
   * @cost 3 queries: 1 read unit per 25 members, 12 shards, 40 parked keys.
   * @iam dynamodb:Query
   */
  async status(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<GroupStatus> {
    const { signal } = options;
    const [{ meta, members }, { leases }, parkedKeys] = await Promise.all([
      this.#items.present(signal),
      this.#items.leases(signal),
      this.#box.parkedKeys(signal),
    ]);
    const run = this.#run;
    return statusOf({
      ...{ group: this.name, stream: meta?.stream, members, leases },
      parkedKeys: [...parkedKeys].sort(),
      nowMs: this.#settings.stream.clock.now(),
      isOver: (member) => run?.member.sight.silence.isOver(member),
      workerOf: (shardId) => run?.workerOf(shardId)?.status(),
    });
  }

  /**
   * Lets a parked shard go on, with fresh attempts for the record at which it stands; from any process. Its owner sees it within five seconds.
   *
   * @returns whether it was parked
   * @cost 1 read, 1 write.
   * @throws RangeError for a shard that the group does not have.
   */
  async retry(shardId: string, options: GroupRetryShardOptions = {}): Promise<boolean> {
    const { overGap = false } = options;
    const wasParked = await this.#items.lease(shardId).swapWith((stands) => {
      if (stands === undefined)
        throw new RangeError(`Cannot retry shard ${shardId}: group ${this.name} has no such shard`);
      const { parked, ...work } = stands.work ?? {};
      if (parked === undefined) return [stands, false];
      const isAtGap = parked.at === undefined;
      return [{ ...stands, work: { ...work, ...(overGap && isAtGap && { passesGap: true }) } }, true];
    });
    if (wasParked) this.#run?.workerOf(shardId)?.unpark(overGap);
    return wasParked;
  }

  /**
   * Sets the group, or one shard of it, to another position: records behind it are delivered again, those before it are not. Only while no
   * member lives: it watches those whose items are there for their lease, ten seconds as a rule, and then writes.
   *
   * If the process dies meanwhile, call it again.
   *
   * @cost 1 write for each shard and 1 query; for the whole group 2 for each shard, and a listing of the stream's.
   * @throws {GroupLiveError} `ERR_GROUP_LIVE` when a member lives; RangeError for a shard that the group does not have; TypeError while this one
   * runs here, and for what is no position; {@link TokenError} `ERR_STREAM_TOKEN`; `signal.reason`.
   */
  async reset(options: GroupResetOptions): Promise<void> {
    const { force = false, signal, shardId, to } = options;
    const what = `Cannot reset group ${this.name}: to`;
    if (shardId === undefined) requirePosition(what, to);
    else requireShardPosition(what, to);
    if (this.#running !== undefined)
      throw new TypeError(`Cannot reset group ${this.name}: it runs in this process; stop it first`);
    const { stream } = this.#settings;
    const nowMs = () => serviceNowMs(stream.clock, stream.governed);
    const ground = { items: this.#items, clock: stream.clock, nowMs, signal };
    if (!force) await requireNobody(ground);
    if (shardId !== undefined) return resetShard(ground, shardId, to);
    const { arn } = await stream.resolve({ signal });
    const discovery = new Discovery({
      port: stream.governed,
      arn,
      clock: stream.clock,
      times: this.#settings.discovery,
    });
    await resetAll(ground, arn, discovery, to as StreamPosition);
  }

  #begin(handler: GroupHandler<T>, signal: AbortSignal | undefined, handlerMsMax: number): Promise<void> {
    if (this.#running !== undefined) {
      return Promise.reject(
        new TypeError(`Cannot run group ${this.name}: it runs already; make another ConsumerGroup for a second member`),
      );
    }
    const leaving = new AbortController();
    this.#leaving = leaving;
    const stop = signal === undefined ? leaving.signal : AbortSignal.any([leaving.signal, signal]);
    const running = this.#work(handler, stop, handlerMsMax).finally(() => {
      this.#running = undefined;
      this.#run = undefined;
    });
    this.#running = running;
    return running;
  }

  async #work(handler: GroupHandler<T>, stop: AbortSignal, handlerMsMax: number): Promise<void> {
    const settings = { ...this.#settings, handlerMsMax };
    const { clock, random } = settings.stream;
    const onRetry = (error: unknown) => this.#tell({ type: 'trouble', action: 'look', error });
    const trying = { clock, random, signal: stop, waitMsMax, givesUp: true, onRetry };
    let facts: StreamFacts;
    try {
      const prepared = persist(() => this.#prepare(settings), trying);
      prepared.catch(() => {});
      facts = await unlessAborted(prepared, stop);
    } catch (error) {
      if (stop.aborted) return;
      throw error;
    }
    const from = settings.from ?? 'trim-horizon';
    this.#run = new GroupRun<T>({ settings, facts, handler, from, tell: (event) => this.#tell(event) });
    await this.#run.run(stop);
  }

  async #prepare({ stream, parser, table, from, sharesTable }: GroupSettings<T>): Promise<StreamFacts> {
    const facts = await stream.resolve({ needs: parser.needs });
    this.#label = facts.label;
    if (facts.tableName === table.tableName && !sharesTable) throw new GroupTableError(this.name, table.tableName);
    const meta = await firstLook(this.#items);
    // Without `from` a group goes on from its leases, and there must be some.
    if (from === undefined && meta?.placedAtMs === undefined) throw new GroupFromError(this.name);
    return facts;
  }

  #tell(event: GroupEvent): void {
    this.#meter.count(event);
    this.#events.tell(event);
    tell(this.#settings.onEvent, event);
  }
}
