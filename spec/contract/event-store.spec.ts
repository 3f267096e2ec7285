// Goal: an event store is the same on every engine, and in memory. Method: one contract, run over the store in memory and over one on
// each engine that is to be had here.
import { describe } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { MemoryEngine } from '../../lib/engine/index.js';
import { EventStore, transientEventStore } from '../../lib/events/index.js';
import { describeEngine, type EngineRow, engines } from '../support/engines.js';
import type { EventStoreFactory } from './event-store-bench.js';
import { eventStoreContract } from './event-store-contract.js';

const transient: EventStoreFactory = {
  async open() {
    const newStore = () => {
      const engine = new MemoryEngine();
      return (options: object) => transientEventStore({ ...options, engine });
    };
    return { newStore, close: async () => {} };
  },
};

/** All stores are in one table, each object has a table object of its own. */
function onTable(row: EngineRow): EventStoreFactory {
  return {
    async open() {
      const { engine, uniqueTable, close } = await row.open();
      const tableName = uniqueTable();
      await new AtomTable({ engine, tableName }).create();
      let stores = 0;
      const newStore = () => {
        stores += 1;
        const name = `store-${stores}`;
        return (options: object) => new EventStore(new AtomTable({ engine, tableName }), { ...options, name });
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

describe('transientEventStore', () => eventStoreContract(transient));

describe('EventStore', () => {
  for (const row of engines) describeEngine(row, () => eventStoreContract(onTable(row)));
});
