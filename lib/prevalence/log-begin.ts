/**
 * A log that begins with a state: as if it had had all the events in it, and all had been pruned.
 *
 *   head: so many events, closed ─► parts ─► pointer: one snapshot, nothing before it ─► head: open, held by who begins it
 *                                      │ cut short anywhere from the head on
 *                                      ▼
 *                          nobody can open it, or append; begun again, it goes through all of it once more
 *
 * The head comes first, since its swap is what tells whether there is an event already. From then on it is closed for appends, and
 * what comes before it can't be read, so nobody takes the log for an empty one; and it is opened when all that it needs stands there.
 */
import { isLeydenError } from '../errors.js';
import { type Batch, type Head, migrationHolds, NotWriterError } from '../journal/index.js';
import { deleteParts, SnapshotPointerError } from '../snapshot/index.js';
import { LogNotEmptyError, LogUnfinishedError, SnapshotError } from './errors.js';
import { bindPointer, type LogParts } from './log-parts.js';
import { roomParts, writeParts } from './log-snapshots.js';
import type { LogBase } from './storage.js';

/** Why the head takes no events meanwhile. Part of the format: whoever begins again knows it by this. */
const unfinished = 'the state that it begins with is not stored yet';

export async function beginLog(parts: LogParts, base: LogBase, signal: AbortSignal | undefined): Promise<void> {
  const { journal, consumer, newId, pointer } = parts;
  // In this order: of one that begins meanwhile the head is seen if the pointer is.
  const { journalId } = await pointer.read({ signal });
  const image = await journal.readHead(signal);
  if (image !== undefined) requireEmpty(parts, image);
  else if (journalId !== '') refuseLeftover(parts, journalId);
  // Of one that was cut short there is nothing to fold.
  if (image?.closed === unfinished) journal.jump(image);
  const { head, writers } = await closeHead(parts, base);
  bindPointer(parts);
  const id = newId();
  await pointer.begin({ id, parts: roomParts }, { signal });
  const { place, chain, pages } = head;
  const cursor = { place, seq: base.seq, time: base.time, chain, writers };
  const content = { v: 1, cursor, captured: base.captured } as const;
  const entry = await writeParts(parts, id, { content, page: pages, from: place + 1 }, signal);
  const moved = await pointer.moveToFirst(entry, { signal });
  if (moved === 'swept') {
    await deleteParts(parts.store, entry);
    throw new SnapshotError(parts.name, 'a pruner took it for given up');
  }
  if (moved === 'overtaken') {
    requireEmpty(parts, (await journal.readHead(signal)) as Head);
    throw new LogUnfinishedError(parts.name);
  }
  parts.newest = entry;
  consumer.restore(base.captured, { seq: base.seq, time: base.time });
  journal.restore({ ...cursor, page: pages });
  await openHead(parts);
}

/** The head is one of a log that has so many events, and takes no more. */
async function closeHead(parts: LogParts, { seq, time }: LogBase) {
  const { journal } = parts;
  const batch: Batch = {
    claims: true,
    decide: ({ image }) => {
      requireEmpty(parts, image);
      // A right that somebody had and gave up is newer than the state, and than events that may come after it.
      const isLate = image.time > time && image.holder === undefined && image.closed !== unfinished;
      if (isLate) throw new LogNotEmptyError(parts.name, image.seq);
      return { text: '', count: 0, time: Math.max(time, image.time), closes: unfinished, beginsAt: seq };
    },
  };
  await explained(parts, () => journal.append(batch));
  return { head: journal.image as Head, writers: journal.cursor.facts().writers };
}

/** @throws {LogUnfinishedError}, {@link LogNotEmptyError} when another one has begun it again meanwhile, or has done so to the end. */
async function openHead(parts: LogParts): Promise<void> {
  const { name, journal } = parts;
  const batch: Batch = {
    claims: true,
    decide: ({ image }) => {
      if (image.closed !== unfinished) throw new LogNotEmptyError(name, image.seq);
      // Not now: of what comes into the log there may be older things yet.
      const holds = migrationHolds(image, journal.instance);
      return { text: '', count: 0, time: image.time, closes: null, holds };
    },
  };
  // Of a head that was closed anew there is nothing to fold from here.
  await explained(parts, () => journal.append(batch));
}

/** @throws {LogNotEmptyError} `ERR_LOG_NOT_EMPTY`, {@link NotWriterError} `ERR_NOT_WRITER` */
function requireEmpty({ name, journal }: LogParts, { seq, holder, epoch, closed }: Head): void {
  if (seq > 0 && closed !== unfinished) throw new LogNotEmptyError(name, seq);
  if (holder !== undefined && holder.writer !== journal.instance) {
    throw new NotWriterError(name, 'another instance holds it alone', holder.writer, epoch);
  }
}

/** What is left of a log whose head is gone is no place for a new one. */
function refuseLeftover({ pointer }: LogParts, journalId: string): never {
  const detail = `it belongs to journal ${journalId}, whose head is gone; delete what is left of it, pointer included`;
  throw new SnapshotPointerError(pointer.key, 'other-journal', detail);
}

/** @throws {LogUnfinishedError} `ERR_LOG_UNFINISHED` when `work` is on a log whose first state is not stored yet. */
export async function unlessUnfinished(parts: LogParts, work: () => Promise<void>): Promise<void> {
  await explained(parts, work);
  if (parts.journal.image?.closed === unfinished) throw new LogUnfinishedError(parts.name);
}

/** Nothing of such a log can be read, which is no loss. */
async function explained({ name, journal }: LogParts, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const isUnfinished = isLeydenError(error, 'ERR_JOURNAL_GAP') && (await journal.readHead())?.closed === unfinished;
    throw isUnfinished ? new LogUnfinishedError(name) : error;
  }
}
