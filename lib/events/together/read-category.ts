/**
 * Reads an ordered category: its journal says which events come next; they are read from the streams, window by window.
 *
 *   category: a 1-3, b 1, a 4, c 1-2 …  ─► window ─► a 1-4, b 1, c 1-2, side by side ─► in the order of the category
 *
 * A window's events are in memory together; how many it has follows from how large the last ones were.
 */
import { isLeydenError } from '../../errors.js';
import type { Head, Journal } from '../../journal/index.js';
import type { RecordedEvent } from '../event.js';
import type { OpenStream } from '../open-stream.js';
import { closingOf } from '../stream-closing.js';
import { readingError } from '../stream-reader.js';
import { type PlacedRange, rangeFrom, rangesOf } from './category-line.js';

/** Where a category is read. */
export interface CategoryPlace {
  /** The category's. */
  readonly journal: Journal;
  readonly toRead: (stream: string) => OpenStream;
  readonly signal?: AbortSignal | undefined;
}

/** An event of an ordered category. */
export type PlacedEvent = RecordedEvent & { readonly position: number };

/** Events of the first window, and of any. */
const eventsFirst = 64;
const eventsMax = 1_000;
/** Streams of one window. */
const streamsMax = 64;
/** Text of the events of a window, about. */
const windowBytes: number = 4 * 1_024 * 1_024;
/** Streams that are read side by side. */
const streamsAtOnce = 16;

/** Events of a category from `from` on up to a head of its journal, in order. What was deleted is passed over. */
export async function* readCategory(place: CategoryPlace, image: Head, from: number): AsyncGenerator<PlacedEvent[]> {
  const { journal, signal } = place;
  let events = eventsFirst;
  let window = new Window();
  const emit = async (): Promise<PlacedEvent[]> => {
    const { placed, bytes } = await eventsIn(place, window);
    // The next one is as large as leads to about so much text.
    events = Math.max(
      1,
      Math.min(eventsMax, 2 * events, Math.floor((windowBytes * window.count) / Math.max(bytes, 1))),
    );
    window = new Window();
    return placed;
  };
  for await (const { commit, text } of journal.readTo(image, from, signal)) {
    for (const whole of rangesOf(text, commit.first)) {
      let rest = rangeFrom(whole, from);
      while (rest !== undefined) {
        const room = events - window.count;
        window.add(rest.count <= room ? rest : { ...rest, count: room });
        rest = rest.count <= room ? undefined : rangeFrom(rest, rest.position + room);
        if (window.count >= events || window.streams.size >= streamsMax) yield await emit();
      }
    }
  }
  if (window.count > 0) yield await emit();
}

/** Ranges that are read together. */
class Window {
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
}

async function eventsIn(place: CategoryPlace, { ranges, streams }: Window) {
  const found = new Map<string, Map<number, RecordedEvent>>();
  let bytes = 0;
  const waiting = [...streams].values();
  const work = async () => {
    for (const [stream, { start, to }] of waiting) {
      const read = await readRange(place, start, to);
      bytes += read.bytes;
      found.set(stream, read.events);
    }
  };
  await Promise.all(Array.from({ length: Math.min(streamsAtOnce, streams.size) }, work));
  const placed: PlacedEvent[] = [];
  for (const { stream, from, count, position } of ranges) {
    for (let index = 0; index < count; index += 1) {
      const event = found.get(stream)?.get(from + index);
      if (event !== undefined) placed.push(Object.freeze({ ...event, position: position + index }));
    }
  }
  return { placed, bytes };
}

/** The events of one stream; none when it was deleted. */
async function readRange(
  { toRead, signal }: CategoryPlace,
  { stream, from, first, place, page }: PlacedRange,
  to: number,
) {
  const open = toRead(stream);
  const { journal, facts } = open;
  const events = new Map<number, RecordedEvent>();
  let bytes = 0;
  const image = await journal.readHead(signal);
  if (image === undefined || closingOf(image) === 'deleted') return { events, bytes };
  try {
    // The category says where: no search is needed.
    const start = { place: place - 1, seq: first - 1, chain: undefined, page };
    for await (const read of journal.readFrom(start, from, image, signal)) {
      bytes += read.text.length;
      for (const event of facts.recorder.records(read, from, to)) events.set(event.seq, event);
      if (read.commit.first + read.commit.count > to) break;
    }
  } catch (error) {
    const told = await readingError(open, from, error);
    if (!isLeydenError(told, 'ERR_STREAM_CLOSED')) throw told;
    events.clear();
  }
  return { events, bytes };
}
