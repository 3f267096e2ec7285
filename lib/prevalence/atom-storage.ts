/**
 * Prevalence on atoms: the journal's head and the pointer to the snapshots are atoms of one table, all else are items beside them.
 *
 *   <name>/head          the journal's head                    <name>/snap            the pointer to the snapshots
 *   <name>/page/<k>      commits moved out of the head         <name>/part/<id>/<p>   parts of snapshots, unless elsewhere
 *   <name>/body/<w>/<n>  events of large commits
 */
import type { AtomTable } from '../atom/index.js';
import { itemSnapshotStore, sealedSnapshotStore } from '../snapshot/index.js';
import { AtomLog } from './atom-log.js';
import type { AtomStorageOptions } from './log-parts.js';
import type { Log, LogRequest, Storage } from './storage.js';

/**
 * Keeps a system in a table: any number of instances, on any number of machines, one order.
 *
 * Works with single-item conditional writes alone. Many systems may share a table, and a table with other atoms serves too. Where
 * the codec of the table encrypts, the system is encrypted with it: as through {@link sealedStorage}, which says what that hides.
 *
 * @param name names the system's items; the same for all its instances, unlike all others in the table
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { atomStorage, openPrevayler } from 'leyden-jar/prevalence';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * const handler = (sum: number, amount: number) => sum + amount;
 * await using till = await openPrevayler({ storage: atomStorage(table, 'till'), initialState: 0, handler });
 * await till.handle(5);
 * console.log(till.state); // 5
 * ```
 */
export function atomStorage(table: AtomTable, name: string, options: AtomStorageOptions = {}): Storage {
  if (typeof table?.writeOnce !== 'function') {
    throw new TypeError(`Cannot keep system ${name}: table must be an AtomTable, not ${typeof table}`);
  }
  const { clock } = table.sources;
  return { name, clock, seals: true, open: (request) => openAtomLog(table, name, options, request) };
}

/** @internal `prepared` is waited for before anything is read. */
export function openAtomLog(
  table: AtomTable,
  name: string,
  options: AtomStorageOptions,
  request: LogRequest,
  prepared?: Promise<unknown>,
): Log {
  const codec = request.codec ?? table.encryption;
  const parts = options.snapshots ?? itemSnapshotStore(table.writeOnce(), name);
  const store = sealedSnapshotStore(parts, codec, { table: table.nameBound, name });
  const { randomBytes } = table.sources;
  const newId = () => Buffer.from(randomBytes(9)).toString('base64url');
  return new AtomLog({ ...options, ...request, codec, table, name, store, newId, prepared });
}
