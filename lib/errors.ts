/**
 * The base of every error that leyden-jar throws on its own account.
 *
 * Three outcomes exist for anything that was to be written, and an error always says which one it is: `not-done`
 * (it did not happen and never will), `unknown` (it may have happened, or may still happen), `done` (it happened;
 * only something after it failed). Wrong arguments stay plain `TypeError`/`RangeError`; errors of the AWS SDK that
 * are not ours to explain (access denied, for one) pass through unchanged.
 *
 * Own errors are recognised by a brand under `Symbol.for`, never by `instanceof`: two copies of this package, or two
 * realms of one test runner, still understand each other's errors.
 */

/** What is known of the write that an error speaks of. */
export type Outcome = 'not-done' | 'unknown' | 'done';

const brand = Symbol.for('leyden-jar.error');

/** Facts that every {@link LeydenError} carries. */
export interface LeydenErrorFacts {
  /** What is known of the write. */
  readonly outcome: Outcome;
  /** Whether the same call may succeed later without a change to it. */
  readonly retryable: boolean;
  /** The error behind this one, if any. */
  readonly cause?: unknown;
}

/**
 * Base class of all errors of this library.
 *
 * The message says the failed action, a colon, the current value and the limit, the remedy, and ends with the code in
 * brackets. Codes are stable between major versions; messages are not.
 */
export abstract class LeydenError extends Error {
  /** Stable upper-case code, for instance `ERR_CONTENTION`. */
  readonly code: string;
  /** What is known of the write: done, not done, or unknown. */
  readonly outcome: Outcome;
  /** Whether the same call may succeed later without a change to it. */
  readonly retryable: boolean;

  protected constructor(code: string, message: string, facts: LeydenErrorFacts) {
    super(`${message} [${code}]`, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = new.target.name;
    this.code = code;
    this.outcome = facts.outcome;
    this.retryable = facts.retryable;
    Object.defineProperty(this, brand, { value: true });
  }
}

/**
 * Tells whether `error` is one of this library's, and, when `code` is given, that very one. Works across realms and
 * across two installed copies of the package.
 *
 * @example
 * ```ts
 * import { isLeydenError } from 'leyden-jar';
 * const failure: unknown = new RangeError('not ours');
 * console.log(isLeydenError(failure)); // false
 * ```
 */
export function isLeydenError(error: unknown, code?: string): error is LeydenError {
  if (typeof error !== 'object' || error === null || !(brand in error)) return false;
  return code === undefined || (error as { readonly code?: unknown }).code === code;
}
