import { LeydenError } from '../../errors.js';

/** When more can be had. */
export interface RateRefusal {
  /** Tokens that are left. */
  readonly remaining: number;
  /** When all are there again, in epoch milliseconds by the own clock. */
  readonly resetAt: number;
  /** How long until what was asked for can be had, if nobody else comes. */
  readonly retryAfterMs: number;
}

/** `ERR_RATE_LIMITED`: the tokens would not be there within `waitMs`. None were taken. */
export class RateLimitedError extends LeydenError implements RateRefusal {
  readonly key: string;
  readonly remaining: number;
  readonly resetAt: number;
  readonly retryAfterMs: number;

  constructor(key: string, tokens: number, waitMs: number, { remaining, resetAt, retryAfterMs }: RateRefusal) {
    super(
      'ERR_RATE_LIMITED',
      `Cannot take ${tokens} of ${key}: they can be had in ${retryAfterMs} ms at the earliest, which is past waitMs ${waitMs}; come back then`,
      { outcome: 'not-done', retryable: true },
    );
    this.key = key;
    this.remaining = remaining;
    this.resetAt = resetAt;
    this.retryAfterMs = retryAfterMs;
  }
}
