// Goal: whatever becomes of leaders, in each term at most one is accepted; and there is always a next one.
// Method: five candidates, each a process; whoever leads is killed (-9) or stopped beyond its lease. More in `npm run chaos -- --failovers`.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { findingsOf } from '../histories/failover/notes.js';
import { failoverRun, failoverSummary } from '../histories/failover/run.js';
import { chaosCommand } from '../histories/plans.js';
import { say, suiteSeed } from '../histories/reports.js';
import { startStore } from '../histories/stores.js';

const seed = suiteSeed();
const failovers = 12;
beforeAll(() => say(`failover: LEYDEN_SEED=${seed}`));

describe('Election', () => {
  it('has at most one accepted leader in each term, over kills and stops', async () => {
    const store = await startStore('dynalite', { onDisk: false });
    try {
      const report = await failoverRun(store, { seed, failovers });
      say(`  ${failoverSummary(report)}`);
      const repeat = chaosCommand({ engine: 'dynalite', seed, failovers });
      expect({ repeat, findings: report.findings }).toEqual({ repeat, findings: [] });
      expect(report.terms).toBeGreaterThan(failovers);
      expect(report.writes).toBeGreaterThan(failovers);
    } finally {
      await store.close();
    }
  }, 120_000);
});

describe('findingsOf()', () => {
  it('finds a second leader in a term, and a leader of the past', () => {
    const stretch = (term: number, who: string) => ({ term, who, writes: 1 });
    expect(findingsOf([stretch(1, 'a'), stretch(2, 'b'), stretch(4, 'a')])).toEqual([]);
    expect(findingsOf([stretch(1, 'a'), stretch(1, 'b')])).toHaveLength(1);
    expect(findingsOf([stretch(1, 'a'), stretch(2, 'b'), stretch(1, 'a')])).toHaveLength(1);
  });
});
