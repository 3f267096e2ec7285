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
import { readContent } from './snapshot-content.js';
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

/** `false`: the snapshot was removed meanwhile. */
async function loadFrom(parts: LogParts, snap: SnapValue, signal: AbortSignal | undefined): Promise<boolean> {
  const { consumer, onWarning, journal, pointer } = parts;
  parts.newest = snap.kept.at(-1);
  let damage: unknown;
  for (const entry of snap.kept.toReversed()) {
    try {
      const { captured, cursor } = await readContent(parts, entry, signal);
      consumer.restore(captured, cursor);
      journal.restore({ ...cursor, page: entry.page });
      return true;
    } catch (error) {
      if (!(error instanceof SnapshotDamagedError)) throw error;
      const { kept } = await pointer.read({ signal });
      if (!kept.some(({ id }) => id === entry.id)) return false;
      damage = error;
      onWarning(error);
    }
  }
  // All of the journal is there: what the snapshots say can be worked out again.
  if (snap.prunedTo > 0) throw damage;
  consumer.restore(undefined, { seq: 0, time: 0 });
  journal.restore(cursorAtStart);
  return true;
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
 * From where to replay to a moment of the past: the newest kept snapshot that is not after it. One that a pruner removes while it is
 * being read is none.
 */
export async function pastStart(parts: LogParts, target: PastTarget, signal?: AbortSignal): Promise<PastStart> {
  const { pointer, journal, name } = parts;
  const isBefore = ({ seq, time }: SnapEntry) => (target.seq === undefined ? time <= target.time : seq <= target.seq);
  for (;;) {
    const snap = await pointer.read({ signal });
    const image = await journal.readHead(signal);
    const entry = snap.kept.findLast(isBefore);
    if (entry === undefined && snap.prunedTo > 0) throw new JournalCompactedError(name, 1);
    const content = entry && (await readUnlessRemoved(parts, entry, signal));
    if (entry !== undefined && content === undefined) continue;
    const at = content === undefined ? cursorAtStart : { ...content.cursor, page: entry?.page ?? 0 };
    return {
      captured: content?.captured,
      at,
      async *commits() {
        if (image !== undefined) yield* journal.readFrom(at, at.seq + 1, image, signal);
      },
    };
  }
}

/** `undefined`: the snapshot was removed meanwhile. */
async function readUnlessRemoved(parts: LogParts, entry: SnapEntry, signal: AbortSignal | undefined) {
  try {
    return await readContent(parts, entry, signal);
  } catch (error) {
    if (!(error instanceof SnapshotDamagedError)) throw error;
    const { kept } = await parts.pointer.read({ signal });
    if (kept.some(({ id }) => id === entry.id)) throw error;
    return undefined;
  }
}
