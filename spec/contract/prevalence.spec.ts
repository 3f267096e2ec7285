// Goal: a prevalent system is the same on every storage. Method: one contract, run over the storage in memory and over the one on
// atoms, on each engine that is to be had here.
import { describe } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { atomStorage, transientStorage } from '../../lib/prevalence/index.js';
import { describeEngine, type EngineRow, engines } from '../support/engines.js';
import { isWriteStep, steppedEngine } from '../support/stepped-engine.js';
import type { StorageFactory } from './prevalence-bench.js';
import { storageContract } from './prevalence-contract.js';

const limits = { instances: 'many', eventBytesMax: 8 * 1_024 * 1_024 } as const;

const transient: StorageFactory = {
  ...limits,
  async open() {
    const newStore = () => {
      const storage = transientStorage();
      return { view: () => storage };
    };
    return { newStore, close: async () => {} };
  },
};

/** Each store is a system of its own in one table, each view a table object of its own. */
function onAtoms(row: EngineRow): StorageFactory {
  return {
    ...limits,
    async open() {
      const { engine, uniqueTable, close } = await row.open();
      const tableName = uniqueTable();
      let [stores, writes] = [0, 0];
      const counted = steppedEngine(engine, (step) => {
        if (isWriteStep(step)) writes += 1;
        return undefined;
      });
      await new AtomTable({ engine, tableName }).create();
      const newStore = () => {
        stores += 1;
        const name = `system-${stores}`;
        return {
          view: () => atomStorage(new AtomTable({ engine: counted, tableName }), name),
          writes: () => writes,
        };
      };
      return {
        newStore,
        async close() {
          await engine.deleteTable(tableName);
          await close();
        },
      };
    },
  };
}

describe('transientStorage', () => storageContract(transient));

describe('atomStorage', () => {
  for (const row of engines) describeEngine(row, () => storageContract(onAtoms(row)));
});
