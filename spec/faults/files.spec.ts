// Goal: whatever was acknowledged by a process that is killed (-9) while it appends, makes snapshots and prunes is found by the next one,
// in order, and nothing else is. Method: real processes on real files. More in `npm run chaos -- --files N`.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type KillsReport, killedWriters } from '../files/killed-writers.js';
import { say, suiteSeed } from '../histories/reports.js';

const seed = suiteSeed();
const kills = 40;

describe('fileStorage() of processes that are killed', () => {
  let report: KillsReport;
  beforeAll(async () => {
    report = await killedWriters({ seed, kills });
    say(`killed writers: ${JSON.stringify(report)}`);
    say(`  npm run chaos -- --files 0 --kills ${kills} --seed ${seed}`);
  }, 600_000);

  it('finds what was acknowledged, in order, and nothing else', () => {
    expect(report.findings).toEqual([]);
    expect(report.kills).toBe(kills);
  });

  it('is killed in the middle of appends', () => {
    expect(report.acknowledged).toBeGreaterThan(kills * 10);
    expect(report.unacknowledged).toBeGreaterThan(0);
  });
});
