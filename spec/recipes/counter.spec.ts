// Goal: what was counted is counted once: across processes, lost answers and deaths; a sum of shards misses none of them.
// Method: each engine; a faulty engine under each profile; a process that dies before and after each of its requests.
import { describe, expect, it } from '@jest/globals';
import type { AtomTable } from '../../lib/atom/index.js';
import { type EngineFaultProfile, engineFaultProfiles, engineFaultRules } from '../../lib/engine/index.js';
import { Counter, ShardedCounter } from '../../lib/recipes/index.js';
import { type Bench, openBench } from '../atom/bench.js';
import { dyingEngine } from '../support/stepped-engine.js';
import { onEngines } from './on-engines.js';

interface Counts {
  inc(by?: number, options?: { readonly opId?: string }): Promise<unknown>;
  get(): Promise<number>;
}
const forms: readonly [string, (table: AtomTable, name: string) => Counts][] = [
  ['Counter', (table, name) => new Counter(table, name)],
  ['ShardedCounter', (table, name) => new ShardedCounter(table, name, { shards: 3 })],
];

onEngines((stage) => {
  describe.each(forms)('%s', (_form, open) => {
    it('has the sum of what all processes counted', async () => {
      const name = stage.name();
      const counters = [open(stage.table, name), open(stage.rival, name)];
      expect(await counters[0]?.get()).toBe(0);
      await Promise.all(Array.from({ length: 30 }, (_, i) => counters[i % 2]?.inc()));
      await counters[1]?.inc(-5);
      expect(await Promise.all(counters.map((counter) => counter.get()))).toEqual([25, 25]);
    });

    it('counts a call with an opId once, whoever makes it', async () => {
      const name = stage.name();
      await open(stage.table, name).inc(2, { opId: `${name}-a` });
      await open(stage.rival, name).inc(2, { opId: `${name}-a` });
      await open(stage.rival, name).inc(1, { opId: `${name}-b` });
      expect(await open(stage.table, name).get()).toBe(3);
    });
  });

  describe('Counter', () => {
    it('returns the sum', async () => {
      const counter = new Counter(stage.table, stage.name());
      expect([await counter.inc(), await counter.inc(4), await counter.inc(-2)]).toEqual([1, 5, 3]);
      expect([await counter.inc(0.1), await counter.inc(0.2)]).toEqual([3.1, 3.3]);
    });

    it('costs one update, whoever else counts, and a read for the sum', async () => {
      const name = stage.name();
      const counter = new Counter(stage.table, name);
      const other = new Counter(stage.rival, name);
      expect(await stage.cost(() => counter.inc())).toEqual({ sent: ['get', 'put'], readUnits: 1, writeUnits: 1 });
      await other.inc();
      expect(await stage.cost(() => counter.inc())).toEqual({ sent: ['update'], readUnits: 0, writeUnits: 1 });
      expect(await stage.cost(() => counter.get())).toEqual({ sent: ['get'], readUnits: 1, writeUnits: 0 });
      expect((await stage.cost(() => Promise.all([counter.inc(), counter.inc(), counter.inc()]))).sent).toEqual([
        'update',
      ]);
      expect(await counter.get()).toBe(6);
    });
  });

  describe('ShardedCounter', () => {
    it('has what others count in shards of which it was not told', async () => {
      const name = stage.name();
      const few = new ShardedCounter(stage.table, name, { shards: 1 });
      await few.inc();
      const many = new ShardedCounter(stage.rival, name, { shards: 6 });
      for (let i = 0; i < 40; i += 1) await many.inc();
      expect(await few.get()).toBe(41);
      // Nor does it make them fewer.
      await new ShardedCounter(stage.table, name, { shards: 1 }).inc();
      expect(await many.get()).toBe(42);
    });

    it('finds the shard of an opId again when the shards have become more', async () => {
      const name = stage.name();
      const ids = Array.from({ length: 8 }, (_, i) => `${name}-${i}`);
      const few = new ShardedCounter(stage.table, name, { shards: 2 });
      for (const opId of ids) await few.inc(1, { opId });
      const many = new ShardedCounter(stage.rival, name, { shards: 9 });
      for (const opId of ids) await many.inc(1, { opId });
      expect(await many.get()).toBe(8);
    });

    it('costs one write, and one batch read of all shards', async () => {
      const counter = new ShardedCounter(stage.table, stage.name(), { shards: 3 });
      for (let i = 0; i < 30; i += 1) await counter.inc();
      expect(await stage.cost(() => counter.inc())).toEqual({ sent: ['update'], readUnits: 0, writeUnits: 1 });
      expect(await stage.cost(() => counter.get())).toEqual({ sent: ['batchGet'], readUnits: 3, writeUnits: 0 });
    });
  });
});

