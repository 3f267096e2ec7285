/**
 * A lease that this member holds, in one epoch.
 *
 * It ends once and for ever. What ends it is told to the holdings of the member; who works on it is told by `signal`, except where it is
 * the worker itself that gave it up.
 */

import { isDeepStrictEqual } from 'node:util';
import type { ItemAtom, Transaction } from '../../atom/index.js';
import { after, type Clock, watchfulSignal } from '../../engine/index.js';
import type { ShardPosition } from '../position.js';
import { GroupLeaseLostError, type LeaseEnd } from './group-errors.js';
import type { LeaseState, LeaseWork, Owner, Pending } from './lease-state.js';
import { created, ended, type Hold, handed, patched, saved } from './lease-steps.js';
import type { LeasePatch, OwnedLease } from './owned-lease.js';

/** What a held lease is told by, and tells. */
export interface LeaseKeeper {
  readonly clock: Clock;
  /** Looks at the clocks of the member, which may end all that it holds. */
  look(): void;
  /** To whom it is to be given: to whoever has asked, if that can be; `undefined`: to nobody. */
  dueTo(lease: HeldLease, pending: Pending | undefined): Owner | undefined;
  /** Somebody has asked for it. */
  onAsked(lease: HeldLease, pending: Pending): void;
  /** Creates the leases of children that have none. */
  bear(children: readonly string[], parent: string): Promise<void>;
  /** It has ended. `stands`: what was left in the item, where this member has left it. */
  onEnd(lease: HeldLease, end: LeaseEnd, stands: LeaseState | undefined): void;
}

export class HeldLease implements OwnedLease {
  readonly shardId: string;
  readonly epoch: number;
  readonly atom: ItemAtom<LeaseState>;
  readonly signal: AbortSignal;
  readonly yielding: AbortSignal;
  /** When it was granted, by the member's monotonic clock. */
  readonly grantedAtMs: number;
  readonly #hold: Hold;
  readonly #parent: string | undefined;
  readonly #keeper: LeaseKeeper;
  readonly #loss = new AbortController();
  readonly #yield = new AbortController();
  #position: ShardPosition;
  #work: LeaseWork;
  #callOff: (() => void) | undefined;
  #giving: Promise<void> | undefined;
  #end: GroupLeaseLostError | undefined;

