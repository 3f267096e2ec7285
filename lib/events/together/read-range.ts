/** Reads the events of one stream that stand next to each other in a window of its category. */
import { isLeydenError } from '../../errors.js';
import { type Head, JournalGapError, type ReadCommit } from '../../journal/index.js';
import type { RecordedEvent } from '../event.js';
import type { OpenStream } from '../open-stream.js';
import { closingOf } from '../stream-closing.js';
import { readingError } from '../stream-reader.js';
import type { PlacedRange } from './category-line.js';

/** Text that the streams of a window have come to so far, and what is enough. */
export interface Budget {
  bytes: number;
  readonly bytesMax: number;
}

/** Of each stream the commit of which a window took the beginning. */
export type Kept = ReadonlyMap<string, ReadCommit>;

export interface RangeWanted {
  readonly start: PlacedRange;
  /** The last event that is wanted. */
  readonly to: number;
  /** The commit that was read last, if the range before this one ends in it. */
  readonly kept: ReadCommit | undefined;
  readonly budget: Budget;
  readonly signal: AbortSignal | undefined;
}

export interface RangeRead {
  /** By their sequence numbers; none where the stream was deleted. */
  readonly events: ReadonlyMap<number, RecordedEvent>;
  /** The last event that was looked for; less than was wanted when that is too much for one window. */
  readonly to: number;
  /** The commit that goes on behind it. */
  readonly rest: ReadCommit | undefined;
}

/** @throws {StreamPrunedError} `ERR_STREAM_PRUNED`, {@link JournalGapError} `ERR_JOURNAL_GAP` */
export async function readRange(open: OpenStream, wanted: RangeWanted): Promise<RangeRead> {
  const { start, to, kept, budget, signal } = wanted;
  const { from } = start;
  const deleted: RangeRead = { events: new Map(), to, rest: undefined };
  const events = new Map<number, RecordedEvent>();
  const take = (read: ReadCommit): RangeRead | undefined => {
    const { first, count } = read.commit;
    const records = open.facts.recorder.records(read, from, to);
    for (const event of records) events.set(event.seq, event);
    // Of a commit that is too much for one window only what is taken counts.
    budget.bytes += (read.text.length * records.length) / Math.max(count, 1);
    const last = first + count - 1;
    if (last > to) return { events, to, rest: read };
    return last === to || budget.bytes >= budget.bytesMax ? { events, to: last, rest: undefined } : undefined;
  };
  if (kept !== undefined && kept.commit.first <= from && to < kept.commit.first + kept.commit.count) {
    return take(kept) as RangeRead;
  }
  const { journal } = open;
  const image = await journal.readHead(signal);
  if (closingOf(image) === 'deleted') return deleted;
  try {
    for await (const read of commitsFrom(open, start, image, signal)) {
      const done = take(read);
      if (done !== undefined) return done;
    }
  } catch (error) {
    const told = await readingError(open, from, error);
    if (!isLeydenError(told, 'ERR_STREAM_CLOSED')) throw told;
    return deleted;
  }
  // A stream that was deleted has its head still. This one has lost what the category knows of.
  throw new JournalGapError(journal.name, { key: `${journal.name}/head`, reason: 'missing', from, to });
}

async function* commitsFrom(
  { journal }: OpenStream,
  { from, first, place, page }: PlacedRange,
  image: Head | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<ReadCommit> {
  if (image === undefined) return;
  // The category says where, so no search is needed; but for what is far behind that.
  if (from === first) {
    try {
      return yield* journal.readFrom({ place: place - 1, seq: first - 1, chain: undefined, page }, from, image, signal);
    } catch (error) {
      // The page where the search would have begun may have been pruned, and what is wanted not.
      if (!isLeydenError(error, 'ERR_JOURNAL_COMPACTED')) throw error;
    }
  }
  yield* journal.readTo(image, from, signal);
}
