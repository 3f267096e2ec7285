/**
 * Pruning: what nobody wants any more is removed, in the order that makes every interruption harmless.
 *
 *   plan (the pointer says what is to go) ─► bodies, pages, parts are deleted ─► finish (it says that they are gone)
 */
import type { Clock } from '../engine/index.js';
import type { Journal } from '../journal/index.js';
import { journalBound, type SnapshotPointer, type SnapshotStore } from '../snapshot/index.js';
import type { PruneReport, Retention } from './storage.js';

export interface PruneOptions {
  readonly journal: Journal;
  readonly pointer: SnapshotPointer;
  readonly store: SnapshotStore;
  readonly retention: Retention;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

const deletesAtOnce = 8;

export async function pruneLog(options: PruneOptions): Promise<PruneReport> {
  const { journal, pointer, store, retention, clock, signal } = options;
  const { journal: journalRetention = 'oldest-kept', ...snapshots } = retention;
  const before = await pointer.read({ signal });
  const start = { page: before.prunedTo, from: before.prunedFrom };
  const oldestKept = before.kept[0]?.page ?? 0;
  const endOf = (page: number) => journal.pageEnd(page, signal);
  const bound = await journalBound(journalRetention, clock.now(), start, oldestKept, endOf);
  const planned = await pointer.plan({ ...snapshots, bound }, { signal });
  const { sweptFrom, prunedTo, prunedFrom, dropping, kept } = planned;
  const swept = await journal.sweep({ from: sweptFrom, to: prunedTo, prunedFrom }, signal);
  for (const { id, parts } of dropping) {
    for (let at = 0; at < parts; at += deletesAtOnce) {
      const count = Math.min(deletesAtOnce, parts - at);
      await Promise.all(Array.from({ length: count }, (_, index) => store.delete(id, at + index)));
    }
  }
  await pointer.finish(planned, { signal });
  return {
    kept: kept.length,
    snapshotsRemoved: dropping.length,
    pagesRemoved: swept.pages,
    bodiesRemoved: swept.bodies,
  };
}
