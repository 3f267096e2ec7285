// Goal: no id twice, whatever clocks show and whatever is lost; ids of one process grow.
// Method: each engine; processes whose clocks are apart and step, under each fault profile; death at each step; the pure step alone.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { engineFaultProfiles, engineFaultRules, seededRandom } from '../../lib/engine/index.js';
import { Snowflake } from '../../lib/recipes/index.js';
import {
  type SnowflakeState,
  type Stretch,
  takeStretch,
  workersMax,
} from '../../lib/recipes/snowflake/snowflake-state.js';
import type { VirtualClock } from '../../lib/testing/virtual-clock.js';
import { type Bench, openBench } from '../atom/bench.js';
import { dyingEngine } from '../support/stepped-engine.js';
import { onEngines } from './on-engines.js';

const minuteMs = 60_000;
const workerOf = (id: bigint) => Number((id >> 12n) & 1_023n);

onEngines((stage) => {
  describe('Snowflake', () => {
    it('makes ids of both processes, in memory, that grow and tell their time', async () => {
      stage.nowMs = Date.now();
      const name = stage.name();
      const [a, b] = [new Snowflake(stage.table, name), new Snowflake(stage.rival, name)];
      expect((await stage.cost(() => a.next())).sent).toEqual(['get', 'put']);
      const ids: bigint[] = [];
      const { sent } = await stage.cost(async () => {
        for (let i = 0; i < 5_000; i += 1) ids.push(await a.next());
      });
      expect(sent).toEqual([]);
      for (const [i, id] of ids.entries()) if (i > 0) expect(id > (ids[i - 1] as bigint)).toBe(true);
      const other = await b.next();
      expect([workerOf(ids[0] as bigint), workerOf(other)]).toEqual([0, 1]);
      expect(a.timeOf(other)).toBe(stage.nowMs);
      expect(new Set([...ids, other]).size).toBe(5_001);
      // The 4,096th of a millisecond is followed by the first of the next.
      expect(a.timeOf(ids.at(-1) as bigint)).toBe(stage.nowMs + 1);
      // A minute later it goes on under the same number, for one write.
      stage.nowMs += minuteMs;
      expect((await stage.cost(() => a.next())).sent.at(-1)).toBe('put');
      expect(workerOf(await a.next())).toBe(0);
    });
  });
});

