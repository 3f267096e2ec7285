// Goal: many processes execute commands on the same aggregates, over real engines and every kind of fault: nothing is lost, nothing is
// applied twice, every command is known again, and nobody is told what is not so; also when processes are killed and stopped, and the
// engine is killed.
// Method: runs drawn from a seed; what everybody wrote down, and what stands in the streams, is judged. `npm run chaos -- --events N`
// makes longer ones, with each profile of faults.
import { describe, expect, it } from '@jest/globals';
import { purseCommand, purseSummary } from '../histories/events/reports.js';
import { purseRun, purseWorker } from '../histories/events/run.js';
import { planRuns } from '../histories/plans.js';
import type { Troubles } from '../histories/process-run.js';
import { assertCleanWork, say, suiteSeed } from '../histories/reports.js';
import type { Store, StoreName } from '../histories/stores.js';
import { faultsMsMax, sharedStores, withMortalStore } from './shared-stores.js';

const calls = 320;
const seed = suiteSeed();
const { crew, engines, store: storeOf } = sharedStores('events', seed, purseWorker);

describe('8 processes, 10 aggregates', () => {
  // Some of the profiles each time, on one engine after the other.
  const plans = planRuns(seed, engines).slice(0, 3);
  it.each(
    plans.map((plan, index) => ({ ...plan, processes: 8, engine: engines[index % engines.length] as StoreName })),
  )(
    '$profile, $engine, seed $seed',
    async ({ engine, ...options }) => {
      const report = await purseRun(storeOf(engine), crew, { ...options, calls });
      say(`  ${options.profile}, ${engine}: ${purseSummary(report)}`);
      assertCleanWork(report, purseCommand({ engine, ...options, ops: calls }));
      expect(report.events).toBeGreaterThan(calls / 4);
    },
    faultsMsMax,
  );
});

describe('deaths and pauses', () => {
  const troubled = async (store: Store, troubles: Troubles) => {
    const options = { seed, profile: 'all-mixed', rate: 0.1, processes: 4, calls: 300 } as const;
    const report = await purseRun(store, crew, { ...options, troubles });
    say(`  ${store.name}: ${purseSummary(report)}`);
    const { stopMsMax: _stopMsMax, ...deeds } = troubles;
    const { calls: ops, ...words } = options;
    assertCleanWork(report, purseCommand({ engine: store.name, ...words, ops, ...deeds }));
    return report;
  };

  it(
    'three processes are killed, one is stopped',
    async () => {
      const store = storeOf(engines.at(-1) as StoreName);
      const report = await troubled(store, { kills: 3, stops: 1, stopMsMax: 1_500, restarts: 0 });
      expect(report.kills).toBe(3);
    },
    faultsMsMax,
  );

  it(
    'the engine is killed and started again',
    () => withMortalStore((store) => troubled(store, { kills: 1, stops: 0, stopMsMax: 1_000, restarts: 1 })),
    faultsMsMax,
  );
});
