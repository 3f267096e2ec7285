/**
 * The chunks of a stored snapshot, from its parts.
 *
 * A few parts are on their way at once; each is checked before anything in it is believed. A part that is missing and one that
 * is damaged are told apart, and both from a store that does not answer, whose own error passes through.
 */
import { mapAhead } from './ahead.js';
import { CompressionError, decompress } from './compression.js';
import { SnapshotDamagedError } from './errors.js';
import { contentOfPart, requireId } from './part-frame.js';
import type { SnapshotStore } from './store.js';

/** Options of {@link readSnapshot}. */
export interface ReadSnapshotOptions {
  readonly store: SnapshotStore;
  readonly id: string;
  /** How many it has; from the pointer. */
  readonly parts: number;
  /**
   * Parts that are fetched at once, from 1 to 64.
   * @defaultValue 4
   */
  readonly window?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const windowDefault = 4;
const windowMax = 64;

/**
 * Gives back the chunks that `writeSnapshot` was given, cut at the same places.
 *
 * @throws {SnapshotDamagedError} `ERR_SNAPSHOT_DAMAGED`: `missing`, `damaged`, `foreign`, `newer-format`, with id and part
 */
export async function* readSnapshot(options: ReadSnapshotOptions): AsyncGenerator<Uint8Array, undefined> {
  const { store, id, parts, window = windowDefault, signal } = options;
  requireId(id);
  if (!(Number.isSafeInteger(window) && window >= 1 && window <= windowMax)) {
    throw new RangeError(`Cannot fetch ${window} parts at once: window is from 1 to ${windowMax}`);
  }
  const stop = new AbortController();
  const stopped = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const contents = mapAhead(numbersTo(parts), window, async (part) => {
    stopped.throwIfAborted();
    const framed = await store.get(id, part, { signal: stopped });
    if (framed === undefined) throw new SnapshotDamagedError('missing', 'it is not there', { id, part });
    return contentOfPart(id, part, framed);
  });
  try {
    yield* decompress(contents);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof CompressionError) throw new SnapshotDamagedError('damaged', error.message, { id }, error);
    throw error;
  } finally {
    stop.abort();
  }
  return undefined;
}

async function* numbersTo(end: number): AsyncGenerator<number, undefined> {
  for (let number = 0; number < end; number += 1) yield number;
}
