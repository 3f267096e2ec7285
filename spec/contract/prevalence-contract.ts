/**
 * The contract of storages: what a prevalent system must do on any of them, as facts that jest runs. Run it over a storage of
 * your own:
 *
 *     import { storageContract } from '…/prevalence-contract.js';
 *     describe('my storage', () => storageContract({
 *       instances: 'many',
 *       eventBytesMax: 8 * 1_024 * 1_024,
 *       async open() {
 *         const server = await startMine();
 *         const newStore = () => {
 *           const name = `system-${n++}`;
 *           return { view: () => myStorage(server.connect(), name), writes: () => server.writes };
 *         };
 *         return { newStore, close: () => server.stop() };
 *       },
 *     }));
 *
 * Each fact has a store of its own. A view is what one process has: give each a connection of its own where there are any. A storage that
 * only one process may open at a time says `instances: 'one'`; all else binds.
 */
import { describe } from '@jest/globals';
import { registerPlaces, type StorageFactory } from './prevalence-bench.js';
import { handlingContract } from './prevalence-handling.js';
import { instancesContract } from './prevalence-instances.js';
import { keepingContract } from './prevalence-keeping.js';
import { lifeContract } from './prevalence-life.js';

/** Registers all facts for the storages that `factory` opens. Call it inside a `describe`. */
export function storageContract(factory: StorageFactory): void {
  const place = registerPlaces(factory);
  describe('handling', () => handlingContract(place, factory));
  describe('life', () => lifeContract(place));
  describe('snapshots and the past', () => keepingContract(place));
  if (factory.instances === 'many') describe('several instances', () => instancesContract(place));
}
