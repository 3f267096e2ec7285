/**
 * The token bucket, as a meter that fills with what is used and drains with time.
 *
 *   used  |    x        the level is a whole number of 1/perMs tokens: one token is perMs of them, and each millisecond
 *         |   x . x     drains `limit` of them
 *   burst |--x----.-x---------------
 *         | x       . .
 *         +------------------ time
 *
 * This is the generic cell rate algorithm (ITU-T recommendation I.371, annex A, the continuous-state leaky bucket, which is
 * equivalent to virtual scheduling). Two things are added. The time of the last conforming cell is the greatest that anybody has
 * brought, so a process whose clock is behind meets a level that stands still. And whoever is willing to wait may have tokens that
 * are not there yet: the level then stands above the burst, and later callers wait behind.
 *
 * Invariant: among clocks that are at most D apart, no more than burst + rate x (time + D) tokens are had in any time. For `at` runs
 * at most with the fastest clock, each token adds to the level, and no level above the burst is given out before its time. (Waits are
 * rounded up to whole milliseconds: for promised tokens it is one millisecond more.)
 */
import type { RateFacts, RateLevel, RateRule, RateVerdict, RateWish } from './rate-rule.js';

export class TokenBucket implements RateRule {
  readonly #limit: number;
  readonly #token: number;
  readonly #burst: number;

  constructor({ limit, perMs, burst }: RateFacts) {
    this.#limit = limit;
    this.#token = perMs;
    this.#burst = burst * perMs;
  }

  get fillMs(): number {
    return Math.ceil(this.#burst / this.#limit);
  }

  take(level: RateLevel | undefined, { least, most, patienceMs }: RateWish, nowMs: number): RateVerdict {
    const { at, used } = this.#drained(level, nowMs);
    const room = this.#burst - used;
    const there = Math.floor(room / this.#token);
    const waitMs = there >= least ? 0 : Math.ceil((least * this.#token - room) / this.#limit);
    if (waitMs > patienceMs) {
      // The level drains again when this clock has passed `at`.
      return { tokens: 0, waitMs: waitMs + (at - nowMs), next: undefined, ...this.look({ at, used }, nowMs) };
    }
    const tokens = Math.max(least, Math.min(most, there));
    const next = { at, used: used + tokens * this.#token };
    return { tokens, waitMs, next, ...this.look(next, nowMs) };
  }

  look(level: RateLevel, nowMs: number): Pick<RateVerdict, 'remaining' | 'resetAt'> {
    const { at, used } = this.#drained(level, nowMs);
    const remaining = Math.max(0, Math.floor((this.#burst - used) / this.#token));
    return { remaining, resetAt: at + Math.ceil(used / this.#limit) };
  }

  /**
   * Promises have a time each, which the level does not tell of: taken out of the middle, those behind would stand where later ones are
   * put. So only the last one is, and only before its time: who was promised tokens since has made the level higher than it would be.
   */
  withdraw(level: RateLevel, tokens: number, promised: RateLevel, nowMs: number): RateLevel {
    const { at, used } = this.#drained(level, nowMs);
    const isLast = used > this.#burst && used === this.#drained(promised, at).used;
    return isLast ? { at, used: used - tokens * this.#token } : level;
  }

  /** Not beneath promises, for the same reason. */
  give(level: RateLevel, tokens: number, _at: number, nowMs: number): RateLevel {
    const { at, used } = this.#drained(level, nowMs);
    return used > this.#burst ? level : { at, used: Math.max(0, used - tokens * this.#token) };
  }

  /** What drains depends on the time: it has to be reckoned. */
  blind(): undefined {
    return undefined;
  }

  #drained(level: RateLevel | undefined, nowMs: number): RateLevel {
    if (level === undefined) return { at: nowMs, used: 0 };
    const at = Math.max(level.at, nowMs);
    return { at, used: Math.max(0, level.used - (at - level.at) * this.#limit) };
  }
}
