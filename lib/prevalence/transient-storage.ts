/**
 * A storage in memory, for tests: the same log, the same conditions, the same code, over an engine in this process.
 *
 * Its clock counts: each look at it is a millisecond later. So times are the same in each run.
 */
import { AtomTable } from '../atom/index.js';
import { type Clock, countingClock, MemoryEngine, systemClock } from '../engine/index.js';
import { openAtomLog } from './atom-storage.js';
import type { AtomStorageOptions } from './log-parts.js';
import type { LogRequest, Storage } from './storage.js';

/**
 * Keeps a system in memory. Instances that are opened on the same object share it, as instances on many machines share a
 * table; what is in it goes with it.
 *
 * @example
 * ```ts
 * import { openPrevayler, transientStorage } from 'leyden-jar/prevalence';
 * const storage = transientStorage();
 * const options = { storage, initialState: 0, handler: (sum: number, n: number) => sum + n };
 * await using one = await openPrevayler(options);
 * await using other = await openPrevayler(options);
 * await one.handle(2);
 * console.log(await other.sync()); // 2
 * ```
 */
export function transientStorage(options: AtomStorageOptions & { readonly clock?: Clock } = {}): Storage {
  const { clock = countingClock(), ...rest } = options;
  const tableName = 'transient';
  const engine = new MemoryEngine({ clock: systemClock });
  const table = new AtomTable({ engine, tableName });
  const prepared = table.create();
  prepared.catch(() => {});
  // Each instance has a table object of its own, as if it ran on another machine.
  const open = (request: LogRequest) =>
    openAtomLog(new AtomTable({ engine, tableName }), 'transient', rest, request, prepared);
  return { name: 'transient', clock, seals: true, open };
}
