/** What a log in files is made of; shared by the files that each do one thing with it. */
import type { LogRequest, SnapshotInfo } from '../prevalence/index.js';
import { SnapshotDamagedError } from '../snapshot/index.js';
import type { Holds } from './commit-record.js';
import type { Directory } from './directory.js';
import { directoryError, JournalDamagedError } from './errors.js';
import type { FileSystem } from './file-system.js';
import type { JournalFiles } from './journal-files.js';
import { type JournalPoint, noPoint } from './journal-header.js';
import type { JournalPosition } from './journal-position.js';
import { nameOf } from './names.js';
import { openSnapshotFile, type SnapshotFileReader } from './snapshot-file.js';
import type { SnapshotFacts } from './snapshot-index.js';
import { isNotThere } from './system-code.js';

export interface LogParts extends LogRequest {
  /** The directory, which is the name of the system in messages as well. */
  readonly name: string;
  readonly fileSystem: FileSystem;
  /** Its own where nothing is written; else that of the open directory. */
  readonly files: JournalFiles;
  /** Absent where nothing may be written. */
  readonly directory: Directory | undefined;
  /** Up to where what is in the journal counts for certain, if this process has the directory open. */
  certainEnd(): JournalPosition | undefined;
  /** The newest snapshot that is known here. */
  newest: SnapshotInfo | undefined;
  /** Places of snapshots that could not be read here. */
  readonly damaged: Set<number>;
  /** What snapshots that were opened say of themselves. */
  readonly facts: Map<number, SnapshotFacts>;
}

/** What is true where a state that was loaded was taken. */
export interface StatePoint extends Pick<JournalPoint, 'place' | 'seq' | 'time' | 'chain'> {
  /** Who may write, if the journal begins with that state and is not begun yet. */
  readonly holds?: Holds;
}

/** Before anything. */
export const positionAtStart: JournalPosition = { ...noPoint, number: 0, offset: 0 };

/** What a snapshot says of itself; `undefined` when it is not there any more. */
export async function factsOf(parts: LogParts, place: number): Promise<SnapshotFacts | undefined> {
  const known = parts.facts.get(place);
  if (known !== undefined) return known;
  const file = await openSnapshot(parts, place);
  await file?.close();
  if (file !== undefined) parts.facts.set(place, file.facts);
  return file?.facts;
}

/** `undefined` when it is not there any more. */
export async function openSnapshot(
  { files, fileSystem, name, codec }: LogParts,
  place: number,
): Promise<SnapshotFileReader | undefined> {
  try {
    return await openSnapshotFile(fileSystem, files.pathOf('snapshot', place), codec);
  } catch (error) {
    if (!isNotThere(error)) throw directoryError(name, error);
    if (!(await files.isListed('snapshot', place))) return undefined;
    throw new SnapshotDamagedError('damaged', 'its name is there and leads nowhere', { id: nameOf('snapshot', place) });
  }
}

/**
 * Where the journal goes on after so many commits: at the beginning of the file in which that is, so that what comes before in it is
 * read as well, and passed over.
 */
export async function positionAt({ files }: LogParts, point: StatePoint): Promise<JournalPosition> {
  const { place, seq, time, chain, holds } = point;
  const header = await files.fileAt(place);
  if (header !== undefined) {
    const { starts, number, length } = header;
    if (starts.place === place) requireSame(files, starts, point);
    return { ...starts, number, offset: length };
  }
  if (files.first === undefined) return { ...positionAtStart, place, seq, time, chain, ...holds };
  const missing = files.pathOf('journal', files.first - 1);
  const detail = 'it is not there, and no snapshot that can be read covers what was in it';
  throw new JournalDamagedError(missing, 'missing', detail, { place });
}

/** A snapshot is of this journal only if both say the same where they meet. */
export function requireSame(
  files: LogParts['files'],
  found: StatePoint,
  { place, seq, time, chain }: StatePoint,
): void {
  if (found.chain === chain && found.seq === seq && found.time === time) return;
  const detail = 'its digest chain, last event or time is not that of the journal after its last commit';
  throw new JournalDamagedError(files.pathOf('snapshot', place), 'gap', detail, { place });
}
