/** The draws of a simulation. Each kind of question has a generator of its own, so that one switch does not change all else. */
import { type Random, seededRandom } from '../../engine/index.js';
import type { Range } from './caprices.js';

/** Draws from one seed. */
export class Draws {
  readonly #random: Random;

  constructor(seed: number, kind: number) {
    this.#random = seededRandom(Math.imul(seed | 0, 31) + kind);
  }

  /** `true` with this chance; a chance of 0 draws nothing. */
  chance(chance: number): boolean {
    return chance > 0 && this.#random.next() < chance;
  }

  /** Some of a range; an empty range draws nothing. */
  within([from, to]: Range): number {
    return to > from ? from + this.#random.next() * (to - from) : from;
  }

  int(bound: number): number {
    return this.#random.int(bound);
  }

  hex(digits: number): string {
    let text = '';
    while (text.length < digits)
      text += this.#random
        .int(2 ** 32)
        .toString(16)
        .padStart(8, '0');
    return text.slice(0, digits);
  }
}
