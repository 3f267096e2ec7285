// Goal: nobody passes before all have come; who dies or gives up breaks it for all; resets do no harm; what it costs.
// Method: each engine with two processes; the memory engine under a virtual clock for all that takes time.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { AtomTable } from '../../lib/atom/index.js';
import { Barrier, BrokenBarrierError, DoubleBarrier, Session, type SessionOptions } from '../../lib/recipes/index.js';
import { type Bench, openBench, outcomeOf } from '../atom/bench.js';
import { dyingEngine } from '../support/stepped-engine.js';
import { onEngines } from './on-engines.js';

const sessionOf = (table: AtomTable, options: SessionOptions = {}) =>
  new Session(table, { leaseMs: 15_000, renewal: 'manual', ...options });

onEngines((stage) => {
  describe('Barrier', () => {
    it('lets nobody pass before all have come, generation after generation', async () => {
      const name = stage.name();
      const sessions = [sessionOf(stage.table), sessionOf(stage.rival)];
      const barriers = sessions.map((session) => new Barrier(session, name, { parties: 3 }));
      expect(await barriers[0]?.look()).toEqual({ generation: 0, parties: 0, members: 0, isBroken: false });
      for (const generation of [0, 1, 2]) {
        let passed = 0;
        const early = [barriers[0]?.enter(), barriers[1]?.enter()];
        for (const one of early) void one?.then(() => (passed += 1));
        while ((await barriers[0]?.look())?.members !== 2);
        expect(passed).toBe(0);
        const passes = await Promise.all([...early, barriers[1]?.enter()]);
        expect(passes.map((one) => one?.generation)).toEqual([generation, generation, generation]);
        expect(passes.filter((one) => one?.isLast).length).toBe(1);
      }
      await Promise.all(sessions.map((session) => session.close()));
    });

    it('costs one write to enter, and one to go on', async () => {
      const session = sessionOf(stage.table);
      const barrier = new Barrier(session, stage.name(), { parties: 1 });
      expect((await stage.cost(() => barrier.enter())).sent.slice(2)).toEqual(['get', 'put']);
      expect(await stage.cost(() => barrier.enter())).toEqual({
        sent: ['update', 'update'],
        readUnits: 0,
        writeUnits: 2,
      });
      const two = new Barrier(session, stage.name(), { parties: 2 });
      const { sent } = await stage.cost(() => Promise.all([two.enter(), two.enter()]));
      expect(sent).toEqual(['get', 'put']);
      const again = await stage.cost(() => Promise.all([two.enter(), two.enter()]));
      expect(again).toEqual({ sent: ['update', 'update'], readUnits: 0, writeUnits: 2 });
      expect((await stage.cost(() => two.look())).sent).toEqual(['get']);
      expect((await stage.cost(() => two.reset({ generation: 2 }))).writeUnits).toBe(0);
    });

    it('refuses another number of parties, and writes nothing', async () => {
      const name = stage.name();
      const session = sessionOf(stage.table);
      await Promise.all([1, 2].map(() => new Barrier(session, name, { parties: 2 }).enter()));
      const { writeUnits } = await stage.cost(async () => {
        await expect(new Barrier(session, name, { parties: 3 }).enter()).rejects.toMatchObject({
          code: 'ERR_RECIPE_DIFFERS',
          fact: 'parties',
          given: 3,
          stored: 2,
        });
      });
      expect(writeUnits).toBe(0);
    });
  });

  describe('DoubleBarrier', () => {
    it('lets all in together, and out together', async () => {
      const name = stage.name();
      const sessions = [sessionOf(stage.table), sessionOf(stage.rival)];
      const members = [0, 1, 0].map((i) => new DoubleBarrier(sessions[i] as Session, name, { parties: 3 }));
      for (const generation of [0, 1]) {
        let inside = 0;
        let outside = 0;
        await Promise.all(
          members.map(async (member) => {
            expect(await member.enter()).toEqual({ generation });
            inside += 1;
            while (inside < 3) await new Promise((resolve) => setImmediate(resolve));
            expect(outside).toBe(0);
            await member.leave();
            outside += 1;
          }),
        );
        expect([inside, outside]).toEqual([3, 3]);
      }
      expect(await members[0]?.look()).toEqual({ generation: 2, parties: 3, members: 0, isBroken: false });
      await Promise.all(sessions.map((session) => session.close()));
    });
  });
});

