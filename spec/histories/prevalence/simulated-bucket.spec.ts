// Goal: a prevalent system in a bucket loses, doubles and reorders nothing, whatever the network, the service and the SDK's own copies
// make of its requests, at each step: head, pages, bodies, parts, pointer, probe.
// Method: as simulation.spec.ts, down to the SDK's commands, which the core of the stand-in for S3 answers without a network. Planted
// bugs must be found out. More in `npm run chaos -- --engine memory --s3 N`.
import { describe, expect, it } from '@jest/globals';
import { engineFaultProfiles } from '../../../lib/engine/index.js';
import { chaosCommand } from '../plans.js';
import { suiteSeed, workComplaints } from '../reports.js';
import { givesTheSameRun, judgeFindsOut, simulationMsMax } from '../simulation-facts.js';
import { plantedInBucket } from './planted-bucket.js';
import { simulateBucket } from './simulated-bucket.js';

const seed = suiteSeed();

describe(`prevalence in a bucket on a virtual clock, LEYDEN_SEED=${seed}`, () => {
  it.each([...engineFaultProfiles, 'calm'] as const)(
    'is right under %s',
    async (profile) => {
      const calls = 80;
      const report = await simulateBucket({ seed, profile, calls });
      const repeat = chaosCommand({ engine: 'memory', s3: 1, seed, profile, ops: calls });
      expect({ wrong: workComplaints(report), repeat }).toEqual({ wrong: [], repeat });
      expect(report.events).toBeGreaterThan(calls / 3);
    },
    simulationMsMax,
  );

  it(
    'is right when nobody reaches the bucket for two minutes, and whatever fails says so',
    async () => {
      // In the middle of calls; and while the first instances open.
      for (const from of [0, 250]) {
        const report = await simulateBucket({
          seed,
          profile: 'all-mixed',
          calls: 120,
          outage: { from, to: from + 120_000 },
        });
        expect({ seed, from, wrong: workComplaints(report) }).toEqual({ seed, from, wrong: [] });
        expect(report.virtualMs).toBeGreaterThan(120_000);
      }
    },
    simulationMsMax,
  );

  givesTheSameRun(seed, (one) => simulateBucket({ seed: one, profile: 'all-mixed', calls: 60 }));
});

describe('the judge finds out', () => {
  judgeFindsOut(plantedInBucket, (spoils) =>
    simulateBucket({ seed: 1, profile: 'calm', calls: 200, kills: 0, stops: 0, ...spoils }),
  );
});
