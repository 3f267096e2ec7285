/** Ranges of an ordered category that wait to be read, and those of them that are read together. */
import { type PlacedRange, rangeFrom } from './category-line.js';

/** Streams of one window. */
const streamsMax = 64;

/** Ranges that are read together. */
export class Window {
  readonly ranges: PlacedRange[] = [];
  /** Of each stream the first of its ranges, and the last event of its last one. In a category they join on. */
  readonly streams: Map<string, { readonly start: PlacedRange; to: number }> = new Map();
  count = 0;

  add(range: PlacedRange): void {
    const { stream, from, count } = range;
    this.ranges.push(range);
    this.count += count;
    const own = this.streams.get(stream);
    if (own === undefined) this.streams.set(stream, { start: range, to: from + count - 1 });
    else own.to = from + count - 1;
  }

  /** Whether it has so many events, or as many streams as are read together. */
  isFull(events: number): boolean {
    return this.count >= events || this.streams.size >= streamsMax;
  }
}

/** Ranges that wait, in order. */
export class Pending {
  #waiting = new Window();

  /** Events that wait. */
  get count(): number {
    return this.#waiting.count;
  }

  isFull(events: number): boolean {
    return this.#waiting.isFull(events);
  }

  add(range: PlacedRange): void {
    this.#waiting.add(range);
  }

  /** Takes the first so many events, of as many streams as are read together. */
  take(events: number): Window {
    const window = new Window();
    const left: PlacedRange[] = [];
    for (const range of this.#waiting.ranges) {
      const room = window.isFull(events) ? 0 : events - window.count;
      if (room > 0) window.add(range.count <= room ? range : { ...range, count: room });
      const rest = rangeFrom(range, range.position + room);
      if (rest !== undefined) left.push(rest);
    }
    this.#waiting = new Window();
    this.putBack(left);
    return window;
  }

  /** Puts back what comes before all that waits. */
  putBack(ranges: readonly PlacedRange[]): void {
    const { ranges: behind } = this.#waiting;
    this.#waiting = new Window();
    for (const range of [...ranges, ...behind]) this.#waiting.add(range);
  }
}
