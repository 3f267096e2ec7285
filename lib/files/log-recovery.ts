/**
 * Loading a snapshot: the newest that can be read, or none at all; for an instance that opens, one that was overtaken by a pruner, and
 * one that looks at the past.
 *
 *   the directory's list ─► newest snapshot ─► consumer, and where the journal goes on
 *                               │ can't be read: the list again ─► it was removed meanwhile: from the start
 *                               ▼                             └► it is damaged: a warning, and the one before
 */
import { JournalCompactedError, JournalFormatError } from '../journal/index.js';
import type { PastStart, PastTarget } from '../prevalence/index.js';
import {
  type DecodedState,
  decodeState,
  readSnapshot,
  SnapshotDamagedError,
  type SnapshotStore,
  sealedSnapshotStore,
} from '../snapshot/index.js';
import { JournalDamagedError } from './errors.js';
import { Vanished } from './journal-files.js';
import { noPoint } from './journal-header.js';
import type { JournalPosition } from './journal-position.js';
import { readJournal } from './journal-reader.js';
import { factsOf, type LogParts, openSnapshot, positionAt, type StatePoint } from './log-parts.js';
import type { SnapshotFacts } from './snapshot-index.js';
import { codeOf } from './system-code.js';

/** What the parts of a snapshot hold. */
export interface SnapshotContent {
  readonly v: 1;
  readonly place: number;
  /** What the consumer gave. */
  readonly captured: unknown;
}

/** A state that was loaded, and what is true there. */
export interface Loaded {
  /** `undefined`: from nothing. */
  readonly captured: unknown;
  readonly point: StatePoint;
}

/** The newest snapshot that can be read, or nothing, if all of the journal is there. */
export async function loadNewest(
  parts: LogParts,
  signal?: AbortSignal,
): Promise<Loaded & { readonly position: JournalPosition }> {
  for (;;) {
    await parts.files.list();
    const { snapshots: places, first } = parts.files;
    try {
      const found = await newestReadable(parts, places, signal);
      if (found === 'removed') continue;
      parts.newest = (await keptSnapshots(parts)).at(-1);
      return { ...found, position: await positionAt(parts, found.point) };
    } catch (error) {
      // A file was pruned between the list and a look at it, or the files that this goes on in, here, while it was read.
      if (!(error instanceof Vanished) && parts.files.first === first) throw error;
    }
  }
}

/**
 * The newest of these that can be read, each that can't with a warning.
 *
 * @throws {SnapshotDamagedError} `ERR_SNAPSHOT_DAMAGED` when there is none, and the journal does not begin at its beginning.
 */
async function newestReadable(
  parts: LogParts,
  places: readonly number[],
  signal: AbortSignal | undefined,
): Promise<Loaded | 'removed'> {
  const { files } = parts;
  let damage: unknown;
  for (const place of places.toReversed()) {
    try {
      const content = await readContent(parts, place, signal);
      if (content === undefined) return 'removed';
      await requireJournal(parts, content.facts);
      return { captured: content.captured, point: content.facts };
    } catch (error) {
      if (!(error instanceof SnapshotDamagedError)) throw error;
      if (!(await files.isListed('snapshot', place))) return 'removed';
      parts.damaged.add(place);
      parts.onWarning(error);
      damage = error;
    }
  }
  const begins = await startOfJournal(parts);
  if (begins > 0 && damage !== undefined) throw damage;
  return { captured: undefined, point: noPoint };
}

/** How many commits there were before the first file. */
async function startOfJournal({ files }: LogParts): Promise<number> {
  if (files.first !== undefined) return (await files.header(files.first)).starts.place;
  return files.snapshots.length > 0 ? Number.POSITIVE_INFINITY : 0;
}

/** A snapshot does not make a journal that it was taken of, and that went on after it. */
async function requireJournal({ files }: LogParts, { journal, place, journalId }: SnapshotFacts): Promise<void> {
  const { first } = files;
  if (first === undefined) {
    if (journal === 0) {
      // Its journal was not begun yet; it will be the same one.
      files.requireId(journalId);
      return;
    }
    throw new JournalDamagedError(files.pathOf('journal', journal), 'missing', 'it is not there, and its snapshot is', {
      place,
    });
  }
  const header = await files.header(first);
  if (header.journalId === journalId) return;
  throw new JournalDamagedError(files.pathOf('snapshot', place), 'foreign', 'it is of another journal');
}

