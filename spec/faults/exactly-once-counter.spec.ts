// Goal: however many answers get lost, the number in the store is what its writers were told, and what settling told them.
// Method: four processes add 1 in a write of its own each, half of all writes are disturbed, a tenth of the callers leave
// while their write is under way; once with the SDK's own retries on, once with the library's alone.
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { createClient } from '../../lib/engine/index.js';
import type { FaultKind, FaultRule } from '../../lib/testing/index.js';
import type { CountOrder, CountReport } from '../histories/counting.js';
import { Crew } from '../histories/network-run.js';
import { Child } from '../histories/processes.js';
import { say, suiteSeed } from '../histories/reports.js';
import type { Store } from '../histories/stores.js';
import { keyName } from '../histories/subject.js';
import { describeEngine } from '../support/engines.js';
import { openStore, storeRows } from './open-store.js';

const writes = 500;
const processes = 4;
const limitMs = 120_000;
const kinds: readonly FaultKind[] = [
  'reset-before',
  'reset-after',
  'close-after',
  'cut-body',
  'duplicate',
  'late',
  '5xx-before',
  '5xx-after',
];
const share = 0.5 / kinds.length;
/** Each kind's chance is taken from what those before it left, so that half of all writes are struck. */
const half = kinds.map(
  (fault, index): FaultRule => ({ fault, operations: 'writes', probability: share / (1 - share * index) }),
);
const seed = suiteSeed();
const crew = new Crew();
beforeAll(() => say(`exactly-once-counter: LEYDEN_SEED=${seed}`));
afterAll(() => crew.close());

async function countThrough(store: Store, retries: CountOrder['retries']) {
  const client = createClient({
    endpoint: store.endpoint,
    region: 'local',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  const proxy = new Child(new URL('../histories/proxy-process.ts', import.meta.url));
  const tableName = `count-${process.pid}-${retries}-${store.name}`;
  const table = new AtomTable({ client, tableName, keyName });
  try {
    await table.create();
    const endpoint = await proxy.ask<string>('start', { target: store.endpoint, seed, rules: half });
    const order = { endpoint, table: tableName, key: 'n', callers: 2, swaps: writes / processes, retries };
    const workers = Array.from({ length: processes }, () => crew.take());
    const reports = await Promise.all(
      workers.map((worker, index) =>
        worker.ask<CountReport>('count', { ...order, seed: seed + index, leaving: 0.1, coalesce: false }),
      ),
    );
    for (const worker of workers) crew.giveBack(worker);
    const { faults } = await proxy.ask<{ faults: object }>('close');
    return { reports, faults, value: await table.atom<number>('n', { initial: 0 }).deref() };
  } finally {
    client.destroy();
    await proxy.end();
  }
}

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
        const { reports, faults, value } = await countThrough(store, retries);
        const sum = (of: (report: CountReport) => number) => reports.reduce((all, one) => all + of(one), 0);
        const books = {
          acknowledged: sum((one) => one.acknowledged),
          settledDone: sum((one) => one.settledDone),
          settledNotDone: sum((one) => one.settledNotDone),
          denied: sum((one) => one.denied),
        };
        const seconds = Math.max(...reports.map(({ ms }) => ms)) / 1_000;
        say(
          `  ${row.name}, ${retries}: ${value} = ${JSON.stringify(books)}, ${seconds.toFixed(1)} s, ${JSON.stringify(faults)}`,
        );
        expect(reports.flatMap(({ surprises }) => surprises)).toEqual([]);
        expect(sum((one) => one.unsettled)).toBe(0);
        expect(value).toBe(books.acknowledged + books.settledDone);
        expect(value + books.settledNotDone + books.denied).toBe(writes);
      },
      limitMs,
    );
  });
}
