// Goal: what faraday-atom, the ancestor, got wrong holds here. One spec a fault, named by its number.
// Method: real engines where the fault is between us and the engine, behind a faulty engine; the memory engine on a virtual
// clock where it is a matter of time.
import { describe, expect, it } from '@jest/globals';
import { AtomTable, type BatchError, type ItemAtom } from '../../lib/atom/index.js';
import { fromForeign } from '../../lib/codec/index.js';
import { FaultyEngine } from '../../lib/engine/faults.js';
import { tableOn } from '../support/engine-table.js';
import { describeEngine, engines } from '../support/engines.js';
import { openBench, outcomeOf } from './bench.js';

const increment = (n: number) => n + 1;

for (const row of engines) {
  describeEngine(row, () => {
    const place = tableOn(row);
    /** A process behind the given faults. */
    const newcomer = (rules: ConstructorParameters<typeof FaultyEngine>[1] = {}) => {
      const faulty = new FaultyEngine(place.engine, rules);
      return { faulty, table: new AtomTable({ engine: faulty, tableName: place.tableName }) };
    };
    const item = (id: string) => place.engine.get({ table: place.tableName, key: { id: { S: id } }, consistent: true });

    it.each(['reset-after', 'cut-body', '5xx-after', 'throttle-after', 'late'] as const)(
      'H-FA1: a put that is applied and whose answer is lost (%s) counts once',
      async (kind) => {
        const fault = kind === 'late' ? ({ kind, delayMs: 1 } as const) : ({ kind } as const);
        const { table } = newcomer({ rules: [{ fault, on: 'writes', probability: 0.5 }], seed: 7 });
        const atom = table.atom<number>(`fa1-${kind}`, { initial: 0 });
        for (let turn = 1; turn <= 10; turn += 1) expect(await atom.swap(increment)).toBe(turn);
        expect(await item(`fa1-${kind}`)).toMatchObject({ d: { N: '10' }, v: { N: '10' } });
      },
    );

    it.each(['first', 'second'] as const)(
      'H-FA1: a put that arrives twice counts once, the %s answered',
      async (answer) => {
        const { table } = newcomer({ rules: [{ fault: { kind: 'duplicate', answer }, on: 'writes' }] });
        const atom = table.atom<number>(`fa1-${answer}`, { initial: 0 });
        for (let turn = 1; turn <= 10; turn += 1) expect(await atom.swap(increment)).toBe(turn);
        expect(await item(`fa1-${answer}`)).toMatchObject({ d: { N: '10' }, v: { N: '10' } });
      },
    );

    it('H-FA2: a reset moves the version on, so that a swap on an older read cannot overwrite it', async () => {
      const { faulty, table } = newcomer();
      const [slow, other] = [table, newcomer().table].map((one) => one.atom<string>('fa2', { initial: '' })) as [
        ItemAtom<string, string>,
        ItemAtom<string, string>,
      ];
      await slow.reset('a');
      faulty.hold(['put']);
      const swap = slow.swap((v) => `${v}+swapped`);
      const message = await faulty.message(0);
      await other.reset('b');
      expect(await message.pass()).toMatchObject({ status: 'condition-failed' });
      faulty.release();
      expect(await swap).toBe('b+swapped');
      expect((await slow.snapshot()).version).toBe(3);
    });

    it('H-FA3: delete and make again does not bring an old version back: a slow swap on the old life fails', async () => {
      const { faulty, table } = newcomer();
      const [slow, other] = [table, newcomer().table].map((one) => one.atom<number>('fa3', { initial: 0 })) as [
        ItemAtom<number, number>,
        ItemAtom<number, number>,
      ];
      await slow.reset(5);
      faulty.hold(['put']);
      const swap = slow.swap(increment);
      const message = await faulty.message(0);
      await other.delete();
      await other.reset(5);
      expect(await message.pass()).toMatchObject({ status: 'condition-failed' });
      faulty.release();
      expect(await swap).toBe(6);
      expect((await slow.snapshot()).version).toBe(4);
    });

    it('H-FA5: compareAndSet says whether, writes once or not at all', async () => {
      const { faulty, table } = newcomer();
      const atom = table.atom<{ n: number }>('fa5');
      expect(await atom.compareAndSet(undefined, { n: 1 })).toBe(true);
      const before = faulty.spent();
      expect(await atom.compareAndSet({ n: 2 }, { n: 3 })).toBe(false);
      expect(faulty.spent().writeUnits).toBe(before.writeUnits);
      expect(await atom.compareAndSet({ n: 1 }, { n: 3 })).toBe(true);
      expect(faulty.spent().writeUnits - before.writeUnits).toBe(1);
      expect(await item('fa5')).toMatchObject({ v: { N: '2' } });
    });

    it('H-FA6: equal keys are one atom, whatever the order of properties or members', async () => {
      const { table } = newcomer();
      const pairs: [unknown, unknown][] = [
        [
          { a: 1, b: { c: [1, 2], d: 2 } },
          { b: { d: 2, c: [1, 2] }, a: 1 },
        ],
        [new Set(['x', 'y']), new Set(['y', 'x'])],
        [
          new Map([
            ['a', 1],
            ['b', 2],
          ]),
          new Map([
            ['b', 2],
            ['a', 1],
          ]),
        ],
      ];
      for (const [one, other] of pairs) {
        expect(table.atom(one).key).toBe(table.atom(other).key);
        await table.atom<number>(one).reset(1);
        expect(await newcomer().table.atom<number>(other, { initial: 0 }).swap(increment)).toBe(2);
      }
      expect(table.atom([1, 2]).key).not.toBe(table.atom([2, 1]).key);
    });

    it('H-FA7: nothing is cut off, however long or deep', async () => {
      const { table } = newcomer();
      const value = { list: Array.from({ length: 5_000 }, (_, n) => n), text: 'x'.repeat(50_000), deep: deep(25) };
      await table.atom('fa7').reset(value);
      expect(await newcomer().table.atom('fa7').deref()).toEqual(value);
    });

    it('H-FA8: user data under our own names, and names that others stumble over, come back as they were', async () => {
      const { table } = newcomer();
      const value = JSON.parse(
        '{"id":1,"d":2,"e":3,"v":4,"l":"x:1","w0":{},"w1":[],"r":0,"f":0,"z":9,"x":1,"c":"json","t":"{}","__proto__":{"admin":true},' +
          '"constructor":null,"item/data":1,"version":7}',
      );
      const atom = table.atom<typeof value>('fa8');
      expect(await atom.reset(value)).toEqual(value);
      const back = await newcomer().table.atom<typeof value>('fa8').deref();
      expect(JSON.stringify(back, Object.keys(value).sort())).toBe(JSON.stringify(value, Object.keys(value).sort()));
      expect(Object.getPrototypeOf(back)).toBe(Object.getPrototypeOf({}));
      expect(({} as { admin?: boolean }).admin).toBe(undefined);
    });

    it('H-FA11: a change of type is a change', async () => {
      const { table } = newcomer();
      const atom = table.atom<unknown>('fa11');
      const values: unknown[] = [
        1,
        '1',
        1n,
        true,
        'true',
        null,
        'null',
        [1],
        { 0: 1 },
        new Set([1]),
        [],
        {},
        new Map(),
      ];
      let version = 0;
      for (const value of values) {
        await atom.swap(() => value);
        version += 1;
        expect(await atom.snapshot()).toMatchObject({ value, version });
        await atom.swap(() => structuredClone(value));
        expect((await atom.snapshot()).version).toBe(version);
      }
    });

    it('takes over items of another layout', async () => {
      await place.engine.put({
        table: place.tableName,
        item: { id: { S: 'old' }, 'item/data': { S: '{"n":41}' }, 'item/version': { N: '3' } },
      });
      const adopt = (attributes: object) => {
        const { 'item/data': data } = fromForeign(attributes as never);
        return typeof data === 'string' ? (JSON.parse(data) as { n: number }) : undefined;
      };
      const atom = newcomer().table.atom<{ n: number }>('old', { adopt });
      expect(await atom.swap((v) => ({ n: (v?.n ?? 0) + 1 }))).toEqual({ n: 42 });
      expect(await item('old')).not.toHaveProperty('item/version');
    });
  });
}

