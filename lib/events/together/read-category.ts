/**
 * Reads an ordered category: its journal says which events come next; they are read from the streams, window by window.
 *
 *   category: a 1-3, b 1, a 4, c 1-2 …  ─► window ─► a 1-4, b 1, c 1-2, side by side ─► in the order of the category
 *                                            ▲                    │
 *                                            └── what is too much ┘
 *
 * A window's events are in memory together; how many it has follows from how large the last ones were.
 */

import type { Head, Journal } from '../../journal/index.js';
import { abreast } from '../abreast.js';
import type { EventInput, RecordedEvent } from '../event.js';
import type { OpenStream } from '../open-stream.js';
import { type PlacedRange, rangeFrom, rangesOf } from './category-line.js';
import { Pending, type Window } from './category-window.js';
import { type Budget, type Kept, type RangeRead, readRange } from './read-range.js';

/** Where a category is read. */
export interface CategoryPlace {
  /** The category's. */
  readonly journal: Journal;
  readonly toRead: (stream: string) => OpenStream;
  readonly signal?: AbortSignal | undefined;
}

/** An event of an ordered category. */
export type PlacedEvent<E extends EventInput = EventInput> = RecordedEvent<E> & { readonly position: number };

/** Events of the first window, and of any. */
const eventsFirst = 64;
const eventsMax = 1_000;
/** Text of the events of a window, about. */
const windowBytes: number = 4 * 1_024 * 1_024;
/** Streams that are read side by side. */
const streamsAtOnce = 16;

/** Events of a category from `from` on up to a head of its journal, in order. What was deleted is passed over. */
export async function* readCategory(place: CategoryPlace, image: Head, from: number): AsyncGenerator<PlacedEvent[]> {
  const pending = new Pending();
  let events = eventsFirst;
  let kept: Kept = new Map();
  const emit = async (): Promise<PlacedEvent[]> => {
    const window = pending.take(events);
    const budget = { bytes: 0, bytesMax: windowBytes };
    const reads = await readWindow(place, window, kept, budget);
    kept = new Map([...reads].flatMap(([stream, { rest }]) => (rest === undefined ? [] : [[stream, rest]])));
    const { placed, left } = placedIn(window, reads);
    pending.putBack(left);
    // The next one is as large as leads to about so much text.
    const fitting = Math.floor((windowBytes * window.count) / Math.max(budget.bytes, 1));
    events = Math.max(1, Math.min(eventsMax, 2 * events, fitting));
    return placed;
  };
  for await (const { commit, text } of place.journal.readTo(image, from, place.signal)) {
    for (const whole of rangesOf(text, commit.first)) {
      const range = rangeFrom(whole, from);
      if (range !== undefined) pending.add(range);
      while (pending.isFull(events)) yield await emit();
    }
  }
  while (pending.count > 0) yield await emit();
}

/** Reads the streams of a window, in their order, until it is too much. */
async function readWindow(
  { toRead, signal }: CategoryPlace,
  { streams }: Window,
  kept: Kept,
  budget: Budget,
): Promise<Map<string, RangeRead>> {
  const reads = new Map<string, RangeRead>();
  await abreast(streams, streamsAtOnce, async ([stream, { start, to }]) => {
    if (reads.size > 0 && budget.bytes >= budget.bytesMax) return;
    reads.set(stream, await readRange(toRead(stream), { start, to, kept: kept.get(stream), budget, signal }));
  });
  return reads;
}

/** The events in the order of the category, up to the first that was not read; and what is left from there on. */
function placedIn({ ranges }: Window, reads: ReadonlyMap<string, RangeRead>) {
  const placed: PlacedEvent[] = [];
  for (const [at, range] of ranges.entries()) {
    const { stream, from, count, position } = range;
    const read = reads.get(stream);
    const to = Math.min(read?.to ?? 0, from + count - 1);
    for (let seq = from; seq <= to; seq += 1) {
      const event = read?.events.get(seq);
      if (event !== undefined) placed.push(Object.freeze({ ...event, position: position + seq - from }));
    }
    if (to === from + count - 1) continue;
    const rest = rangeFrom(range, position + Math.max(0, to + 1 - from)) as PlacedRange;
    return { placed, left: [rest, ...ranges.slice(at + 1)] };
  }
  return { placed, left: [] };
}
