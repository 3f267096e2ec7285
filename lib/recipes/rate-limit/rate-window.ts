/**
 * Windows: so many in each, and a new one begins empty.
 *
 *   fixed     |####......|##########|###.......|      window n is [n x perMs, (n + 1) x perMs)
 *   sliding   |####......|   what was used in the window before counts for the part of it that a window ending now would still
 *                            cover, as if it had been used evenly
 *
 * A number of a window is used once: it only grows, and whoever is behind counts in the one that stands there. Within a window the
 * condition of a take is of constants only, so the store decides by itself, and takes of many processes never conflict.
 *
 * Invariant, fixed: at most `limit` in each number. Sliding: at most limit + rate x (time + D) in any time, among clocks at most D apart:
 * `before x (what is left of the window) + used` falls by the rate at most, and never rises over the limit.
 *
 * The sliding counter is the one that Cloudflare described ("How we built rate limiting capable of scaling to millions of domains",
 * 2017).
 */
import type { BlindTake, RateFacts, RateLevel, RateRule, RateVerdict, RateWish } from './rate-rule.js';

export class RateWindow implements RateRule {
  readonly #limit: number;
  readonly #perMs: number;
  readonly #slides: boolean;

  constructor({ limit, perMs, by }: RateFacts) {
    this.#limit = limit;
    this.#perMs = perMs;
    this.#slides = by === 'sliding-window';
  }

  get fillMs(): number {
    return 2 * this.#perMs;
  }

  take(level: RateLevel | undefined, { least, most }: RateWish, nowMs: number): RateVerdict {
    const current = this.#turned(level, nowMs);
    const there = this.#usedMax(current, nowMs) - current.used;
    if (there < least) {
      const waitMs = this.#possibleAt(current, least) - nowMs;
      return { tokens: 0, waitMs: Math.max(1, waitMs), next: undefined, ...this.look(current, nowMs) };
    }
    const tokens = Math.min(most, there);
    const next = { ...current, used: current.used + tokens };
    return { tokens, waitMs: 0, next, ...this.look(next, nowMs) };
  }

  look(level: RateLevel, nowMs: number): Pick<RateVerdict, 'remaining' | 'resetAt'> {
    const current = this.#turned(level, nowMs);
    const remaining = Math.max(0, this.#usedMax(current, nowMs) - current.used);
    const windows = this.#slides && current.used > 0 ? 2 : 1;
    return { remaining, resetAt: (current.at + windows) * this.#perMs };
  }

  /** Nobody is promised anything. */
  withdraw(level: RateLevel): RateLevel {
    return level;
  }

  /** A window that is over has no use for them. */
  give(level: RateLevel, tokens: number, at: number, nowMs: number): RateLevel {
    const current = this.#turned(level, nowMs);
    return current.at === at ? { ...current, used: Math.max(0, current.used - tokens) } : level;
  }

  blind(level: RateLevel, tokens: number, nowMs: number): BlindTake | undefined {
    const current = this.#turned(level, nowMs);
    if (current !== level) return undefined;
    const { at, before } = level;
    return { is: before === undefined ? { at } : { at, before }, usedMax: this.#usedMax(level, nowMs) - tokens };
  }

  /** The level in the window of now, or in a later one that somebody has begun. */
  #turned(level: RateLevel | undefined, nowMs: number): RateLevel {
    const own = Math.floor(nowMs / this.#perMs);
    if (level !== undefined && level.at >= own) return level;
    if (!this.#slides) return { at: own, used: 0 };
    return { at: own, used: 0, before: level?.at === own - 1 ? level.used : 0 };
  }

  /** How many may be used in this window by now. */
  #usedMax({ at, before = 0 }: RateLevel, nowMs: number): number {
    const elapsedMs = Math.max(0, nowMs - at * this.#perMs);
    return this.#limit - Math.ceil((before * (this.#perMs - elapsedMs)) / this.#perMs);
  }

  /** When `least` more could be used, if nobody else came. */
  #possibleAt({ at, used, before = 0 }: RateLevel, least: number): number {
    const start = at * this.#perMs;
    if (used + least <= this.#limit) return start + this.#coveredAt(before, this.#limit - used - least);
    const next = start + this.#perMs;
    return this.#slides ? next + this.#coveredAt(used, this.#limit - least) : next;
  }

  /** Milliseconds into a window at which at most `room` of what was used before it still counts. */
  #coveredAt(before: number, room: number): number {
    return before <= room ? 0 : Math.ceil(((before - room) * this.#perMs) / before);
  }
}
