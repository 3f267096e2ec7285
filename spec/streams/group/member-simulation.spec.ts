import { describe, expect, it } from '@jest/globals';
import { engineFaultRules } from '../../../lib/engine/index.js';
import { runGroup } from './group-run.js';

const first = Number(process.env.LEYDEN_SEED ?? 1);

describe('a group under disturbance', () => {
  it.each(Array.from({ length: 3 }, (_, index) => first + index))('keeps its promises, seed %d', async (seed) => {
    const report = await runGroup({ seed });
    console.log(JSON.stringify(report));
    expect(report.findings).toEqual([]);
  });

  it.each(Array.from({ length: 3 }, (_, index) => first + index))(
    'and while answers get lost, seed %d',
    async (seed) => {
      const report = await runGroup({ seed, rules: engineFaultRules('all-mixed', 0.05) });
      console.log(JSON.stringify(report));
      expect(report.findings).toEqual([]);
    },
  );
});
