/**
 * Time as an option: everything in this library that waits or looks at a clock does so through one of these, so that a
 * simulation can run a day in a second and a test never sleeps.
 */
import { onAbort } from './aborts.js';

/** A source of time. */
export interface Clock {
  /** Wall-clock time in epoch milliseconds. May step; used for labels and expiry only. */
  now(): number;
  /** Milliseconds from some fixed point; never steps back. Used for durations. */
  monotonicMs(): number;
  /**
   * Resolves after `ms` milliseconds. Rejects with `signal.reason` as soon as `signal` aborts, and leaves no timer.
   * With `background: true` the timer does not keep the process alive.
   */
  sleep(
    ms: number,
    options?: { readonly signal?: AbortSignal | undefined; readonly background?: boolean },
  ): Promise<void>;
  /**
   * Told of work on other threads, such as compression; passes its result on. A clock whose time is made lets it stand still
   * meanwhile; one that just goes needs none of this.
   */
  elsewhere?<Result>(work: Promise<Result>): Promise<Result>;
}

const timerMsMax = 2 ** 31 - 1;

/** The process's own clocks and timers. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep(ms, options = {}) {
    const { signal, background = false } = options;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      let timer: NodeJS.Timeout;
      const leave =
        signal &&
        onAbort(signal, () => {
          clearTimeout(timer);
          reject(signal.reason);
        });
      const wait = (leftMs: number) => {
        // Node's timers take no more, and fire at once instead.
        const stepMs = Math.min(leftMs, timerMsMax);
        timer = setTimeout(() => {
          if (leftMs > stepMs) return wait(leftMs - stepMs);
          leave?.();
          resolve();
        }, stepMs);
        if (background) timer.unref();
      };
      wait(ms);
    });
  },
};
