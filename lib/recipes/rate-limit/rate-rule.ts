/**
 * What all rules of a rate limit have in common. Pure: a level and a time in, a level and an answer out.
 *
 * All times are whole epoch milliseconds by the clock of whoever asks, and all levels are integers, so that nothing is lost to
 * rounding. The time of a limit is the greatest that anybody has brought; it never goes back.
 */

/** How a limit is reckoned. */
export type RateAlgorithm = 'bucket' | 'window' | 'sliding-window';

/** What all who use one limit must agree on. */
export interface RateFacts {
  readonly by: RateAlgorithm;
  /** Tokens within `perMs`. */
  readonly limit: number;
  readonly perMs: number;
  /** Tokens at once; for windows the same as `limit`. */
  readonly burst: number;
}

/** How much of a limit is used up. `undefined`: nothing yet. */
export interface RateLevel {
  /** The time of the limit: in milliseconds for a bucket, the number of the window for windows. */
  readonly at: number;
  readonly used: number;
  /** For sliding windows: what was used in the window before. */
  readonly before?: number;
}

/** What is asked for. */
export interface RateWish {
  /** Fewer than these are of no use. */
  readonly least: number;
  readonly most: number;
  /** How long whoever asks would wait for `least`. */
  readonly patienceMs: number;
}

/** What is had. */
export interface RateVerdict {
  /** 0: refused. */
  readonly tokens: number;
  /** How long until they may be used; or, refused, until `least` could be had. */
  readonly waitMs: number;
  /** The level after it; undefined when it was refused. */
  readonly next: RateLevel | undefined;
  readonly remaining: number;
  /** When all would be there again, in epoch milliseconds. */
  readonly resetAt: number;
}

/** A take that the store can decide by itself: add to `used` if `at` and `before` are these and `used` is at most this. */
export interface BlindTake {
  readonly is: { readonly at: number; readonly before?: number };
  readonly usedMax: number;
}

export interface RateRule {
  take(level: RateLevel | undefined, wish: RateWish, nowMs: number): RateVerdict;
  /** What is left at a level. */
  look(level: RateLevel, nowMs: number): Pick<RateVerdict, 'remaining' | 'resetAt'>;
  /** The level when a promise that made it `promised` is given up before its time. */
  withdraw(level: RateLevel, tokens: number, promised: RateLevel, nowMs: number): RateLevel;
  /** The level when tokens that nobody used are given back; `at` is the time of the limit at which they were taken. */
  give(level: RateLevel, tokens: number, at: number, nowMs: number): RateLevel;
  /** `undefined`: it has to be reckoned with what stands there. */
  blind(level: RateLevel, tokens: number, nowMs: number): BlindTake | undefined;
  /** After this time without a take nothing is left to remember. */
  readonly fillMs: number;
}
