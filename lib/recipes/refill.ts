/**
 * Something that is taken from memory, and fetched for all who wait by one of them when there is nothing left.
 *
 *   caller 1   take: nothing -> fetch ------------------> take
 *   caller 2        take: nothing -> waits for it ------> take, or fetches in its turn
 *
 * A fetch that fails is the failure of the caller who made it, who had its own deadline and its own signal; the others try themselves.
 */
import { onAbort } from '../engine/index.js';

export class Refill {
  #fetching: Promise<void> | undefined;
  #waiting = 0;

  /**
   * What `take` gives, as soon as it gives something. `fetch` is told how many wait, and returns without anything to take when there
   * is nothing more to be had: then `take` is to say so.
   *
   * @throws What `fetch` throws, or `signal.reason`.
   */
  async until<Taken>(
    take: () => Taken | undefined,
    fetch: (waiting: number) => Promise<void>,
    signal: AbortSignal | undefined,
  ): Promise<Taken> {
    signal?.throwIfAborted();
    this.#waiting += 1;
    try {
      for (;;) {
        const taken = take();
        if (taken !== undefined) return taken;
        if (this.#fetching === undefined) await this.#fetch(fetch);
        else await over(this.#fetching, signal);
      }
    } finally {
      this.#waiting -= 1;
    }
  }

  async #fetch(fetch: (waiting: number) => Promise<void>): Promise<void> {
    const fetching = fetch(this.#waiting);
    this.#fetching = fetching;
    try {
      await fetching;
    } finally {
      this.#fetching = undefined;
    }
  }
}

/** Waits until it has ended, however it ended. @throws `signal.reason` */
function over(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  const ended = work.catch(() => {});
  if (signal === undefined) return ended;
  return new Promise((resolve, reject) => {
    const leave = onAbort(signal, () => reject(signal.reason));
    void ended.then(() => {
      leave();
      resolve();
    });
  });
}
