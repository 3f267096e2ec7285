/**
 * Making a snapshot: say what is being made, put its parts, move the pointer.
 *
 *   capture ─► begin ─► parts (grow before more of them) ─► move the pointer
 *                                  │ failed                     │ overtaken: a newer one is there; swept: taken for given up
 *                                  ▼                            ▼
 *                            given up: the next prune removes its parts
 *
 * The state is immutable, so writers go on while it is walked. A failure changes nothing: the one before stays current.
 */
import { deleteParts, encodeState, type SnapEntry, writeSnapshot } from '../snapshot/index.js';
import { SnapshotError } from './errors.js';
import { bindPointer, type LogParts } from './log-parts.js';
import type { SnapshotContent } from './snapshot-content.js';
import type { SnapshotInfo, SnapshotRequest } from './storage.js';

/** Parts that a snapshot may have before it asks the pointer for more room. */
export const roomParts = 64;

export async function makeSnapshot(parts: LogParts, request: SnapshotRequest): Promise<SnapshotInfo | undefined> {
  const { newId, journal, pointer } = parts;
  const { due, signal } = request;
  let taken = await take(parts, signal);
  bindPointer(parts);
  const making = { id: newId(), parts: roomParts };
  if (due) {
    const begun = await pointer.beginIfDue(making, parts.newest?.id, { signal });
    if (begun !== 'begun') return undefined;
  } else {
    const newest = (await pointer.read({ signal })).kept.at(-1);
    if (newest !== undefined && newest.place >= taken.content.cursor.place) {
      // One that covers all is as good as a new one, unless it is known that it can't be read.
      if (!parts.damaged.has(newest.id)) return newest;
      // The pointer only moves forward: a commit without events makes room for another snapshot of the same state.
      await journal.append({ decide: () => ({ text: '', count: 0 }) });
      taken = await take(parts, signal);
    }
    await pointer.begin(making, { signal });
  }
  const entry = await writeParts(parts, making.id, taken, signal);
  return publish(parts, entry, signal);
}

/** A state, and where in the journal it is the state of. */
interface Taken {
  readonly content: SnapshotContent;
  readonly page: number;
  readonly from: number;
}

/** Takes the state and the head that it is the state of together, with nothing in between. */
async function take({ consumer, name, journal }: LogParts, signal: AbortSignal | undefined): Promise<Taken> {
  // Within a fold there is no head that the state is the state of.
  while (journal.image === undefined) {
    await journal.catchUp('strong', signal);
    if (journal.cursor.place === 0) throw new SnapshotError(name, 'there is no event yet');
  }
  const { image, cursor } = journal;
  const { page: _page, ...facts } = cursor.facts();
  const content: SnapshotContent = { v: 1, cursor: facts, captured: consumer.capture() };
  return { content, page: image.pages, from: image.place - image.tail.length + 1 };
}

/** Puts the parts of a snapshot under way. */
export async function writeParts(
  { store, name, clock, consumer, pointer, onWarning }: LogParts,
  id: string,
  { content, ...at }: Taken,
  signal: AbortSignal | undefined,
): Promise<SnapEntry> {
  const { place, seq, time, chain } = content.cursor;
  try {
    const pace = { now: () => clock.monotonicMs(), isBusy: () => consumer.isBusy?.() ?? false };
    const written = await writeSnapshot({
      ...{ store, id, signal, content: encodeState(content, pace), room: roomParts },
      onRoom: async (room: number) => {
        const grown = await pointer.grow({ id, parts: room }, { signal });
        if (grown === 'swept') throw new SnapshotError(name, 'a pruner took it for given up');
      },
    });
    const { parts, bytes, digest } = written;
    return { ...{ id, place, seq, time, chain, ...at, parts, bytes, digest }, madeAt: Math.floor(clock.now()) };
  } catch (error) {
    // Its parts are named by `making` until then, and the next prune removes them.
    await pointer.abandon(id).catch(onWarning);
    throw error instanceof SnapshotError ? error : new SnapshotError(name, 'it could not be written', error);
  }
}

async function publish(
  parts: LogParts,
  entry: SnapEntry,
  signal: AbortSignal | undefined,
): Promise<SnapshotInfo | undefined> {
  const { name, store, pointer } = parts;
  const moved = await pointer.move(entry, { signal });
  if (moved === 'swept') {
    await deleteParts(store, entry);
    throw new SnapshotError(name, 'a pruner took it for given up');
  }
  parts.newest = moved === 'moved' ? entry : (await pointer.read({ signal })).kept.at(-1);
  return parts.newest;
}
