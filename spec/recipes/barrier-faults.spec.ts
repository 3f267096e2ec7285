// Goal: nobody passes a barrier before all have come, whatever is lost, doubled or late, and whoever dies at which step; and an end, once the
// faults stop. Method: seeded runs of several processes through every fault profile, which reset what is broken; death at each step; what a
// crowd costs.
import { describe, expect, it } from '@jest/globals';
import { engineFaultProfiles, engineFaultRules, seededRandom } from '../../lib/engine/index.js';
import { Barrier, BrokenBarrierError, DoubleBarrier, Session } from '../../lib/recipes/index.js';
import { openBench } from '../atom/bench.js';
import { dyingEngine, steppedEngine } from '../support/stepped-engine.js';

const leaseMs = 3_000;
const parties = 3;
const seeds = process.env.LEYDEN_SIZE === 'full' ? [1, 2, 3, 4] : [1];

describe('Barrier', () => {
  it.each(engineFaultProfiles.flatMap((profile) => seeds.map((seed) => [profile, seed] as const)))(
    'lets nobody pass early, with resets and %s, seed %d',
    async (profile, seed) => {
      const bench = await openBench({ rules: engineFaultRules(profile, 0.15), seed });
      const random = seededRandom(seed);
      const came = new Map<number, number>();
      const chosen = new Map<number, number>();
      let passes = 0;
      const work = async (barrier: Barrier) => {
        for (let i = 0; i < 5; i += 1) {
          await bench.clock.sleep(random.int(2_000));
          try {
            const { generation, isLast } = await barrier.enter({ waitMs: 5_000 + random.int(20_000) });
            passes += 1;
            came.set(generation, (came.get(generation) ?? 0) + 1);
            if (isLast) chosen.set(generation, (chosen.get(generation) ?? 0) + 1);
          } catch (error) {
            const { code, generation } = error as { code: string; generation: number };
            if (code === 'ERR_BROKEN_BARRIER') await barrier.reset({ generation }).catch(() => {});
          }
        }
      };
      const processes = [0, 1, 2, 3].map((process) => {
        const session = new Session(bench.table(), { leaseMs, renewal: process === 3 ? 'manual' : 'auto' });
        return work(new Barrier(session, 'b', { parties }));
      });
      await bench.run(Promise.all(processes));
      // Of each generation no more pass than there are parties, and one at most is told that it was the last.
      for (const count of came.values()) expect(count).toBeLessThanOrEqual(parties);
      for (const count of chosen.values()) expect(count).toBe(1);
      expect(passes).toBeGreaterThan(0);

      bench.faulty.setRules([]);
      const calm = Array.from(
        { length: parties },
        () => new Barrier(new Session(bench.calm(), { leaseMs }), 'b', { parties }),
      );
      const meet = async (barrier: Barrier): Promise<number> => {
        for (;;) {
          try {
            return (await barrier.enter()).generation;
          } catch (error) {
            if (!(error instanceof BrokenBarrierError)) throw error;
            await barrier.reset(error);
          }
        }
      };
      const last = await bench.run(Promise.all(calm.map(meet)));
      expect(new Set(last).size).toBe(1);
    },
  );

  it('is passed by all or by nobody, whichever step a process dies at', async () => {
    let died = true;
    for (let at = 0; died; at += 1) {
      died = false;
      for (const when of ['before', 'after'] as const) {
        const bench = await openBench();
        // The second generation: what is known lets the store do it.
        const warm = bench.calm();
        const first = new Session(warm, { leaseMs });
        await bench.run(Promise.all([1, 2].map(() => new Barrier(first, 'b', { parties: 2 }).enter())));
        const dying = dyingEngine(bench.memory, at, when);
        let isDead = false;
        void dying.died.then(() => {
          isDead = true;
        });
        const dead = new Barrier(new Session(bench.table({ engine: dying.engine }), { leaseMs }), 'b', { parties: 2 });
        const left = dead.enter().then(
          () => 'passed',
          (error) => error.code as string,
        );
        const startedAt = bench.clock.monotonicMs();
        const barrier = new Barrier(first, 'b', { parties: 2 });
        const own = barrier.enter({ waitMs: 20_000 }).then(
          () => 'passed',
          (error) => error.code as string,
        );
        const end = await bench.run(own);
        died ||= isDead;
        if (!isDead) expect([await bench.run(left), end]).toEqual(['passed', 'passed']);
        else if (end !== 'passed') expect(['ERR_BROKEN_BARRIER', 'ERR_BARRIER_TIMEOUT']).toContain(end);
        // Who has entered, and is dead, is noticed within a lease; who has not come at all is waited for.
        if (end === 'ERR_BROKEN_BARRIER')
          expect(bench.clock.monotonicMs() - startedAt).toBeLessThanOrEqual(leaseMs + 2_500);
      }
      expect(at).toBeLessThan(15);
    }
  });

  it('takes one update of each who comes, however many come at once, and one to go on', async () => {
    const bench = await openBench({ rules: [{ fault: { kind: 'delay', delayMs: [5, 15] } }] });
    const crowd = 24;
    let sent: string[] = [];
    const engine = steppedEngine(bench.faulty, ({ kind, text }) => {
      if (text.includes('barrier:')) sent.push(kind);
      return undefined;
    });
    const sessions = Array.from({ length: crowd }, () => new Session(bench.table({ engine }), { leaseMs: 60_000 }));
    const barriers = sessions.map((session) => new Barrier(session, 'b', { parties: crowd }));
    await bench.run(Promise.all(barriers.map((one) => one.enter())));
    sent = [];
    const startedAt = bench.clock.monotonicMs();
    await bench.run(Promise.all(barriers.map((one) => one.enter())));
    expect(sent.filter((kind) => kind === 'update').length).toBe(crowd + 1);
    expect(sent.filter((kind) => kind !== 'update' && kind !== 'batchGet')).toEqual([]);
    expect(sent.filter((kind) => kind === 'batchGet').length).toBeLessThan(2 * crowd);
    expect(bench.clock.monotonicMs() - startedAt).toBeLessThan(300);
  });

  it('goes on from a generation with more members than one update can name', async () => {
    const bench = await openBench();
    const session = new Session(bench.table(), { leaseMs: 60_000 });
    const barrier = new Barrier(session, 'b', { parties: 60 });
    for (const generation of [0, 1, 2]) {
      const passes = await bench.run(Promise.all(Array.from({ length: 60 }, () => barrier.enter())));
      expect(passes.every((one) => one.generation === generation)).toBe(true);
      expect(passes.filter(({ isLast }) => isLast).length).toBe(1);
    }
    expect(await bench.run(barrier.look())).toEqual({ generation: 3, parties: 60, members: 0, isBroken: false });
  });
});

