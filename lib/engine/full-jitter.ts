/** How long to wait before asking again: between nothing and a ceiling that doubles ("Exponential Backoff And Jitter", AWS Architecture Blog). */
import type { Random } from './random.js';

/** The first ceiling, and the highest. */
export interface Ceilings {
  readonly leastMs: number;
  readonly mostMs: number;
}

/** Doublings after which the highest ceiling is reached, whatever it is; more would only be a larger number. */
const doublingsMax = 30;

/** The pause after so many earlier pauses, in milliseconds. */
export function fullJitterMs(random: Random, { leastMs, mostMs }: Ceilings, pauses: number): number {
  return random.next() * Math.min(mostMs, leastMs * 2 ** Math.min(pauses, doublingsMax));
}
