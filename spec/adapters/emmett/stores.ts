/** The stores that behaviours are compared on: Emmett's in-memory store, and ours, in memory and on each engine. */
import {
  type AfterEventStoreCommitHandler,
  type EventStore as EmmettStore,
  getInMemoryEventStore,
} from '@event-driven-io/emmett';
import { describe } from '@jest/globals';
import { getLeydenEventStore } from '../../../lib/adapters/emmett/index.js';
import { EventStore, transientEventStore } from '../../../lib/events/index.js';
import { AtomTable } from '../../../lib/index.js';
import { describeEngine, engines, type OpenEngine } from '../../support/engines.js';

/** Makes an empty store. */
export type MakeStore = (options?: { readonly hooks?: { readonly onAfterCommit?: OnAfterCommit } }) => EmmettStore;
type OnAfterCommit = AfterEventStoreCommitHandler<EmmettStore>;

interface OpenRow {
  readonly make: MakeStore;
  close(): Promise<void>;
}

let stores = 0;

/** Runs `suite` on each of them, which asks for stores when its specs run. */
export function describeStores(suite: (open: () => Promise<OpenRow>) => void): void {
  describe("Emmett's in-memory store", () => {
    suite(async () => ({ make: (options) => getInMemoryEventStore(options as never), close: async () => {} }));
  });
  describe('transient', () => {
    const make: MakeStore = (options) => getLeydenEventStore(transientEventStore(), options as never);
    suite(async () => ({ make, close: async () => {} }));
  });
  for (const row of engines) describeEngine(row, () => suite(async () => openOurs(await row.open())));
}

async function openOurs(opened: OpenEngine): Promise<OpenRow> {
  const table = new AtomTable({ engine: opened.engine, tableName: opened.uniqueTable() });
  await table.create();
  return {
    make: (options) => {
      stores += 1;
      return getLeydenEventStore(new EventStore(table, { name: `events-${stores}` }), options as never);
    },
    close: () => opened.close(),
  };
}
