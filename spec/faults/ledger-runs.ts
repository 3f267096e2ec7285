/** The runs of prevalent systems over real processes that are the same over all stores. */
import { describe, expect, it } from '@jest/globals';
import { type PlannedRun, planRuns } from '../histories/plans.js';
import { ledgerCommand, ledgerSummary } from '../histories/prevalence/reports.js';
import { type LedgerTroubles, ledgerRun, ledgerWorker } from '../histories/prevalence/run.js';
import { assertCleanWork, say, suiteSeed } from '../histories/reports.js';
import type { Store, StoreName } from '../histories/stores.js';
import { faultsMsMax, type SharedStoreRow, sharedStores } from './shared-stores.js';

export interface LedgerRuns {
  /** Makes a run in trouble, which must be clean. */
  troubled(store: Store, troubles: Partial<LedgerTroubles>): ReturnType<typeof ledgerRun>;
}

export interface LedgerRunsOptions {
  readonly rows?: readonly SharedStoreRow[];
  /** Calls of each run. */
  readonly calls: number;
  /** Runs with profiles that only these stores know. */
  readonly more?: readonly Pick<PlannedRun, 'profile' | 'engine' | 'processes'>[];
}

/** Registers them with jest. */
export function describeLedgerRuns(title: string, { rows, calls, more = [] }: LedgerRunsOptions): LedgerRuns {
  const seed = suiteSeed();
  const { crew, engines, store: storeOf } = sharedStores(title, seed, ledgerWorker, rows);
  const planned = planRuns(seed, engines);
  const all = [...planned, ...more.map((run, index) => ({ ...run, seed: seed + planned.length + index }))];

  describe('many processes, one prevalent system', () => {
    it.each(all)(
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

  const none: LedgerTroubles = { kills: 0, stops: 0, stopMsMax: 1_000, stales: 0, restarts: 0 };
  const troubled: LedgerRuns['troubled'] = async (store, given) => {
    const troubles = { ...none, ...given };
    const options = { seed, profile: 'all-mixed', rate: 0.1, processes: 4, callers: 4, calls: 300 } as const;
    const report = await ledgerRun(store, crew, { ...options, troubles });
    say(`  ${store.name}: ${ledgerSummary(report)}`);
    const { stopMsMax: _stopMsMax, ...deeds } = troubles;
    const { calls: ops, ...words } = options;
    assertCleanWork(report, ledgerCommand({ engine: store.name, ...words, ops, ...deeds }));
    return report;
  };

  describe('deaths and pauses', () => {
    it(
      'two processes are killed',
      async () => {
        const report = await troubled(storeOf(engines[0] as StoreName), { kills: 2 });
        expect(report.kills).toBe(2);
      },
      faultsMsMax,
    );

    it(
      'one is stopped until the others have pruned what it would have to read',
      async () => {
        await troubled(storeOf(engines.at(-1) as StoreName), { stales: 1 });
      },
      faultsMsMax,
    );
  });
  return { troubled };
}