describe.each(forms)('%s', (form, open) => {
  let bench: Bench;

  it.each(engineFaultProfiles)(
    'counts every call once when answers get lost: %s',
    async (profile: EngineFaultProfile) => {
      bench = await openBench({ rules: engineFaultRules(profile, 0.2) });
      const processes = Array.from({ length: 3 }, () => open(bench.table(), 'c'));
      let done = 0;
      let unknown = 0;
      const work = async (counter: Counts) => {
        for (let i = 0; i < 25; i += 1) {
          await counter.inc().then(
            () => {
              done += 1;
            },
            ({ outcome }) => {
              if (outcome === 'unknown') unknown += 1;
            },
          );
        }
      };
      await bench.run(Promise.all(processes.map(work)));
      bench.faulty.setRules([]);
      await bench.run(bench.faulty.settled());
      const sum = await bench.run(open(bench.calm(), 'c').get());
      expect(done).toBeGreaterThan(50);
      expect(sum).toBeGreaterThanOrEqual(done);
      expect(sum).toBeLessThanOrEqual(done + unknown);
    },
  );

  it('counts a call once when the process died at any step and another makes it again', async () => {
    let died = true;
    for (let at = 0; died; at += 1) {
      died = false;
      for (const when of ['before', 'after'] as const) {
        bench = await openBench();
        const dying = dyingEngine(bench.memory, at, when);
        const counted = open(bench.table({ engine: dying.engine }), 'c').inc(1, { opId: 'o' });
        await Promise.race([
          counted,
          dying.died.then(() => {
            died = true;
          }),
        ]);
        const sum = await bench.run(open(bench.calm(), 'c').get());
        expect([0, 1]).toContain(sum);
        await bench.run(open(bench.calm(), 'c').inc(1, { opId: 'o' }));
        expect(await bench.run(open(bench.calm(), 'c').get())).toBe(1);
      }
      expect(at).toBeLessThan(20);
    }
  });

  it('refuses an item that is none of its kind, and leaves it alone', async () => {
    bench = await openBench();
    const table = bench.calm();
    const key = form === 'Counter' ? 'counter:c' : 'sharded-counter:c';
    await table.atom(key).reset({ n: 5 });
    const counter = open(bench.calm(), 'c');
    await expect(bench.run(counter.inc())).rejects.toMatchObject({ code: 'ERR_RECIPE_KIND', outcome: 'not-done' });
    await expect(bench.run(counter.get())).rejects.toMatchObject({ code: 'ERR_RECIPE_KIND' });
    expect(await table.atom(key).deref()).toEqual({ n: 5 });
  });

  it('refuses what is no number, no name, and a table that is closed', async () => {
    bench = await openBench();
    const table = bench.calm();
    const created = bench.memory.spent().requests;
    const counter = open(table, 'c');
    for (const by of [Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '1', null]) {
      await expect(counter.inc(by as number)).rejects.toThrow(RangeError);
    }
    expect(() => open(table, '')).toThrow(RangeError);
    expect(() => open(table, 7 as unknown as string)).toThrow(TypeError);
    expect(bench.memory.spent().requests).toBe(created);
    await bench.run(counter.inc());
    await table.close();
    await expect(counter.inc()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });
});

describe('ShardedCounter()', () => {
  it('refuses a number of shards that is none, and fractions', async () => {
    const table = (await openBench()).calm();
    await expect(new ShardedCounter(table, 'c').inc(0.5)).rejects.toThrow(RangeError);
    for (const shards of [0, -1, 1.5, 101, Number.NaN]) {
      expect(() => new ShardedCounter(table, 'c', { shards })).toThrow(RangeError);
    }
    expect(() => new ShardedCounter(table, 'x'.repeat(509))).toThrow(RangeError);
  });

  it('spreads calls over all shards', async () => {
    const bench = await openBench();
    const counter = new ShardedCounter(bench.calm(), 'c', { shards: 4 });
    for (let i = 0; i < 100; i += 1) await bench.run(counter.inc());
    const shards = await Promise.all([1, 2, 3].map((i) => bench.item(`counter-shard:c#${i}`)));
    expect(shards.every((item) => item !== undefined)).toBe(true);
  });
});
