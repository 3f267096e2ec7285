/**
 * Random numbers as an option: everything in this library that jitters or picks takes one of these, so that a run with a
 * seed is the same run each time.
 *
 * The seeded generator is sfc32 (C. Doty-Humphrey's "small fast counting"), started by splitmix32 of the seed. It is for
 * simulations and jitter, never for secrets or ids.
 */

/** A source of random numbers. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** A whole number in [0, `bound`). */
  int(bound: number): number;
}

/** The process's own randomness. */
export const systemRandom: Random = fromNext(Math.random);

/**
 * A generator that gives the same numbers for the same seed on every machine.
 *
 * @example
 * ```ts
 * import { seededRandom } from 'leyden-jar/engine';
 * console.log(seededRandom(1).int(6) === seededRandom(1).int(6)); // true
 * ```
 */
export function seededRandom(seed: number): Random {
  let mix = seed | 0;
  const spread = (): number => {
    mix = (mix + 0x9e3779b9) | 0;
    let z = mix ^ (mix >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return z ^ (z >>> 15);
  };
  let a = spread();
  let b = spread();
  let c = spread();
  let counter = 1;
  const next = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 4_294_967_296;
  };
  for (let round = 0; round < 12; round += 1) next();
  return fromNext(next);
}

function fromNext(next: () => number): Random {
  return {
    next,
    int(bound) {
      if (!Number.isSafeInteger(bound) || bound < 1) {
        throw new RangeError(`Cannot pick a number: bound must be a positive integer: ${bound}`);
      }
      return Math.floor(next() * bound);
    },
  };
}
