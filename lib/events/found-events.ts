/** Events that are looked for in a stream when a call is answered: those that were faster, those of a command that was there before. */
import { isLeydenError } from '../errors.js';
import type { Head, Journal, ReadCommit } from '../journal/index.js';
import { ConflictError, type ConflictFacts, StreamPrunedError } from './errors.js';
import type { RecordedEvent } from './event.js';
import { decodeLines } from './event-line.js';
import type { Found } from './receipts.js';
import type { Recorder } from './recorder.js';
import type { Outcome } from './work.js';

/** Where they are looked for. */
export interface FoundIn {
  readonly journal: Journal;
  readonly recorder: Recorder;
  /** The head up to which is looked. */
  readonly image: Head | undefined;
}

/** Winning events that a conflict carries. */
const winnersMax = 100;

/** What a caller is told who expected something else of a stream, with the events that were faster. */
export async function conflictOf(
  place: FoundIn,
  facts: Pick<ConflictFacts, 'expected' | 'actual' | 'action'>,
): Promise<ConflictError> {
  const { expected } = facts;
  const events = await winnersOf(place, typeof expected === 'number' ? expected : 0);
  return new ConflictError({ ...facts, stream: place.recorder.stream, events });
}

/** The events after `version`, some of them. What can't be read is left out: the conflict is what counts. */
export async function winnersOf(place: FoundIn, version: number): Promise<readonly RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  try {
    for await (const read of readIn(place, version + 1)) {
      events.push(...place.recorder.records(read, version + 1, version + winnersMax));
      if (events.length >= winnersMax) break;
    }
  } catch {
    return events;
  }
  return events;
}

/** What came of a command that was there before. */
export async function outcomeOf(place: FoundIn, { from, to }: Found): Promise<Outcome> {
  const events: RecordedEvent[] = [];
  const contents: Outcome['contents'] & unknown[] = [];
  try {
    for await (const read of readIn(place, from)) {
      if (read.commit.first > to) break;
      events.push(...place.recorder.records(read, from, to));
      const lines = decodeLines(read.text).slice(Math.max(0, from - read.commit.first), to - read.commit.first + 1);
      contents.push(...lines);
    }
  } catch (error) {
    // It was done: that much is certain. What it led to was pruned since.
    if (!isLeydenError(error, 'ERR_JOURNAL_COMPACTED')) throw error;
    throw new StreamPrunedError(place.recorder.stream, { from }, error);
  }
  return { events, contents, version: to, time: events.at(-1)?.time ?? 0, repeated: true };
}

async function* readIn({ journal, image }: FoundIn, from: number): AsyncGenerator<ReadCommit> {
  if (image !== undefined && from <= image.seq) yield* journal.readTo(image, from);
}
