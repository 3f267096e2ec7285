/** What a rate limit is opened with, checked. */
import { requireCount } from '../recipe-item.js';
import type { RateAlgorithm, RateFacts } from './rate-rule.js';

interface RateLimitBaseOptions {
  /** Tokens within `perMs`, a positive integer. */
  readonly limit: number;
  /** Whole milliseconds. */
  readonly perMs: number;
  /**
   * For a limit that many calls in each of many processes ask: a process takes so many tokens by one write and spends them from memory.
   * What it does not spend within `shareMs` is lost, unless it is given back.
   * @defaultValue 1: each call asks the store
   */
  readonly share?: number;
  /**
   * How long a process may keep tokens that it took, a second at least.
   * @defaultValue `perMs`, but a second at least and a minute at most
   */
  readonly shareMs?: number;
}

/**
 * Options of {@link RateLimit}. All who use one limit must give the same `by`, `limit`, `perMs` and `burst`; `share` is everyone's own.
 */
export type RateLimitOptions = RateLimitBaseOptions &
  (
    | {
        /**
         * `bucket`: tokens come evenly, up to `burst` are kept. `window`: `limit` in each stretch of `perMs`. `sliding-window`: as
         * `window`, where the part of the last one counts that a window ending now would still cover.
         * @defaultValue 'bucket'
         */
        readonly by?: 'bucket';
        /**
         * Tokens at once.
         * @defaultValue `limit`
         */
        readonly burst?: number;
      }
    | { readonly by: 'window' | 'sliding-window'; readonly burst?: never }
  );

/** All of them. */
export interface RateSettings {
  readonly facts: RateFacts;
  readonly share: number;
  readonly shareMs: number;
}

const algorithms: readonly RateAlgorithm[] = ['bucket', 'window', 'sliding-window'];
/** Shorter than an answer may take, tokens would be lost as soon as they are there. */
const shareMsMin = 1_000;
const shareMsDefaultMax = 60_000;

/** Fills in the defaults. @throws TypeError, RangeError for wrong options. */
export function settingsOf(options: RateLimitOptions): RateSettings {
  const { by = 'bucket', limit, perMs, share = 1 } = options;
  const action = 'open a rate limit';
  if (!algorithms.includes(by)) {
    throw new TypeError(`Cannot ${action}: by must be one of ${algorithms.join(', ')}: ${String(by)}`);
  }
  requireCount(action, 'limit', limit);
  requireCount(action, 'perMs', perMs);
  const { burst = limit, shareMs = Math.max(shareMsMin, Math.min(perMs, shareMsDefaultMax)) } = options;
  requireCount(action, 'burst', burst);
  requireCount(action, 'share', share);
  requireCount(action, 'shareMs', shareMs);
  if (shareMs < shareMsMin)
    throw new RangeError(`Cannot ${action}: shareMs must be at least ${shareMsMin}: ${shareMs}`);
  if (by !== 'bucket' && burst !== limit) {
    throw new TypeError(`Cannot ${action}: burst is for by 'bucket'; a window has its limit at once: ${burst}`);
  }
  if (share > burst) {
    throw new RangeError(`Cannot ${action}: share must be at most ${burst}, which is all there is at once: ${share}`);
  }
  // Levels are whole numbers of 1 / perMs tokens.
  if (!Number.isSafeInteger(burst * perMs)) {
    throw new RangeError(
      `Cannot ${action}: burst x perMs must be at most ${Number.MAX_SAFE_INTEGER}: ${burst} x ${perMs}`,
    );
  }
  return { facts: { by, limit, perMs, burst }, share, shareMs };
}
