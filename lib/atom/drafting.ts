/** A draft under way, which may not be wanted any more before it is ready. */
import type { DraftOptions } from './writer.js';

export class Drafting implements DraftOptions {
  #stop: AbortController | undefined;
  #isOver = false;

  /** Made when it is asked for, which most drafts never do. */
  get signal(): AbortSignal {
    if (this.#stop === undefined) {
      this.#stop = new AbortController();
      if (this.#isOver) this.#stop.abort();
    }
    return this.#stop.signal;
  }

  /** Somebody whose step is in it has left. */
  giveUp(): void {
    this.#isOver = true;
    this.#stop?.abort();
  }
}
