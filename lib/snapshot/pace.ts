/**
 * Long computations in slices, so that the process goes on answering while a state of hundreds of megabytes is walked.
 *
 *   slice ─► one turn of the event loop ─► slice ─► …          nobody waits: the turns cost next to nothing
 *   slice ─► a pause of a millisecond or more ─► slice ─► …    somebody waits: a quarter of the time is taken, or less
 *   slice ─► others take long ─► longer slice ─► …             the process is at its limit: an eighth of what they took
 *
 * Slices are short in any case. An answer that takes several turns of the loop waits for a slice at each, and one that comes in from
 * outside can't be foreseen; so a call that takes half a millisecond alone is late by less than one.
 */
import { setImmediate, setTimeout } from 'node:timers/promises';

/** How long to compute before others have their turn. */
export interface PaceOptions {
  /**
   * Milliseconds of one slice; more where others take long.
   * @defaultValue 0.25
   */
  readonly sliceMs?: number | undefined;
  /**
   * Milliseconds that have passed, from anywhere on.
   * @defaultValue `performance.now`
   */
  readonly now?: (() => number) | undefined;
  /**
   * Whether somebody waits for this process. Others have a millisecond for each slice then, and not only one turn.
   * @defaultValue nobody ever
   */
  readonly isBusy?: (() => boolean) | undefined;
  /**
   * Lets others have their turn.
   * @defaultValue one turn of the event loop; a millisecond while `isBusy`
   */
  readonly yieldNow?: ((isBusy: boolean) => Promise<unknown>) | undefined;
}

/** Of the time that others had, what a slice may have: or it would never come to an end beside those who take all they can get. */
const share = 1 / 8;
/** A slice is not longer on that account. */
const shareMsMax = 10;

/** Tells when a slice is over. A slice ends with the step in which its time has run out. */
export class Pace {
  readonly #leastMs: number;
  readonly #now: () => number;
  readonly #isBusy: () => boolean;
  readonly #yieldNow: (isBusy: boolean) => Promise<unknown>;
  /** Of the slice that is going on. */
  #sliceMs: number;
  #since: number;

  constructor({
    sliceMs = 0.25,
    now = () => performance.now(),
    isBusy = () => false,
    yieldNow = (busy) => (busy ? setTimeout(1) : setImmediate()),
  }: PaceOptions = {}) {
    if (!(sliceMs > 0)) throw new RangeError(`Cannot compute in slices of ${sliceMs} ms: sliceMs is more than 0`);
    this.#leastMs = sliceMs;
    this.#sliceMs = sliceMs;
    this.#now = now;
    this.#isBusy = isBusy;
    this.#yieldNow = yieldNow;
    this.#since = now();
  }

  /** Whether the slice is over. */
  isOver(): boolean {
    return this.#now() - this.#since >= this.#sliceMs;
  }

  /** Gives the turn away, and begins the next slice. */
  async rest(): Promise<void> {
    const from = this.#now();
    await this.#yieldNow(this.#isBusy());
    this.#since = this.#now();
    const shareMs = Math.min(shareMsMax, (this.#since - from) * share);
    this.#sliceMs = Math.max(this.#leastMs, shareMs);
  }
}