describe('with time', () => {
  let bench: Bench;
  let sessions: Session[];
  const open = (options: SessionOptions = {}) => {
    const session = new Session(bench.table(), { leaseMs: 15_000, ...options });
    sessions.push(session);
    return session;
  };
  const parties = 3;
  const barrier = (options: SessionOptions = {}) => new Barrier(open(options), 'b', { parties });
  const member = (options: SessionOptions = {}) => new DoubleBarrier(open(options), 'd', { parties });
  const codeOf = (error: unknown) => (error as { readonly code?: string }).code;

  beforeEach(async () => {
    bench = await openBench();
    sessions = [];
  });

  describe('Barrier', () => {
    it('is broken when the session of one who waits is silent for a lease', async () => {
      // It dies once it has entered: the fifth of its requests is never sent.
      const { engine, died } = dyingEngine(bench.memory, 4, 'before');
      void new Barrier(new Session(bench.table({ engine }), { leaseMs: 15_000 }), 'b', { parties }).enter();
      await bench.run(died);
      const [a, b, c] = [barrier(), barrier(), barrier()];
      const waits = outcomeOf(a.enter());
      const startedAt = bench.clock.monotonicMs();
      await bench.run(waits.done);
      expect(waits.error).toMatchObject({ code: 'ERR_BROKEN_BARRIER', generation: 0, reason: 'session-over' });
      expect(bench.clock.monotonicMs() - startedAt).toBeLessThanOrEqual(17_000);
      // It stays so, until somebody says that it may begin anew: once, whoever else says so too.
      await expect(bench.run(b.enter())).rejects.toThrow(BrokenBarrierError);
      expect((await bench.run(b.look())).isBroken).toBe(true);
      const error = waits.error as BrokenBarrierError;
      expect(await bench.run(a.reset(error))).toBe(true);
      const first = a.enter();
      await bench.clock.advance(100);
      expect(await bench.run(b.reset(error))).toBe(false);
      expect((await bench.run(Promise.all([first, b.enter(), c.enter()]))).map(({ generation }) => generation)).toEqual(
        [1, 1, 1],
      );
    });

    it('is broken by one that wakes up and finds its lease lost', async () => {
      const lost = outcomeOf(barrier({ renewal: 'manual' }).enter());
      const waits = outcomeOf(barrier().enter());
      await bench.run(Promise.all([lost.done, waits.done]));
      expect(lost.error).toMatchObject({ code: 'ERR_LEASE_LOST' });
      expect(waits.error).toMatchObject({ code: 'ERR_BROKEN_BARRIER', reason: 'gave-up' });
    });

    it('is broken at once when a session is closed', async () => {
      const [a, b] = [barrier(), barrier()];
      const [one, two] = [outcomeOf(a.enter()), outcomeOf(b.enter())];
      await bench.clock.advance(3_000);
      const closedAt = bench.clock.monotonicMs();
      await bench.run((sessions[0] as Session).close());
      await bench.run(Promise.all([one.done, two.done]));
      expect(one.error).toMatchObject({ code: 'ERR_SESSION_CLOSED' });
      // The one that closed breaks it itself.
      expect(two.error).toMatchObject({ code: 'ERR_BROKEN_BARRIER' });
      expect(bench.clock.monotonicMs() - closedAt).toBeLessThanOrEqual(1_100);
    });

    it('is broken by one that gives up, by time or by signal', async () => {
      const [a, b] = [barrier(), barrier()];
      const waits = outcomeOf(a.enter());
      const timed = bench.run(b.enter({ waitMs: 5_000 }));
      await expect(timed).rejects.toMatchObject({
        code: 'ERR_BARRIER_TIMEOUT',
        waitMs: 5_000,
        generation: 0,
        members: 2,
        parties: 3,
      });
      await bench.run(waits.done);
      expect(waits.error).toMatchObject({ code: 'ERR_BROKEN_BARRIER', reason: 'gave-up' });
      await bench.run(a.reset({ generation: 0 }));
      const stop = new AbortController();
      const again = outcomeOf(a.enter());
      const aborted = outcomeOf(b.enter({ signal: stop.signal }));
      await bench.clock.advance(1_000);
      stop.abort(new Error('enough'));
      await bench.run(Promise.all([again.done, aborted.done]));
      expect([codeOf(again.error), (aborted.error as Error).message]).toEqual(['ERR_BROKEN_BARRIER', 'enough']);
      await expect(b.enter({ signal: stop.signal })).rejects.toThrow('enough');
    });

    it('passes who gives up when all have come', async () => {
      const [a, b, c] = [barrier(), barrier(), barrier()];
      const one = a.enter({ waitMs: 5_000 });
      await bench.clock.advance(4_990);
      // It looks every second; at its deadline it finds that it has passed.
      expect((await bench.run(Promise.all([one, b.enter(), c.enter()]))).map(({ generation }) => generation)).toEqual([
        0, 0, 0,
      ]);
      expect(bench.clock.monotonicMs()).toBeLessThanOrEqual(6_100);
    });

    it('tells those who wait of a reset, also when they look late', async () => {
      const [a, b, c] = [barrier(), barrier(), barrier()];
      const waits = outcomeOf(a.enter());
      await bench.clock.advance(10_000);
      // Between two of its looks: reset, and passed by others, twice.
      expect(await bench.run(b.reset({ generation: 0 }))).toBe(true);
      for (const generation of [1, 2]) {
        const all = await bench.run(Promise.all([b.enter(), b.enter(), c.enter()]));
        expect(all[0]?.generation).toBe(generation);
      }
      await bench.run(waits.done);
      expect(waits.error).toMatchObject({ code: 'ERR_BROKEN_BARRIER', generation: 0, reason: 'reset' });
    });

    it('does not count a call that may have entered and does not know', async () => {
      const table = bench.table({ retry: { timeoutMs: 1_000 } });
      const session = new Session(table, { leaseMs: 3_600_000 });
      await bench.run(session.lease());
      const lost = new Barrier(session, 'b', { parties });
      const [a, b] = [barrier(), barrier()];
      bench.faulty.setRules([
        { fault: { kind: 'reset-after' }, on: 'writes' },
        { fault: { kind: 'reset-before' }, on: 'reads', after: 1 },
      ]);
      await expect(bench.run(lost.enter())).rejects.toMatchObject({ outcome: 'unknown' });
      bench.faulty.setRules([]);
      await bench.clock.advance(5_000);
      const waits = [outcomeOf(a.enter()), outcomeOf(b.enter())];
      await bench.clock.advance(5_000);
      expect(waits.every(({ value }) => value === undefined)).toBe(true);
      expect((await bench.run(a.look())).isBroken).toBe(true);
    });

    it('is broken for those who wait when its item is removed by hand', async () => {
      const waits = outcomeOf(barrier().enter());
      await bench.clock.advance(1_000);
      await bench.run(bench.calm().atom('barrier:b').delete());
      await bench.run(waits.done);
      expect(waits.error).toMatchObject({ code: 'ERR_BROKEN_BARRIER' });
    });

    it('leaves no timer behind', async () => {
      const all = [barrier(), barrier(), barrier()].map((one) => one.enter({ waitMs: 60_000 }));
      await bench.run(Promise.all(all));
      await bench.run(Promise.all(sessions.map((session) => session.close())));
      await bench.clock.advance(1_000);
      expect(bench.clock.pending).toBe(0);
    });
  });

  describe('DoubleBarrier', () => {
    it('is broken for those who leave when a member dies inside', async () => {
      const [a, b] = [member(), member()];
      const dead = member({ renewal: 'manual' });
      await bench.run(Promise.all([a, b, dead].map((one) => one.enter())));
      await bench.clock.advance(1_000);
      const leaving = [a, b].map((one) => outcomeOf(one.leave()));
      await bench.run(Promise.all(leaving.map(({ done }) => done)));
      for (const { error } of leaving)
        expect(error).toMatchObject({ code: 'ERR_BROKEN_BARRIER', reason: 'session-over' });
      await bench.clock.advance(60_000);
      await expect(bench.run(dead.leave())).rejects.toThrow(BrokenBarrierError);
      await bench.run(b.reset({ generation: 0 }));
      const next = [a, b, member()];
      expect(
        (await bench.run(Promise.all(next.map((one) => one.enter())))).map(({ generation }) => generation),
      ).toEqual([1, 1, 1]);
    });

    it.each([
      ['leave', 2],
      ['enter', 0],
    ] as const)(
      'is broken by a death inside also for those who %s by waits that are each too short for that',
      async (step, alive) => {
        const all = Array.from({ length: parties }, (_, index) => member(index < alive ? {} : { renewal: 'manual' }));
        await bench.run(Promise.all(all.map((one) => one.enter())));
        const callers = step === 'leave' ? all.slice(0, alive) : [member()];
        const codes = new Set<unknown>();
        const begin = bench.clock.monotonicMs();
        while (bench.clock.monotonicMs() - begin < 25_000 && !codes.has('ERR_BROKEN_BARRIER')) {
          const calls = callers.map((one) => one[step]({ waitMs: 1_500 }).then(() => 'passed', codeOf));
          for (const code of await bench.run(Promise.all(calls))) codes.add(code);
        }
        expect([...codes]).toEqual(['ERR_BARRIER_TIMEOUT', 'ERR_BROKEN_BARRIER']);
      },
    );

    it('keeps out whoever comes while the others are inside', async () => {
      const members = [member(), member(), member()];
      await bench.run(Promise.all(members.map((one) => one.enter())));
      const late = member();
      const early = outcomeOf(late.enter({ waitMs: 2_000 }));
      await bench.run(early.done);
      expect(early.error).toMatchObject({ code: 'ERR_BARRIER_TIMEOUT', generation: 0, members: 3 });
      expect((await bench.run(late.look())).isBroken).toBe(false);
      const next = [late.enter(), member().enter(), member().enter()];
      await bench.clock.advance(1_000);
      await bench.run(Promise.all(members.map((one) => one.leave())));
      expect((await bench.run(Promise.all(next))).map(({ generation }) => generation)).toEqual([1, 1, 1]);
    });

    it('counts as left who gives up waiting for the others to leave', async () => {
      const [a, b, c] = [member(), member(), member()];
      await bench.run(Promise.all([a, b, c].map((one) => one.enter())));
      await expect(bench.run(a.leave({ waitMs: 1_000 }))).rejects.toMatchObject({
        code: 'ERR_BARRIER_TIMEOUT',
        members: 2,
      });
      await bench.run(Promise.all([b.leave(), c.leave()]));
      await bench.run(a.leave());
      await expect(a.leave()).rejects.toThrow(/it is not inside/);
    });

    it('leaves in the background when the store does not answer in time', async () => {
      const slow = new Session(bench.table({ retry: { timeoutMs: 1_000 } }), { leaseMs: 60_000 });
      const a = new DoubleBarrier(slow, 'd', { parties: 2 });
      const b = new DoubleBarrier(open(), 'd', { parties: 2 });
      await bench.run(Promise.all([a.enter(), b.enter()]));
      bench.faulty.setRules([{ fault: { kind: 'unreachable' }, on: 'writes' }]);
      await expect(bench.run(a.leave())).rejects.toMatchObject({ code: 'ERR_DEADLINE' });
      bench.faulty.setRules([]);
      await bench.run(b.leave());
      await bench.run(a.leave());
    });

    it('takes one call at a time, each in its turn', async () => {
      const a = member();
      await expect(a.leave()).rejects.toThrow(/it is not inside; enter first/);
      const entering = a.enter();
      await expect(a.enter()).rejects.toThrow(/another call of this member is waiting/);
      await bench.run(Promise.all([entering, member().enter(), member().enter()]));
      await expect(a.enter()).rejects.toThrow(/it is inside; leave first/);
    });
  });

  it('refuses wrong arguments before anything is sent', async () => {
    const session = open();
    for (const wrong of [0, -1, 1.5, Number.NaN, '2' as never, undefined as never]) {
      expect(() => new Barrier(session, 'b', { parties: wrong })).toThrow(/parties must be a positive integer/);
      expect(() => new DoubleBarrier(session, 'b', { parties: wrong })).toThrow(RangeError);
    }
    expect(() => new Barrier(session, 'b', { parties: 1_001 })).toThrow(/parties must be at most 1000: 1001/);
    expect(() => new Barrier(session, '', { parties: 2 })).toThrow(RangeError);
    const one = new Barrier(session, 'b', { parties: 2 });
    await expect(one.enter({ waitMs: -1 })).rejects.toThrow(RangeError);
    await expect(one.reset({ generation: -1 })).rejects.toThrow(/generation must be an integer of at least 0: -1/);
    expect(bench.commits).toEqual([]);
    await bench.run(bench.calm().atom('barrier:b').reset({ kind: 'lock' }));
    await expect(bench.run(one.enter())).rejects.toMatchObject({ code: 'ERR_RECIPE_KIND' });
    await bench.run(session.close());
    await expect(one.enter()).rejects.toMatchObject({ code: 'ERR_SESSION_CLOSED' });
  });
});
