/**
 * The log as views see it: the heads of all streams of a store, and the events of one stream up to a head.
 *
 *   table ──scan──► heads ─► events after what was seen, without a request as far as the tail holds them
 */
import type { AtomTable } from '../../atom/index.js';
import { isLeydenError } from '../../errors.js';
import { type Head, headOptions, requireHead } from '../../journal/index.js';
import type { RecordedEvent } from '../event.js';
import type { OpenStream } from '../open-stream.js';
import { closingOf } from '../stream-closing.js';
import { streamOfHead } from '../stream-name.js';
import { readingError } from '../stream-reader.js';
import type { PlacedEvent } from '../together/read-category.js';
import { streamLabels } from '../together/stream-order.js';

export interface LogFacts {
  readonly table: AtomTable;
  /** Name of the store as a part of keys. */
  readonly store: string;
  /** Events of an ordered category up to now. */
  readonly read: (category: string, from: number, signal: AbortSignal | undefined) => AsyncIterable<PlacedEvent>;
  /** Number of events in an ordered category. */
  readonly size: (category: string, signal: AbortSignal | undefined) => Promise<number>;
  readonly toRead: (stream: string) => OpenStream;
  readonly onWarning: (warning: unknown) => void;
}

/** A stream that has events, as it was when its head was read. */
export interface StreamHead {
  readonly stream: string;
  readonly head: Head;
}

/** The events of one commit. */
export interface ReadEvents {
  readonly events: readonly RecordedEvent[];
  /** Of their text, about. */
  readonly bytes: number;
}

export class Log {
  readonly facts: LogFacts;

  constructor(facts: LogFacts) {
    this.facts = facts;
  }

  get table(): AtomTable {
    return this.facts.table;
  }

  /** A head that can be read from here; `undefined` where there are no events to be had, or it is no head of a stream. */
  accept(name: string, head: Head): StreamHead | undefined {
    const stream = streamOfHead(this.facts.store, name) as string;
    // Of another application, whose name only looks like one of ours. Of a later format it can't be told.
    if (head.label !== '' && !streamLabels.includes(head.label)) return undefined;
    requireHead(name, head, streamLabels);
    return head.seq === 0 || closingOf(head) === 'deleted' ? undefined : { stream, head };
  }

  /**
   * All streams that have events, in no order: every one that had some before the call is among them.
   *
   * @cost Reads the whole table: 1 request per MB, 1 read unit per 4 KB.
   * @throws {DecodeError} `ERR_DECODE` for a head that is damaged.
   */
  async *heads(signal: AbortSignal | undefined): AsyncGenerator<StreamHead> {
    const { table, store } = this.facts;
    const isWanted = (name: string) => streamOfHead(store, name) !== undefined;
    for await (const { name, value } of table.scanNamed<Head>(`${store}/`, { atom: headOptions, isWanted, signal })) {
      const found = this.accept(name, value);
      if (found !== undefined) yield found;
    }
  }

  /** The newest head of one stream. */
  async head(stream: string, signal: AbortSignal | undefined): Promise<StreamHead | undefined> {
    const head = await this.facts.toRead(stream).journal.readHead(signal);
    return head === undefined || head.seq === 0 || closingOf(head) === 'deleted' ? undefined : { stream, head };
  }

  /** Whether the head itself holds all events from `from` on. */
  isAtHand({ head }: StreamHead, from: number): boolean {
    const first = head.tail[0]?.first;
    return first !== undefined && first <= from && head.tail.every(({ body }) => body === undefined);
  }

  /**
   * Events from `from` up to the head, commit by commit; what is left of a stream that was deleted meanwhile.
   *
   * @throws {StreamPrunedError} `ERR_STREAM_PRUNED`, {@link UpcastError} `ERR_UPCAST`, {@link JournalGapError} `ERR_JOURNAL_GAP`
   */
  async *events(
    { stream, head }: StreamHead,
    from: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<ReadEvents> {
    const open = this.facts.toRead(stream);
    try {
      for await (const read of open.journal.readTo(head, from, signal)) {
        const records = open.facts.recorder.records(read, from);
        if (records.length > 0) yield { events: records, bytes: read.text.length };
      }
    } catch (error) {
      const told = await readingError(open, from, error);
      if (!isLeydenError(told, 'ERR_STREAM_CLOSED')) throw told;
    }
  }
}
