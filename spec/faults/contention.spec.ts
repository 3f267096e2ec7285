// Goal: processes that want the same atom take turns: few puts fail, and nobody starves.
// Method: 4 and 8 processes of 16 callers each, in a closed loop on one atom for a while. The limits here are twice the
// goals, for machines with other things to do; the figures proper are the benchmark's.
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { createClient } from '../../lib/engine/index.js';
import type { CountOrder, CountReport } from '../histories/counting.js';
import { Crew } from '../histories/crew.js';
import { say } from '../histories/reports.js';
import type { Store } from '../histories/stores.js';
import { keyName } from '../histories/subject.js';
import { describeEngine } from '../support/engines.js';
import { openStore, storeRows } from './open-store.js';

const ms = 3_000;
const callers = 16;
/** A machine may be busy with something else for a moment. */
const rounds = 3;
const limitMs = 120_000;
const crew = new Crew();
let tables = 0;
afterAll(() => crew.close());

async function contend(store: Store, processes: number) {
  const client = createClient({
    endpoint: store.endpoint,
    region: 'local',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  try {
    tables += 1;
    const tableName = `contention-${process.pid}-${tables}`;
    const table = new AtomTable({ client, tableName, keyName });
    await table.create();
    const { endpoint } = store;
    const order: CountOrder = {
      ...{ endpoint, table: tableName, key: 'n', callers, swaps: 1e9, ms, seed: 1 },
      ...{ retries: 'library', leaving: 0, coalesce: true },
    };
    const workers = Array.from({ length: processes }, () => crew.take());
    // Warm: modules loaded, connections and code in shape.
    await Promise.all(workers.map((worker) => worker.ask('count', { ...order, ms: 500 })));
    const atom = table.atom<number>('n', { initial: 0 });
    const before = await atom.snapshot();
    const reports = await Promise.all(workers.map((worker) => worker.ask<CountReport>('count', order)));
    for (const worker of workers) crew.giveBack(worker);
    const after = await atom.snapshot();
    const swaps = reports.map((report) => report.acknowledged);
    const failed = reports.reduce((sum, { spent }) => sum + spent.conditionsFailed, 0);
    return {
      surprises: reports.flatMap(({ surprises }) => surprises),
      swaps: swaps.reduce((sum, one) => sum + one, 0),
      counted: after.value - before.value,
      failedPerCommit: failed / (after.version - before.version),
      fairness: Math.min(...swaps) / Math.max(...swaps),
      p50Ms: Math.max(...reports.map(({ latencyMs }) => latencyMs.p50)),
      p99Ms: Math.max(...reports.map(({ latencyMs }) => latencyMs.p99)),
      slowestMs: Math.max(...reports.map(({ latencyMs }) => latencyMs.max)),
    };
  } finally {
    client.destroy();
  }
}

for (const row of storeRows) {
  describeEngine(row, () => {
    let store: Store;
    beforeAll(async () => {
      store = await openStore(row.name);
    }, limitMs);
    afterAll(() => store.close());

    it.each([
      { processes: 4, goal: 0.2 },
      { processes: 8, goal: 0.4 },
    ])(
      '$processes processes of 16 callers: about $goal failed puts per commit, nobody starves',
      async ({ processes, goal }) => {
        const limits = { failedPerCommit: 2 * goal, fairness: 0.2 };
        let seen: Awaited<ReturnType<typeof contend>>;
        let round = 0;
        do {
          round += 1;
          seen = await contend(store, processes);
          const { swaps, failedPerCommit, fairness, p50Ms, p99Ms, slowestMs } = seen;
          say(
            `  ${row.name}, ${processes} x ${callers}: ${Math.round((swaps * 1_000) / ms)} swaps/s, ` +
              `${failedPerCommit.toFixed(3)} failed puts per commit (goal ${goal}), slowest process ` +
              `${fairness.toFixed(2)} of the fastest (goal 0.8), p50 ${p50Ms.toFixed(0)}, p99 ${p99Ms.toFixed(0)}, max ${slowestMs.toFixed(0)} ms`,
          );
          expect(seen.surprises).toEqual([]);
          expect(seen.counted).toBe(swaps);
        } while (round < rounds && (seen.failedPerCommit > limits.failedPerCommit || seen.fairness < limits.fairness));
        expect(seen.failedPerCommit).toBeLessThanOrEqual(limits.failedPerCommit);
        expect(seen.fairness).toBeGreaterThanOrEqual(limits.fairness);
      },
      limitMs,
    );
  });
}
