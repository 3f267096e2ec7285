// Goal: no number is given out twice, whatever is lost and whoever dies; in order where that is promised; without gaps in transactions.
// Method: each engine; every fault profile; death at each step; an abort at each step.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { engineFaultProfiles, engineFaultRules } from '../../lib/engine/index.js';
import { Sequence } from '../../lib/recipes/index.js';
import { type Bench, openBench, outcomeOf } from '../atom/bench.js';
import { dyingEngine } from '../support/stepped-engine.js';
import { onEngines } from './on-engines.js';

const expectUnique = (numbers: readonly number[]) => expect(new Set(numbers).size).toBe(numbers.length);

onEngines((stage) => {
  describe('Sequence', () => {
    it('gives numbers from 1 on, in the order of time', async () => {
      const name = stage.name();
      const both = [new Sequence(stage.table, name), new Sequence(stage.rival, name)];
      const numbers: (number | undefined)[] = [];
      for (let i = 0; i < 6; i += 1) numbers.push(await both[i % 2]?.next());
      expect(numbers).toEqual([1, 2, 3, 4, 5, 6]);
      expect(await Promise.all(Array.from({ length: 5 }, () => both[0]?.next()))).toEqual([7, 8, 9, 10, 11]);
      expect(await both[1]?.highest()).toBe(11);
    });

    it('gives numbers of a block from memory', async () => {
      const name = stage.name();
      const a = new Sequence(stage.table, name, { block: 10 });
      const b = new Sequence(stage.rival, name, { block: 10 });
      expect(await stage.cost(() => a.next())).toEqual({ sent: ['get', 'put'], readUnits: 1, writeUnits: 1 });
      expect(await b.next()).toBe(11);
      expect((await stage.cost(() => Promise.all([a.next(), a.next()]))).sent).toEqual([]);
      for (let i = 4; i <= 10; i += 1) expect(await a.next()).toBe(i);
      // A rival moved the mark: the lost race tells how far.
      expect((await stage.cost(() => a.next())).sent).toEqual(
        stage.supports.images ? ['put', 'put'] : ['put', 'get', 'put'],
      );
      expect(await a.next()).toBe(22);
    });

    it('takes one block for all who wait, however many they are', async () => {
      const sequence = new Sequence(stage.table, stage.name(), { block: 4 });
      const numbers: number[] = [];
      const { sent } = await stage.cost(async () => {
        numbers.push(...(await Promise.all(Array.from({ length: 50 }, () => sequence.next()))));
      });
      expect(sent.filter((kind) => kind === 'put').length).toBeLessThanOrEqual(3);
      expectUnique(numbers);
    });

    it('gives one number to all calls with one opId', async () => {
      const name = stage.name();
      const a = new Sequence(stage.table, name, { block: 5 });
      const b = new Sequence(stage.rival, name);
      expect(await a.next()).toBe(1);
      const first = await a.next({ opId: `${name}-o` });
      expect(await b.next({ opId: `${name}-o` })).toBe(first);
      expect(first).toBe(6);
    });

    it('takes numbers in a row, and skips', async () => {
      const sequence = new Sequence(stage.table, stage.name());
      expect(await sequence.take(10)).toEqual({ from: 1, to: 10 });
      await sequence.skipTo(1_000);
      await sequence.skipTo(500);
      expect(await sequence.next()).toBe(1_001);
    });

    it('leaves no gap when it is used in transactions alone', async () => {
      const name = stage.name();
      const work = async (table: typeof stage.table, fails: boolean) => {
        const sequence = new Sequence(table, name);
        return table.transact(async (tx) => {
          const number = await sequence.nextIn(tx);
          if (stage.supports.transactions) void tx.reset(table.atom(`${name}-${number}`), { number });
          if (fails) throw new RangeError('no');
          return number;
        });
      };
      const results = await Promise.allSettled(
        Array.from({ length: 12 }, (_, i) => work(i % 2 === 0 ? stage.table : stage.rival, i % 3 === 0)),
      );
      const numbers = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      expect(numbers.sort((x, y) => x - y)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      expect(await new Sequence(stage.rival, name).highest()).toBe(8);
    });
  });
});

describe('Sequence', () => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await openBench();
  });

  it.each(engineFaultProfiles.flatMap((profile) => [1, 7].map((block) => [profile, block] as const)))(
    'gives no number twice when answers get lost: %s, blocks of %d',
    async (profile, block) => {
      bench = await openBench({ rules: engineFaultRules(profile, 0.2) });
      const numbers: number[] = [];
      const work = async (sequence: Sequence) => {
        for (let i = 0; i < 10; i += 1) {
          const some = await Promise.allSettled(Array.from({ length: 3 }, () => sequence.next()));
          for (const one of some) if (one.status === 'fulfilled') numbers.push(one.value);
        }
      };
      await bench.run(Promise.all([1, 2, 3].map(() => work(new Sequence(bench.table(), 's', { block })))));
      expectUnique(numbers);
      expect(numbers.length).toBeGreaterThan(60);
      bench.faulty.setRules([]);
      expect(Math.max(...numbers)).toBeLessThanOrEqual(await bench.run(new Sequence(bench.calm(), 's').highest()));
    },
  );

  it('gives no number twice when a process dies at any step', async () => {
    let died = true;
    for (let at = 0; died; at += 1) {
      died = false;
      for (const when of ['before', 'after'] as const) {
        bench = await openBench();
        const numbers = [await bench.run(new Sequence(bench.calm(), 's', { block: 3 }).next())];
        const dying = dyingEngine(bench.memory, at, when);
        const sequence = new Sequence(bench.table({ engine: dying.engine }), 's', { block: 3 });
        const work = async () => {
          for (let i = 0; i < 4; i += 1) numbers.push(await sequence.next());
        };
        await Promise.race([
          work(),
          dying.died.then(() => {
            died = true;
          }),
        ]);
        const heir = new Sequence(bench.calm(), 's', { block: 3 });
        for (let i = 0; i < 4; i += 1) numbers.push(await bench.run(heir.next()));
        expectUnique(numbers);
      }
      expect(at).toBeLessThan(20);
    }
  });

  it('abandons a block of which it cannot be told whether it was taken', async () => {
    const table = bench.table({ retry: { timeoutMs: 500, attemptTimeoutMs: 100 } });
    const sequence = new Sequence(table, 's', { block: 5 });
    expect(await bench.run(sequence.next())).toBe(1);
    for (let i = 2; i <= 5; i += 1) await sequence.next();
    bench.faulty.setRules([
      { fault: { kind: 'reset-after' }, on: 'writes' },
      { fault: { kind: 'unreachable' }, on: 'reads' },
    ]);
    await expect(bench.run(sequence.next())).rejects.toMatchObject({ outcome: 'unknown' });
    bench.faulty.setRules([]);
    await bench.run(bench.clock.sleep(20_000));
    expect(await bench.run(sequence.next())).toBe(11);
  });

  it('lets a caller leave while the block is on its way, and the others have it', async () => {
    const sequence = new Sequence(bench.table(), 's', { block: 5 });
    await bench.run(sequence.next());
    for (let i = 2; i <= 5; i += 1) await sequence.next();
    bench.faulty.hold();
    const leaves = new AbortController();
    const stays = sequence.next();
    const goes = sequence.next({ signal: leaves.signal });
    await bench.message(0);
    leaves.abort('enough');
    await expect(goes).rejects.toBe('enough');
    bench.faulty.release();
    for (const message of bench.faulty.messages) {
      await message.deliver();
      message.answer();
    }
    expect(await bench.run(stays)).toBe(6);
    expect(await sequence.next()).toBe(7);
    await expect(sequence.next({ signal: AbortSignal.abort('before') })).rejects.toBe('before');
  });

  it('gives nobody a number that was taken for a caller who has left, without blocks', async () => {
    const sequence = new Sequence(bench.table(), 's');
    const rival = new Sequence(bench.calm(), 's');
    expect(await bench.run(sequence.next())).toBe(1);
    bench.faulty.hold();
    const leaves = new AbortController();
    const calls = [outcomeOf(sequence.next())];
    const first = await bench.message(0);
    calls.push(outcomeOf(sequence.next()), outcomeOf(sequence.next({ signal: leaves.signal })));
    await first.deliver();
    first.answer();
    // The other two go together, and one of them leaves.
    const second = await bench.message(1);
    await second.deliver();
    leaves.abort('enough');
    bench.faulty.release();
    second.answer();
    await bench.run(Promise.all(calls.map(({ done }) => done)));
    const taken = await bench.run(rival.next());
    expect(await bench.run(sequence.next())).toBeGreaterThan(taken);
  });

  it('tries again for those who waited when the caller who fetched has failed', async () => {
    const sequence = new Sequence(bench.table(), 's', { block: 5 });
    bench.faulty.setRules([{ fault: { kind: 'unreachable' } }]);
    const first = sequence.next({ timeoutMs: 0 });
    const second = sequence.next();
    await expect(bench.run(first)).rejects.toMatchObject({ code: 'ERR_DEADLINE' });
    bench.faulty.setRules([]);
    expect(await bench.run(second)).toBe(1);
  });

  it('refuses wrong arguments before anything is sent', async () => {
    const table = bench.calm();
    const created = bench.memory.spent().requests;
    for (const block of [0, -1, 1.5, Number.NaN, 1_000_001]) {
      expect(() => new Sequence(table, 's', { block })).toThrow(RangeError);
    }
    const sequence = new Sequence(table, 's');
    for (const count of [0, -1, 0.5, 1_000_001]) await expect(sequence.take(count)).rejects.toThrow(RangeError);
    await expect(sequence.skipTo(Number.POSITIVE_INFINITY)).rejects.toThrow(RangeError);
    expect(bench.memory.spent().requests).toBe(created);
  });

  it('ends at the end of the safe integers', async () => {
    const sequence = new Sequence(bench.calm(), 's');
    await bench.run(sequence.skipTo(Number.MAX_SAFE_INTEGER - 1));
    expect(await bench.run(sequence.next())).toBe(Number.MAX_SAFE_INTEGER);
    await expect(bench.run(sequence.next())).rejects.toThrow(RangeError);
  });

  it('refuses an item that is none of its kind, in a transaction too', async () => {
    const table = bench.calm();
    await table.atom('sequence:s').reset({ taken: 5 });
    const sequence = new Sequence(bench.calm(), 's');
    const kind = { code: 'ERR_RECIPE_KIND' };
    await expect(bench.run(sequence.next())).rejects.toMatchObject(kind);
    const other = bench.calm();
    const own = new Sequence(other, 's');
    await expect(bench.run(other.transact((tx) => own.nextIn(tx)))).rejects.toMatchObject(kind);
  });
});
