/**
 * What the lanes, the intake and the calls of one shard share: how far it is done, what is stored of that, and what is parked.
 *
 * Everything that moves the position goes through here: `complete` (done, to be stored soon) and `transact` (done and stored in one
 * transaction with its effects). While a transaction is under way nothing is saved, so it always knows what it stands on.
 */
import type { Transaction } from '../../atom/index.js';
import { after, onAbort } from '../../engine/index.js';
import { isLeydenError } from '../../errors.js';
import type { ShardFeed } from '../feed.js';
import { Notice } from '../notice.js';
import type { ShardPosition } from '../position.js';
import { CommitPrefix } from './commit-prefix.js';
import type { Entry } from './entry.js';
import { GroupLeaseLostError } from './group-errors.js';
import type { LeaseWork } from './lease-state.js';
import { Leaving } from './leaving.js';
import type { LeasePatch, OwnedLease } from './owned-lease.js';
import { Saver } from './saver.js';
import { settleTransaction } from './settle-transaction.js';
import type { OwnWorkEvent } from './work-events.js';
import type { WorkGround } from './work-ground.js';

/** Why a shard is parked; as it stands in its lease. */
export type Parked = NonNullable<LeaseWork['parked']>;

/** How often the lease of a parked shard is looked at, for somebody elsewhere who says that it shall go on. */
const parkedLookMs = 5_000;

export class ShardWork<T> {
  readonly ground: WorkGround<T>;
  readonly lease: OwnedLease;
  readonly saver: Saver;
  readonly prefix: CommitPrefix<Entry<T>>;
  /** Calls of the handler that have not come to an end, also those that nobody waits for any more, and since when they run. */
  readonly calls: Map<Promise<unknown>, number> = new Map();
  /** Rung whenever something changed that a lane or the intake may wait for. */
  readonly notice: Notice = new Notice();
  /** Items whose records go to the dead letters. */
  readonly parkedKeys: Set<string> = new Set();
  feed: ShardFeed | undefined;
  parked: Parked | undefined;
  /** The gap at which it stood may be passed over: somebody has said so. */
  passesGap: boolean;
  /** The last page was taken. */
  hasEnded = false;
  readonly #leaving = new AbortController();
  #unparking: Promise<void> | undefined;
  #heldBytes = 0;
  #isClosed = false;
  readonly #unlisten: readonly (() => void)[];
  /** When the newest record that is done was written, by its own time. */
  #doneAtMs: number | undefined;

  constructor(ground: WorkGround<T>, lease: OwnedLease) {
    const { clock, random, saveIntervalMs, onFatal } = ground;
    this.ground = ground;
    this.lease = lease;
    this.parked = lease.work.parked;
    // Said to the owner before, who has not come to it.
    this.passesGap = lease.work.passesGap === true;
    this.prefix = new CommitPrefix<Entry<T>>(lease.position);
    this.saver = new Saver(lease, {
      clock,
      random,
      intervalMs: saveIntervalMs,
      beside: () => this.#facts(),
      onSaved: (saveMs) => this.tell({ type: 'saved', saveMs }),
      onFailed: (error) => this.tell({ type: 'save-failed', error }),
      onFatal,
    });
    const leave = () => {
      this.leave();
      // Whoever it is due to begins at what was saved.
      if (!lease.signal.aborted) void this.saver.flush().catch(() => {});
    };
    this.#unlisten = [onAbort(lease.signal, leave), onAbort(lease.yielding, leave)];
  }

