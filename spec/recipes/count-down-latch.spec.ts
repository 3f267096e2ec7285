// Goal: a latch opens when so many ids have come by, never before, and then for all who wait; a call that is made again counts nothing.
// Method: each engine; random participants, repeats and resets under each fault profile; death at each step.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { engineFaultProfiles, engineFaultRules, seededRandom } from '../../lib/engine/index.js';
import { CountDownLatch } from '../../lib/recipes/index.js';
import { type Bench, breathe, openBench, outcomeOf } from '../atom/bench.js';
import { dyingEngine } from '../support/stepped-engine.js';
import { onEngines } from './on-engines.js';

onEngines((stage) => {
  describe('CountDownLatch', () => {
    it('opens when so many have come by, each counted once', async () => {
      const name = stage.name();
      const a = new CountDownLatch(stage.table, name, { count: 3 });
      const b = new CountDownLatch(stage.rival, name, { count: 3 });
      expect(await b.standing()).toEqual({ left: 3, isOpen: false, generation: 1 });
      const waits = outcomeOf(a.wait());
      expect(await a.countDown('x')).toEqual({ left: 2, isOpen: false, generation: 1 });
      expect(await b.countDown('x')).toEqual({ left: 2, isOpen: false, generation: 1 });
      expect(await b.countDown('y')).toEqual({ left: 1, isOpen: false, generation: 1 });
      expect(waits.settled).toBe(false);
      expect(await a.countDown('y')).toMatchObject({ left: 1 });
      expect(await a.countDown()).toEqual({ left: 0, isOpen: true, generation: 1 });
      await waits.done;
      expect(waits.value).toBe(1);
      expect(await b.wait({ waitMs: 10_000 })).toBe(1);
    });

    it('is shut again for a new generation, and only if it is open', async () => {
      const name = stage.name();
      const a = new CountDownLatch(stage.table, name, { count: 2 });
      const b = new CountDownLatch(stage.rival, name, { count: 2 });
      expect(await a.reset()).toBe(false);
      await a.countDown('x');
      expect(await b.reset()).toBe(false);
      await a.countDown('y');
      expect(await b.reset()).toBe(true);
      expect(await b.reset()).toBe(false);
      // Late calls of the last generation: counted in that one, not in this.
      expect(await a.countDown('x', { generation: 1 })).toEqual({ left: 0, isOpen: true, generation: 1 });
      expect(await a.wait({ generation: 1 })).toBe(1);
      expect(await a.countDown('x')).toEqual({ left: 1, isOpen: false, generation: 2 });
      await expect(a.countDown('x', { generation: 3 })).rejects.toThrow(RangeError);
      await b.countDown('z', { generation: 2 });
      expect(await a.wait()).toBe(2);
    });

    it('counts in the new generation, although this process has last seen the old one open', async () => {
      const name = stage.name();
      const a = new CountDownLatch(stage.table, name, { count: 1 });
      await a.countDown('x');
      expect(await new CountDownLatch(stage.rival, name, { count: 1 }).reset()).toBe(true);
      expect(await a.countDown('x')).toEqual({ left: 0, isOpen: true, generation: 2 });
    });

    it('counts nothing in a generation that is not meant', async () => {
      const name = stage.name();
      const a = new CountDownLatch(stage.table, name, { count: 2 });
      const b = new CountDownLatch(stage.rival, name, { count: 2 });
      await a.countDown('x');
      await b.countDown('y');
      await b.reset();
      // This process has last seen the first generation shut.
      expect(await a.countDown('z', { generation: 1 })).toEqual({ left: 0, isOpen: true, generation: 1 });
      expect(await b.standing()).toEqual({ left: 2, isOpen: false, generation: 2 });
    });

    it('costs one update, whoever else comes by, and a read where there is nothing to count', async () => {
      const name = stage.name();
      const a = new CountDownLatch(stage.table, name, { count: 4 });
      const b = new CountDownLatch(stage.rival, name, { count: 4 });
      expect(await stage.cost(() => a.countDown('1'))).toEqual({ sent: ['get', 'put'], readUnits: 1, writeUnits: 1 });
      await b.countDown('2');
      expect(await stage.cost(() => a.countDown('3'))).toEqual({ sent: ['update'], readUnits: 0, writeUnits: 1 });
      expect(await stage.cost(() => a.countDown('3'))).toEqual({ sent: ['get'], readUnits: 1, writeUnits: 0 });
      await b.countDown('4');
      await a.standing();
      expect(await stage.cost(() => a.countDown('5'))).toEqual({ sent: ['get'], readUnits: 1, writeUnits: 0 });
      expect(await stage.cost(() => a.standing())).toEqual({ sent: ['get'], readUnits: 1, writeUnits: 0 });
    });

    it('refuses another count than the item has', async () => {
      const name = stage.name();
      await new CountDownLatch(stage.table, name, { count: 2 }).countDown('x');
      const other = new CountDownLatch(stage.rival, name, { count: 3 });
      const differs = { code: 'ERR_RECIPE_DIFFERS', fact: 'count', given: 3, stored: 2 };
      await expect(other.countDown('y')).rejects.toMatchObject(differs);
      await expect(other.wait()).rejects.toMatchObject(differs);
      await expect(other.reset()).rejects.toMatchObject(differs);
      expect(await new CountDownLatch(stage.rival, name, { count: 2 }).standing()).toMatchObject({ left: 1 });
    });
  });
});

