/** One timer for the earliest of many deadlines. Set it as often as you like; it sleeps on the injected clock. */
import type { Clock } from './clock.js';
import { after } from './timer.js';

export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  readonly #background: boolean;
  #at = Number.POSITIVE_INFINITY;
  #callOff: (() => void) | undefined;

  /** With `background` it does not keep the process alive. */
  constructor(clock: Clock, ring: () => void, background = false) {
    this.#clock = clock;
    this.#ring = ring;
    this.#background = background;
  }

  /** Rings at `at` (monotonic milliseconds), unless it is set to ring earlier. */
  set(at: number): void {
    if (at >= this.#at || at === Number.POSITIVE_INFINITY) return;
    this.clear();
    this.#at = at;
    const ring = () => {
      this.#at = Number.POSITIVE_INFINITY;
      this.#callOff = undefined;
      this.#ring();
    };
    this.#callOff = after(this.#clock, Math.max(0, Math.ceil(at - this.#clock.monotonicMs())), ring, this.#background);
  }

  clear(): void {
    this.#callOff?.();
    this.#callOff = undefined;
    this.#at = Number.POSITIVE_INFINITY;
  }
}
