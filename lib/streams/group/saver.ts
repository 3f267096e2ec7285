/**
 * Stores how far a shard is done: not after each batch, but at once when the last save is older than the interval, else when it will be;
 * never two at a time; and always the newest position, so that a save that failed is superseded by the next one.
 *
 *     done     a   b    c d e                f
 *     saves    a         (b..e at the interval)        an idle shard saves nothing
 *
 * A position that was noted may be lost with the process: then what lies behind the one that was stored is delivered again. One that was
 * stored is never taken back. Whatever else is to be stored in the lease goes along.
 */
import { isDeepStrictEqual } from 'node:util';
import { after, type Ceilings, type Clock, fullJitterMs, isTransient, type Random } from '../../engine/index.js';
import { isLeydenError } from '../../errors.js';
import type { ShardPosition } from '../position.js';
import type { LeasePatch, OwnedLease } from './owned-lease.js';

/** Longest pause before a save that failed is tried again. */
const backOff: Ceilings = { leastMs: 100, mostMs: 10_000 };

/** What a {@link Saver} works with. */
export interface SaverGround {
  readonly clock: Clock;
  readonly random: Random;
  /** Asked before each save: it may grow with the number of shards. */
  readonly intervalMs: () => number;
  /** What to store beside the position, as it is at the moment of the save. */
  readonly beside?: () => LeasePatch;
  onSaved?(ms: number): void;
  onFailed?(error: unknown): void;
  /** It is of no use to try again. */
  onFatal(error: unknown): void;
}

/** What came of work in place of a save. */
export interface Moved<R> {
  /** What is stored now. */
  readonly moved: ShardPosition;
  readonly result: R;
}

export class Saver {
  readonly #lease: OwnedLease;
  readonly #ground: SaverGround;
  #noted: ShardPosition;
  #saved: ShardPosition;
  #patch: LeasePatch | undefined;
  #isDirty = false;
  #notes = 0;
  /** The save or the transaction under way. */
  #busy: Promise<unknown> | undefined;
  #lastAt = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #notBefore = Number.NEGATIVE_INFINITY;
  #callOff: (() => void) | undefined;
  #fatal: unknown;

  constructor(lease: OwnedLease, ground: SaverGround) {
    this.#lease = lease;
    this.#ground = ground;
    this.#noted = lease.position;
    this.#saved = lease.position;
  }

  /** What is stored. */
  get saved(): ShardPosition {
    return this.#saved;
  }

  /** The shard is done up to here. */
  note(position: ShardPosition): void {
    this.#noted = position;
    this.#notes += 1;
    this.#isDirty = true;
    this.#plan();
  }

  /** As `flush`, with a change of what stands beside the position. */
  store(patch: LeasePatch): Promise<void> {
    this.#patch = { ...this.#patch, ...patch };
    this.#isDirty = true;
    return this.flush();
  }

  /**
   * Resolves when all that was noted is stored; tries until it is.
   *
   * @throws {GroupLeaseLostError} `ERR_GROUP_LEASE_LOST`; what the store refuses for good.
   */
  async flush(): Promise<void> {
    while (this.#isDirty || this.#busy !== undefined) {
      this.#lease.signal.throwIfAborted();
      if (this.#fatal !== undefined) throw this.#fatal;
      if (this.#busy !== undefined) await this.#busy;
      else {
        const waitMs = this.#notBefore - this.#ground.clock.monotonicMs();
        if (waitMs > 0) await this.#ground.clock.sleep(waitMs, { signal: this.#lease.signal });
        if (this.#isDirty && this.#busy === undefined) await this.#save();
      }
    }
  }

  /**
   * Runs `work` while no save is under way and none begins. It is given what is stored, and says what is stored by then.
   *
   * @throws what `work` throws; {@link GroupLeaseLostError} `ERR_GROUP_LEASE_LOST`.
   */
  async exclusive<R>(work: (saved: ShardPosition) => Promise<Moved<R>>): Promise<R> {
    // A save that failed may have been made: then it is not known what is stored.
    while (this.#busy !== undefined || this.#failures > 0) await (this.#busy ?? this.flush());
    this.#unplan();
    const notes = this.#notes;
    const saved = this.#saved;
    const done = work(saved);
    this.#busy = done.then(
      () => {},
      () => {},
    );
    try {
      const { moved, result } = await done;
      this.#saved = moved;
      if (moved !== saved) {
        // What was noted before stands behind it; what was noted since, by those who know of it, at it or before it.
        if (this.#notes === notes) this.#noted = moved;
        this.#lastAt = this.#ground.clock.monotonicMs();
      }
      this.#isDirty = this.#patch !== undefined || !isDeepStrictEqual(this.#noted, moved);
      return result;
    } finally {
      this.#busy = undefined;
      this.#plan();
    }
  }

  /** Stores nothing more by itself. */
  close(): void {
    this.#unplan();
    this.#fatal ??= this.#lease.signal.reason ?? new Error('closed');
  }

  #plan(): void {
    if (!this.#isDirty || this.#busy !== undefined || this.#callOff !== undefined || this.#fatal !== undefined) return;
    const nowMs = this.#ground.clock.monotonicMs();
    const dueAt = Math.max(this.#lastAt + this.#ground.intervalMs(), this.#notBefore);
    if (dueAt <= nowMs) {
      void this.#save();
      return;
    }
    this.#callOff = after(this.#ground.clock, dueAt - nowMs, () => {
      this.#callOff = undefined;
      this.#plan();
    });
  }

  #unplan(): void {
    this.#callOff?.();
    this.#callOff = undefined;
  }

  /** One attempt; never rejects. */
  #save(): Promise<void> {
    this.#unplan();
    const saving = this.#saveOnce().finally(() => {
      this.#busy = undefined;
      this.#plan();
    });
    this.#busy = saving;
    return saving;
  }

  async #saveOnce(): Promise<void> {
    const { clock, random, beside } = this.#ground;
    const position = this.#noted;
    const patch = this.#patch;
    const startedAt = clock.monotonicMs();
    this.#patch = undefined;
    this.#isDirty = false;
    this.#lastAt = startedAt;
    try {
      await this.#lease.save(position, { ...beside?.(), ...patch });
      // Where it stands, should an earlier answer have been lost.
      this.#saved = this.#lease.position;
      this.#failures = 0;
      this.#ground.onSaved?.(clock.monotonicMs() - startedAt);
    } catch (error) {
      this.#patch = { ...patch, ...(this.#patch as LeasePatch | undefined) };
      this.#isDirty = true;
      if (!isPassing(error)) {
        this.#fatal = error;
        if (!isLeydenError(error, 'ERR_GROUP_LEASE_LOST')) this.#ground.onFatal(error);
        return;
      }
      this.#notBefore = clock.monotonicMs() + fullJitterMs(random, backOff, this.#failures++);
      this.#ground.onFailed?.(error);
    }
  }
}

/** Whether saving again may succeed. A save whose answer was lost may be made twice: positions never move back. */
export function isPassing(error: unknown): boolean {
  if (isLeydenError(error)) return error.retryable || error.code === 'ERR_UNKNOWN_OUTCOME';
  return isTransient(error);
}
