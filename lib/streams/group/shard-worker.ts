/**
 * Works on one shard for as long as this member owns it: takes its pages, hands its records to the handler, stores how far it is done.
 *
 *   lease granted ── load ── page ── parse, filter ── lanes ── handler ── done ── saved ──┬── end of the shard: children, ended
 *                             ^                                             │             ├── due to another: finish, save, yielded
 *                             └── room for one more page ───────────────────┘             └── lost: nothing more, no save
 *
 * It never rejects: whatever ends it was told. Records that were taken and not done are forgotten with it; the next owner takes them anew.
 */
import { unlessAborted } from '../../engine/index.js';
import { type Gap, StreamGapError } from '../errors.js';
import type { ShardFeed, ShardPage } from '../feed.js';
import { recordsPageMax } from '../limits.js';
import type { ShardPosition } from '../position.js';
import { entriesOf, keyTextOf, laneOf } from './entry.js';
import { GroupLeaseLostError } from './group-errors.js';
import { Lane } from './lane.js';
import { Leaving } from './leaving.js';
import type { OwnedLease } from './owned-lease.js';
import { isPassing } from './saver.js';
import { ShardWork } from './shard-work.js';
import type { WorkGround } from './work-ground.js';

/** Gaps that are remembered in a lease. */
const gapsKept = 10;
/** Pause before what the store did not take is tried again. */
const againMs = 1_000;

/** What a worker is at. */
export interface WorkerStatus {
  readonly shardId: string;
  readonly epoch: number;
  /** Records that were taken and are not done. */
  readonly waiting: number;
  /** Of the oldest of them; 0 when there is none and nothing is known to wait. */
  readonly ageMs: number;
  /** How long the longest call of the handler that is under way has taken. */
  readonly handlerMs: number | undefined;
  readonly isParked: boolean;
}

export class ShardWorker<T> {
  readonly lease: OwnedLease;
  readonly #before: Promise<unknown> | undefined;
  readonly #work: ShardWork<T>;
  readonly #lanes: readonly Lane<T>[];
  readonly #ended: Promise<void>;
  /** Behind the last record that was taken: there a feed that stood at a gap is opened anew. */
  #taken: ShardPosition | undefined;

  /** Begins at once, or behind `before`: what a call of the handler for this very shard is still at. */
  constructor(ground: WorkGround<T>, lease: OwnedLease, before?: Promise<unknown>) {
    this.lease = lease;
    this.#before = before;
    this.#work = new ShardWork(ground, lease);
    this.#lanes = Array.from({ length: ground.concurrency }, () => new Lane(this.#work));
    this.#ended = this.#run();
  }

  /** Resolves when nothing of it is left. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Calls of the handler that have not come to an end, also after the worker has. */
  get calls(): readonly Promise<unknown>[] {
    return [...this.#work.calls.keys()];
  }

  /** It shall go on, if it is parked; behind the gap at which it stands, where that is asked for. */
  unpark(overGap: boolean): void {
    this.#work.unpark(overGap);
  }

  status(): WorkerStatus {
    const { prefix, calls, parked } = this.#work;
    const nowMs = this.#work.ground.clock.monotonicMs();
    const since = Math.min(...calls.values());
    return {
      shardId: this.lease.shardId,
      epoch: this.lease.epoch,
      waiting: prefix.open,
      ageMs: this.#work.ageMs(),
      handlerMs: calls.size === 0 ? undefined : nowMs - since,
      isParked: parked !== undefined,
    };
  }

  async #run(): Promise<void> {
    const work = this.#work;
    try {
      await this.#await();
      await this.#load();
      await this.#all([this.#takeIn(), ...this.#lanes.map((lane) => lane.run())]);
      await this.#end();
    } catch (error) {
      if (!(error instanceof Leaving) && !work.isLeaving) work.ground.onFatal(error);
      await this.#giveUp();
    } finally {
      work.close();
    }
  }

  /** Two calls for one shard at a time in one process would be worse than none for a while. */
  async #await(): Promise<void> {
    if (this.#before !== undefined) await unlessAborted(this.#before, this.#work.leaving);
    if (this.#work.isLeaving) throw new Leaving();
  }

  /** Waits for all of them. When one fails the others leave as well, each after the call that is under way. */
  async #all(parts: readonly Promise<void>[]): Promise<void> {
    let first: { readonly error: unknown } | undefined;
    const leave = (error: unknown) => {
      first ??= { error };
      this.#work.leave();
    };
    await Promise.all(parts.map((part) => part.catch(leave)));
    if (first !== undefined) throw first.error;
  }

