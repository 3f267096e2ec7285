/** One timer for the earliest of many deadlines. Set it as often as you like; it sleeps on the injected clock. */
import type { Clock } from './clock.js';
import { after } from './timer.js';

export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #at = Number.POSITIVE_INFINITY;
  #callOff: (() => void) | undefined;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Rings at `at` (monotonic milliseconds), unless it is set to ring earlier. */
  set(at: number): void {
    if (at >= this.#at || at === Number.POSITIVE_INFINITY) return;
    this.clear();
    this.#at = at;
    this.#callOff = after(this.#clock, Math.max(0, Math.ceil(at - this.#clock.monotonicMs())), () => {
      this.#at = Number.POSITIVE_INFINITY;
      this.#callOff = undefined;
      this.#ring();
    });
  }

  clear(): void {
    this.#callOff?.();
    this.#callOff = undefined;
    this.#at = Number.POSITIVE_INFINITY;
  }
}
