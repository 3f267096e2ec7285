/**
 * Pruning a stream: events below a snapshot are removed, and not before it is known to be right.
 *
 *   fold all events (or, pruned before, those after the snapshot of then) ─► each stored state is what they give?
 *     ─► snapshot of the newest state, read back ─► named in the head, and kept ─► floor moves up ─► pages, bodies, receipts, old
 *     snapshots go ─► the pointer says that they are gone
 *
 * Every step may be the last one of a process: what was begun is gone on with by the next prune, and until then all that is to go is
 * either there or not promised any more. The snapshot that was verified is kept until another one is, whatever newer ones there are: so a
 * state can always be made again of what was once made of all events, and of the events after it.
 */
import type { Commit, Head } from '../../journal/index.js';
import { digestState, type SnapEntry } from '../../snapshot/index.js';
import { PruneRefusedError, StreamClosedError, StreamPrunedError } from '../errors.js';
import { floorOf } from '../floor.js';
import { closingOf } from '../stream-closing.js';
import { changeHead, type StreamEnds } from '../stream-life.js';
import type { AnyAggregateType } from './aggregate-type.js';
import { type Folded, foldedOf, replayAll } from './fold.js';
import { contentOf } from './snapshot-content.js';
import { decodeNote, encodeNote, kindOf, type StateNote } from './state-note.js';

/** Options of `prune`. */
export interface PruneOptions {
  /**
   * Snapshots that are kept, the new one among them. Events go from the oldest of these on.
   * @defaultValue 2
   */
  readonly keepSnapshots?: number;
  /** Leaves. What was begun is gone on with by the next call. */
  readonly signal?: AbortSignal | undefined;
}

/** What pruning did. */
export interface PruneReport {
  /** The first event that is there for sure. */
  readonly floor: number;
  /** Events in the snapshot that was verified; 0 where there was nothing to prune. */
  readonly version: number;
  readonly pagesRemoved: number;
  readonly bodiesRemoved: number;
  readonly snapshotsRemoved: number;
}

const keepSnapshotsDefault = 2;
/** Times that others may be faster in making a snapshot. */
const roundsMax = 10;

/** @throws RangeError for wrong options, TypeError for a type whose state is always made of all events. */
export function requirePrune(
  { name, truth }: AnyAggregateType,
  { keepSnapshots = keepSnapshotsDefault }: PruneOptions,
): number {
  if (truth === 'events') {
    throw new TypeError(
      `Cannot prune: aggregates of type ${name} have truth 'events', and could not be loaded any more; use { snapshotEvery }`,
    );
  }
  if (Number.isSafeInteger(keepSnapshots) && keepSnapshots >= 1 && keepSnapshots <= 100) return keepSnapshots;
  throw new RangeError(`Cannot prune: keepSnapshots must be a whole number from 1 to 100: ${keepSnapshots}`);
}

/** @throws {PruneRefusedError} `ERR_PRUNE_REFUSED`; what reading and `apply` throw. Then no event was removed. */
export async function pruneStream(
  ends: StreamEnds,
  type: AnyAggregateType,
  keep: number,
  signal: AbortSignal | undefined,
): Promise<PruneReport> {
  try {
    return await prune(ends, type, keep, signal);
  } catch (error) {
    // Of a stream that was deleted meanwhile nothing stays, and nothing else is to be told.
    throw (await ends.snapshots.clearDeleted(undefined).catch(() => false))
      ? new StreamClosedError('prune', ends.stream, 'deleted')
      : error;
  } finally {
    await ends.journal.close();
  }
}

