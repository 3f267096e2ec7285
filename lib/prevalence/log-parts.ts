/** What a log in a table is made of; shared by the files that each do one thing with it. */
import type { Journal } from '../journal/index.js';
import type { SnapEntry, SnapshotPointer, SnapshotStore } from '../snapshot/index.js';
import type { LogRequest } from './storage.js';

export interface LogParts extends LogRequest {
  readonly name: string;
  readonly journal: Journal;
  readonly pointer: SnapshotPointer;
  readonly store: SnapshotStore;
  readonly newId: () => string;
  /** The newest snapshot that is known here. */
  newest: SnapEntry | undefined;
}

/** The pointer is written only once it is known which journal it is of. */
export function bindPointer({ journal, pointer }: LogParts): void {
  if (journal.image !== undefined) pointer.bind(journal.image.journalId);
}
