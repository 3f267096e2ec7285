// Goal: many processes share one prevalent system, over real engines and every kind of fault: nothing is lost, doubled, reordered
// or misreported, and all instances have the same state at the same number; also when processes are killed, one is stopped until
// others have pruned beyond it, and the engine is killed.
// Method: runs drawn from a seed, each profile of faults once; what everybody wrote down is judged. `npm run chaos -- --prevalence`
// makes longer ones.
import { describe, expect, it } from '@jest/globals';
import { planRuns } from '../histories/plans.js';
import { ledgerCommand, ledgerSummary } from '../histories/prevalence/reports.js';
import { type LedgerTroubles, ledgerRun, ledgerWorker } from '../histories/prevalence/run.js';
import { assertCleanWork, say, suiteSeed } from '../histories/reports.js';
import type { Store, StoreName } from '../histories/stores.js';
import { faultsMsMax, sharedStores, withMortalStore } from './shared-stores.js';

// Enough for every kind of call to meet every fault of its profile: the ten runs have to fit two processors for half a minute.
const calls = 400;
const seed = suiteSeed();
const { crew, engines, store: storeOf } = sharedStores('prevalence', seed, ledgerWorker);

describe('many processes, one prevalent system', () => {
  it.each(planRuns(seed, engines))(
    '$profile, $engine, $processes processes, seed $seed',
    async ({ engine, ...options }) => {
      const report = await ledgerRun(storeOf(engine), crew, { ...options, callers: 4, calls });
      say(`  ${options.profile}, ${engine}, ${options.processes} processes: ${ledgerSummary(report)}`);
      assertCleanWork(report, ledgerCommand({ engine, ...options, callers: 4, ops: calls }));
      expect(report.events).toBeGreaterThan(calls / 4);
    },
    faultsMsMax,
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
    assertCleanWork(report, ledgerCommand({ engine: store.name, ...words, ops, ...deeds }));
    return report;
  };

  it(
    'two processes are killed',
    async () => {
      const report = await troubled(storeOf('dynalite'), { ...none, kills: 2 });
      expect(report.kills).toBe(2);
    },
    faultsMsMax,
  );

  it(
    'one is stopped until the others have pruned what it would have to read',
    async () => {
      await troubled(storeOf(engines.at(-1) as StoreName), { ...none, stales: 1 });
    },
    faultsMsMax,
  );

  it(
    'the engine is killed and started again',
    () => withMortalStore((store) => troubled(store, { ...none, restarts: 1 })),
    faultsMsMax,
  );
});
