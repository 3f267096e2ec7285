/**
 * Loading a snapshot: the newest that can be read, or none at all; for an instance that opens, one that was overtaken by a
 * pruner, and one that looks at the past.
 *
 *   pointer ─► newest snapshot ─► consumer, cursor
 *                 │ can't be read: the pointer again ─► it was removed meanwhile: from the start
 *                 ▼                                 └► it is damaged: a warning, and the one before
 */
import { cursorAtStart, JournalCompactedError } from '../journal/index.js';
import { type SnapEntry, SnapshotDamagedError, type SnapValue } from '../snapshot/index.js';
import type { LogParts } from './log-parts.js';
import { readContent, type SnapshotContent } from './snapshot-content.js';
import type { PastStart, PastTarget } from './storage.js';

/**
 * After so many snapshots that were removed under its hands a reader registers, so as not to be overtaken again. One that may not
 * write tries on.
 */
const restartsMax = 3;
const registrationMs = 10 * 60 * 1_000;

/** Loads the newest snapshot that can be read, or begins from nothing. */
export async function loadSnapshot(parts: LogParts, signal?: AbortSignal): Promise<void> {
  const { pointer, journal } = parts;
  for (let restarts = 0; ; restarts += 1) {
    const snap = await pointer.read({ signal });
    const isRegistered = !parts.readOnly && restarts >= restartsMax && (await register(parts, snap));
    try {
      if (await loadFrom(parts, snap, signal)) return;
    } finally {
      if (isRegistered) await pointer.release(journal.instance);
    }
  }
}

/** `false`: the snapshots were removed meanwhile. */
async function loadFrom(parts: LogParts, snap: SnapValue, signal: AbortSignal | undefined): Promise<boolean> {
  const { consumer, journal } = parts;
  parts.newest = snap.kept.at(-1);
  const found = await newestReadable(parts, snap, snap.kept, signal);
  if (found === 'removed') return false;
  if (found === undefined) {
    consumer.restore(undefined, { seq: 0, time: 0 });
    journal.restore(cursorAtStart);
    return true;
  }
  const { captured, cursor } = found.content;
  consumer.restore(captured, cursor);
  journal.restore({ ...cursor, page: found.entry.page });
  return true;
}

/**
 * The newest of `entries` that can be read, each that can't with a warning; `undefined` when none can and all of the journal
 * is there, so that what they say can be worked out again.
 *
 * @throws {SnapshotDamagedError} `ERR_SNAPSHOT_DAMAGED` when it is not.
 */
async function newestReadable(
  parts: LogParts,
  snap: SnapValue,
  entries: readonly SnapEntry[],
  signal: AbortSignal | undefined,
): Promise<{ readonly entry: SnapEntry; readonly content: SnapshotContent } | 'removed' | undefined> {
  let damage: unknown;
  for (const entry of entries.toReversed()) {
    try {
      return { entry, content: await readContent(parts, entry, signal) };
    } catch (error) {
      if (!(error instanceof SnapshotDamagedError)) throw error;
      const { kept } = await parts.pointer.read({ signal });
      if (!kept.some(({ id }) => id === entry.id)) return 'removed';
      parts.damaged.add(entry.id);
      parts.onWarning(error);
      damage = error;
    }
  }
  if (damage !== undefined && snap.prunedTo > 0) throw damage;
  return undefined;
}

async function register({ pointer, journal }: LogParts, { journalId, kept }: SnapValue): Promise<boolean> {
  const entry = kept.at(-1);
  if (entry === undefined || journalId === '') return false;
  pointer.bind(journalId);
  const { id, page, from } = entry;
  const reader = { id: journal.instance, page, from, snapshot: id, forMs: registrationMs };
  return (await pointer.register(reader)) === 'registered';
}

/**
 * From where to replay to a moment of the past: the newest kept snapshot that is not after it and can be read. One that a pruner
 * removes while it is being read is none.
 */
export async function pastStart(parts: LogParts, target: PastTarget, signal?: AbortSignal): Promise<PastStart> {
  const { pointer, journal, name } = parts;
  const isBefore = ({ seq, time }: SnapEntry) => (target.seq === undefined ? time <= target.time : seq <= target.seq);
  for (;;) {
    const snap = await pointer.read({ signal });
    const image = await journal.readHead(signal);
    const entries = snap.kept.filter(isBefore);
    if (entries.length === 0 && snap.prunedTo > 0) throw new JournalCompactedError(name, 1);
    const found = await newestReadable(parts, snap, entries, signal);
    if (found === 'removed') continue;
    const at = found === undefined ? cursorAtStart : { ...found.content.cursor, page: found.entry.page };
    return {
      captured: found?.content.captured,
      at,
      async *commits() {
        if (image !== undefined) yield* journal.readFrom(at, at.seq + 1, image, signal);
      },
    };
  }
}
