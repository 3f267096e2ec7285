/**
 * Feeds one view from the streams of a store: brings streams up to a head, or up to commits that came with the table's stream.
 *
 *   commits or heads ─► cursors: what is new? ─► the events between, read from the log ─► documents ─► cursors
 *
 * A document gets all events for it after a cursor, in their order, and the cursor is behind or exact. So it does not matter where a
 * deliverer begins, what it has lost, or who else delivers the same.
 */

import { abreast } from '../abreast.js';
import type { RecordedEvent } from '../event.js';
import { applyEvents } from './apply-events.js';
import { BoundedMap } from './bounded-map.js';
import { Documents } from './documents.js';
import { type Generation, generationName, streamsSource } from './generation.js';
import type { Log, StreamHead } from './log.js';
import { StreamCursors } from './stream-cursors.js';
import type { AnyView } from './view.js';
import { ProjectionError } from './view-errors.js';
import { ViewPointer } from './view-pointer.js';
import { Windows } from './windows.js';

/** Events of one stream that came together, in order. */
export interface StreamEvents {
  readonly stream: string;
  readonly events: readonly RecordedEvent[];
}

/** What happens to a stream that has an event that can't be applied: `true`, and it is left there; `false`, and the error is thrown. */
export type Parks = (error: ProjectionError) => boolean;

/** One generation as it is fed. */
interface Fed {
  readonly documents: Documents;
  readonly cursors: StreamCursors;
}

/** Streams that are read at a time: a reader may hold two windows of 8 MB. */
const readsAtOnce = 2;
/** Streams whose cursors are asked for together. */
export const headsAtOnce = 100;
const generationsMax = 4;

export class Feeder {
  readonly view: AnyView;
  readonly pointer: ViewPointer;
  readonly #log: Log;
  readonly #parks: Parks;
  readonly #fed = new BoundedMap<number, Fed>(generationsMax);

  constructor(log: Log, view: AnyView, parks: Parks = () => false) {
    this.view = view;
    this.#log = log;
    this.#parks = parks;
    this.pointer = new ViewPointer(log.table, log.facts.store, view);
  }

  of(generation: Generation): Fed {
    let fed = this.#fed.get(generation.id);
    if (fed === undefined) {
      const { table } = this.#log;
      const name = generationName(this.pointer.name, generation.id);
      const { view } = this;
      const positionOf = ({ stream, seq }: RecordedEvent) => [stream, seq] as const;
      const documents = new Documents({ table, view, name, positionOf });
      const cursors = new StreamCursors({ table, name, documents, isPerStream: view.id === undefined });
      fed = { documents, cursors };
      this.#fed.set(generation.id, fed);
    }
    return fed;
  }

  /** Applies what came with the table's stream, to all generations of this version. */
  async feed(given: readonly StreamEvents[], signal?: AbortSignal): Promise<void> {
    const streams = together(given);
    if (streams.size === 0) return;
    // Read after the events came: whoever begins a generation later finds these events in the log.
    for (const generation of await this.pointer.toFeed(streamsSource, signal)) {
      await this.#feedOne(this.of(generation), streams, signal);
    }
  }

  /** Brings streams up to these heads. @returns how many events that took, in all generations of this version. */
  async catchUp(heads: readonly StreamHead[], signal?: AbortSignal): Promise<number> {
    let applied = 0;
    for (const generation of await this.pointer.toFeed(streamsSource, signal)) {
      applied += await this.catchUpOne(generation, heads, signal);
    }
    return applied;
  }

  async catchUpOne(generation: Generation, heads: readonly StreamHead[], signal?: AbortSignal): Promise<number> {
    const fed = this.of(generation);
    const cursors = await fed.cursors.read(
      heads.map(({ stream }) => stream),
      signal,
    );
    const behind = heads.map((head, index) => ({ head, from: (cursors[index] as number) + 1 }));
    const wanted = behind.filter(({ head, from }) => from <= head.head.seq);
    const windows = this.#windows(fed, signal);
    const read = ({ head, from }: (typeof wanted)[number]) => this.#advance(windows, head, from, signal);
    const [short, long] = [true, false].map((isAtHand) =>
      wanted.filter(({ head, from }) => this.#log.isAtHand(head, from) === isAtHand),
    ) as [typeof wanted, typeof wanted];
    for (const one of short) await read(one);
    await abreast(long, readsAtOnce, read);
    await windows.end();
    return wanted.reduce((sum, { head, from }) => sum + head.head.seq + 1 - from, 0);
  }

  async #feedOne(fed: Fed, streams: ReadonlyMap<string, readonly RecordedEvent[]>, signal: AbortSignal | undefined) {
    const names = [...streams.keys()];
    const cursors = await fed.cursors.read(names, signal);
    const window: RecordedEvent[] = [];
    const gaps: { readonly stream: string; readonly from: number }[] = [];
    for (const [index, stream] of names.entries()) {
      const cursor = cursors[index] as number;
      const events = (streams.get(stream) as readonly RecordedEvent[]).filter(({ seq }) => seq > cursor);
      const joinsOn = events.every(({ seq }, at) => seq === cursor + 1 + at);
      // What comes before, or between, was never delivered here: all of it is in the log.
      if (!joinsOn) gaps.push({ stream, from: cursor + 1 });
      else for (const event of events) window.push(event);
    }
    await this.#apply(fed, window, signal);
    const windows = this.#windows(fed, signal);
    await abreast(gaps, readsAtOnce, async ({ stream, from }) => {
      const head = await this.#log.head(stream, signal);
      if (head !== undefined) await this.#advance(windows, head, from, signal);
    });
    await windows.end();
  }

  #windows(fed: Fed, signal: AbortSignal | undefined): Windows {
    return new Windows((events) => this.#apply(fed, events, signal));
  }

  /** Reads a stream from `from` up to the head. */
  async #advance(windows: Windows, head: StreamHead, from: number, signal: AbortSignal | undefined): Promise<void> {
    for await (const { events, bytes } of this.#log.events(head, from, signal)) {
      if (!(await windows.add(head.stream, events, bytes))) return;
    }
  }

  /** Applies events, of each stream in order and from its cursor on. @returns streams of which not all were. */
  async #apply(fed: Fed, window: readonly RecordedEvent[], signal: AbortSignal | undefined): Promise<Set<string>> {
    const parked = new Set<string>();
    let events = window;
    while (events.length > 0) {
      try {
        await this.#applyAll(fed, events, signal);
        break;
      } catch (error) {
        if (!(error instanceof ProjectionError) || !this.#parks(error)) throw error;
        const { stream, seq } = error.event;
        parked.add(stream);
        // What comes before it is applied all the same.
        events = events.filter((event) => event.stream !== stream || event.seq < seq);
      }
    }
    return parked;
  }

  async #applyAll({ documents, cursors }: Fed, events: readonly RecordedEvent[], signal: AbortSignal | undefined) {
    await applyEvents(this.view, documents, events, signal);
    const last = new Map(events.map(({ stream, seq }) => [stream, seq]));
    await cursors.move(last, signal);
  }
}

/** Each stream's events once, in order. What came twice in one delivery is dropped. */
function together(given: readonly StreamEvents[]): Map<string, RecordedEvent[]> {
  const streams = new Map<string, RecordedEvent[]>();
  for (const { stream, events } of given) {
    const list = streams.get(stream) ?? [];
    for (const event of events) if (event.seq > (list.at(-1)?.seq ?? 0)) list.push(event);
    if (list.length > 0) streams.set(stream, list);
  }
  return streams;
}
