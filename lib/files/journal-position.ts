/** Where in the journal one is, and where one is after some commits more. */
import type { DecodedCommit } from './commit-record.js';
import type { JournalPoint } from './journal-header.js';

/** Behind so many commits, and at a byte of a file. */
export interface JournalPosition extends JournalPoint {
  /** Number of the file; 0 as long as there is none. */
  readonly number: number;
  readonly offset: number;
}

/** What is true after the first `count` of these commits. Of many at once, as recovery reads millions. */
export function pointAfter(
  before: JournalPoint,
  found: readonly DecodedCommit[],
  count: number = found.length,
): JournalPoint {
  const last = found[count - 1];
  if (last === undefined) return before;
  const { commit, chain } = last.read;
  let at = count - 1;
  while (at > 0 && found[at]?.holds === undefined) at -= 1;
  const { epoch, holder } = found[at]?.holds ?? before;
  return { place: commit.place, seq: commit.first + commit.count - 1, time: commit.time, chain, epoch, holder };
}
