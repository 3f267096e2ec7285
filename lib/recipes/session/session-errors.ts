import { LeydenError, type Outcome } from '../../errors.js';

/**
 * Why something that was held is no longer: `silent`: no renewal was acknowledged in time, by this process's own clocks; `expired`:
 * others saw no renewal for a whole lease; `taken`: it was released by force, or removed.
 */
export type LostReason = 'silent' | 'expired' | 'taken';

const reasons: Readonly<Record<LostReason, string>> = {
  silent: 'no renewal was acknowledged in time',
  expired: 'others saw no renewal for a whole lease',
  taken: 'it was released by force or removed',
};

/** What is told of a loss. */
export interface LostFacts {
  readonly reason: LostReason;
  readonly session: string;
  readonly leaseMs: number;
  readonly token?: bigint | undefined;
  readonly cause?: unknown;
  /**
   * `unknown` when something was done under it that has ended by now.
   * @defaultValue 'not-done'
   */
  readonly outcome?: Outcome;
}

/**
 * `ERR_LEASE_LOST`: what was held may be held by somebody else by now. Stop; writes that carry the fencing token are refused where the
 * resource checks it.
 */
export class LeaseLostError extends LeydenError {
  readonly reason: LostReason;
  readonly session: string;
  readonly leaseMs: number;
  /** The fencing token that was held, where there is one. */
  readonly token: bigint | undefined;

  constructor(subject: string, { reason, session, leaseMs, token, cause, outcome = 'not-done' }: LostFacts) {
    super(
      'ERR_LEASE_LOST',
      `Cannot rely on ${subject}: ${reasons[reason]} (leaseMs ${leaseMs}, session ${session}); stop what depends on it, and acquire it again`,
      { outcome, retryable: outcome === 'not-done', cause },
    );
    this.reason = reason;
    this.session = session;
    this.leaseMs = leaseMs;
    this.token = token;
  }
}

/** The loss of a lease as what it means for `subject`, which hung on it; any other end is itself. */
export function lossOf(
  end: Error,
  subject: string,
  facts: { readonly token: bigint; readonly outcome?: Outcome },
): Error {
  if (!(end instanceof LeaseLostError)) return end;
  const { reason, session, leaseMs } = end;
  return new LeaseLostError(subject, { reason, session, leaseMs, ...facts, cause: end.cause ?? end });
}

/** `ERR_SESSION_CLOSED`: the session was closed by this process. Nothing was done. */
export class SessionClosedError extends LeydenError {
  constructor(action: string) {
    super('ERR_SESSION_CLOSED', `Cannot ${action}: its session was closed; open another one`, {
      outcome: 'not-done',
      retryable: false,
    });
  }
}
