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
import { tableOn } from '../../support/engine-table.js';
import { describeEngine, engines } from '../../support/engines.js';

/** Makes an empty store. */
type MakeStore = (options?: { readonly hooks?: { readonly onAfterCommit?: OnAfterCommit } }) => EmmettStore;
type OnAfterCommit = AfterEventStoreCommitHandler<EmmettStore>;

let stores = 0;

/** Runs `suite` on each of them, which makes stores when its specs run. */
export function describeStores(suite: (make: MakeStore) => void): void {
  describe("Emmett's in-memory store", () => suite((options) => getInMemoryEventStore(options as never)));
  describe('transient', () => suite((options) => getLeydenEventStore(transientEventStore(), options as never)));
  for (const row of engines) {
    describeEngine(row, () => {
      const place = tableOn(row);
      suite((options) => {
        stores += 1;
        return getLeydenEventStore(
          new EventStore(new AtomTable(place), { name: `events-${stores}` }),
          options as never,
        );
      });
    });
  }
}
