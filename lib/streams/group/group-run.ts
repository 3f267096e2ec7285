/**
 * One run of a group's member: its place among the others, what it reads, and a worker for each shard that it owns.
 *
 *   member ── granted ──> worker ── pages <── scheduler
 *      │                    └── handler, saves, dead letters
 *      └── ended, or something that can't go on ──> all shards are given up in order ──> end
 */
import { onAbort, unlessAborted } from '../../engine/index.js';
import { Discovery } from '../discovery.js';
import { promisedShare } from '../forest-start.js';
import { persist } from '../persist.js';
import { Scheduler } from '../scheduler.js';
import { serviceNowMs } from '../service-time.js';
import { creationTimeOf } from '../shard-id.js';
import type { StreamFacts } from '../stream-lookup.js';
import { Backlog } from './backlog.js';
import { DeadLetterBox } from './dead-letter-box.js';
import type { GroupEvent } from './group-events.js';
import { GroupItems } from './group-items.js';
import type { GroupSettings } from './group-options.js';
import type { GroupHandler } from './handler.js';
import { findLateChildren } from './late-children.js';
import { GroupMember } from './member.js';
import { ownRecords } from './own-records.js';
import type { OwnedLease } from './owned-lease.js';
import { ShardWorker } from './shard-worker.js';
import type { WorkGround } from './work-ground.js';

/** Saves of all members together that one partition of the table bears well, per second. */
const savesPerSecondMax = 300;
/** Longest pause before a shard that ended is asked for its children again, while the service fails. */
const childrenMsMax = 5_000;
/** How long a count of shards is good for. */
const countMs = 5_000;

export interface GroupRunOptions<T> {
  readonly settings: GroupSettings<T>;
  readonly facts: StreamFacts;
  readonly handler: GroupHandler<T>;
  readonly from: NonNullable<GroupSettings<T>['from']>;
  tell(event: GroupEvent): void;
}

export class GroupRun<T> {
  readonly member: GroupMember;
  readonly scheduler: Scheduler;
  readonly #options: GroupRunOptions<T>;
  readonly #backlog: Backlog;
  readonly #discovery: Discovery;
  readonly #ground: WorkGround<T>;
  readonly #workers = new Map<string, ShardWorker<T>>();
  readonly #leaving = new AbortController();
  #failure: { readonly error: unknown } | undefined;
  #openShards = 0;
  #countedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: GroupRunOptions<T>) {
    this.#options = options;
    const { settings, facts, from, tell } = options;
    const { stream, table, name, ages, idleMsMax, bufferedBytesMax } = settings;
    const { clock, random } = stream;
    const { arn } = facts;
    this.#discovery = new Discovery({ port: stream.governed, arn, clock, times: settings.discovery });
    const pace = { ...stream.pace, idleMsMax };
    this.scheduler = new Scheduler({
      port: stream.governed,
      arn,
      clock,
      random,
      pace,
      ages,
      // One half waits for its shard's worker, the other one for its turn there.
      bufferedBytesMax: bufferedBytesMax / 2,
      onEvent: tell,
    });
    this.#backlog = new Backlog(bufferedBytesMax / 2);
    this.member = new GroupMember({
      ...settings.member,
      ...{ group: name, table, stream: arn, discovery: this.#discovery, from, auditMs: settings.auditMs },
      nowMs: () => serviceNowMs(clock, stream.governed),
      onGranted: (lease) => this.#granted(lease),
      onEvent: tell,
    });
    this.#ground = this.#groundOf();
  }

  workerOf(shardId: string): ShardWorker<T> | undefined {
    return this.#workers.get(shardId);
  }

  get workers(): Iterable<ShardWorker<T>> {
    return this.#workers.values();
  }

  /** Bytes of records that wait, also for a handler that is at them. */
  get bufferedBytes(): number {
    return this.scheduler.bufferedBytes + this.#backlog.bytes;
  }

