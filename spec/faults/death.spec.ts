// Goal: no death and no pause of a process or of the engine loses, doubles or invents a write.
// Method: runs in which workers are killed (-9), stopped beyond the time-out of their requests and woken again, and in which
// the engine is killed and restarted from its disk. Open calls are allowed of the killed alone. More in `npm run chaos`.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { findDynamoDBLocal } from '../../lib/testing/index.js';
import { Crew } from '../histories/crew.js';
import { networkRun } from '../histories/network-run.js';
import { chaosCommand } from '../histories/plans.js';
import type { Troubles } from '../histories/process-run.js';
import { assertClean, say, suiteSeed, summary } from '../histories/reports.js';
import { type StoreName, startStore } from '../histories/stores.js';

const seed = suiteSeed();
const crew = new Crew();
const limitMs = 180_000;
const { missing } = findDynamoDBLocal();
beforeAll(() => say(`death: LEYDEN_SEED=${seed}`));
afterAll(() => crew.close());

const none: Troubles = { kills: 0, stops: 0, stopMsMax: 3_000, restarts: 0 };

async function troubled(engine: StoreName, troubles: Troubles) {
  const store = await startStore(engine, { onDisk: true });
  try {
    const options = { seed, profile: 'all-mixed', rate: 0.1, processes: 4, calls: 1_000, troubles } as const;
    const report = await networkRun(store, crew, options);
    say(`  ${engine}: ${summary(report)}`);
    const { kills, stops, restarts } = troubles;
    const { profile, rate, processes, calls } = options;
    const command = chaosCommand({
      engine,
      profile,
      rate,
      processes,
      ops: calls,
      seed,
      kills,
      stops,
      restarts,
      runs: 1,
    });
    assertClean(report, command, { timed: false });
    expect(report.commits).toBeGreaterThan(100);
  } finally {
    await store.close();
  }
}

describe('dynalite', () => {
  it('3 workers killed, 3 stopped', () => troubled('dynalite', { ...none, kills: 3, stops: 3 }), limitMs);
  it('killed and restarted twice', () => troubled('dynalite', { ...none, restarts: 2 }), limitMs);
});
(missing === undefined ? describe : describe.skip)('dynamodb-local', () => {
  it(
    'killed and restarted, a worker killed, one stopped',
    () => {
      return troubled('dynamodb-local', { ...none, kills: 1, stops: 1, restarts: 1 });
    },
    limitMs,
  );
});
