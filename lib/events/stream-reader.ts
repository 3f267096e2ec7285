/** Reads one stream, forwards or backwards, up to the head as it was when the reading began. */

import { isLeydenError } from '../errors.js';
import type { ReadCommit } from '../journal/index.js';
import { requireOptions } from './call-options.js';
import { StreamClosedError } from './errors.js';
import type { RecordedEvent } from './event.js';
import { prunedOr } from './floor.js';
import type { OpenStream } from './open-stream.js';
import { closingOf } from './stream-closing.js';

/** Options of `read`. */
export interface ReadOptions {
  /**
   * Sequence number of the first event to be read; backwards the highest.
   * @defaultValue 1; backwards the newest
   */
  readonly from?: number;
  /**
   * Sequence number of the last event to be read; backwards the lowest. Not to be reached `from` there: no events.
   * @defaultValue the newest; backwards 1
   */
  readonly to?: number;
  /** @defaultValue 'forwards' */
  readonly direction?: 'forwards' | 'backwards';
  readonly signal?: AbortSignal | undefined;
}

/** @throws TypeError, RangeError */
export function requireReadOptions(options: ReadOptions): void {
  requireOptions<ReadOptions>('read a stream', options, { from: true, to: true, direction: true, signal: true });
  const { from, to, direction = 'forwards' } = options;
  for (const [name, value] of Object.entries({ from, to })) {
    if (value === undefined || (Number.isSafeInteger(value) && value >= 0) || value === Number.POSITIVE_INFINITY)
      continue;
    throw new RangeError(`Cannot read a stream: ${name} must be a whole number from 0: ${value}`);
  }
  if (direction === 'forwards' || direction === 'backwards') return;
  throw new TypeError(
    `Cannot read a stream: direction must be 'forwards' or 'backwards': ${JSON.stringify(direction)}`,
  );
}

/** Events of a stream, commit by commit. */
export async function* readStream(open: OpenStream, options: ReadOptions): AsyncGenerator<RecordedEvent[]> {
  const { direction = 'forwards', signal } = options;
  const { stream, recorder } = open.facts;
  signal?.throwIfAborted();
  const image = await open.journal.readHead(signal);
  if (closingOf(image) === 'deleted') throw new StreamClosedError('read', stream, 'deleted');
  if (image === undefined || image.seq === 0) return;
  const isForwards = direction === 'forwards';
  const [low, high] = isForwards
    ? [options.from ?? 1, options.to ?? image.seq]
    : [options.to ?? 1, options.from ?? image.seq];
  const [from, to] = [Math.max(low, 1), Math.min(high, image.seq)];
  if (from > to) return;
  try {
    const commits: AsyncGenerator<ReadCommit> = isForwards
      ? open.journal.readTo(image, from, signal)
      : open.journal.readDownFrom(image, to, signal);
    for await (const read of commits) {
      const { first, count } = read.commit;
      if (isForwards ? first > to : first + count <= from) return;
      const records = recorder.records(read, from, to);
      if (records.length > 0) yield isForwards ? records : records.reverse();
    }
  } catch (error) {
    throw await readingError(open, from, error);
  }
}

/** What is to be told of an error in reading events from `from` on: what is not there was pruned, or the stream was deleted meanwhile. */
export async function readingError({ journal, facts }: OpenStream, from: number, error: unknown): Promise<unknown> {
  if (!isLeydenError(error, 'ERR_JOURNAL_GAP') && !isLeydenError(error, 'ERR_JOURNAL_COMPACTED')) return error;
  const image = await journal.readHead().catch(() => undefined);
  if (closingOf(image) === 'deleted') return new StreamClosedError('read', facts.stream, 'deleted');
  return prunedOr({ ...facts, journal }, from, error);
}