  /** Items that were parked by earlier owners, of this shard or of its ancestors. */
  async #load(): Promise<void> {
    const { ground, lease, parkedKeys } = this.#work;
    await this.#persist(async () => {
      for (const itemKey of await ground.letters.parkedKeys(lease.signal)) parkedKeys.add(itemKey);
    });
  }

  async #takeIn(): Promise<void> {
    const work = this.#work;
    const { batchRecordsMax, concurrency } = work.ground;
    const room = Math.max(recordsPageMax, batchRecordsMax * concurrency);
    for (;;) {
      if (work.isLeaving) throw new Leaving();
      if (work.parked !== undefined) await work.untilUnparked();
      else if (work.prefix.open >= room || (work.prefix.open > 0 && work.ground.backlog.isFull)) await work.changed();
      else {
        work.feed ??= await this.#open();
        const page = await this.#next(work.feed);
        if (page !== undefined) await this.#admit(page);
        if (page?.isEnd === true) break;
      }
    }
    work.hasEnded = true;
    work.notice.give();
  }

  async #open(): Promise<ShardFeed> {
    const { ground, lease } = this.#work;
    const taken = this.#taken;
    if (taken !== undefined) return ground.open(lease.shardId, { position: taken, isContinuation: true }, {});
    const { position } = lease;
    const isContinuation = ground.isContinuation(lease);
    this.#work.tell({ type: 'shard-started', epoch: lease.epoch });
    return ground.open(lease.shardId, { position, isContinuation }, {});
  }

  /** The next page; `undefined` when something stood in the way that was dealt with. */
  async #next(feed: ShardFeed): Promise<ShardPage | undefined> {
    try {
      return await feed.next(this.#work.leaving);
    } catch (error) {
      if (this.#work.isLeaving) throw new Leaving();
      if (!(error instanceof StreamGapError)) throw error;
      await this.#gap(feed, error);
      return undefined;
    }
  }

  async #gap(feed: ShardFeed, error: StreamGapError): Promise<void> {
    const work = this.#work;
    const { gap } = error;
    const action = await this.#decide(gap);
    work.tell({ type: 'gap', gap, action });
    const isPassed = work.passesGap && (work.lease.work.gap as Gap | undefined)?.after === gap.after;
    if (action === 'stop' && !isPassed) {
      await work.park({ reason: error.message, sinceMs: work.ground.clock.now() }, { gap });
      if (!work.passesGap) return this.#lookAgain(feed);
    }
    work.passesGap = false;
    const gaps = [...((work.lease.work.gaps as readonly Gap[] | undefined) ?? []), gap].slice(-gapsKept);
    // Known to all before anything behind it is delivered.
    await work.saver.store({ gaps, gap: undefined, passesGap: undefined });
    feed.resume();
  }

  /** Whether the records are there after all: behind the last one that was taken. */
  #lookAgain(feed: ShardFeed): void {
    feed.close();
    this.#work.feed = undefined;
  }

  async #decide(gap: Gap): Promise<'stop' | 'continue'> {
    const { onGap } = this.#work.ground;
    if (typeof onGap !== 'function') return onGap;
    const deciding = (async () => onGap(gap))();
    try {
      return (await unlessAborted(deciding, this.#work.leaving)) === 'continue' ? 'continue' : 'stop';
    } catch {
      if (this.#work.isLeaving) throw new Leaving();
      // Whoever can't decide must not lose anything.
      return 'stop';
    }
  }

  async #admit({ records }: ShardPage): Promise<void> {
    const work = this.#work;
    const after = records.at(-1)?.dynamodb?.SequenceNumber;
    if (after !== undefined) this.#taken = { after };
    const { reading, isOwnRecord, concurrency } = work.ground;
    const others = isOwnRecord === undefined ? records : records.filter((record) => !isOwnRecord(record));
    const entries = await unlessAborted(entriesOf(reading, work.lease.shardId, others), work.leaving);
    for (const entry of entries) {
      work.prefix.push(entry);
      if (entry.isDone) continue;
      work.hold(entry);
      const lane = concurrency === 1 ? 0 : laneOf(keyTextOf(entry.record), concurrency);
      this.#lanes[lane]?.push(entry);
    }
    work.complete(entries.filter(({ isDone }) => isDone));
  }

  /** All of it is done: that is stored, with its children. */
  async #end(): Promise<void> {
    const { ground, lease, saver } = this.#work;
    await saver.flush();
    const children = await ground.childrenOf(lease.shardId, lease.signal);
    await this.#persist(() => lease.end(children));
    this.#work.tell({ type: 'shard-ended', children });
  }

  /** Gives it to whom it is due, behind all that is done; says that it is lost when it is. */
  async #giveUp(): Promise<void> {
    const { lease, saver } = this.#work;
    try {
      await saver.flush();
      await this.#persist(() => lease.yielded());
      this.#work.tell({ type: 'shard-yielded' });
    } catch (error) {
      const reason = lease.signal.reason ?? error;
      this.#work.tell({
        type: 'shard-lost',
        reason: reason instanceof GroupLeaseLostError ? reason.reason : 'unknown',
      });
    }
  }

  /** Tries until it is done, or of no use. */
  async #persist(work: () => Promise<void>): Promise<void> {
    const { ground, lease } = this.#work;
    for (;;) {
      lease.signal.throwIfAborted();
      try {
        return await work();
      } catch (error) {
        lease.signal.throwIfAborted();
        if (!isPassing(error)) throw error;
        await ground.clock.sleep(againMs, { signal: lease.signal });
      }
    }
  }
}
