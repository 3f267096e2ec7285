/**
 * Events of many streams gathered into windows, which are applied one after the other: what one document gets of a window is one write,
 * whatever streams it comes from.
 *
 *   stream a ──┐
 *   stream b ──┴─► window, as it fills ─► window before is applied ─► applied      each stream's events in order, over all windows
 */
import type { RecordedEvent } from '../event.js';

/** Events that are applied together, at most, unless one commit has more; and bytes of their text. */
const windowEventsMax = 5_000;
const windowBytesMax: number = 4 * 1_024 * 1_024;

/** Applies events; returns the streams that were left where they have an event that can't be applied. */
export type ApplyWindow = (events: readonly RecordedEvent[]) => Promise<Iterable<string>>;

export class Windows {
  readonly #apply: ApplyWindow;
  /** Streams of which nothing more is to be applied. */
  readonly #left = new Set<string>();
  #events: RecordedEvent[] = [];
  #bytes = 0;
  #applying: Promise<void> = Promise.resolve();

  constructor(apply: ApplyWindow) {
    this.#apply = apply;
  }

  /** Takes the next events of a stream. @returns whether more of them are wanted. */
  async add(stream: string, events: readonly RecordedEvent[], bytes: number): Promise<boolean> {
    for (const event of events) this.#events.push(event);
    this.#bytes += bytes;
    if (this.#events.length >= windowEventsMax || this.#bytes >= windowBytesMax) await this.end();
    return !this.#left.has(stream);
  }

  /** Applies what is there. */
  end(): Promise<void> {
    const events = this.#events;
    this.#events = [];
    this.#bytes = 0;
    // One that failed lets none behind it through.
    this.#applying = this.#applying.then(async () => {
      const wanted = events.filter(({ stream }) => !this.#left.has(stream));
      if (wanted.length > 0) for (const stream of await this.#apply(wanted)) this.#left.add(stream);
    });
    this.#applying.catch(() => {});
    return this.#applying;
  }
}
