// Goal: a prevalent system loses, doubles and reorders nothing, whatever goes wrong between it and the store, and all its
// instances have the same state at the same number.
// Method: whole runs on a virtual clock, drawn from a seed; the same seed is the same run. In each, a process dies, and one stands
// still while others prune what it would have to read. Planted bugs must be found out. More in `npm run chaos -- --prevalence`.
import { describe, expect, it } from '@jest/globals';
import { engineFaultProfiles } from '../../../lib/engine/index.js';
import { suiteSeed, workComplaints } from '../reports.js';
import { givesTheSameRun, judgeFindsOut, simulationMsMax } from '../simulation-facts.js';
import { planted } from './planted.js';
import { ledgerCommand } from './reports.js';
import { simulate } from './simulation.js';

const seed = suiteSeed();
const calls = 250;
let pagesPruned = 0;

/** A run must be clean; says how to repeat it when it is not. */
async function clean(options: Parameters<typeof simulate>[0]) {
  const report = await simulate(options);
  const { profile, processes, callers, kills, stops, calls: ops } = options;
  const words = { engine: 'memory', seed: options.seed, profile, ops, processes, callers, kills, stales: stops };
  const repeat = ledgerCommand(words);
  expect({ wrong: workComplaints(report), repeat }).toEqual({ wrong: [], repeat });
  return report;
}

describe(`prevalence on a virtual clock, LEYDEN_SEED=${seed}`, () => {
  it.each([...engineFaultProfiles, 'calm'] as const)(
    'is right under %s',
    async (profile) => {
      const report = await clean({ seed, profile, calls });
      expect(report.events).toBeGreaterThan(calls / 2);
      pagesPruned += report.pagesPruned;
    },
    simulationMsMax,
  );

  it('has pruned in some of these runs', () => {
    expect(pagesPruned).toBeGreaterThan(0);
  });

  it(
    'is right with 8 processes, of which some die and some are overtaken',
    async () => {
      await clean({ seed, profile: 'all-mixed', processes: 8, callers: 8, calls: 400, kills: 3, stops: 3 });
    },
    simulationMsMax,
  );

  givesTheSameRun(seed, (one) => simulate({ seed: one, profile: 'all-mixed', calls: 200 }));
});

describe('the judge finds out', () => {
  const calm = { seed: 1, profile: 'calm', calls: 300, kills: 0, stops: 0 } as const;
  judgeFindsOut(planted, (spoils) => simulate({ ...calm, ...spoils }));
});