async function prune(
  ends: StreamEnds,
  type: AnyAggregateType,
  keep: number,
  signal: AbortSignal | undefined,
): Promise<PruneReport> {
  const { journal, receipts, stream } = ends;
  const { pointer } = ends.snapshots;
  const pruning = new Pruning(ends, type, signal);
  const verified = await pruning.verifiedSnapshot();
  if (verified === undefined) return { floor: 1, version: 0, pagesRemoved: 0, bodiesRemoved: 0, snapshotsRemoved: 0 };
  // From here on whoever looks into the head knows that there is a snapshot.
  await pruning.nameInHead(verified);
  const planned = await pointer.plan({ keep }, { signal });
  const { sweptFrom, prunedTo, prunedFrom, dropping } = planned;
  const beforeDelete = (commits: readonly Commit[]) =>
    receipts.delete(
      commits.filter(({ place }) => place < prunedFrom),
      signal,
    );
  const swept = await journal.sweep({ from: sweptFrom, to: prunedTo, prunedFrom, beforeDelete }, signal);
  await ends.snapshots.deleteDropped(planned, signal);
  await pointer.finish(planned, { signal });
  const image = await journal.readHead(signal);
  if (image === undefined || closingOf(image) === 'deleted') throw new StreamClosedError('prune', stream, 'deleted');
  return {
    floor: await floorOf(ends, image, signal),
    version: verified.seq,
    pagesRemoved: swept.pages,
    bodiesRemoved: swept.bodies,
    snapshotsRemoved: dropping.length,
  };
}

class Pruning {
  readonly #ends: StreamEnds;
  readonly #type: AnyAggregateType;
  readonly #kind: string;
  readonly #signal: AbortSignal | undefined;
  /** What was folded so far. */
  #folded: Folded | undefined;
  /** Snapshots of which is known that they are what the events give. */
  readonly #right = new Set<string>();

  constructor(ends: StreamEnds, type: AnyAggregateType, signal: AbortSignal | undefined) {
    this.#ends = ends;
    this.#type = type;
    this.#kind = kindOf(type);
    this.#signal = signal;
  }