describe('CountDownLatch', () => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await openBench();
  });

  it.each(engineFaultProfiles)(
    'opens for everybody when all have come by, and for nobody before: %s',
    async (profile) => {
      for (let run = 0; run < 3; run += 1) {
        const random = seededRandom(bench.seed * 100 + run);
        bench = await openBench({ rules: engineFaultRules(profile, 0.2), seed: bench.seed * 100 + run });
        const count = 2 + random.int(4);
        const latches = [1, 2, 3].map(() => new CountDownLatch(bench.table(), 'l', { count }));
        const begun = new Map<number, Set<number>>();
        const ended: number[] = [];
        const early: string[] = [];
        const waits = latches.map(async (latch) => {
          for (let generation = 1; generation <= 3; generation += 1) {
            await latch.wait({ generation });
            const size = begun.get(generation)?.size ?? 0;
            if (size < count) early.push(`generation ${generation} opened with ${size} of ${count}`);
            ended.push(generation);
            await latch.reset().catch(() => {});
            // One of them has reset it, and all have to see it before they name the next one.
            while (generation < 3 && (await latch.standing()).generation === generation) await bench.clock.sleep(50);
          }
        });
        const works = latches.map(async (latch) => {
          for (let generation = 1; generation <= 3; ) {
            const id = random.int(count);
            const { generation: now } = await latch.standing();
            if (now > generation) {
              generation = now;
              continue;
            }
            begun.set(generation, (begun.get(generation) ?? new Set()).add(id));
            const { isOpen } = await latch.countDown(`p${id}`, { generation }).catch(() => ({ isOpen: false }));
            if (isOpen) generation += 1;
            await bench.clock.sleep(random.int(100));
            if (generation > 1)
              while ((await latch.standing()).generation < Math.min(generation, 3)) await bench.clock.sleep(50);
          }
        });
        await bench.run(Promise.all([...waits, ...works]));
        expect(early).toEqual([]);
        expect(ended).toHaveLength(9);
      }
    },
  );

  it('counts a participant once that died at any step and comes by again', async () => {
    let died = true;
    for (let at = 0; died; at += 1) {
      died = false;
      for (const when of ['before', 'after'] as const) {
        bench = await openBench();
        await bench.run(new CountDownLatch(bench.calm(), 'l', { count: 3 }).countDown('first'));
        const dying = dyingEngine(bench.memory, at, when);
        const victim = new CountDownLatch(bench.table({ engine: dying.engine }), 'l', { count: 3 });
        await Promise.race([
          victim.countDown('second'),
          dying.died.then(() => {
            died = true;
          }),
        ]);
        const heir = new CountDownLatch(bench.calm(), 'l', { count: 3 });
        expect(await bench.run(heir.countDown('second'))).toMatchObject({ left: 1 });
        expect(await bench.run(heir.countDown('third'))).toMatchObject({ left: 0 });
      }
      expect(at).toBeLessThan(20);
    }
  });

  it('tells a caller who counted, and whose answer came after a reset, that it is open', async () => {
    const a = new CountDownLatch(bench.table(), 'l', { count: 2 });
    const other = new CountDownLatch(bench.calm(), 'l', { count: 2 });
    await bench.run(a.countDown('x'));
    bench.faulty.hold(['update']);
    const counted = outcomeOf(a.countDown('y'));
    const message = await bench.message(0);
    await message.deliver();
    expect(await bench.run(other.reset())).toBe(true);
    bench.faulty.release();
    message.lose();
    await bench.run(counted.done);
    expect(counted.value).toEqual({ left: 0, isOpen: true, generation: 1 });
    expect(await bench.run(other.standing())).toMatchObject({ left: 2, generation: 2 });
  });

  it('gives up waiting after waitMs, and at an abort', async () => {
    const latch = new CountDownLatch(bench.calm(), 'l', { count: 1 });
    await expect(bench.run(latch.wait({ waitMs: 5_000 }))).rejects.toMatchObject({
      code: 'ERR_DEADLINE',
      outcome: 'not-done',
    });
    const leaves = new AbortController();
    const wait = outcomeOf(latch.wait({ signal: leaves.signal }));
    await breathe();
    leaves.abort('enough');
    await wait.done;
    expect(wait.error).toBe('enough');
    expect(bench.clock.pending).toBe(0);
  });

  it('looks at least once in a second', async () => {
    const latch = new CountDownLatch(bench.calm(), 'l', { count: 1 });
    const wait = latch.wait();
    const other = new CountDownLatch(bench.calm(), 'l', { count: 1 });
    await bench.run(bench.clock.sleep(60_000));
    await bench.run(other.countDown('x'));
    const before = bench.clock.monotonicMs();
    expect(await bench.run(wait)).toBe(1);
    expect(bench.clock.monotonicMs() - before).toBeLessThanOrEqual(1_250);
  });

  it('refuses wrong arguments before anything is sent', async () => {
    const table = bench.calm();
    const sent = bench.memory.spent().requests;
    for (const count of [0, -1, 1.5, Number.NaN, 1_001]) {
      expect(() => new CountDownLatch(table, 'l', { count })).toThrow(RangeError);
    }
    const latch = new CountDownLatch(table, 'l', { count: 1 });
    await expect(latch.countDown('')).rejects.toThrow(RangeError);
    await expect(latch.countDown('x'.repeat(65))).rejects.toThrow(RangeError);
    await expect(latch.countDown(7 as unknown as string)).rejects.toThrow(TypeError);
    await expect(latch.wait({ waitMs: -1 })).rejects.toThrow(RangeError);
    expect(bench.memory.spent().requests).toBe(sent);
    for (const generation of [0, -1, 0.5, Number.NaN, '1' as never]) {
      const wrong = 'generation must be a positive integer';
      await expect(bench.run(latch.countDown('a', { generation }))).rejects.toThrow(wrong);
      await expect(bench.run(latch.wait({ generation }))).rejects.toThrow(wrong);
    }
  });

  it('holds its largest number of participants in one item', async () => {
    const ids = Array.from({ length: 1_000 }, (_, i) => `${i}`.padStart(64, 'x'));
    const done = new Set(ids.slice(1));
    await bench.calm().atom('latch:l').reset({ kind: 'latch', count: 1_000, generation: 1, done });
    const latch = new CountDownLatch(bench.calm(), 'l', { count: 1_000 });
    expect(await bench.run(latch.countDown(ids[0]))).toMatchObject({ isOpen: true });
    expect((await bench.calm().atom('latch:l').snapshot()).bytes).toBeLessThan(70_000);
  });

  it('refuses an item that is none of its kind', async () => {
    await bench.calm().atom('latch:l').reset({ count: 1, generation: 1, done: new Set() });
    const latch = new CountDownLatch(bench.calm(), 'l', { count: 1 });
    const calls: readonly Promise<unknown>[] = [latch.countDown('x'), latch.wait(), latch.standing(), latch.reset()];
    for (const call of calls) {
      await expect(bench.run(call)).rejects.toMatchObject({ code: 'ERR_RECIPE_KIND' });
    }
  });
});
