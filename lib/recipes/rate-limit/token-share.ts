/**
 * Tokens that a process took ahead and spends from memory.
 *
 * They count as used from the moment at which they were taken, and may be spent for `shareMs` from the moment *before* that was asked,
 * by the clock that counts more. So within any time at most those are spent that were taken in it or `shareMs` before.
 */
import { type Clock, elapsedMs, type Moment, momentOf } from '../../engine/index.js';

/** Tokens of one write. */
interface Batch {
  readonly since: Moment;
  /** The time of the limit at which they were taken. */
  readonly at: number;
  left: number;
}

export class TokenShare {
  readonly #clock: Clock;
  readonly #shareMs: number;
  #batches: Batch[] = [];

  constructor(clock: Clock, shareMs: number) {
    this.#clock = clock;
    this.#shareMs = shareMs;
  }

  /** Those that may still be spent. */
  get left(): number {
    this.#batches = this.#batches.filter(
      ({ left, since }) => left > 0 && elapsedMs(this.#clock, since) < this.#shareMs,
    );
    return this.#batches.reduce((sum, { left }) => sum + left, 0);
  }

  now(): Moment {
    return momentOf(this.#clock);
  }

  add(tokens: number, at: number, since: Moment): void {
    this.#batches.push({ since, at, left: tokens });
  }

  /** Spends the oldest first; whether there were so many. */
  spend(tokens: number): boolean {
    if (this.left < tokens) return false;
    let due = tokens;
    for (const batch of this.#batches) {
      const spent = Math.min(due, batch.left);
      batch.left -= spent;
      due -= spent;
    }
    return true;
  }

  /** Takes out all that may still be spent. */
  drain(): readonly { readonly tokens: number; readonly at: number }[] {
    if (this.left === 0) return [];
    const batches = this.#batches;
    this.#batches = [];
    return batches.map(({ left, at }) => ({ tokens: left, at }));
  }
}