describe('Snowflake', () => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await openBench();
  });

  it.each(engineFaultProfiles)('makes no id twice, whatever the clocks show: %s', async (profile) => {
    const random = seededRandom(bench.seed);
    bench = await openBench({ rules: engineFaultRules(profile, 0.2) });
    const made = new Set<bigint>();
    let count = 0;
    const work = async () => {
      let offset = random.int(300_000) - 150_000;
      const clock = {
        now: () => bench.clock.now() + offset,
        monotonicMs: () => bench.clock.monotonicMs(),
        sleep: (...args: Parameters<VirtualClock['sleep']>) => bench.clock.sleep(...args),
      };
      let ids = new Snowflake(bench.table({ clock }), 's');
      let last = -1n;
      for (let i = 0; i < 60; i += 1) {
        const id = await ids.next().catch(() => undefined);
        if (id !== undefined) {
          made.add(id);
          count += 1;
          expect(id > last).toBe(true);
          last = id;
        }
        if (random.int(6) === 0) offset = random.int(300_000) - 150_000;
        if (random.int(15) === 0) {
          // The process is started anew.
          ids = new Snowflake(bench.table({ clock }), 's');
          last = -1n;
        }
        await bench.clock.sleep(random.int(20_000));
      }
    };
    await bench.run(Promise.all([work(), work(), work()]));
    expect(made.size).toBe(count);
    expect(count).toBeGreaterThan(100);
  });

  it('makes no id twice when a process dies at any step, or sleeps for a day', async () => {
    let died = true;
    for (let at = 0; died; at += 1) {
      died = false;
      for (const when of ['before', 'after'] as const) {
        bench = await openBench();
        const made: bigint[] = [];
        const sleeper = new Snowflake(bench.calm(), 's');
        made.push(await bench.run(sleeper.next()));
        const dying = dyingEngine(bench.memory, at, when);
        const victim = new Snowflake(bench.table({ engine: dying.engine }), 's');
        await Promise.race([
          victim.next().then((id) => made.push(id)),
          dying.died.then(() => {
            died = true;
          }),
        ]);
        await bench.run(bench.clock.sleep(86_400_000));
        const heirs = [1, 2, 3].map(() => new Snowflake(bench.calm(), 's'));
        for (const ids of [sleeper, ...heirs, sleeper]) made.push(await bench.run(ids.next()));
        expect(new Set(made).size).toBe(made.length);
      }
      expect(at).toBeLessThan(20);
    }
  });

  it('uses a worker number again once its minute is over', async () => {
    const workers: number[] = [];
    for (let i = 0; i < 5; i += 1) {
      workers.push(workerOf(await bench.run(new Snowflake(bench.calm(), 's').next())));
      await bench.run(bench.clock.sleep(minuteMs / 2));
    }
    expect(workers).toEqual([0, 1, 0, 1, 0]);
  });

  it('stays in its minute when the clock is set back, and takes the next when that is used up', async () => {
    const ids = new Snowflake(bench.calm(), 's');
    const first = await bench.run(ids.next());
    bench.clock.step(-3_600_000);
    const second = await bench.run(ids.next());
    expect([ids.timeOf(second) - ids.timeOf(first), second > first]).toEqual([0, true]);
    // Another process, whose clock was right an hour ago, is not in its way.
    const other = await bench.run(new Snowflake(bench.calm(), 's').next());
    expect(workerOf(other)).toBe(1);
  });

  it('refuses another epoch, times outside of its years, and wrong arguments', async () => {
    await bench.run(new Snowflake(bench.calm(), 's').next());
    const other = new Snowflake(bench.calm(), 's', { epochMs: 1_000 });
    await expect(bench.run(other.next())).rejects.toMatchObject({ code: 'ERR_RECIPE_DIFFERS', fact: 'epochMs' });
    const future = new Snowflake(bench.calm(), 't', { epochMs: bench.clock.now() + 1 });
    await expect(bench.run(future.next())).rejects.toThrow(RangeError);
    const past = new Snowflake(bench.calm(), 'u', { epochMs: 1 });
    bench.clock.step(2 ** 41 - bench.clock.now());
    await expect(bench.run(past.next())).rejects.toThrow(RangeError);
    for (const epochMs of [0, -1, 0.5, Number.NaN]) {
      expect(() => new Snowflake(bench.calm(), 's', { epochMs })).toThrow(RangeError);
    }
    expect(() => past.timeOf(-1n)).toThrow(RangeError);
    expect(() => past.timeOf(2n ** 63n)).toThrow(RangeError);
    await expect(past.next({ signal: AbortSignal.abort('before') })).rejects.toBe('before');
  });

  it('refuses when all worker numbers are in use, and an item that is none of its kind', async () => {
    const upTo = Array.from({ length: workersMax }, () => bench.clock.now() + minuteMs);
    const state: SnowflakeState = { kind: 'snowflake', epochMs: Date.UTC(2020, 0, 1), upTo };
    await bench.calm().atom('snowflake:s').reset(state);
    const ids = new Snowflake(bench.calm(), 's');
    await expect(bench.run(ids.next())).rejects.toMatchObject({ code: 'ERR_WORKERS_BUSY', outcome: 'not-done' });
    await bench.run(bench.clock.sleep(minuteMs));
    expect(workerOf(await bench.run(ids.next()))).toBe(0);
    await bench.calm().atom('snowflake:t').reset({ upTo: [] });
    await expect(bench.run(new Snowflake(bench.calm(), 't').next())).rejects.toMatchObject({ code: 'ERR_RECIPE_KIND' });
  });
});

describe('takeStretch()', () => {
  it('never gives a moment of a worker number twice', () => {
    const random = seededRandom(Number(process.env.LEYDEN_SEED ?? 1));
    let state: SnowflakeState = { kind: 'snowflake', epochMs: 1, upTo: [] };
    const ends = new Map<number, number>();
    const owned: Stretch[] = [];
    const overlaps: unknown[] = [];
    for (let step = 0; step < 3_000; step += 1) {
      // By a new process, or by one of three that go on, whose clocks may show anything by now.
      const process = random.int(4);
      const taken = takeStretch(state, random.int(10_000_000), owned[process]);
      if (taken === undefined) continue;
      const [next, stretch] = taken;
      const { worker, from, to } = stretch;
      if (process < 3) owned[process] = stretch;
      if (from < (ends.get(worker) ?? 0) || to <= from) overlaps.push({ step, worker, from });
      ends.set(worker, to);
      state = next;
    }
    expect(overlaps).toEqual([]);
    expect(ends.size).toBeGreaterThan(10);
  });
});
