/**
 * What comes to be in all streams, for ever, without an order among them: the events of each stream in its order, each once.
 *
 *   source (names of items that have changed) ─► that stream, from behind what was given ─► events
 *   scan, every so often ─► streams that have more than was given ─────────────────────────┘
 */
import { type Clock, unlessAborted } from '../../engine/index.js';
import { isLeydenError } from '../../errors.js';
import type { RecordedEvent } from '../event.js';
import type { OpenStreams } from '../open-streams.js';
import { streamOfHead } from '../stream-name.js';
import { readStream } from '../stream-reader.js';
import type { Categories } from './categories.js';

/** Where the feed is told from that something has come. */
export interface StreamsFeedOptions {
  /**
   * Names of items of the table that have changed, in text, each at least once after its change: the stream of the table gives
   * them, for instance. Those that are no heads of streams are passed over.
   */
  readonly source?: AsyncIterable<string> | undefined;
  /** Looks at all streams so often, in milliseconds, where there is no source. */
  readonly scanEveryMs?: number | undefined;
  /** Those of this category. @defaultValue all */
  readonly category?: string | undefined;
  /** Last event of each stream that is not wanted any more. @defaultValue none */
  readonly seen?: ReadonlyMap<string, number> | undefined;
  /** Told each time that all streams were looked at. Not with a source, which does not say when it is at its end. */
  readonly onCaughtUp?: (() => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface StreamsFeedFacts {
  readonly store: string;
  readonly streams: OpenStreams;
  readonly categories: Categories;
  readonly clock: Clock;
  /** Ends the loop without an error. */
  readonly ends: AbortSignal;
}

/** What a source brings, until the end; the signal ends it with its reason, also while the source waits. `left`: either of both. */
async function* untilEnd(
  source: AsyncIterable<string>,
  signal: AbortSignal | undefined,
  ends: AbortSignal,
  left: AbortSignal,
): AsyncGenerator<string> {
  const names = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await unlessAborted(names.next(), left);
      if (done) return;
      yield value;
      left.throwIfAborted();
    }
  } catch (error) {
    if (!ends.aborted || signal?.aborted === true) throw error;
  } finally {
    // One that waits ends when its own signal says so, and is not waited for.
    names.return?.().catch(() => {});
  }
}

/** Events of all streams as they come. */
export async function* feedStreams(
  facts: StreamsFeedFacts,
  options: StreamsFeedOptions,
): AsyncGenerator<RecordedEvent, void, undefined> {
  const { store, streams, categories, clock, ends } = facts;
  const { source, scanEveryMs = 0, category, onCaughtUp, signal } = options;
  const seen = new Map(options.seen);
  const either = signal === undefined ? ends : AbortSignal.any([signal, ends]);
  async function* rest(stream: string): AsyncGenerator<RecordedEvent> {
    try {
      const from = (seen.get(stream) ?? 0) + 1;
      for await (const events of readStream(streams.toRead(stream), { from, signal })) {
        for (const event of events) {
          seen.set(stream, event.seq);
          yield event;
        }
      }
    } catch (error) {
      // Deleted: there is nothing more to be had of it.
      if (!isLeydenError(error, 'ERR_STREAM_CLOSED')) throw error;
    }
  }
  if (source !== undefined) {
    for await (const name of untilEnd(source, signal, ends, either)) {
      const stream = streamOfHead(store, name);
      if (stream === undefined) continue;
      if (category === undefined || categories.orderOf(stream).category === category) yield* rest(stream);
    }
    return;
  }
  const wanted = category === undefined ? { signal } : { category, signal };
  while (!ends.aborted) {
    for await (const { stream, version } of streams.list(wanted)) {
      if (ends.aborted) return;
      if (version > (seen.get(stream) ?? 0)) yield* rest(stream);
    }
    onCaughtUp?.();
    await clock.sleep(scanEveryMs, { signal: either }).catch(() => signal?.throwIfAborted());
  }
}
