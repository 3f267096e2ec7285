// Goal: atoms are linearizable and each swap takes effect once, over real processes, engines and every kind of fault.
// Method: ten runs drawn from a seed, each profile of faults once; the history of each is judged. The same runs with a naive
// loop must be found out, or the judge is worth nothing. `npm run chaos` makes longer ones.
import { describe, expect, it } from '@jest/globals';
import { type NetworkRunOptions, networkRun } from '../histories/network-run.js';
import { chaosCommand, planRuns } from '../histories/plans.js';
import { assertClean, say, suiteSeed, summary } from '../histories/reports.js';
import type { StoreName } from '../histories/stores.js';
import { faultsMsMax, sharedStores } from './shared-stores.js';

// Ten times as many in `npm run chaos`: here the ten runs have to fit two processors for a minute.
const calls = 1_200;
const seed = suiteSeed();
const { crew, engines, store: storeOf } = sharedStores('histories', seed);
const run = (engine: StoreName, options: NetworkRunOptions) => networkRun(storeOf(engine), crew, options);

describe('a history of many processes is linearizable', () => {
  it.each(planRuns(seed, engines))(
    '$profile, $engine, $processes processes, seed $seed',
    async ({ engine, ...options }) => {
      const report = await run(engine, { ...options, calls });
      say(`  ${options.profile}, ${engine}, ${options.processes} processes: ${summary(report)}`);
      assertClean(report, chaosCommand({ engine, ...options, ops: calls, runs: 1 }), { timed: true });
      expect(report.calls).toBeGreaterThanOrEqual(calls);
    },
    faultsMsMax,
  );
});

describe('the judge finds out a naive loop', () => {
  it.each(['reset-after', 'duplicate'] as const)(
    'under %s',
    async (profile) => {
      const report = await run('dynalite', { seed, profile, processes: 4, calls: 400, client: 'naive' });
      report.discard();
      expect(report.findings.map(({ why }) => why)).toContain('one call took effect twice');
    },
    faultsMsMax,
  );
});
