/**
 * The ends of a stream: deleted for good, or archived until it is opened again. Each is a commit without events.
 *
 *   delete   head says deleting ─► receipts, bodies, pages, volumes, snapshots removed ─► head says deleted, and nothing else any more
 *              └ from here on nobody appends, and nobody reads                  └ the tail was the list of what is to be removed
 *
 * The head of a deleted stream stays for ever: it refuses whoever wakes up late, and nobody can take what such a one leaves behind for
 * events of another stream of this name. A crash in between leaves `deleting`; whoever deletes again goes on from there.
 */
import type { Commit, Draft, Head, Journal } from '../journal/index.js';
import type { StreamSnapshots } from './aggregate/stream-snapshots.js';
import { StreamClosedError } from './errors.js';
import { type ExpectedVersion, isMet } from './expected-version.js';
import { conflictOf } from './found-events.js';
import type { Receipts } from './receipts.js';
import type { Recorder } from './recorder.js';
import { closedAs, closingOf } from './stream-closing.js';

/** What a stream's end is made with. */
export interface StreamEnds {
  readonly stream: string;
  /** A journal object for this alone. */
  readonly journal: Journal;
  readonly recorder: Recorder;
  readonly receipts: Receipts;
  readonly snapshots: StreamSnapshots;
}

/** Options of {@link deleteStream} and {@link archiveStream}. */
export interface EndOptions {
  /** What the stream must be at. @defaultValue 'any' */
  readonly expected?: ExpectedVersion;
  /** Leaves. What was begun is gone on with by the next call. */
  readonly signal?: AbortSignal | undefined;
}

/** @returns whether there was something to delete. */
export async function deleteStream(ends: StreamEnds, { expected = 'any', signal }: EndOptions): Promise<boolean> {
  const { journal, receipts, snapshots } = ends;
  const begun = await changeHead(ends, signal, 'delete', (image) => {
    if (closingOf(image) === 'deleted') return undefined;
    if (!isMet(expected, image.seq)) return { unmet: expected };
    return image.seq === 0 ? undefined : { closes: closedAs.deleting };
  });
  if (begun?.closed !== closedAs.deleting) return false;
  // A page that was begun by that commit is there now, or will never be.
  await journal.close();
  await journal.sweepWhole(begun, (commits) => receipts.delete(commits, signal), signal);
  await snapshots.erase(begun.journalId, signal);
  signal?.throwIfAborted();
  await changeHead(ends, signal, 'delete', (image) =>
    image.closed === closedAs.deleting ? { closes: closedAs.deleted, erases: true } : undefined,
  );
  // A page that somebody had begun to put before it was closed may have come behind the sweep.
  const beforeDelete = (commits: readonly Commit[]) => receipts.delete(commits, signal);
  const prunedFrom = Number.POSITIVE_INFINITY;
  await journal.sweep({ from: begun.pages, to: begun.pages + 2, prunedFrom, beforeDelete }, signal);
  return true;
}

/** @returns whether the stream was open. */
export async function archiveStream(ends: StreamEnds, { expected = 'any', signal }: EndOptions): Promise<boolean> {
  let isChanged = false;
  await changeHead(ends, signal, 'archive', (image) => {
    isChanged = false;
    if (closingOf(image) === 'deleted') throw new StreamClosedError('archive', ends.stream, 'deleted');
    if (image.closed !== undefined) return undefined;
    if (!isMet(expected, image.seq)) return { unmet: expected };
    if (image.seq === 0) return undefined;
    isChanged = true;
    return { closes: closedAs.archived };
  });
  return isChanged;
}

/** @returns whether the stream was archived. */
export async function unarchiveStream(ends: StreamEnds, signal: AbortSignal | undefined): Promise<boolean> {
  let isChanged = false;
  await changeHead(ends, signal, 'unarchive', (image) => {
    isChanged = false;
    if (closingOf(image) === 'deleted') throw new StreamClosedError('unarchive', ends.stream, 'deleted');
    if (image.closed === undefined) return undefined;
    isChanged = true;
    return { closes: null };
  });
  return isChanged;
}

type Change = Pick<Draft, 'closes' | 'erases' | 'note'> | { readonly unmet: ExpectedVersion } | undefined;

/** Commits a change without events. @returns the head after it, or the one that it would change nothing of. */
export async function changeHead(
  { journal, recorder }: StreamEnds,
  signal: AbortSignal | undefined,
  action: string,
  decide: (image: Pick<Head, 'seq' | 'closed' | 'note'>) => Change,
): Promise<Head | undefined> {
  signal?.throwIfAborted();
  const before = await journal.readHead(signal);
  if (before !== undefined && before.place > journal.cursor.place) journal.jump(before);
  let seen = before;
  // A journal that is not there is not made for this.
  let decided = decide(before ?? { seq: 0, closed: undefined });
  if (before !== undefined && decided !== undefined) {
    const { status } = await journal.append({
      claims: true,
      decide: ({ image }) => {
        seen = image;
        decided = decide(image);
        return decided === undefined || 'unmet' in decided ? undefined : { ...decided, text: '', count: 0 };
      },
    });
    if (status === 'applied') return journal.image ?? journal.readHead(signal);
  }
  if (decided === undefined || !('unmet' in decided)) return seen;
  throw await conflictOf(
    { journal, recorder, image: seen },
    { expected: decided.unmet, actual: seen?.seq ?? 0, action },
  );
}
