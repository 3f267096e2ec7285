/**
 * Making and removing snapshots.
 *
 *   the append turn: fold to the end, capture ─► parts into a file without a name ─► sync, name ─► it counts
 *
 * The state is immutable, so writers go on while it is written. A new journal file begins as it is taken: so those before can be
 * removed when nothing older is kept. A failure changes nothing.
 */
import path from 'node:path';
import { type PruneReport, SnapshotError, type SnapshotInfo, type SnapshotRequest } from '../prevalence/index.js';
import { encodeState, requireSnapshotRetention, retainedIds, writeSnapshot } from '../snapshot/index.js';
import type { Holds } from './commit-record.js';
import type { Directory } from './directory.js';
import { directoryError } from './errors.js';
import { Vanished } from './journal-files.js';
import type { JournalPosition } from './journal-position.js';
import type { LogParts } from './log-parts.js';
import { keptSnapshots, type SnapshotContent, sealedParts } from './log-recovery.js';
import { type FileKind, nameOf } from './names.js';
import { createSnapshotFile } from './snapshot-file.js';
import type { SnapshotFacts } from './snapshot-index.js';
import { removeIfThere } from './system-code.js';

/** A state, and what is true of it. */
export interface Captured {
  readonly captured: unknown;
  readonly at: JournalPosition;
  /** Who may write, where the journal is not begun yet. */
  readonly holds?: Holds;
}

/** What a log does in the append turn. */
export interface SnapshotTurns {
  /** Folds to the end, and takes the state there. */
  capture(): Promise<Captured>;
  /** Appends a commit without events. */
  appendNothing(): Promise<void>;
}

export async function makeSnapshot(
  parts: LogParts,
  directory: Directory,
  turns: SnapshotTurns,
  { signal }: SnapshotRequest,
): Promise<SnapshotInfo> {
  let taken = await turns.capture();
  const { name, files, damaged } = parts;
  if (taken.at.place === 0) throw new SnapshotError(name, 'there is no event yet');
  const newest = files.snapshots.at(-1);
  if (newest !== undefined && newest >= taken.at.place) {
    const known = (await keptSnapshots(parts)).at(-1);
    // One that covers all is as good as a new one, unless it is known that it can't be read.
    if (known !== undefined && known.place === newest && !damaged.has(newest)) return known;
    // A snapshot has the number of its place: a commit without events makes room for another one of the same state.
    await turns.appendNothing();
    taken = await turns.capture();
  }
  const facts = await writeFile(parts, directory, taken, signal);
  parts.newest = facts;
  return facts;
}

/** Writes a state as a snapshot. */
export async function writeFile(
  parts: LogParts,
  directory: Directory,
  { captured, at, holds }: Captured,
  signal: AbortSignal | undefined,
): Promise<SnapshotFacts> {
  const { fileSystem, name, clock, consumer, format, files, onWarning } = parts;
  const { place, seq, time, chain, number } = at;
  const { journalId } = directory;
  const id = nameOf('snapshot', place);
  try {
    await directory.requireMine();
    const file = await createSnapshotFile(fileSystem, name, place, directory.maker, parts.codec);
    try {
      const content: SnapshotContent = { v: 1, place, captured };
      const {
        digest,
        parts: count,
        bytes,
      } = await writeSnapshot({
        ...{ store: sealedParts(parts, file.store, journalId), id, signal },
        content: encodeState(content, {
          now: () => clock.monotonicMs(),
          isBusy: () => consumer.isBusy?.() ?? false,
        }),
      });
      const facts: SnapshotFacts = {
        ...{ id, seq, time, bytes, parts: count, digest, place, chain, journal: number, journalId, label: format },
        madeAt: Math.floor(clock.now()),
        ...(holds !== undefined && { holds }),
      };
      await file.finish(facts);
      files.addSnapshot(place);
      parts.facts.set(place, facts);
      return facts;
    } catch (error) {
      await file.abandon().catch((failure: unknown) => onWarning(directoryError(name, failure)));
      throw error;
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof SnapshotError ? error : new SnapshotError(name, 'it could not be written', error);
  }
}

/**
 * Removes what the retention does not keep: snapshots, and then journal files, the oldest first, each for certain before the next. So
 * whatever a loss of power undoes, the row of files stays without a gap, and reaches back to the oldest snapshot.
 */
export async function pruneFiles(parts: LogParts, directory: Directory): Promise<PruneReport> {
  const { files, retention, clock, fileSystem, name, damaged } = parts;
  const { journal = 'oldest-kept', ...snapshots } = retention;
  await directory.requireMine();
  const readable = (await keptSnapshots(parts)).filter(({ place }) => !damaged.has(place));
  const kept = retainedIds(readable, requireSnapshotRetention(snapshots));
  const [oldest] = readable.filter(({ id }) => kept.has(id));
  const none = { kept: 0, snapshotsRemoved: 0, pagesRemoved: 0, bodiesRemoved: 0 };
  if (oldest === undefined) return none;
  // One that can't be read is of no use once a newer one can be.
  const newest = readable.at(-1) as SnapshotFacts;
  const doomed = files.snapshots.filter((place) => !kept.has(nameOf('snapshot', place)) && place < newest.place);
  for (const place of doomed) await remove('snapshot', place);
  if (doomed.length > 0) await synced();
  // The snapshots say what may go, and a clock only what may not yet.
  const until = typeof journal === 'object' ? clock.now() - journal.ms : Number.POSITIVE_INFINITY;
  const old = journal === 'forever' ? [] : await oldFiles(parts, oldest.place, until).catch(explained);
  for (const number of old) {
    await remove('journal', number);
    await synced();
  }
  return { ...none, kept: files.snapshots.length, snapshotsRemoved: doomed.length, pagesRemoved: old.length };

  /** A file that is gone was pruned by who has the directory by now. */
  async function explained(error: unknown): Promise<never> {
    if (error instanceof Vanished) await directory.requireMine();
    throw directoryError(name, error);
  }

  async function remove(kind: FileKind, number: number): Promise<void> {
    await directory.requireMine();
    await removeIfThere(fileSystem, path.join(name, nameOf(kind, number))).catch((error: unknown) => {
      throw directoryError(name, error);
    });
    files.removed(kind, number);
    if (kind === 'snapshot') parts.facts.delete(number);
  }

  async function synced(): Promise<void> {
    try {
      await fileSystem.syncDirectory(name);
    } catch (error) {
      throw directoryError(name, error);
    }
  }

  /** Numbers of the files that no snapshot from `place` on needs, and whose last commit is not after `until`. */
  async function oldFiles({ files: row }: LogParts, place: number, until: number): Promise<number[]> {
    const found: number[] = [];
    for (const number of row.numbers.slice(0, -1)) {
      const { starts } = await row.header(number + 1);
      if (starts.place > place || starts.time > until) break;
      found.push(number);
    }
    return found;
  }
}
