/**
 * Pruning: what nobody wants any more is removed, in the order that makes every interruption harmless.
 *
 *   plan (the pointer says what is to go) ─► bodies, pages, parts are deleted ─► finish (it says that they are gone)
 */
import { deleteParts, journalBound, requireSnapshotRetention } from '../snapshot/index.js';
import type { LogParts } from './log-parts.js';
import type { PruneReport } from './storage.js';

export async function pruneLog(parts: LogParts, signal: AbortSignal | undefined): Promise<PruneReport> {
  const { journal, pointer, store, retention, clock } = parts;
  const { journal: journalRetention = 'oldest-kept', ...snapshots } = retention;
  const before = await pointer.read({ signal });
  const start = { page: before.prunedTo, from: before.prunedFrom };
  const oldestKept = before.kept[0]?.page ?? 0;
  const endOf = (page: number) => journal.pageEnd(page, signal);
  const bound = await journalBound(journalRetention, clock.now(), start, oldestKept, endOf);
  // Those that can't be read are no reason to let go of one that can.
  const unreadable = before.kept.filter(({ id }) => parts.damaged.has(id)).length;
  const keep = requireSnapshotRetention(snapshots).keep + unreadable;
  const planned = await pointer.plan({ ...snapshots, keep, bound }, { signal });
  const { sweptFrom, prunedTo, prunedFrom, dropping, kept } = planned;
  const swept = await journal.sweep({ from: sweptFrom, to: prunedTo, prunedFrom }, signal);
  for (const one of dropping) await deleteParts(store, one);
  await pointer.finish(planned, { signal });
  return {
    kept: kept.length,
    snapshotsRemoved: dropping.length,
    pagesRemoved: swept.pages,
    bodiesRemoved: swept.bodies,
  };
}
