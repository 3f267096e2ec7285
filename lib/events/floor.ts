/** Where a stream begins, now that older events were pruned; and how whoever wants those is told. */
import { isLeydenError } from '../errors.js';
import type { Head, Journal } from '../journal/index.js';
import type { SnapshotPointer } from '../snapshot/index.js';
import { namesSnapshot } from './aggregate/state-note.js';
import { StreamPrunedError } from './errors.js';

/** What tells of a stream's floor. */
export interface FloorPlace {
  readonly stream: string;
  readonly journal: Journal;
  readonly snapshots: { readonly pointer: SnapshotPointer };
}

/** Times that another prune may be faster than one look. */
const looksMax = 5;

/**
 * Number of the first event that is there for sure: 1 where nothing was pruned.
 *
 * @cost 1 request where nothing was pruned, else 2.
 */
export async function floorOf(
  { journal, snapshots }: Omit<FloorPlace, 'stream'>,
  image: Head,
  signal?: AbortSignal,
): Promise<number> {
  for (let look = 1; ; look += 1) {
    const { prunedTo, kept } = await snapshots.pointer.read({ signal });
    if (prunedTo === 0) return 1;
    const start = await journal.pageStart(prunedTo, image, signal);
    if (start !== undefined) return start;
    // Pruned on meanwhile; or damaged, and then what a snapshot has is what is there for sure.
    if (look === looksMax) return (kept[0]?.seq ?? image.seq) + 1;
  }
}

/** As {@link floorOf}; without a request where the head says that there is no snapshot, as nothing was ever pruned then. */
export async function floorNow(place: Omit<FloorPlace, 'stream'>, image: Head, signal?: AbortSignal): Promise<number> {
  return namesSnapshot(image) ? floorOf(place, image, signal) : 1;
}

/** What is to be thrown for `error`, which came of reading from `from` on. */
export async function prunedOr(place: FloorPlace, from: number, error: unknown): Promise<unknown> {
  if (!isLeydenError(error, 'ERR_JOURNAL_COMPACTED')) return error;
  return new StreamPrunedError(place.stream, { from, floor: await knownFloor(place) }, error);
}

/** The floor, for a message: what stands in the way of finding it out is not what went wrong. */
async function knownFloor(place: FloorPlace): Promise<number | undefined> {
  try {
    const image = await place.journal.readHead();
    return image && (await floorOf(place, image));
  } catch {
    return undefined;
  }
}
