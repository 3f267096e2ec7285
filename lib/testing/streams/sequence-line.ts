/**
 * The sequence numbers of one lineage of shards: they grow, with gaps, over 21 to 40 digits, and some lines pass from one length to the
 * next, so that who compares them as text or as numbers is found out. Lines overlap and know nothing of each other, but no number
 * comes twice: the last three digits are the line's own.
 */
import type { Draws } from './draws.js';

const lowDigits = 15;
const lowMax = 10 ** lowDigits;
const step = 1_000;

export class SequenceLine {
  #high: bigint;
  #highText: string;
  #low: number;
  readonly #draws: Draws;

  constructor(draws: Draws, start: { readonly high: bigint; readonly low: number }) {
    this.#draws = draws;
    this.#high = start.high;
    this.#highText = String(start.high);
    this.#low = start.low;
  }

  /** A line with a place of its own, but for its last digits: somewhere, or soon before the numbers get longer. */
  static root(draws: Draws, own: number): SequenceLine {
    const digits = 6 + draws.int(19);
    const high = draws.chance(0.3) ? 10n ** BigInt(digits) - 1n : 10n ** BigInt(digits - 1) + BigInt(draws.int(10));
    const low = lowMax - step * (1 + draws.int(3_000)) + (own % step);
    return new SequenceLine(draws, { high, low });
  }

  /** A line that goes on from here, with last digits of its own. */
  fork(own: number): SequenceLine {
    const low = this.#low - (this.#low % step) + step + (own % step);
    return new SequenceLine(this.#draws, { high: this.#high, low });
  }

  /** The next number. Most follow at once. */
  next(): string {
    this.#low += step * (this.#draws.chance(0.2) ? 1 + this.#draws.int(50) : 1);
    if (this.#low >= lowMax) {
      this.#low -= lowMax;
      this.#high += 1n;
      this.#highText = String(this.#high);
    }
    return this.#highText + String(this.#low).padStart(lowDigits, '0');
  }
}

/** Orders two numbers of one lineage; none has leading zeros. */
export function compareSequences(left: string, right: string): number {
  if (left.length !== right.length) return left.length - right.length;
  return left < right ? -1 : left > right ? 1 : 0;
}
