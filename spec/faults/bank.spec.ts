// Goal: with real processes, a real engine and a network that loses, doubles and delays, money is neither made nor lost; and a call under an id
// takes effect once although its process is killed in the middle of it.
// Method: 4 processes move money through a fault proxy before DynamoDB Local, see `spec/histories/bank.ts`; a process that makes calls under ids is
// killed (-9) again and again, and the next one makes all of them anew.
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { createClient } from '../../lib/engine/index.js';
import { seededRandom } from '../../lib/engine/random.js';
import type { FaultStats } from '../../lib/testing/index.js';
import { accountsOf, audit, type TellerReport } from '../histories/bank.js';
import type { BankOrder, OnceOrder } from '../histories/bank-worker.js';
import { Crew } from '../histories/crew.js';
import { Child } from '../histories/processes.js';
import { say, suiteSeed } from '../histories/reports.js';
import type { Store } from '../histories/stores.js';
import { keyName } from '../histories/subject.js';
import { describeEngine } from '../support/engines.js';
import { openStore, storeRows } from './open-store.js';

const processes = 4;
const transfers = 60;
const limitMs = 120_000;
const seed = suiteSeed();
const worker = new URL('../histories/bank-worker.ts', import.meta.url);
const crew = new Crew(worker);
beforeAll(() => say(`bank: LEYDEN_SEED=${seed}`));
afterAll(() => crew.close());

for (const row of storeRows.filter(({ supports }) => supports.transactions)) {
  describeEngine(row, () => {
    let store: Store;
    let client: ReturnType<typeof createClient>;
    let tables = 0;
    beforeAll(async () => {
      store = await openStore(row.name);
      const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
      client = createClient({ endpoint: store.endpoint, region: 'local', credentials });
    }, limitMs);
    afterAll(async () => {
      client.destroy();
      await store.close();
    });

    /** A table of its own, and a proxy before it. */
    async function opened(fault: object) {
      tables += 1;
      const name = `bank-${process.pid}-${tables}`;
      const table = new AtomTable({ client, tableName: name, keyName });
      await table.create();
      const proxy = new Child(new URL('../histories/proxy-process.ts', import.meta.url));
      const endpoint = await proxy.ask<string>('start', { target: store.endpoint, seed, ...fault });
      return { table, name, proxy, endpoint };
    }

    it(
      'keeps its money, under 4 processes and all faults',
      async () => {
        const { table, name, proxy, endpoint } = await opened({ profile: 'all-mixed', rate: 0.2 });
        try {
          const workers = Array.from({ length: processes }, () => crew.take());
          const startedAt = performance.now();
          await Promise.all(
            workers.map((one, at) => {
              const order: BankOrder = {
                endpoint,
                table: name,
                name: `p${at}`,
                seed: seed + at,
                transfers,
                callers: 3,
              };
              return one.ask('bank', order);
            }),
          );
          await proxy.ask('setFaults', { profile: 'calm' });
          const reports = await Promise.all(workers.map((one) => one.ask<TellerReport>('finish')));
          for (const one of workers) crew.giveBack(one);
          const { faults } = await proxy.ask<FaultStats>('close');
          const balances = await Promise.all(accountsOf(table).map((account) => account.deref()));
          const sum = (of: (report: TellerReport) => number) => reports.reduce((all, report) => all + of(report), 0);
          const books = {
            done: sum((one) => one.done),
            refused: sum((one) => one.refused),
            notDone: sum((one) => one.notDone),
            settled: sum((one) => one.settledDone + one.settledNotDone),
          };
          const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
          say(`  ${row.name}: ${JSON.stringify(books)}, ${JSON.stringify(faults)}, ${seconds} s`);
          expect(audit(balances, reports)).toEqual([]);
          expect(books.done).toBeGreaterThan(transfers);
        } finally {
          await proxy.end();
        }
      },
      limitMs,
    );

    it(
      'calls under ids take effect once, though their process is killed again and again',
      async () => {
        const calls = 45;
        const killsWanted = 3;
        const random = seededRandom(seed);
        const { table, name, proxy, endpoint } = await opened({ profile: 'delay', rate: 0.1 });
        const order: OnceOrder = { endpoint, table: name, calls };
        try {
          let kills = 0;
          for (let life = 0; life < killsWanted; life += 1) {
            const child = new Child(worker);
            // In the middle of the call after so many were told to be done.
            const killAt = life * 14 + random.int(14);
            child.onNote = (call) => {
              if ((call as number) >= killAt) setTimeout(() => child.signal('SIGKILL'), random.int(8));
            };
            await child.ask('once', order).catch(() => {
              kills += 1;
            });
            await child.end();
          }
          const last = crew.take();
          const results = await last.ask<number[]>('once', order);
          crew.giveBack(last);
          const [one, two] = await Promise.all(
            ['one', 'two'].map((key) => table.atom<number>(key, { initial: 0 }).deref()),
          );
          say(`  ${row.name}: ${kills} kills, ${calls} calls, each once`);
          expect({ kills, one, two }).toEqual({ kills: killsWanted, one: calls, two: Math.floor(calls / 2) });
          // Each was done in its turn, by whomever.
          expect(results).toEqual(Array.from({ length: calls }, (_, at) => at + 1));
        } finally {
          await proxy.end();
        }
      },
      limitMs,
    );
  });
}
