/**
 * When a member looks: with each beat, at the moment at which somebody could be found silent, and more often for a while when shards are on
 * their way to it or from it. One look at a time; who asks meanwhile is given another one after it.
 */
import { Alarm, type Clock } from '../../engine/index.js';

/** While shards are on their way, looks come so many times a beat; and for so many beats after the last change at most. */
const hasteFactor = 4;
const hasteBeats = 8;

export interface LooksGround {
  readonly clock: Clock;
  readonly beatMs: number;
  /** Looks. */
  once(): Promise<void>;
  /** When a look could find somebody silent; `undefined`: there are to be no looks now. */
  nextMs(): number | undefined;
  onTrouble(error: unknown): void;
}

export class Looks {
  readonly #ground: LooksGround;
  readonly #alarm: Alarm;
  #looking: Promise<void> | undefined;
  #looksAgain = false;
  #hasteUntilMs = Number.NEGATIVE_INFINITY;

  constructor(ground: LooksGround) {
    this.#ground = ground;
    this.#alarm = new Alarm(ground.clock, () => this.look(), true);
  }

  /** Looks; once more if it is looking already. */
  look(): void {
    if (this.#looking !== undefined) {
      this.#looksAgain = true;
      return;
    }
    this.#looksAgain = false;
    this.#looking = this.#ground
      .once()
      .catch((error: unknown) => this.#ground.onTrouble(error))
      .finally(() => {
        this.#looking = undefined;
        if (this.#looksAgain) this.look();
        else this.#schedule();
      });
  }

  /** Looks more often for a while. */
  hurry(): void {
    const { clock, beatMs } = this.#ground;
    this.#hasteUntilMs = clock.monotonicMs() + hasteBeats * beatMs;
    if (this.#looking === undefined) this.#schedule();
  }

  /** No more looks by itself. */
  rest(): void {
    this.#alarm.clear();
  }

  #schedule(): void {
    const { clock, beatMs, nextMs } = this.#ground;
    this.#alarm.clear();
    const next = nextMs();
    if (next === undefined) return;
    const now = clock.monotonicMs();
    if (now < this.#hasteUntilMs) this.#alarm.set(now + beatMs / hasteFactor);
    // Who was due and was not found silent is asked after with the next beat, at the latest.
    this.#alarm.set(next > now ? next : now + beatMs / hasteFactor);
  }
}
