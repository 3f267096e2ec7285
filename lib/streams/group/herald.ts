/** Tells all members that leases have changed hands: once for all that changed while it was telling. */
import type { Clock } from '../../engine/index.js';
import type { GroupItems } from './group-items.js';

const againMs = 500;
/** After that the look of every half minute has to do. */
const triesMax = 20;

export class Herald {
  readonly #items: GroupItems;
  readonly #clock: Clock;
  readonly #onTrouble: (error: unknown) => void;
  #isDue = false;
  #telling: Promise<void> | undefined;

  constructor(items: GroupItems, clock: Clock, onTrouble: (error: unknown) => void) {
    this.#items = items;
    this.#clock = clock;
    this.#onTrouble = onTrouble;
  }

  /** Something has changed. Never rejects. @cost 1 write */
  tell(): Promise<void> {
    this.#isDue = true;
    this.#telling ??= this.#tellAll().finally(() => {
      this.#telling = undefined;
    });
    return this.#telling;
  }

  async #tellAll(): Promise<void> {
    // What changes in the same moment goes along.
    await Promise.resolve();
    for (let tries = 0; this.#isDue && tries < triesMax; ) {
      this.#isDue = false;
      try {
        await this.#items.raise();
      } catch (error) {
        this.#isDue = true;
        tries += 1;
        this.#onTrouble(error);
        await this.#clock.sleep(againMs, { background: true });
      }
    }
  }
}