  /** Runs until `stop`. @throws what it can't go on with, after everything was given up. */
  async run(stop: AbortSignal): Promise<void> {
    const { member } = this;
    const forget = onAbort(stop, () => this.#leaving.abort());
    try {
      await unlessAborted(member.start(), this.#leaving.signal);
      await unlessAborted(member.ended, this.#leaving.signal);
    } catch (error) {
      if (!this.#leaving.signal.aborted) this.#fail(error);
    } finally {
      forget();
    }
    this.#leaving.abort();
    await member.stop();
    await Promise.all([...this.#workers.values()].map(({ ended }) => ended));
    this.scheduler.close();
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Begins to give up all shards. */
  leave(): void {
    this.#leaving.abort();
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#leaving.abort();
  }

  #granted(lease: OwnedLease): void {
    if (this.#leaving.signal.aborted) {
      // Nothing is begun any more: it is due to somebody else.
      onAbort(lease.yielding, () => void lease.yielded().catch(() => {}));
      return;
    }
    const { shardId } = lease;
    const before = this.#workers.get(shardId);
    const worker = new ShardWorker(this.#ground, lease, before && this.#settled(before));
    this.#workers.set(shardId, worker);
    void worker.ended.then(async () => {
      // Kept in sight as long as a handler of it runs, so that no second one begins beside it.
      await Promise.allSettled(worker.calls);
      if (this.#workers.get(shardId) === worker) this.#workers.delete(shardId);
    });
  }

  /** Its handler has been told to end; whoever does not is waited for no longer than for a hand-over. */
  async #settled(worker: ShardWorker<T>): Promise<void> {
    const { stream, member } = this.#options.settings;
    await worker.ended;
    const patience = stream.clock.sleep(member.handoffMs ?? 30_000, { background: true });
    await Promise.race([Promise.allSettled(worker.calls), patience]);
  }

  #groundOf(): WorkGround<T> {
    const { settings, facts, handler, tell } = this.#options;
    const { parser, filter, table, name, policy, onGap, concurrency, batchRecordsMax, windowMs, handlerMsMax } =
      settings;
    const { clock, random } = settings.stream;
    return {
      ...{ table, clock, random, handler, policy, onGap, concurrency, batchRecordsMax, windowMs, handlerMsMax, tell },
      reading: { parser, filter },
      backlog: this.#backlog,
      letters: new DeadLetterBox(table, name, this.member.id),
      saveIntervalMs: () => this.#saveMs(),
      streamLabel: () => facts.label,
      isOwnRecord: settings.sharesTable ? ownRecords(name, facts.keyNames) : undefined,
      open: (shardId, start, listener) => this.scheduler.add(shardId, start, listener),
      childrenOf: (shardId, signal) => this.#childrenOf(shardId, signal),
      isContinuation: (lease) => this.#isContinuation(lease),
      onFatal: (error) => this.#fail(error),
    };
  }

  /** All shards of a group save into one partition of the table. */
  #saveMs(): number {
    const { stream, saveMs } = this.#options.settings;
    const now = stream.clock.monotonicMs();
    if (now - this.#countedAtMs > countMs) {
      this.#countedAtMs = now;
      this.#openShards = 0;
      for (const { children } of this.member.sight.leases.values()) if (children === undefined) this.#openShards += 1;
    }
    return Math.max(saveMs, (this.#openShards / savesPerSecondMax) * 1_000);
  }

  async #childrenOf(shardId: string, signal: AbortSignal): Promise<readonly string[] | 'unknown'> {
    const { settings, tell } = this.#options;
    const { clock, random } = settings.stream;
    const onTrouble = (error: unknown) => tell({ type: 'trouble', action: 'look', error });
    const trying = { clock, random, signal, waitMsMax: childrenMsMax, onRetry: onTrouble };
    const found = await persist(() => this.#discovery.childrenOf(shardId, { signal }), trying);
    const children = found.map((child) => child.shardId).sort();
    const items = new GroupItems(settings.table, settings.name);
    const late = { items, discovery: this.#discovery, clock, stopped: this.#leaving.signal, onTrouble };
    void findLateChildren({ ...late, retentionMs: settings.ages.retentionMs }, shardId, children);
    return children.length === 0 ? 'unknown' : children;
  }

  /**
   * Whether whatever is missing of the shard was promised: somebody has read of it, or it was made after the group was there to read it (an
   * hour's grace less than records live).
   */
  #isContinuation({ shardId, position }: OwnedLease): boolean {
    if (position !== 'trim-horizon') return true;
    const { stream, ages } = this.#options.settings;
    const placedAtMs = this.member.sight.meta?.placedAtMs ?? serviceNowMs(stream.clock, stream.governed);
    return (creationTimeOf(shardId) ?? 0) > placedAtMs - ages.retentionMs * promisedShare;
  }
}
