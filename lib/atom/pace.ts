/**
 * How long one request takes, and how long to wait for an answer before the same bytes are sent again.
 *
 * Jacobson's estimator as in RFC 6298: smoothed round trip, smoothed deviation, time-out = srtt + 4 x rttvar, doubled after
 * each time-out and forgotten at the next answer. Resending is safe whatever this says (same bytes, same token); the
 * estimate trades waiting against extra requests only. One per table.
 */

const smoothing = 1 / 8;
const deviationSmoothing = 1 / 4;

export class Pace {
  readonly #timeoutMsMin: number;
  readonly #timeoutMsMax: number;
  #roundTripMs: number | undefined;
  #deviationMs = 0;
  #timeoutsInARow = 0;

  constructor(timeoutMsMin: number, timeoutMsMax: number) {
    this.#timeoutMsMin = Math.min(timeoutMsMin, timeoutMsMax);
    this.#timeoutMsMax = timeoutMsMax;
  }

  /** Smoothed round trip; a guess of 5 ms before the first answer. */
  get roundTripMs(): number {
    return this.#roundTripMs ?? 5;
  }

  /** How long to wait for the next answer. */
  get attemptTimeoutMs(): number {
    if (this.#roundTripMs === undefined) return this.#timeoutMsMax;
    const estimate = Math.max(this.#timeoutMsMin, this.#roundTripMs + 4 * this.#deviationMs);
    return Math.min(this.#timeoutMsMax, estimate * 2 ** Math.min(this.#timeoutsInARow, 10));
  }

  /** An answer came after this long, to a request that was sent once. */
  answered(elapsedMs: number): void {
    this.#timeoutsInARow = 0;
    if (this.#roundTripMs === undefined) {
      this.#roundTripMs = elapsedMs;
      this.#deviationMs = elapsedMs / 2;
      return;
    }
    this.#deviationMs += deviationSmoothing * (Math.abs(elapsedMs - this.#roundTripMs) - this.#deviationMs);
    this.#roundTripMs += smoothing * (elapsedMs - this.#roundTripMs);
  }

  /** No answer came in time. */
  timedOut(): void {
    this.#timeoutsInARow += 1;
  }
}