  constructor(keeper: LeaseKeeper, atom: ItemAtom<LeaseState>, owner: Owner, state: LeaseState) {
    this.#keeper = keeper;
    this.atom = atom;
    this.shardId = state.shardId;
    this.epoch = state.epoch;
    this.#hold = { owner, epoch: state.epoch };
    this.#parent = state.parent;
    this.#position = state.position;
    this.#work = state.work ?? {};
    this.grantedAtMs = keeper.clock.monotonicMs();
    const look = () => {
      if (this.#end === undefined) keeper.look();
    };
    this.signal = watchfulSignal(this.#loss, look);
    this.yielding = this.#yield.signal;
  }

  get position(): ShardPosition {
    return this.#position;
  }

  get work(): LeaseWork {
    return this.#work;
  }

  get parent(): string | undefined {
    return this.#parent;
  }

  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  async save(position: ShardPosition, patch?: LeasePatch): Promise<void> {
    this.#assertHeld();
    const state = await this.#change((stands) => saved(stands, this.#hold, position, patch));
    this.#stands(state);
  }

  async end(children: readonly string[] | 'unknown'): Promise<void> {
    this.#assertHeld();
    // First the children: whoever finds the parent ended finds them.
    if (children !== 'unknown') await this.#keeper.bear(children, this.shardId);
    this.#assertHeld();
    const state = await this.#change((stands) => ended(stands, this.#hold, children));
    this.#position = state.position;
    this.#finish('given', state);
  }

  yielded(): Promise<void> {
    if (this.#end !== undefined) return this.#giving ?? Promise.resolve();
    return this.give();
  }

  inTransaction(tx: Transaction, expected: ShardPosition, next: ShardPosition, patch?: LeasePatch): void {
    this.#assertHeld();
    // The transaction fails with whatever this fails with, once what it has seen is confirmed.
    void tx.swap(this.atom, (stands: LeaseState | undefined): LeaseState => {
      const state = stands === undefined ? undefined : saved(stands, this.#hold, next, patch);
      if (state === undefined) throw this.#error('taken');
      if (!isDeepStrictEqual(stands?.position, expected)) throw this.#error('moved');
      return state;
    });
  }

  refused({ reason, shardId, epoch }: GroupLeaseLostError): void {
    const isOfItem = reason === 'taken' || reason === 'moved';
    if (isOfItem && shardId === this.shardId && epoch === this.epoch) this.lose(reason);
  }

  committed(next: ShardPosition, patch?: LeasePatch): void {
    this.#position = next;
    if (patch !== undefined) this.#work = patched(this.#work, patch);
  }

  /** It is asked for. Counted is from the first time that this was seen. */
  ask(withinMs: number): void {
    if (this.#end !== undefined || this.#yield.signal.aborted) return;
    this.#callOff = after(this.#keeper.clock, withinMs, () => this.#tooLate(), true);
    this.#yield.abort();
  }

  /** It is over; the item is not touched. */
  lose(end: LeaseEnd, cause?: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = this.#error(end, cause);
    this.#callOff?.();
    this.#loss.abort(this.#end);
    this.#keeper.onEnd(this, end, undefined);
  }

  /** Writes back a lease whose item was removed by somebody who had no business there. */
  async restore(): Promise<void> {
    if (this.#end === undefined && this.#giving === undefined) await this.#change((stands) => stands);
  }

  /** Gives it on. One at a time; another try after a failure. */
  give(): Promise<void> {
    this.#giving ??= this.#give().catch((error: unknown) => {
      this.#giving = undefined;
      throw error;
    });
    return this.#giving;
  }

  async #give(): Promise<void> {
    const state = await this.#change((stands) => {
      return handed(stands, this.#hold, this.#keeper.dueTo(this, stands.pending));
    });
    this.#finish('given', state);
  }

  /** Whoever works on it has had their time: it goes on from what was saved last. */
  #tooLate(): void {
    if (this.#end !== undefined) return;
    this.#loss.abort(this.#error('late'));
    const giveOn = (): void => {
      this.give().catch(() => {
        if (this.#end === undefined) after(this.#keeper.clock, 1_000, giveOn, true);
      });
    };
    giveOn();
  }

  #finish(end: LeaseEnd, stands: LeaseState): void {
    if (this.#end !== undefined) return;
    this.#end = this.#error(end);
    this.#callOff?.();
    this.#keeper.onEnd(this, end, stands);
  }

  #assertHeld(): void {
    if (this.#end !== undefined) throw this.#end;
    this.signal.throwIfAborted();
    if (this.#giving !== undefined) throw this.#error('given');
  }

  #error(end: LeaseEnd, cause?: unknown): GroupLeaseLostError {
    return new GroupLeaseLostError(end, this.shardId, this.epoch, { cause });
  }

  /** One step of an owner. An item that is gone is written anew, by nobody but its owner. */
  async #change(step: (stands: LeaseState) => LeaseState | undefined): Promise<LeaseState> {
    try {
      return await this.atom.swap((stands) => {
        const next = step(stands ?? this.#asKnown());
        if (next === undefined) throw this.#error('taken');
        return next;
      });
    } catch (error) {
      if (error instanceof GroupLeaseLostError) this.lose('taken');
      throw error;
    }
  }

  #asKnown(): LeaseState {
    const { shardId, epoch } = this;
    const state = created({ shardId, epoch, position: this.#position, parent: this.#parent });
    return { ...state, owner: this.#hold.owner, work: this.#work };
  }

  #stands(state: LeaseState): void {
    this.#position = state.position;
    this.#work = state.work ?? {};
    if (state.pending !== undefined) this.#keeper.onAsked(this, state.pending);
  }
}
