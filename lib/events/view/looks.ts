/** Looks at the log, one after the other: after a pause, or as soon as somebody asks for one. */
import type { Clock } from '../../engine/index.js';
import { Bell } from './bell.js';
import type { Helm } from './projection.js';

export class Looks {
  /** What the pauses between looks wait for. */
  readonly bell: Bell;
  #asked: (() => void)[] = [];

  constructor(clock: Clock) {
    this.bell = new Bell(clock);
  }

  /** Asks for a look that begins after this call. Resolves when it has ended. */
  ask(): Promise<void> {
    return new Promise((done) => {
      this.#asked.push(done);
      this.bell.ring();
    });
  }

  /** Looks until nobody has asked for another one meanwhile. @returns what the last one came to. */
  async take<T>(helm: Helm, look: () => Promise<T>): Promise<T> {
    for (;;) {
      const asked = this.#asked;
      this.#asked = [];
      const found = await helm.steadily(look);
      helm.caughtUp();
      for (const done of asked) done();
      if (this.#asked.length === 0) return found;
    }
  }
}
