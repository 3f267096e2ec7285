/**
 * The rule of fencing, as a pure function: which token a resource takes, and what it remembers of it.
 *
 *     seen:   nothing   ->  7  ->  7  ->  9          tokens of one lock only grow, so the newest holder has the largest
 *     comes:        7       7      9      8
 *                accept  accept  accept  refuse
 *
 * What was seen stands in the resource itself, so that the comparison and the write are one step. Which lock it is of stands beside it:
 * the tokens of two locks are two sequences, and the smaller of two may be the newer.
 */
import { isWellFormed } from '../recipe-item.js';
import { FenceMismatchError, StaleTokenError } from './fence-errors.js';

/** A fencing token, and what it is of: a `LockGrant`, or what was passed on of one. */
export interface Fence {
  /** The name of the lock. */
  readonly name: string;
  /** Larger than that of every holder before; at most 2^53 - 1. */
  readonly token: bigint;
  /**
   * The kind of recipe that gave it: a lock and an election of one name have nothing to do with each other.
   * @defaultValue 'lock'
   */
  readonly kind?: string;
  /** Throws when it is known that it is not held any more; then nothing is sent. */
  assertHeld?(): void;
}

/** The newest token that a resource has seen. */
export interface SeenToken {
  /** What it is of: `lock:invoices`, the key of the lock's item. */
  readonly lock: string;
  readonly token: bigint;
}

/** @throws TypeError, RangeError for what is no fence; what `assertHeld` throws. */
export function requireFence(action: string, fence: Fence): SeenToken {
  const { name, token, kind = 'lock' } = fence ?? {};
  if (
    typeof name !== 'string' ||
    name === '' ||
    !isWellFormed(name) ||
    typeof token !== 'bigint' ||
    typeof kind !== 'string'
  ) {
    throw new TypeError(
      `Cannot ${action}: must be given a grant, or { name, token } with a string and a bigint, first`,
    );
  }
  if (token < 1n || token > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new RangeError(`Cannot ${action}: token must be 1 to ${Number.MAX_SAFE_INTEGER}: ${token}`);
  }
  fence.assertHeld?.();
  return { lock: `${kind}:${name}`, token };
}

/** Why a resource that has seen `seen` does not take `held`; `undefined` when it does. */
export function refusalOf(
  subject: string,
  seen: SeenToken | undefined,
  held: SeenToken,
): StaleTokenError | FenceMismatchError | undefined {
  if (seen === undefined) return undefined;
  if (seen.lock !== held.lock) return new FenceMismatchError(subject, held.lock, seen.lock);
  if (seen.token > held.token) return new StaleTokenError(subject, held.lock, held.token, seen.token);
  return undefined;
}
