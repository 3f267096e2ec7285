// Goal: however many answers get lost, the number in the store is what its writers were told, and what settling told them.
// Method: four processes add 1 in a write of its own each, half of all writes are disturbed, a tenth of the callers leave
// while their write is under way; once with the SDK's own retries on, once with the library's alone.
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { counterRun } from '../histories/counter-run.js';
import { Crew } from '../histories/crew.js';
import { say, suiteSeed } from '../histories/reports.js';
import type { Store } from '../histories/stores.js';
import { describeEngine } from '../support/engines.js';
import { openStore, storeRows } from './open-store.js';

const writes = 500;
const limitMs = 120_000;
const seed = suiteSeed();
const crew = new Crew();
beforeAll(() => say(`exactly-once-counter: LEYDEN_SEED=${seed}`));
afterAll(() => crew.close());

for (const row of storeRows) {
  describeEngine(row, () => {
    let store: Store;
    beforeAll(async () => {
      store = await openStore(row.name);
    }, limitMs);
    afterAll(() => store.close());

    it.each(['sdk', 'library'] as const)(
      `counts ${writes} writes, half of them disturbed, with the retries of the %s`,
      async (retries) => {
        const { faults, seconds, ...books } = await counterRun(store, crew, { seed, writes, processes: 4, retries });
        say(`  ${row.name}, ${retries}: ${JSON.stringify(books)}, ${JSON.stringify(faults)}, ${seconds.toFixed(1)} s`);
        expect(books).toMatchObject({ surprises: [], unsettled: 0 });
        expect(books.value).toBe(books.acknowledged + books.settledDone);
        expect(books.value + books.settledNotDone + books.denied).toBe(writes);
      },
      limitMs,
    );
  });
}
