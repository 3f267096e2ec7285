import type { ClaimTerms } from '../claims/claims.js';
import { requirePurpose } from '../recipe-item.js';

/** Tickets in an item at most, unless said otherwise: about 150 bytes each. */
const queueMaxDefault = 100;
const queueMaxMax = 1_000;

/** Options of all that is claimed as locks are. */
export interface TicketOptions {
  /**
   * Calls that may wait with a ticket, and so in order; those beyond it wait for room. Each takes about 150 bytes of the item.
   * @defaultValue 100
   */
  readonly queueMax?: number;
  /**
   * Pause between the end of another's session and the take-over of what it held, in milliseconds: time for requests that it had
   * sent before to arrive. Resources that check the fencing token need none.
   * @defaultValue 0
   */
  readonly graceMs?: number;
  /** What it is held for, in your words; stands in the item, for people. At most 256 bytes. */
  readonly purpose?: string;
}

/** Options of {@link Lock}. */
export interface LockOptions extends TicketOptions {
  /**
   * Whether `withLock` may be called inside a `withLock` of the same lock; it then runs under the same grant.
   * @defaultValue false: it throws `ERR_LOCK_REENTRANT`
   */
  readonly reentrant?: boolean;
}

/** @throws TypeError, RangeError for options that are none; `subject` says of what. */
export function claimTermsOf(subject: string, options: TicketOptions): ClaimTerms {
  const { queueMax = queueMaxDefault, graceMs = 0, purpose } = options;
  if (!(Number.isSafeInteger(queueMax) && queueMax >= 0 && queueMax <= queueMaxMax)) {
    throw new RangeError(`Cannot open ${subject}: queueMax must be an integer from 0 to ${queueMaxMax}: ${queueMax}`);
  }
  if (!(Number.isFinite(graceMs) && graceMs >= 0)) {
    throw new RangeError(`Cannot open ${subject}: graceMs must be a number of at least 0: ${graceMs}`);
  }
  requirePurpose(`open ${subject}`, purpose);
  return { queueMax, graceMs, purpose };
}
