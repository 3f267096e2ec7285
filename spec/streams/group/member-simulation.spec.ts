// Goal: whatever happens to members and answers, at most one accepted owner in an epoch, positions that never move back, deliveries without a gap,
// and every shard owned in the end. Method: groups on one table in memory, disturbed at random from a seed. LEYDEN_SEED sets the first,
// LEYDEN_SIZE=full takes thirty.
import { describe, expect, it } from '@jest/globals';
import { engineFaultRules } from '../../../lib/engine/index.js';
import { runGroup } from './group-run.js';

const first = Number(process.env.LEYDEN_SEED ?? 1);
const seeds = Array.from({ length: process.env.LEYDEN_SIZE === 'full' ? 30 : 2 }, (_, index) => first + index);

describe('a group under disturbance', () => {
  it.each(seeds)('keeps its promises while members die, stop, leave and come back, seed %d', async (seed) => {
    const report = await runGroup({ seed });
    expect(report.findings).toEqual([]);
    expect(report.fences).toBeGreaterThan(0);
  });

  it.each(seeds)('keeps them while answers get lost as well, seed %d', async (seed) => {
    const report = await runGroup({ seed, rules: engineFaultRules('all-mixed', 0.1) });
    expect(report.findings).toEqual([]);
  });
});
