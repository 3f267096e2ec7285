// Goal: an event store loses, doubles and reorders nothing, knows its commands again, and tells nothing that is not so, whatever goes
// wrong between it and the table.
// Method: whole runs on a virtual clock, drawn from a seed; the same seed is the same run. In each, processes die, and others give
// their orders again. Planted bugs must be found out. More in `npm run chaos -- --events N --engine memory`.
import { describe, expect, it } from '@jest/globals';
import { engineFaultProfiles, seededRandom } from '../../../lib/engine/index.js';
import { suiteSeed, workComplaints } from '../reports.js';
import { givesTheSameRun, judgeFindsOut, simulationMsMax } from '../simulation-facts.js';
import { planted } from './planted.js';
import { purseCommand } from './reports.js';
import { simulate } from './simulation.js';

const seed = suiteSeed();
const calls = 120;

/** A run must be clean; says how to repeat it when it is not. */
async function clean(options: Parameters<typeof simulate>[0]) {
  const report = await simulate(options);
  const { profile, processes, callers, kills, stops, calls: ops } = options;
  const repeat = purseCommand({ ops, engine: 'memory', seed: options.seed, profile, processes, callers, kills, stops });
  expect({ wrong: workComplaints(report), repeat }).toEqual({ wrong: [], repeat });
  return report;
}

describe(`event stores on a virtual clock, LEYDEN_SEED=${seed}`, () => {
  // Two of the profiles each time; all of them together in any case.
  const random = seededRandom(seed);
  const drawn = [...engineFaultProfiles].sort(() => random.next() - 0.5).slice(0, 2);
  it.each([...new Set([...drawn, 'all-mixed', 'calm'] as const)])(
    'are right under %s',
    async (profile) => {
      const report = await clean({ seed, profile, calls });
      expect(report.events).toBeGreaterThan(calls / 4);
    },
    simulationMsMax,
  );

  it(
    'are right with 8 processes on two streams, of which some die',
    async () => {
      await clean({ seed, profile: 'all-mixed', processes: 8, callers: 4, streams: 2, calls: 240, kills: 4, stops: 2 });
    },
    simulationMsMax,
  );

  givesTheSameRun(seed, (one) => simulate({ seed: one, profile: 'all-mixed', calls: 80 }));
});

describe('the judge finds out', () => {
  const calm = { seed: 1, profile: 'calm', calls: 160, streams: 3, kills: 0, stops: 0 } as const;
  judgeFindsOut(planted, (spoils) => simulate({ ...calm, ...spoils }));
});
