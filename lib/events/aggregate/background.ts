/**
 * Work of a store that nobody waits for: snapshots. Failures are told, not thrown. It begins outside of whatever it was begun in, which
 * may be a function that swaps an atom.
 */
import { AsyncResource } from 'node:async_hooks';

export class Background {
  readonly #outside = new AsyncResource('EventStoreBackground');
  readonly #onWarning: (warning: unknown) => void;
  readonly #works = new Set<Promise<void>>();

  constructor(onWarning: (warning: unknown) => void) {
    this.#onWarning = onWarning;
  }

  /** Works outside of whatever this is called in. */
  outside<T>(work: () => Promise<T>): Promise<T> {
    return this.#outside.runInAsyncScope(() => Promise.resolve().then(work));
  }

  begin(work: () => Promise<void>): void {
    const started = this.outside(work);
    const done = started.catch(this.#onWarning).finally(() => this.#works.delete(done));
    this.#works.add(done);
  }

  /** Waits until nothing is under way. */
  async settled(): Promise<void> {
    while (this.#works.size > 0) await Promise.all(this.#works);
  }
}
