import { LeydenError } from '../../errors.js';

/** What is told of an item of permits. */
interface PermitFacts {
  readonly kind: 'semaphore' | 'rw-lock';
  readonly max: number;
  readonly used: number;
  readonly count: number;
  readonly queue: readonly { readonly nonce: string }[];
}

/** `ERR_PERMIT_TIMEOUT`: the wait was over before it was granted. Nothing is held, and no ticket is left behind. */
export class PermitTimeoutError extends LeydenError {
  readonly waitMs: number;
  /** Permits that were in use when it was looked at last, of how many, and by how many holders. */
  readonly used: number;
  readonly permits: number;
  readonly holders: number;
  /** How many waited before this call; `undefined`: there was no room for a ticket. */
  readonly ahead: number | undefined;

  constructor(subject: string, waitMs: number, facts: PermitFacts, nonce: string, cause: unknown) {
    const { used, max, count, queue } = facts;
    const place = queue.findIndex((ticket) => ticket.nonce === nonce);
    const ahead = place < 0 ? undefined : place;
    const others = ahead === undefined ? '' : `, ${ahead} waited before this call`;
    super(
      'ERR_PERMIT_TIMEOUT',
      `Cannot acquire ${subject}: waitMs ${waitMs} passed; ${inUse(facts)}${others}; wait longer, or see what its holders do`,
      { outcome: 'not-done', retryable: true, cause },
    );
    this.waitMs = waitMs;
    this.used = used;
    this.permits = max;
    this.holders = count;
    this.ahead = ahead;
  }
}

function inUse({ kind, used, max, count }: PermitFacts): string {
  if (kind === 'semaphore') return `${used} of ${max} permits were in use by ${count} holders`;
  return used === max && count === 1 ? 'a writer held it' : `${count} readers held it`;
}

/**
 * `ERR_SEMAPHORE_FULL`: permits are free, but as many calls hold some as one item has room for. Nothing was written; somebody has to
 * release first.
 */
export class SemaphoreFullError extends LeydenError {
  readonly key: string;
  readonly holders: number;

  constructor(key: string, holders: number) {
    super(
      'ERR_SEMAPHORE_FULL',
      `Cannot acquire permits of atom ${key}: ${holders} calls hold some, and its item has no room for more; ` +
        'take more permits in fewer calls, or share the work out among several semaphores',
      { outcome: 'not-done', retryable: true },
    );
    this.key = key;
    this.holders = holders;
  }
}
