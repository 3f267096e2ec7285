/** A pause that can be ended by whoever knows that there is something to do. */
import { type Clock, unlessAborted } from '../../engine/index.js';

export class Bell {
  readonly #clock: Clock;
  #isRung = false;
  #wake = (): void => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Ends the pause, or the next one before it begins. */
  ring(): void {
    this.#isRung = true;
    this.#wake();
  }

  /** Pauses for so long, or until it is rung alone. @throws `signal.reason` */
  async pause(ms: number | undefined, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const over = new AbortController();
    const rung = new Promise<void>((wake) => {
      this.#wake = wake;
      if (this.#isRung) wake();
    });
    const waits = [rung, ...(ms === undefined ? [] : [this.#clock.sleep(ms, { signal: over.signal })])];
    for (const wait of waits) wait.catch(() => {});
    try {
      await unlessAborted(Promise.race(waits), signal);
    } finally {
      this.#isRung = false;
      over.abort();
    }
  }
}
