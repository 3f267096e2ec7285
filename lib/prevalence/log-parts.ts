/** What a log in a table is made of; shared by the files that each do one thing with it. */
import type { Journal } from '../journal/index.js';
import type { SnapEntry, SnapshotPointer, SnapshotStore } from '../snapshot/index.js';
import type { LogRequest } from './storage.js';

/** Options of `atomStorage`. */
export interface AtomStorageOptions {
  /** Where snapshots are stored. @defaultValue as items of the same table */
  readonly snapshots?: SnapshotStore | undefined;
  /**
   * The head's item is kept within this many bytes, up to 256 KB. More makes fewer pages and dearer commits.
   * @defaultValue 1024, one write unit
   */
  readonly headBytesMax?: number | undefined;
  /**
   * JSON text of the events of one commit, at most, and so of one event; up to 32 MB.
   * @defaultValue 8 MB
   */
  readonly appendBytesMax?: number | undefined;
  /**
   * A snapshot under way of which nothing was heard for so long counts as given up.
   * @defaultValue 1 hour
   */
  readonly makingMsMax?: number | undefined;
  /**
   * Writers that have not committed for so long are taken out of the journal by `prune`. One that lives after all goes on under
   * a new name.
   * @defaultValue 1 day
   */
  readonly writerQuietMs?: number | undefined;
}

export interface LogParts extends LogRequest {
  readonly name: string;
  readonly journal: Journal;
  readonly pointer: SnapshotPointer;
  readonly store: SnapshotStore;
  readonly newId: () => string;
  /** The newest snapshot that is known here. */
  newest: SnapEntry | undefined;
  /** Ids of snapshots that could not be read here. */
  readonly damaged: Set<string>;
}

/** The pointer is written only once it is known which journal it is of. */
export function bindPointer({ journal, pointer }: LogParts): void {
  if (journal.image !== undefined) pointer.bind(journal.image.journalId);
}
