/**
 * Reads a stream and goes on for ever: what there is, and then what comes, each event once.
 *
 *   watch of the head ─► newer than the last event given ─► read on to it ─► events ─► watch …
 *
 * Heads between two looks are passed over, events never: each reading goes on behind the last one.
 */

import { isLeydenError } from '../errors.js';
import { requireOptions } from './call-options.js';
import { StreamClosedError } from './errors.js';
import type { RecordedEvent } from './event.js';
import type { OpenStream } from './open-stream.js';
import { closingOf } from './stream-closing.js';
import { readingError } from './stream-reader.js';

/** Options of `subscribe`. */
export interface SubscribeOptions {
  /**
   * Sequence number of the first event; `'end'`: those that come after the call.
   * @defaultValue 1
   */
  readonly from?: number | 'end';
  /**
   * Longest interval between two looks at the stream, in milliseconds; the shortest is the table's `watch.pollMsMin`, 100 ms.
   * @defaultValue 1000
   */
  readonly pollMsMax?: number;
  /** Ends the loop with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
}

const pollMsMaxDefault = 1_000;

/** @throws TypeError, RangeError for wrong options. */
export function requireSubscribeOptions(options: SubscribeOptions): void {
  requireOptions<SubscribeOptions>('subscribe to a stream', options, { from: true, pollMsMax: true, signal: true });
  const { from = 1, pollMsMax = pollMsMaxDefault } = options;
  if (from !== 'end' && !(Number.isSafeInteger(from) && from >= 0)) {
    throw new RangeError(`Cannot subscribe to a stream: from must be a whole number from 0, or 'end': ${from}`);
  }
  if (!(pollMsMax >= 1)) {
    throw new RangeError(`Cannot subscribe to a stream: pollMsMax must be at least 1: ${pollMsMax}`);
  }
}

/** Events of a stream, commit by commit. `ends`: the loop just ends. */
export async function* subscribeTo(
  open: OpenStream,
  { from = 1, pollMsMax = pollMsMaxDefault, signal }: SubscribeOptions,
  ends: AbortSignal,
): AsyncGenerator<RecordedEvent[]> {
  const { journal, facts } = open;
  const either = signal === undefined ? ends : AbortSignal.any([signal, ends]);
  let next = from === 'end' ? undefined : Math.max(from, 1);
  try {
    for await (const image of journal.heads({ pollMsMax, signal: either })) {
      if (closingOf(image) === 'deleted') throw new StreamClosedError('read', facts.stream, 'deleted');
      const seq = image?.seq ?? 0;
      next ??= seq + 1;
      if (image === undefined || seq < next) continue;
      try {
        for await (const read of journal.readTo(image, next, either)) {
          const records = facts.recorder.records(read, next, seq);
          next = Math.max(next, read.commit.first + read.commit.count);
          if (records.length > 0) yield records;
        }
      } catch (error) {
        throw await readingError(open, next, error);
      }
    }
  } catch (error) {
    if (!ends.aborted || signal?.aborted === true || isLeydenError(error)) throw error;
  }
}
