/**
 * Reading what is in the log, for changes, audits and migrations.
 *
 * Who only reads can't tell whether the last record of a file that is not closed counts: it may not be synced, or be of one who was
 * deposed. It is given, and said to be in doubt, unless this process has the directory open, and knows.
 */
import { JournalCompactedError, type ReadCommit } from '../journal/index.js';
import type { LoggedCommit } from '../prevalence/index.js';
import type { JournalEnd } from './file-reading.js';
import { Vanished } from './journal-files.js';
import { readJournal } from './journal-reader.js';
import { type LogParts, positionAtStart } from './log-parts.js';

/** Commits with events from `from` on, up to the newest. */
export async function* readCommits(
  parts: LogParts,
  from: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<LoggedCommit> {
  const { files, directory, name } = parts;
  try {
    if (directory === undefined) await files.list();
    const limit = directory?.end;
    if (limit?.number === 0 || files.first === undefined) return;
    const first = await files.fileOfSeq(Math.max(from, 1));
    if (first === undefined) throw new JournalCompactedError(name, from);
    const start = { ...first.starts, number: first.number, offset: first.length };
    const reading = readJournal(files, start, { limit, signal });
    // The newest one, of which nobody can tell yet whether something comes after it.
    let newest: ReadCommit | undefined;
    try {
      for (;;) {
        const { done, value } = await reading.next();
        if (done === true) {
          if (newest !== undefined) yield (await isInDoubt(parts, value)) ? { ...newest, isInDoubt: true } : newest;
          return;
        }
        for (const { read } of value.found) {
          if (read.commit.first + read.commit.count <= from) continue;
          if (newest !== undefined) yield newest;
          newest = read;
        }
      }
    } finally {
      // Closes the file when somebody has read enough.
      await reading.return(atStart);
    }
  } catch (error) {
    throw error instanceof Vanished ? new JournalCompactedError(name, from) : error;
  }
}

const atStart: JournalEnd = { position: positionAtStart, last: undefined, isEnded: false };

async function isInDoubt(
  { directory, files, certainEnd }: LogParts,
  { position, isEnded }: JournalEnd,
): Promise<boolean> {
  if (directory !== undefined || isEnded) return false;
  const certain = certainEnd();
  if (certain !== undefined && certain.number === position.number && certain.offset >= position.offset) return false;
  // A file with nothing in it says that all before it counts. What is in it may have been read in the one before, and found anew here.
  return position.place > (await files.header(position.number)).starts.place;
}
