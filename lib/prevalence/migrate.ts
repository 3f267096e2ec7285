/**
 * Moving a system from one storage to another: its oldest state that is kept, and every event after it, as they are.
 *
 *   compare what is there already ─► begin with the state, or hold ─► copy, until nothing is new ─► fence, copy the rest ─► verify ─► release
 *                  │ something else                                        │ dies, or is aborted
 *                  ▼                                                       ▼
 *               refused, nothing was written                       called again, it goes on where it stopped
 *
 * Nothing is decoded, so no handler is asked for; and whatever a storage is sealed with, the other has events as its own codec stores them.
 */
import { type MigrateOptions, type MigrateReport, requireMigrateOptions } from './migrate-options.js';
import { Migration } from './migration.js';

/**
 * Copies a system to another storage, whichever the two are: tables, folders, buckets, sealed or not.
 *
 * **Guarantee.** When it resolves, the new place has the oldest state that the old one still keeps and every event after it up to `seq`, with
 * the same numbers, times, ids and texts; it was read back and compared. Instances at the old place go on meanwhile; with
 * `fence` nothing that they acknowledge is missing. A place with anything else in it is refused, and left as it is. Nothing is copied
 * that may not come to count: the last commit in files that another process has open, or left open when it died (`in-doubt`).
 *
 * **If the process dies**, call it again: it compares what is there and goes on. The new place is held meanwhile, so nobody writes to half
 * of a system; a call that fails leaves it held. Where all is there already nothing is written, and nobody is disturbed.
 *
 * @cost reads the old place once and writes it once, commit by commit; reads the new one once more
 * @throws {MigrateError} `ERR_MIGRATE`; what the storages throw
 *
 * @example
 * ```ts
 * import { migrate, openPrevayler, transientStorage } from 'leyden-jar/prevalence';
 *
 * const [from, to] = [transientStorage(), transientStorage()];
 * const system = { initialState: 0, handler: (sum: number, n: number) => sum + n };
 * await using till = await openPrevayler({ storage: from, ...system });
 * await till.handle(2);
 * await till.handle(3);
 * const { seq } = await migrate({ from, to, fence: true });
 * await using moved = await openPrevayler({ storage: to, ...system });
 * console.log(seq, moved.state); // 2 5
 * ```
 */
export async function migrate(options: MigrateOptions): Promise<MigrateReport> {
  requireMigrateOptions(options);
  options.signal?.throwIfAborted();
  const migration = new Migration(options);
  let report: MigrateReport;
  try {
    report = await migration.run();
  } catch (error) {
    await migration.close().catch(options.onWarning ?? (() => {}));
    throw error;
  }
  await migration.close();
  return report;
}
