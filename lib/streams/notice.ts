/** Says that something has changed, to all who wait to look again. */
import { onAbort } from '../engine/index.js';

export class Notice {
  readonly #waiters = new Set<() => void>();

  /** Something has changed. */
  give(): void {
    for (const look of this.#waiters) look();
  }

  /** Comes back at the next change, or when `signal` aborts. */
  next(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        this.#waiters.delete(look);
        forget?.();
        resolve();
      };
      const forget = signal && onAbort(signal, look);
      this.#waiters.add(look);
    });
  }
}
