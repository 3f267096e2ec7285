// Goal: many processes share one prevalent system, over real engines and every kind of fault: nothing is lost, doubled, reordered
// or misreported, and all instances have the same state at the same number; also when processes are killed, one is stopped until
// others have pruned beyond it, and the engine is killed.
// Method: runs drawn from a seed, each profile of faults once; what everybody wrote down is judged. `npm run chaos -- --prevalence`
// makes longer ones.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Crew } from '../histories/network-run.js';
import { planRuns } from '../histories/plans.js';
import { assertCleanLedger, ledgerCommand, ledgerSummary } from '../histories/prevalence/reports.js';
import { type LedgerTroubles, ledgerRun, ledgerWorker } from '../histories/prevalence/run.js';
import { say, suiteSeed } from '../histories/reports.js';
import { type Store, type StoreName, startStore } from '../histories/stores.js';
import { openStore, storeRows } from './open-store.js';

// Enough for every kind of call to meet every fault of its profile: the ten runs have to fit two processors for half a minute.
const calls = 400;
const seed = suiteSeed();
const engines = storeRows.filter(({ missing }) => missing === undefined).map(({ name }) => name);
const stores = new Map<StoreName, Store>();
const crew = new Crew(ledgerWorker);
const limitMs = 300_000;

beforeAll(async () => {
  say(`prevalence: LEYDEN_SEED=${seed}`);
  for (const { name, missing } of storeRows) {
    if (missing === undefined) stores.set(name, await openStore(name));
    else say(`*** ${name} is SKIPPED: ${missing} ***`);
  }
}, limitMs);
afterAll(async () => {
  await crew.close();
  for (const store of stores.values()) await store.close();
});

describe('many processes, one prevalent system', () => {
  it.each(planRuns(seed, engines))(
    '$profile, $engine, $processes processes, seed $seed',
    async ({ engine, ...options }) => {
      const report = await ledgerRun(stores.get(engine) as Store, crew, { ...options, callers: 4, calls });
      say(`  ${options.profile}, ${engine}, ${options.processes} processes: ${ledgerSummary(report)}`);
      assertCleanLedger(report, ledgerCommand({ engine, ...options, callers: 4, ops: calls }));
      expect(report.events).toBeGreaterThan(calls / 4);
    },
    limitMs,
  );
});

describe('deaths and pauses', () => {
  const none: LedgerTroubles = { kills: 0, stops: 0, stopMsMax: 1_000, stales: 0, restarts: 0 };
  const troubled = async (store: Store, troubles: LedgerTroubles) => {
    const options = { seed, profile: 'all-mixed', rate: 0.1, processes: 4, callers: 4, calls: 300 } as const;
    const report = await ledgerRun(store, crew, { ...options, troubles });
    say(`  ${store.name}: ${ledgerSummary(report)}`);
    const { stopMsMax: _stopMsMax, ...deeds } = troubles;
    const { calls: ops, ...words } = options;
    assertCleanLedger(report, ledgerCommand({ engine: store.name, ...words, ops, ...deeds }));
    return report;
  };

  it(
    'two processes are killed',
    async () => {
      const report = await troubled(stores.get('dynalite') as Store, { ...none, kills: 2 });
      expect(report.kills).toBe(2);
    },
    limitMs,
  );

  it(
    'one is stopped until the others have pruned what it would have to read',
    async () => {
      await troubled(stores.get(engines.at(-1) as StoreName) as Store, { ...none, stales: 1 });
    },
    limitMs,
  );

  it(
    'the engine is killed and started again',
    async () => {
      const store = await startStore('dynalite', { onDisk: true });
      try {
        await troubled(store, { ...none, restarts: 1 });
      } finally {
        await store.close();
      }
    },
    limitMs,
  );
});