  close(): void {
    for (const forget of this.#unlisten) forget();
    this.#hold(-this.#heldBytes);
    this.#isClosed = true;
    this.saver.close();
    this.feed?.close();
  }

  /** Aborts when it is to be given up, and when it is lost. */
  get leaving(): AbortSignal {
    return this.#leaving.signal;
  }

  tell(event: OwnWorkEvent): void {
    this.ground.tell({ ...event, shardId: this.lease.shardId });
  }

  /** It is to be given up, or is lost: nothing more may begin. */
  get isLeaving(): boolean {
    return this.lease.signal.aborted || this.leaving.aborted;
  }

  /** Nothing more may begin. */
  leave(): void {
    this.#leaving.abort();
    this.notice.give();
  }

  /** It was taken, and is in memory until it is done. */
  hold(entry: Entry<T>): void {
    entry.heldBytes = entry.meta.sizeBytes;
    this.#hold(entry.heldBytes);
  }

  #hold(bytes: number): void {
    if (this.#isClosed) return;
    this.#heldBytes += bytes;
    this.ground.backlog.add(bytes);
  }

  /** These are done. */
  complete(entries: readonly Entry<T>[]): void {
    for (const entry of entries) {
      entry.isDone = true;
      this.#hold(-entry.heldBytes);
      entry.heldBytes = 0;
    }
    const last = entries.at(-1);
    if (last !== undefined) this.#doneAtMs = last.meta.approximateCreationTime.getTime();
    if (this.prefix.advance() && !this.lease.signal.aborted) {
      this.saver.note(this.prefix.position);
      if (this.lease.yielding.aborted) void this.saver.flush().catch(() => {});
    }
    this.notice.give();
  }

  /** Whether all records before it are done, and stored positions may move behind it. */
  isHead(entry: Entry<T>): boolean {
    return this.prefix.head === entry;
  }

  /**
   * `f` and a move of the position, in one transaction under the fencing number. `nextOf` says where to, once `f` was run; with
   * `undefined` it stays where it is, and only the fencing number is checked. `onDone` is called before anything else is saved.
   */
  transact<R>(
    f: (tx: Transaction) => R | Promise<R>,
    nextOf: (result: R) => ShardPosition | undefined,
    onDone: (result: R) => void,
  ): Promise<R> {
    const { lease, saver } = this;
    return saver.exclusive(async (saved) => {
      lease.signal.throwIfAborted();
      const facts = this.#facts();
      const settling = settleTransaction(this.ground, lease, saved, async (tx) => {
        const result = await f(tx);
        const moved = nextOf(result) ?? saved;
        lease.inTransaction(tx, saved, moved, facts);
        return { result, moved };
      });
      const settled = await settling.catch((error: unknown) => {
        if (error instanceof GroupLeaseLostError) lease.refused(error);
        throw error;
      });
      lease.committed(settled.moved, facts);
      onDone(settled.result);
      return settled;
    });
  }

  /** Stops the shard, in sight of all; comes back when somebody says that it shall go on. @throws {Leaving} */
  async park(parked: Parked, patch: LeasePatch = {}): Promise<void> {
    this.parked = parked;
    this.tell({ type: 'shard-parked', reason: parked.reason, sequenceNumber: parked.at });
    await this.saver.store({ ...patch, parked });
    await this.untilUnparked();
  }

  /** Records that were taken must wait: one of them is what it is parked at. At a gap those before it go on. */
  get isBlocked(): boolean {
    return this.parked?.at !== undefined;
  }

  /** Comes back when it is parked no more. One look serves all who wait. @throws {Leaving} */
  untilUnparked(): Promise<void> {
    this.#unparking ??= this.#lookOut().finally(() => {
      this.#unparking = undefined;
    });
    return this.#unparking;
  }

  async #lookOut(): Promise<void> {
    while (this.parked !== undefined) {
      // Who says it here rings; who says it elsewhere is found by looking.
      await this.changedWithin(parkedLookMs);
      if (this.parked === undefined) continue;
      const said = await this.#unparkedElsewhere();
      if (said !== undefined) this.unpark(said.overGap);
    }
  }

  /** It shall go on; `overGap`: where it stands at a gap, behind that one. */
  unpark(overGap = false): void {
    if (this.parked === undefined) return;
    this.passesGap = overGap && !this.isBlocked;
    this.parked = undefined;
    this.tell({ type: 'shard-unparked' });
    void this.saver.store({ parked: undefined }).catch(() => {});
    this.notice.give();
  }

  /** Age of a record, in milliseconds. */
  ageOf({ meta }: Entry<T>): number {
    return Math.max(0, this.ground.clock.now() - meta.approximateCreationTime.getTime());
  }

  /** Age of the oldest record that is known and not done; 0 when there is none. */
  ageMs(): number {
    const { head } = this.prefix;
    return head === undefined ? 0 : this.ageOf(head);
  }

  /** Whether nothing is known to wait behind these. */
  isCaughtUp(entries: readonly Entry<T>[]): boolean {
    return this.feed?.isCaughtUp === true && this.prefix.open <= entries.length;
  }

  /** For people who look at the group from elsewhere. */
  #facts(): LeasePatch {
    return { doneAtMs: this.#doneAtMs, isCaughtUp: this.prefix.open === 0 };
  }

  async #unparkedElsewhere(): Promise<{ readonly overGap: boolean } | undefined> {
    try {
      const state = await this.lease.atom.deref({ signal: this.lease.signal });
      if (state === undefined || state.epoch !== this.lease.epoch || state.work?.parked !== undefined) return undefined;
      return { overGap: state.work?.passesGap === true };
    } catch (error) {
      this.lease.signal.throwIfAborted();
      if (!isLeydenError(error)) this.ground.onFatal(error);
      return undefined;
    }
  }

  /** Sleeps for so long, or until the shard is lost or to be given up. */
  async sleepUntilLeaving(ms: number): Promise<void> {
    await this.ground.clock.sleep(ms, { signal: this.leaving }).catch(() => {});
  }

  /** As `changed`, and no longer than for so long. */
  async changedWithin(ms: number): Promise<void> {
    const callOff = after(this.ground.clock, ms, () => this.notice.give(), true);
    await this.changed().finally(callOff);
  }

  /** Waits until something may have changed. @throws {Leaving} when the shard is to be given up. */
  async changed(): Promise<void> {
    if (this.isLeaving) throw new Leaving();
    await this.notice.next();
    if (this.isLeaving) throw new Leaving();
  }
}
