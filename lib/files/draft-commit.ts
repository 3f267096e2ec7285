/** What is decided in a turn, as the commit that comes after a point of the journal. Pure. */
import { linesIn } from '../codec/index.js';
import type { Commit, Draft } from '../journal/index.js';
import type { JournalPoint } from './journal-header.js';

/** Who writes it, and how many commits that one has written before. */
export interface Author {
  readonly writer: string;
  readonly written: number;
}

/** @throws TypeError when the draft is none that can come there. */
export function commitOf(draft: Draft, before: JournalPoint, { writer, written }: Author, now: number): Commit {
  const { text, count, time = now, handlerVersion, stateDigest, marks = [] } = draft;
  const lines = linesIn(text);
  if (lines !== count || !Number.isSafeInteger(time) || time < before.time) {
    throw new TypeError(
      `Cannot append to a journal: count is ${count} of ${lines} lines, time ${time} or out of range`,
    );
  }
  const [place, first, n] = [before.place + 1, before.seq + 1, written + 1];
  const own = { writer, n, prev: written, body: undefined, skip: [], retires: false };
  return { ...own, place, first, count, time, text, marks, handlerVersion, stateDigest };
}