function deep(levels: number): unknown {
  return levels === 0 ? 'bottom' : { down: deep(levels - 1) };
}

describe('in time', () => {
  it('H-FA4: a deadline works, after at least one attempt, with a typed error or a fall-back', async () => {
    const bench = await openBench({ latency: () => 4 });
    const options = { retry: { attemptTimeoutMs: 100 } };
    const atom = bench.table(options).atom<number>('n', { initial: 0 });
    expect(await bench.run(atom.swap(increment, { timeoutMs: 0 }))).toBe(1);
    bench.faulty.setRules([{ fault: { kind: 'throttle' } }]);
    const swap = outcomeOf(atom.swap(increment, { timeoutMs: 300 }));
    await bench.run(swap.done);
    expect(swap.error).toMatchObject({ code: 'ERR_DEADLINE', outcome: 'not-done' });
    expect(bench.clock.monotonicMs()).toBeLessThan(300 + 2 * 100 + 50);
    const fallback = atom.swap(increment, { timeoutMs: 50, onTimeout: () => 'later' as const });
    expect(await bench.run(fallback)).toBe('later');
  });

  it.each([2, 8, 32])('H-FA9: %d contenders of one process finish without pauses', async (contenders) => {
    const bench = await openBench({ latency: () => 4 });
    const atom = bench.table().atom<number>('n', { initial: 0 });
    const contender = async () => {
      for (let turn = 0; turn < 20; turn += 1) await atom.swap(increment);
    };
    await bench.run(Promise.all(Array.from({ length: contenders }, contender)));
    expect(await bench.run(atom.deref())).toBe(contenders * 20);
    expect(bench.clock.monotonicMs()).toBeLessThan(20 * 4 + 50);
  });

  it.each([2, 4, 8])('H-FA9: %d contending processes make progress, each of them', async (processes) => {
    const bench = await openBench({ latency: () => 4 });
    const atoms = Array.from({ length: processes }, () => bench.table().atom<number>('n', { initial: 0 }));
    const tookMs: number[] = [];
    const contender = async (atom: (typeof atoms)[number]) => {
      for (let turn = 0; turn < 20; turn += 1) await atom.swap(increment);
      tookMs.push(bench.clock.monotonicMs());
    };
    await bench.run(Promise.all(atoms.map(contender)));
    expect(await bench.run((atoms[0] as (typeof atoms)[number]).deref())).toBe(processes * 20);
    // A convoy with pauses of 500 ms would take minutes.
    expect(Math.max(...tookMs)).toBeLessThan(processes * 20 * 25);
  });

  it('H-FA10: what a batch leaves over is asked for again, and named at the end; nothing is dropped', async () => {
    const bench = await openBench();
    const table = bench.table({ retry: { timeoutMs: 1_000, attemptTimeoutMs: 100 } });
    const keys = Array.from({ length: 120 }, (_, n) => `k${n}`);
    const some = [{ fault: { kind: 'partial', leftShare: 0.6 }, probability: 0.8 }] as const;
    bench.faulty.setRules(some);
    await bench.run(table.putMany(keys.map((key, n) => [key, n] as const)));
    expect(await bench.run(table.getMany(keys))).toEqual(keys.map((_, n) => n));
    bench.faulty.setRules([{ fault: { kind: 'partial' }, times: 1 }, { fault: { kind: 'partial', leftShare: 1 } }]);
    const failure = await bench.run(table.getMany(keys.slice(0, 4)).catch((error: unknown) => error));
    const { failures, reports } = failure as BatchError;
    expect(failures.map(({ key, outcome }) => [key, outcome])).toEqual([
      ['k2', 'not-done'],
      ['k3', 'not-done'],
    ]);
    expect(reports.map(({ value }) => value)).toEqual([0, 1, undefined, undefined]);
    bench.faulty.setRules(some);
    expect(await bench.run(table.deleteMany(keys))).toEqual(keys.map(() => true));
    bench.faulty.setRules([{ fault: { kind: 'throttle' }, on: 'writes' }]);
    const puts = await bench.run(
      table
        .putMany([
          ['a', 1],
          ['b', 2],
        ])
        .catch((error: unknown) => error),
    );
    expect((puts as BatchError).failures.map(({ key, outcome }) => [key, outcome])).toEqual([
      ['a', 'not-done'],
      ['b', 'not-done'],
    ]);
  });
});
