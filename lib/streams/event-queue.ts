/**
 * What is told to listeners that iterate. Nobody ever waits for them: who listens too slowly loses the oldest events, and is told how
 * many.
 */
export interface Lost {
  readonly type: 'events-lost';
  readonly count: number;
}

/** Events kept for one listener. */
const keptMax = 1_000;

/** The listeners of one source. */
export class EventQueues<Event> {
  readonly #listeners = new Set<Listener<Event>>();
  #isClosed = false;

  tell(event: Event): void {
    for (const listener of this.#listeners) listener.push(event);
  }

  /** Events from now on, to the end of the source or of the loop. */
  listen(): AsyncIterableIterator<Event | Lost> {
    const listener = new Listener<Event>((gone) => this.#listeners.delete(gone));
    if (this.#isClosed) listener.end();
    else this.#listeners.add(listener);
    return listener;
  }

  close(): void {
    this.#isClosed = true;
    for (const listener of this.#listeners) listener.end();
    this.#listeners.clear();
  }
}

class Listener<Event> implements AsyncIterableIterator<Event | Lost> {
  readonly #leave: (gone: Listener<Event>) => void;
  #kept: Event[] = [];
  #lost = 0;
  #isEnded = false;
  #wake: (() => void) | undefined;

  constructor(leave: (gone: Listener<Event>) => void) {
    this.#leave = leave;
  }

  push(event: Event): void {
    this.#kept.push(event);
    if (this.#kept.length > keptMax) {
      this.#kept = this.#kept.slice(keptMax / 2);
      this.#lost += keptMax / 2;
    }
    this.#wake?.();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake?.();
  }

  async next(): Promise<IteratorResult<Event | Lost>> {
    for (;;) {
      if (this.#lost > 0) {
        const count = this.#lost;
        this.#lost = 0;
        return { done: false, value: { type: 'events-lost', count } };
      }
      const event = this.#kept.shift();
      if (event !== undefined) return { done: false, value: event };
      if (this.#isEnded) return { done: true, value: undefined };
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  async return(): Promise<IteratorResult<Event | Lost>> {
    this.#leave(this);
    this.#kept = [];
    this.end();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
