import type { Clock } from '../../engine/index.js';

/** Shortest and longest pause between two looks, in milliseconds. */
const pauseMsMin = 50;
const pauseMsMax = 1_000;
/** Pause by the time for which nothing has happened. */
const patience = 0.25;

/**
 * The looks of whoever is next in line: the first after 50 ms, then at pauses of a quarter of the time that was waited already, up to a
 * second. So a hand-over is late by at most a quarter of what the holder took, and the looks grow with the logarithm of that time.
 * Those further behind do without: a watch tells them in time for theirs.
 */
export class NextLooks {
  readonly #clock: Clock;
  readonly #look: () => Promise<unknown>;
  #end: AbortController | undefined;

  constructor(clock: Clock, look: () => Promise<unknown>) {
    this.#clock = clock;
    this.#look = look;
  }

  /** Something has happened; from now on it is next in line, or it is not. */
  begin(isNext: boolean): void {
    this.#end?.abort();
    this.#end = undefined;
    if (!isNext) return;
    this.#end = new AbortController();
    void this.#run(this.#end.signal);
  }

  end(): void {
    this.begin(false);
  }

  async #run(signal: AbortSignal): Promise<void> {
    const since = this.#clock.monotonicMs();
    while (!signal.aborted) {
      const waitedMs = this.#clock.monotonicMs() - since;
      const pauseMs = Math.min(Math.max(patience * waitedMs, pauseMsMin), pauseMsMax);
      try {
        await this.#clock.sleep(pauseMs, { signal, background: true });
        await this.#look();
      } catch {
        // The sleep was called off; or a look failed, and the watch beside it tells of what goes wrong.
      }
    }
  }
}