describe('DoubleBarrier', () => {
  it.each(engineFaultProfiles)('lets all in and out together, with %s', async (profile) => {
    const bench = await openBench({ rules: engineFaultRules(profile, 0.15), seed: 5 });
    const random = seededRandom(5);
    const inside = new Map<number, Set<number>>();
    let outs = 0;
    const work = async (process: number) => {
      const session = new Session(bench.table(), { leaseMs: 30_000 });
      const member = new DoubleBarrier(session, 'd', { parties });
      for (let i = 0; i < 4; i += 1) {
        const { generation } = await member.enter();
        const all = inside.get(generation) ?? new Set();
        inside.set(generation, all.add(process));
        await bench.clock.sleep(random.int(3_000));
        await member.leave();
        // Nobody is out before all have been in.
        expect(inside.get(generation)?.size).toBe(parties);
        outs += 1;
      }
    };
    // A call whose outcome is unknown breaks what the others wait for: all have to begin anew then.
    const ends = await bench.run(Promise.allSettled([0, 1, 2].map(work)));
    const errors = ends.flatMap((end) => (end.status === 'rejected' ? [(end.reason as { code?: string }).code] : []));
    for (const code of errors)
      expect(['ERR_BROKEN_BARRIER', 'ERR_UNKNOWN_OUTCOME', 'ERR_DEADLINE', 'ERR_LEASE_LOST']).toContain(code);
    if (errors.length === 0) expect(outs).toBe(12);
  });
});
