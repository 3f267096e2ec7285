import { LeydenError } from '../../errors.js';
import { type LockState, standingOf } from './lock-state.js';

/** Who holds a lock, as far as its item tells. */
export interface Holder {
  /** The fencing token of the grant. */
  readonly token: bigint;
  readonly session: string;
  readonly host: string;
  readonly pid: number;
  readonly purpose: string | undefined;
  /** Epoch milliseconds, by the wall clock of whoever granted it. */
  readonly grantedAt: number;
  /** How many wait for it with a ticket. */
  readonly waiting: number;
}

export function holderOf({ owner, fence, queue }: LockState): Holder | undefined {
  if (owner === null) return undefined;
  const { session, host, pid, purpose, grantedAt } = owner;
  return { token: BigInt(fence), session, host, pid, purpose, grantedAt, waiting: queue.length };
}

/** `ERR_LOCK_TIMEOUT`: the wait was over before it was granted. It is not held, and no ticket is left behind. */
export class LockTimeoutError extends LeydenError {
  readonly waitMs: number;
  /** Who held it when it was seen last. */
  readonly holder: Holder | undefined;
  /** How many waited before this call; `undefined`: there was no room for a ticket. */
  readonly ahead: number | undefined;

  constructor(subject: string, waitMs: number, state: LockState | undefined, nonce: string, cause: unknown) {
    const holder = state && holderOf(state);
    const place = state?.queue.findIndex((claim) => claim.nonce === nonce) ?? -1;
    const ahead = state !== undefined && standingOf(state, nonce) === 'waiting' ? place : undefined;
    const by = holder && `held by process ${holder.pid} on ${holder.host} under token ${holder.token}`;
    const others = ahead === undefined ? '' : `, ${ahead} waited before this call`;
    super(
      'ERR_LOCK_TIMEOUT',
      `Cannot acquire ${subject}: waitMs ${waitMs} passed; ${by ?? 'nobody was seen to hold it'}${others}; wait longer, or see what its holder does`,
      { outcome: 'not-done', retryable: true, cause },
    );
    this.waitMs = waitMs;
    this.holder = holder;
    this.ahead = ahead;
  }
}

/** `ERR_LOCK_REENTRANT`: a lock was asked for inside its own `withLock`, and would have waited for itself for ever. Nothing was done. */
export class ReentrantLockError extends LeydenError {
  constructor(subject: string) {
    super(
      'ERR_LOCK_REENTRANT',
      `Cannot acquire ${subject}: called inside a withLock of this very lock; use the grant that the function was given, or open the lock with reentrant: true`,
      { outcome: 'not-done', retryable: false },
    );
  }
}
