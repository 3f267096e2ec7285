/**
 * The write under way: driven until its fate is known, or until nobody waits for it any more.
 *
 * While nobody waits, settling goes on for `settleMs` and then pauses; a later call resumes it with the same bytes. On
 * request it is cancelled: the base value is written again on the same base under a new number, and if that succeeds, the
 * write in question can never apply. Of two writes on one base at most one applies, so the evidence still tells them apart.
 */
import type { AsyncResource } from 'node:async_hooks';
import { after } from '../engine/index.js';
import type { Run } from './batch.js';
import type { Cache } from './cache.js';
import type { Ground } from './ground.js';
import type { Image } from './item-format.js';
import { type Fate, type PendingWrite, type Register, verdictOn } from './register.js';
import type { Draft } from './writer.js';

/** A fate that is known. */
export type KnownFate = Exclude<Fate, { status: 'pending' }>;

/** The base value is being written again: the write in question, and what stands if that succeeds. */
interface Cancelled {
  readonly pending: PendingWrite;
  readonly image: Image;
}

export class Flight {
  readonly draft: Draft;
  readonly runs: readonly Run[];
  /** Whether it was made on a base that was not fresh. */
  readonly aged: boolean;
  readonly #ground: Ground;
  readonly #settleMs: number;
  readonly #register: Register;
  readonly #cache: Cache;
  #pending: PendingWrite;
  #cancelled: Cancelled | undefined;
  #cancelWanted = false;
  /** Whether it is a blind write that the shape of the value was in the way of. */
  #isBarred = false;
  #met: Image | undefined;
  #stop: AbortController | undefined;
  /** Set while nobody waits. */
  #unlonely: (() => void) | undefined;

  constructor(
    facts: { readonly draft: Draft; readonly runs: readonly Run[]; readonly aged: boolean },
    rooms: { readonly ground: Ground; readonly settleMs: number; readonly register: Register; readonly cache: Cache },
  ) {
    this.draft = facts.draft;
    this.runs = facts.runs;
    this.aged = facts.aged;
    this.#ground = rooms.ground;
    this.#settleMs = rooms.settleMs;
    this.#register = rooms.register;
    this.#cache = rooms.cache;
    this.#pending = facts.draft.pending;
  }

  /** That of the first caller who is in it. */
  get context(): AsyncResource {
    return (this.runs[0] as Run).operation.context;
  }

  /** Whether the base value was written again, to make it impossible. */
  get isCancelled(): boolean {
    return this.#cancelled !== undefined;
  }

  /** Copies that were sent of it and of what was to cancel it. */
  get copies(): number {
    return this.#pending.copies + (this.#cancelled?.pending.copies ?? 0);
  }

  /** Whether `fate` had to be found out: an answer was lost, or was not to be believed. */
  wasUnclear(fate: KnownFate | 'paused'): boolean {
    if (fate === 'paused' || fate.status === 'lost') return true;
    return this.copies > 1 || (fate.status === 'applied' && fate.newer !== undefined);
  }

  /** Whether a copy of it may have been applied, or may still be. */
  get mayApply(): boolean {
    return this.#pending.copies > 0 || this.#cancelled !== undefined;
  }

  /**
   * Drives it to its end. `unsent`: nothing is on its way, and somebody whose step is in it has left. `paused`: not known
   * yet, and nobody waits any more.
   */
  async drive(isAwaited: () => boolean): Promise<KnownFate | 'unsent' | 'paused'> {
    for (;;) {
      if (this.#cancelWanted && this.#cancelled === undefined) await this.#beginCancel();
      const stop = new AbortController();
      this.#stop = stop;
      this.mind(isAwaited());
      const fate = await this.#register.write(this.#pending, {
        // Made when it is asked for, which a write without trouble never does.
        get signal() {
          return stop.signal;
        },
        wanted: () => this.#cancelled !== undefined || this.runs.every(({ operation }) => !operation.isOver),
      });
      this.#stop = undefined;
      this.mind(true);
      const cancelled = this.#cancelled;
      if (fate.status === 'pending' && fate.barred === true) {
        this.#isBarred = true;
        this.#met = fate.met;
        this.#cancelWanted = true;
        continue;
      }
      if (fate.status === 'refused' && this.#isBarred)
        return { status: 'lost', reason: 'in-flight', cause: fate.error };
      if (fate.status === 'refused' && cancelled !== undefined) {
        // The store takes no cancel: what remains is to ask for the truth.
        this.#pending = cancelled.pending;
        this.#cancelled = undefined;
        this.#cancelWanted = false;
        continue;
      }
      if (fate.status !== 'pending') return cancelled === undefined ? fate : this.#afterCancel(fate, cancelled);
      if (!this.mayApply) return 'unsent';
      // Somebody may have come since it was stopped; of their own accord nobody would look again.
      const goOn = stop.signal.aborted && isAwaited();
      if (!goOn && !(this.#cancelWanted && this.#cancelled === undefined)) return 'paused';
    }
  }

  /** Told whenever callers come and go: unawaited, it goes on for `settleMs` only. */
  mind(isAwaited: boolean): void {
    if (isAwaited) {
      this.#unlonely?.();
      this.#unlonely = undefined;
      return;
    }
    const stop = this.#stop;
    if (stop === undefined || this.#unlonely !== undefined) return;
    this.#unlonely = after(this.#ground.clock, this.#settleMs, () => stop.abort(), true);
  }

  /** Asks for the write to be made impossible. Of an adopted item there is no base value that could be written again. */
  cancel(): void {
    if (this.draft.cancel === undefined) return;
    this.#cancelWanted = true;
    this.#stop?.abort();
  }

  async #beginCancel(): Promise<void> {
    const pending = this.#pending;
    let draft: Draft | undefined;
    try {
      if (!this.#register.isTooOldToCreate(pending)) draft = await this.draft.cancel?.();
    } catch {
      // The base cannot be written again (a key service that does not answer): what remains is to ask for the truth.
    }
    this.#cancelWanted = draft !== undefined;
    if (draft === undefined) return;
    this.#cancelled = { pending, image: draft.image };
    this.#pending = { ...draft.pending, cancelledSentAt: pending.firstSentAt, tally: pending.tally };
  }

  /** What the fate of the cancelling write says of the write in question. */
  async #afterCancel(fate: KnownFate, { pending, image }: Cancelled): Promise<KnownFate> {
    const met = this.#met;
    const barred = this.#isBarred;
    if (fate.status === 'applied') {
      return { status: 'conflict', image: fate.evaluated ?? fate.newer ?? image, proven: true, barred, met };
    }
    if (fate.status !== 'conflict') return fate;
    let found = fate.image;
    if (found === undefined) {
      this.#cache.forget();
      try {
        found = (await this.#cache.strongRead()).image ?? null;
      } catch {
        return { status: 'lost', reason: 'in-flight' };
      }
    }
    const verdict = verdictOn(found?.lineage, pending);
    if (verdict === 'applied') return { status: 'applied', newer: found ?? undefined };
    if (verdict === 'not-applied') return { status: 'conflict', image: found, proven: true, barred, met };
    return { status: 'lost', reason: verdict === 'pending' ? 'item-gone' : verdict };
  }
}