/** `undefined` when it is not there any more. */
async function readContent(
  parts: LogParts,
  place: number,
  signal: AbortSignal | undefined,
): Promise<{ readonly captured: unknown; readonly facts: SnapshotFacts } | undefined> {
  const { clock, format, name, files } = parts;
  const file = await openSnapshot(parts, place);
  if (file === undefined) return undefined;
  const { facts } = file;
  try {
    const { id, parts: count, label, digest } = facts;
    if (label !== format) {
      const remedy = 'another application keeps its state here; choose another directory, or the right format';
      throw new JournalFormatError(name, 'label (format)', JSON.stringify(label), JSON.stringify(format), remedy);
    }
    const store = sealedParts(parts, file.store, facts.journalId);
    const decoded: DecodedState = await decodeState(readSnapshot({ store, id, parts: count, signal }), {
      now: () => clock.monotonicMs(),
    });
    const content = decoded.value as SnapshotContent;
    const isIt = decoded.digest === digest && content?.v === 1 && content.place === place && facts.place === place;
    if (!isIt) throw new SnapshotDamagedError('damaged', 'it is not what was written', { id });
    parts.facts.set(place, facts);
    return { captured: content.captured, facts };
  } catch (error) {
    // What does not come from the snapshot comes from the disk under it.
    if (codeOf(error) !== 'EIO') throw error;
    const detail = `it can not be read (${(error as Error).message})`;
    throw new SnapshotDamagedError('damaged', detail, { id: files.pathOf('snapshot', place) }, error);
  } finally {
    await file.close();
  }
}

/** Parts on their way into a file, and back. */
export function sealedParts({ codec }: LogParts, store: SnapshotStore, journalId: string): SnapshotStore {
  return sealedSnapshotStore(store, codec, { table: journalId, name: 'snapshot' });
}

/** From where to replay to a moment of the past: the newest kept snapshot that is not after it and can be read. */
export async function pastStart(
  parts: LogParts,
  target: PastTarget,
  limit: JournalPosition | undefined,
  signal?: AbortSignal,
): Promise<PastStart> {
  for (;;) {
    await parts.files.list();
    const { first } = parts.files;
    try {
      const found = await pastFrom(parts, target, limit, signal);
      if (found !== 'removed') return found;
    } catch (error) {
      if (!(error instanceof Vanished) && parts.files.first === first) throw error;
    }
  }
}

async function pastFrom(
  parts: LogParts,
  target: PastTarget,
  limit: JournalPosition | undefined,
  signal: AbortSignal | undefined,
): Promise<PastStart | 'removed'> {
  const { name, files } = parts;
  const begins = await startOfJournal(parts);
  const isBefore = ({ seq, time }: SnapshotFacts) =>
    target.seq === undefined ? time <= target.time : seq <= target.seq;
  // One that a prune has left behind leads nowhere.
  const isJoined = ({ place }: SnapshotFacts) => files.first === undefined || place >= begins;
  const kept = (await keptSnapshots(parts)).filter((facts) => isBefore(facts) && isJoined(facts));
  if (kept.length === 0 && begins > 0) throw new JournalCompactedError(name, 1);
  const found = await newestReadable(
    parts,
    kept.map(({ place }) => place),
    signal,
  );
  if (found === 'removed') return found;
  const { captured, point } = found;
  const { place, seq, time, chain } = point;
  const from = await positionAt(parts, point);
  return {
    captured,
    at: { place, seq, time, chain, page: 0, writers: [] },
    async *commits() {
      try {
        for await (const { found: batch } of readJournal(files, from, { limit, signal })) {
          for (const { read } of batch) if (read.commit.place > place) yield read;
        }
      } catch (error) {
        throw error instanceof Vanished ? new JournalCompactedError(name, seq + 1) : error;
      }
    },
  };
}

async function factsIfReadable(parts: LogParts, place: number): Promise<SnapshotFacts | undefined> {
  try {
    return await factsOf(parts, place);
  } catch (error) {
    if (!(error instanceof SnapshotDamagedError)) throw error;
    parts.damaged.add(place);
    return undefined;
  }
}

/** Those that are kept, the oldest first. */
export async function keptSnapshots(parts: LogParts): Promise<readonly SnapshotFacts[]> {
  const kept: SnapshotFacts[] = [];
  for (const place of parts.files.snapshots) {
    const facts = await factsIfReadable(parts, place);
    if (facts !== undefined) kept.push(facts);
  }
  return kept;
}
