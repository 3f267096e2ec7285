/**
 * Long computations in slices, so that the process goes on answering while a state of hundreds of megabytes is walked.
 */
import { setImmediate } from 'node:timers/promises';

/** How long to compute before others have their turn. */
export interface PaceOptions {
  /**
   * Milliseconds of one slice.
   * @defaultValue 20
   */
  readonly sliceMs?: number | undefined;
  /**
   * Milliseconds that have passed, from anywhere on.
   * @defaultValue `performance.now`
   */
  readonly now?: (() => number) | undefined;
  /**
   * Lets others have their turn.
   * @defaultValue one turn of the event loop
   */
  readonly yieldNow?: (() => Promise<unknown>) | undefined;
}

/** Tells when a slice is over. A step between two looks must be far shorter than a slice. */
export class Pace {
  readonly #sliceMs: number;
  readonly #now: () => number;
  readonly #yieldNow: () => Promise<unknown>;
  #since: number;

  constructor({ sliceMs = 20, now = () => performance.now(), yieldNow = () => setImmediate() }: PaceOptions = {}) {
    if (!(sliceMs > 0)) throw new RangeError(`Cannot compute in slices of ${sliceMs} ms: sliceMs is more than 0`);
    this.#sliceMs = sliceMs;
    this.#now = now;
    this.#yieldNow = yieldNow;
    this.#since = now();
  }

  /** Whether the slice is over. */
  isOver(): boolean {
    return this.#now() - this.#since >= this.#sliceMs;
  }

  /** Gives the turn away, and begins the next slice. */
  async rest(): Promise<void> {
    await this.#yieldNow();
    this.#since = this.#now();
  }
}
