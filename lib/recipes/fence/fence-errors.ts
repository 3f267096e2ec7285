import { LeydenError } from '../../errors.js';

/** `ERR_STALE_TOKEN`: a later holder has written since. Nothing was written, and nothing ever will be under this token. */
export class StaleTokenError extends LeydenError {
  /** What the tokens are of, as it stands in the item: `lock:invoices`. */
  readonly lock: string;
  /** The token of the call. */
  readonly held: bigint;
  /** The newest token that the resource has seen. */
  readonly seen: bigint;

  constructor(subject: string, lock: string, held: bigint, seen: bigint) {
    super(
      'ERR_STALE_TOKEN',
      `Cannot write ${subject}: token ${held} of ${lock} is older than token ${seen}, under which another holder has written; ` +
        'stop what depends on it, and acquire it again',
      { outcome: 'not-done', retryable: false },
    );
    this.lock = lock;
    this.held = held;
    this.seen = seen;
  }
}

/** `ERR_FENCE_MISMATCH`: the resource takes tokens of one lock, the call came with one of another. Nothing was written. */
export class FenceMismatchError extends LeydenError {
  /** What the token of the call is of. */
  readonly held: string;
  /** What the resource takes tokens of. */
  readonly seen: string;

  constructor(subject: string, held: string, seen: string) {
    super(
      'ERR_FENCE_MISMATCH',
      `Cannot write ${subject}: it takes tokens of ${seen}, this one is of ${held}, and tokens of two locks tell nothing of each ` +
        `other; hold ${seen} for it, or keep what ${held} protects elsewhere`,
      { outcome: 'not-done', retryable: false },
    );
    this.held = held;
    this.seen = seen;
  }
}
