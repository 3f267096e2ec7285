/**
 * Goal: L2 to L6, and that everybody comes to an end once the faults stop. Method: seeded runs, see `lock-simulation.ts`. LEYDEN_LOCK_GRANTS sets
 * the size of each (10000 is that of the requirements, which takes minutes), LEYDEN_SEED the first seed.
 */
import { afterAll, describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { MemoryEngine } from '../../lib/engine/index.js';
import { VirtualClock } from '../../lib/testing/index.js';
import { type LockReport, lostAnswers, mixedFaults, simulateLocks } from './lock-simulation.js';
import { lostBeats, lostReleases } from './lost-answers.js';

const grants = Number(process.env.LEYDEN_LOCK_GRANTS ?? 30);
const seed = Number(process.env.LEYDEN_SEED ?? 1);
const timeoutMs = 60_000 + 200 * grants;

const report: string[] = [];
const print = (name: string, one: LockReport) => {
  const { findings, virtualMs, ...rest } = one;
  report.push(
    `${name}, seed ${seed}: ${JSON.stringify(rest)}, ${Math.round(virtualMs / 1_000)} virtual s, ${findings.length} findings`,
  );
  return one;
};

afterAll(() => console.log(report.join('\n')));

/** After the last fault everybody has it once more: a stop, a lease, and the turns of eight callers. */
const calmMsMax = 60_000;

describe('locks under faults', () => {
  it(
    'without any: nothing is lost, nothing expires',
    async () => {
      const run = print('calm', await simulateLocks({ seed, grants }));
      expect(run).toMatchObject({ findings: [], losses: 0, expiries: 0, unknown: 0, late: 0 });
    },
    timeoutMs,
  );

  it(
    'L2, L3: machines that stop and die, clocks an hour apart at 0.9 to 1.1: one holder by the own clocks, no early expiry',
    async () => {
      const run = print('stops', await simulateLocks({ seed, grants, stops: 0.1, deaths: 0.2 }));
      expect(run.findings).toEqual([]);
      expect(run.expiries).toBeGreaterThan(0);
      expect(run.losses).toBeGreaterThan(0);
      expect(run.calmMs).toBeLessThan(calmMsMax);
    },
    timeoutMs,
  );

  it(
    'L4: 30 % of the answers to heartbeats lost: no lease is lost for that',
    async () => {
      const run = print('beats', await simulateLocks({ seed, grants, rules: lostAnswers(0.3, /session:/) }));
      expect(run).toMatchObject({ findings: [], losses: 0, expiries: 0, late: 0 });
    },
    timeoutMs,
  );

  it(
    'L5: 30 % of the answers to acquire, release and eviction lost: nobody waits for an orphan, nothing is granted twice',
    async () => {
      const run = print('acquires', await simulateLocks({ seed, grants, rules: lostAnswers(0.3, /lock:/) }));
      expect(run).toMatchObject({ findings: [], losses: 0, expiries: 0, late: 0 });
      expect(run.calmMs).toBeLessThan(calmMsMax);
    },
    timeoutMs,
  );

  it(
    'L6: releases after the end, twice, and beside heartbeats: nobody frees what another holds',
    async () => {
      const run = print('releases', await simulateLocks({ seed, grants, stops: 0.2, releasesTwice: true }));
      expect(run.findings).toEqual([]);
      expect(run.late).toBeGreaterThan(0);
    },
    timeoutMs,
  );

  it(
    'all kinds of faults, stops and deaths together',
    async () => {
      const rules = mixedFaults(0.2);
      const run = print(
        'all',
        await simulateLocks({ seed, grants, rules, stops: 0.05, deaths: 0.2, releasesTwice: true }),
      );
      expect(run.findings).toEqual([]);
      expect(run.calmMs).toBeLessThan(calmMsMax);
    },
    timeoutMs,
  );

  it.each([
    ['L4: 10 renewals', lostBeats],
    ['10 releases', lostReleases],
  ] as const)(
    '%s for each grant of these runs, with answers lost: each is done once, and nothing is lost',
    async (_, run) => {
      const count = 10 * grants;
      const clock = new VirtualClock({ runMsMax: 365 * 86_400_000 });
      const engine = new MemoryEngine({ clock, latency: () => 2 });
      await clock.run(new AtomTable({ engine, tableName: 'state', clock }).create());
      const { unclear, ...books } = await clock.run(run({ engine, tableName: 'state', clock, name: 'lost' }, count));
      expect(books).toEqual({ done: count, counted: count, losses: 0 });
      expect(unclear).toBeGreaterThan(count / 5);
    },
    timeoutMs,
  );

  it(
    'the same seed twice is the same run',
    async () => {
      const options = { seed: seed + 1, grants: 40, rules: mixedFaults(0.2), stops: 0.1, deaths: 0.2 };
      expect(await simulateLocks(options)).toEqual(await simulateLocks(options));
    },
    timeoutMs,
  );
});