  /** A snapshot of the newest state that is right, was read back, and is kept; `undefined` for a stream without events. */
  async verifiedSnapshot(): Promise<SnapEntry | undefined> {
    const { journal, snapshots, stream } = this.#ends;
    const signal = this.#signal;
    for (let round = 1; round <= roundsMax; round += 1) {
      signal?.throwIfAborted();
      const image = await journal.readHead(signal);
      if (closingOf(image) === 'deleted') throw new StreamClosedError('prune', stream, 'deleted');
      if (image === undefined || image.seq === 0) return undefined;
      snapshots.pointer.bind(image.journalId);
      const { kept, prunedTo } = await snapshots.pointer.read({ signal });
      try {
        this.#folded ??= await this.#begin(kept, prunedTo > 0);
        await this.#foldTo(image, kept);
      } catch (error) {
        // Another prune was faster, and what it left begins with what it has verified.
        if ((await snapshots.pointer.read({ signal })).prunedTo === prunedTo) throw error;
        this.#folded = undefined;
        continue;
      }
      const newest = kept.at(-1);
      const isThere = newest?.seq === image.seq && this.#right.has(newest.id) && (await this.#isReadable(newest));
      const entry = isThere ? newest : await this.#make(image, newest);
      if (entry !== undefined && (await this.#keep(entry, kept))) return entry;
    }
    throw new Error(`Cannot prune stream ${stream}: others make snapshots faster than one can be verified; try again`);
  }

  /** Names the snapshot in the head, so that it is found without the pointer. */
  async nameInHead({ id, parts, seq, page }: SnapEntry): Promise<void> {
    const stored = { id, parts, seq, page, kind: this.#kind };
    await changeHead(this.#ends, this.#signal, 'prune', (image) => {
      const before = noteOf(image);
      if ((before.stored?.seq ?? 0) >= seq || closingOf(image) === 'deleted') return undefined;
      const withState = (before.folded?.seq ?? 0) >= seq ? encodeNote({ ...before, stored }) : undefined;
      return { note: withState ?? (encodeNote({ stored }) as Uint8Array) };
    });
  }

  /** Where the fold begins: with nothing; or, when the first events are gone, with the snapshot that was verified then. */
  async #begin(kept: readonly SnapEntry[], isPruned: boolean): Promise<Folded> {
    if (!isPruned) return foldedOf(this.#type);
    const { snapshots, stream } = this.#ends;
    const base = kept.findLast(({ pinned, handlerVersion }) => pinned === true && handlerVersion === this.#kind);
    if (base === undefined) {
      throw new StreamPrunedError(
        stream,
        { from: 1 },
        new Error(`no snapshot that was verified is of type and stateVersion ${this.#kind}`),
      );
    }
    const { folded } = await snapshots.read({ ...base, kind: this.#kind }, this.#signal);
    this.#right.add(base.id);
    return folded;
  }

  /** Folds up to a head, and compares each stored state that it comes by. */
  async #foldTo(image: Head, kept: readonly SnapEntry[]): Promise<void> {
    const { journal, recorder } = this.#ends;
    let folded = this.#folded as Folded;
    await this.#compare(folded, image, kept);
    if (folded.seq < image.seq) {
      for await (const read of journal.readTo(image, folded.seq + 1, this.#signal)) {
        folded = replayAll(this.#type, folded, recorder.records(read, folded.seq + 1, image.seq));
        await this.#compare(folded, image, kept);
      }
    }
    this.#folded = folded;
  }

  async #compare(folded: Folded, image: Head, kept: readonly SnapEntry[]): Promise<void> {
    const { stream } = this.#ends;
    for (const entry of kept) {
      if (entry.seq !== folded.seq || entry.handlerVersion !== this.#kind || this.#right.has(entry.id)) continue;
      const digest = await digestState(contentOf(this.#kind, folded, entry));
      if (digest !== entry.digest) throw new PruneRefusedError(stream, entry.seq, `snapshot ${entry.id}`);
      this.#right.add(entry.id);
    }
    const { kind, folded: noted } = noteOf(image);
    if (noted?.seq !== folded.seq || kind !== this.#kind) return;
    if ((await digestState(noted.state)) === (await digestState(folded.state))) return;
    throw new PruneRefusedError(stream, noted.seq, 'the head');
  }

  /** Makes a snapshot of the state at a head; `undefined` when somebody else was faster. */
  async #make(head: Head, newest: SnapEntry | undefined): Promise<SnapEntry | undefined> {
    const { snapshots, journal } = this.#ends;
    const signal = this.#signal;
    let image = head;
    if (newest !== undefined && newest.place >= image.place) {
      // The pointer only moves forward: a commit without events makes room for another snapshot of the same state.
      await changeHead(this.#ends, signal, 'prune', ({ seq, closed }) =>
        seq === image.seq && closingOf({ closed }) !== 'deleted' ? {} : undefined,
      );
      image = journal.image ?? image;
      if (image.seq !== head.seq || image.place <= newest.place) return undefined;
    }
    const id = await snapshots.begin(signal);
    const entry = await snapshots.write(id, this.#kind, this.#folded as Folded, image, signal);
    // What counts is what stands there, and not what was sent.
    await snapshots.read({ ...entry, kind: this.#kind }, signal);
    const moved = await snapshots.move(entry, signal);
    if ((await snapshots.clearDeleted(entry)) || moved !== 'moved') return undefined;
    this.#right.add(id);
    return entry;
  }

  async #isReadable(entry: SnapEntry): Promise<boolean> {
    return (await this.#ends.snapshots.tryRead({ ...entry, kind: this.#kind }, this.#signal)) !== undefined;
  }

  /** Keeps a snapshot, and not those any more that were verified before; `false` when it was removed meanwhile. */
  async #keep(entry: SnapEntry, kept: readonly SnapEntry[]): Promise<boolean> {
    const { pointer } = this.#ends.snapshots;
    if (!(await pointer.pin(entry.id, true, { signal: this.#signal }))) return false;
    for (const { id, pinned } of kept) {
      if (pinned === true && id !== entry.id) await pointer.pin(id, false, { signal: this.#signal });
    }
    return true;
  }
}

function noteOf({ note }: Pick<Head, 'note'>): StateNote {
  try {
    return note === undefined ? {} : decodeNote(note);
  } catch {
    return {};
  }
}
