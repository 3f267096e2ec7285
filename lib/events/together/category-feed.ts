/**
 * What comes to be in an ordered category, for ever, from a position on.
 *
 *   head of the category ─► events up to it ─► caught up ─► pause (20 ms, twice as long each time that nothing has come, up to 1 s)
 *            ▲                                                │
 *            └────────────────────────────────────────────────┘ nudge() ends the pause
 *
 * One strong read for each look. Nothing is skipped, as positions are dense, and nothing comes twice.
 */
import type { Clock } from '../../engine/index.js';
import { onAbort } from '../../engine/index.js';
import type { EventInput } from '../event.js';
import { type CategoryPlace, type PlacedEvent, readCategory } from './read-category.js';

/** Options of {@link CategoryFeed}. */
export interface FeedOptions {
  /** Position of the first event that is wanted. @defaultValue 1 */
  readonly from?: number | undefined;
  /** Told each time that everything up to `position` was given, and there was no more. */
  readonly onCaughtUp?: ((at: { readonly position: number }) => void) | undefined;
  /** Ends the loop with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Pauses between two looks. */
const pauseMsMin = 20;
const pauseMsMax = 1_000;

/** Events of a category, in order, as they come. One loop; begin another feed for another. */
export class CategoryFeed<E extends EventInput = EventInput> implements AsyncIterable<PlacedEvent<E>> {
  readonly #place: CategoryPlace;
  readonly #options: FeedOptions;
  readonly #clock: Clock;
  /** Ends the loop without an error. */
  readonly #ends: AbortSignal;
  #isNudged = false;
  #wake: (() => void) | undefined;
  #next: number;

  constructor(place: CategoryPlace, options: FeedOptions, clock: Clock, ends: AbortSignal) {
    this.#place = place;
    this.#options = options;
    this.#clock = clock;
    this.#ends = ends;
    this.#next = Math.max(options.from ?? 1, 1);
  }

  /** Position of the last event that was given; 0 before the first. To go on later, begin with the one after it. */
  get position(): number {
    return this.#next - 1;
  }

  /** Looks at once: somebody knows that something has come. */
  nudge(): void {
    this.#isNudged = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<PlacedEvent<E>, void, undefined> {
    const { signal, onCaughtUp } = this.#options;
    const { journal } = this.#place;
    let pauseMs = pauseMsMin;
    while (!this.#ends.aborted) {
      signal?.throwIfAborted();
      this.#isNudged = false;
      const image = await journal.readHead(signal);
      if (image !== undefined && image.seq >= this.#next) {
        for await (const events of readCategory(this.#place, image, this.#next)) {
          for (const event of events) {
            if (this.#ends.aborted) return;
            this.#next = event.position + 1;
            yield event as PlacedEvent<E>;
          }
        }
        // What was deleted has a position, and is not given.
        this.#next = image.seq + 1;
        pauseMs = pauseMsMin;
      }
      onCaughtUp?.({ position: this.position });
      await this.#pause(pauseMs);
      pauseMs = Math.min(pauseMsMax, 2 * pauseMs);
    }
  }

  async #pause(ms: number): Promise<void> {
    const { signal } = this.#options;
    if (this.#isNudged || this.#ends.aborted) return;
    const wake = new AbortController();
    const unlisten = [this.#ends, ...(signal === undefined ? [] : [signal])].map((one) =>
      onAbort(one, () => wake.abort()),
    );
    this.#wake = () => wake.abort();
    try {
      await this.#clock.sleep(ms, { signal: wake.signal });
    } catch {
      // Woken. Why is looked at where it goes on.
    } finally {
      this.#wake = undefined;
      for (const stop of unlisten) stop();
    }
    signal?.throwIfAborted();
  }
}
