// Goal: a closed table refuses every call, waits for what is under way, leaves no timer behind, and takes nothing from those who are
// closed by themselves.
// Method: a memory engine on a virtual clock, its answers held up by a faulty one.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { MemoryEngine } from '../../lib/engine/memory.js';
import { AtomTable, type ItemAtom, isLeydenError } from '../../lib/index.js';
import { Journal } from '../../lib/journal/index.js';
import { atomStorage, openPrevayler } from '../../lib/prevalence/index.js';
import { type Bench, breathe, openBench, outcomeOf } from './bench.js';

let bench: Bench;
let table: AtomTable;
let atom: ItemAtom<number, number>;
beforeEach(async () => {
  bench = await openBench({ latency: () => 10 });
  table = bench.table();
  atom = table.atom<number>('n', { initial: 0 });
});

const increment = (n: number) => n + 1;

/** The code of what a call throws or rejects with; `undefined` when it does neither. */
async function refusalOf(call: () => unknown): Promise<unknown> {
  try {
    await bench.run(Promise.resolve(call()));
    return undefined;
  } catch (error) {
    return isLeydenError(error) ? error.code : error;
  }
}

describe('close()', () => {
  it('refuses every later call of the table and of its handles with ERR_CLOSED', async () => {
    await bench.run(table.close());
    // What tells without asking anybody, what ends, and what only makes another handle.
    // Readers of the table's stream ask what it is, and what its images mean; they are closed by themselves.
    const ofReaders = ['tableName', 'describe', 'images'];
    const ofAll = ['constructor', 'spent', 'close', 'settled', 'keyNamed', 'key', 'sources', 'encrypts'];
    const open = new Set([...ofAll, ...ofReaders]);
    for (const name of ['removeWatch', 'focus']) open.add(name);
    // Of wrong arguments a call may complain before it asks whether the table is open.
    const given: Record<string, readonly unknown[]> = {
      commute: [{ add: 1 }],
      addWatch: ['w', increment],
      compareAndSet: [0, 1],
      query: ['i', {}],
    };
    const calls: [string, () => unknown][] = [];
    for (const [target, its] of [
      [table, AtomTable.prototype],
      [atom, Object.getPrototypeOf(atom)],
      [atom, Object.getPrototypeOf(Object.getPrototypeOf(atom))],
    ] as const) {
      for (const name of Object.getOwnPropertyNames(its)) {
        if (open.has(name)) continue;
        const method = (target as unknown as Record<string, (...given: readonly unknown[]) => unknown>)[name];
        const plain = /Many$/.test(name) ? [[]] : [increment];
        if (typeof method === 'function') calls.push([name, () => method.call(target, ...(given[name] ?? plain))]);
      }
    }
    expect(calls.length).toBeGreaterThan(20);
    const { requests } = bench.faulty.spent();
    const answers: Record<string, unknown> = {};
    for (const [name, call] of calls) answers[name] = await refusalOf(call);
    expect(answers).toEqual(Object.fromEntries(calls.map(([name]) => [name, 'ERR_CLOSED'])));
    expect(atom.removeWatch('w')).toBe(false);
    expect(bench.faulty.spent().requests).toBe(requests);
  });

  it('waits for writes that are under way, those that wait for them too, and tells that all are settled', async () => {
    const swaps = [atom.swap(increment), atom.swap(increment, { coalesce: false }), atom.swap(increment)];
    const closed = outcomeOf(table.close());
    expect(await refusalOf(() => atom.swap(increment))).toBe('ERR_CLOSED');
    expect(closed.settled).toBe(false);
    expect(await bench.run(Promise.all(swaps))).toEqual([1, 2, 3]);
    await closed.done;
    expect(closed.value).toBe(true);
    expect(bench.clock.pending).toBe(0);
  });

  it('waits for calls on many atoms, which go on to their end, and for a sweep', async () => {
    const keys = Array.from({ length: 250 }, (_, n) => `k${n}`);
    const calls = [
      () => table.putMany(keys.map((key, n) => [key, n] as const)),
      () => table.deleteMany(keys),
      () => table.sweep(),
    ];
    for (const call of calls) {
      const under = outcomeOf(call() as Promise<unknown>);
      const closed = await bench.run(table.close());
      expect([closed, under.settled, under.error]).toEqual([true, true, undefined]);
      table = bench.table();
      bench.clock.step(7_200_000);
    }
    expect(await bench.run(bench.item('k249'))).toBeUndefined();
  });

  it('waits for a lost answer that is being settled in the background, though its caller has gone', async () => {
    const abort = new AbortController();
    bench.faulty.setRules([{ fault: { kind: 'reset-after' }, on: ['put'], times: 1 }]);
    const swap = outcomeOf(atom.swap(increment, { signal: abort.signal }));
    await bench.clock.advance(25);
    abort.abort('gone');
    await swap.done;
    expect(swap.error).toMatchObject({ code: 'ERR_UNKNOWN_OUTCOME' });
    const closed = outcomeOf(table.close());
    await breathe();
    expect(closed.settled).toBe(false);
    await bench.run(closed.done);
    expect(closed.value).toBe(true);
    expect(bench.commits.length).toBe(1);
  });

  it('resolves with false when timeoutMs comes first; the caller still learns what became of his write', async () => {
    bench.faulty.setRules([{ fault: { kind: 'throttle' }, on: ['put'] }]);
    const swap = outcomeOf(atom.swap(increment));
    await bench.clock.advance(100);
    expect(await bench.run(table.close({ timeoutMs: 2_000 }))).toBe(false);
    expect(bench.clock.monotonicMs()).toBeLessThanOrEqual(2_200);
    bench.faulty.setRules([]);
    await bench.run(swap.done);
    expect(swap.value).toBe(1);
  });

  it('is idempotent: later calls are the first one; and takes no impossible time-out', async () => {
    const swap = atom.swap(increment);
    const first = table.close();
    const second = table.close({ timeoutMs: 1 });
    const all = Promise.all([swap, first, second, table[Symbol.asyncDispose]()]);
    expect(await bench.run(all)).toEqual([1, true, true, undefined]);
    expect(bench.clock.pending).toBe(0);
    expect(() => bench.table().close({ timeoutMs: Number.NaN })).toThrow(RangeError);
  });

  it('ends loops, rejects waits, calls no callback any more, and gives up looks that are under way', async () => {
    const loop = atom.watch();
    const calls: unknown[] = [];
    atom.addWatch('w', (...call) => calls.push(call));
    const waiting = outcomeOf(atom.waitFor((n) => n > 5));
    await bench.run(loop.next());
    const next = outcomeOf(loop.next());
    const unasked = table.atom<number>('other').watch();
    const swap = atom.swap(increment);
    const joined = outcomeOf(table.atom<number>('third').watch().next());
    await breathe();
    expect(await bench.run(table.close())).toBe(true);
    await breathe();
    expect(next.value).toEqual({ done: true, value: undefined });
    expect(joined.value).toEqual({ done: true, value: undefined });
    expect(waiting.error).toMatchObject({ code: 'ERR_CLOSED', outcome: 'not-done' });
    expect(await bench.run(swap)).toBe(1);
    expect(await refusalOf(() => unasked.next())).toBe('ERR_CLOSED');
    expect(await bench.run(loop.next())).toEqual({ done: true, value: undefined });
    const { requests } = bench.faulty.spent();
    await bench.clock.advance(60_000);
    expect(calls).toEqual([]);
    expect(bench.faulty.spent().requests).toBe(requests);
    expect(bench.clock.pending).toBe(0);
  });

  it('by `await using` closes at the end of the block', async () => {
    let escaped: AtomTable;
    {
      await using short = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
      await short.create();
      escaped = short;
    }
    expect(() => escaped.atom('n')).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
  });

  it('leaves other tables on the same engine alone', async () => {
    await bench.run(table.close());
    expect(await bench.run(bench.table().atom<number>('n', { initial: 0 }).swap(increment))).toBe(1);
  });
});

describe('what is closed by itself', () => {
  it('works on when the table was closed: items that are written once, and journals', async () => {
    const items = table.writeOnce();
    const texts: string[] = [];
    const journal = new Journal(table, 'log', { consumer: { apply: () => {} } });
    const reader = new Journal(table, 'log', { consumer: { apply: ({ text }) => texts.push(text) } });
    await bench.run(journal.append({ decide: () => ({ text: '1', count: 1 }) }));
    expect(await bench.run(table.close())).toBe(true);
    await bench.run(journal.append({ decide: () => ({ text: '2', count: 1 }) }));
    await bench.run(items.put('part', Uint8Array.of(1)));
    expect(await bench.run(items.get('part'))).toEqual(Uint8Array.of(1));
    await bench.run(reader.catchUp('strong'));
    expect(texts).toEqual(['1', '2']);
    expect(() => new Journal(table, 'late', { consumer: { apply: () => {} } })).toThrow(
      expect.objectContaining({ code: 'ERR_CLOSED' }),
    );
  });

  it('a prevalent system handles, takes snapshots and recovers; closing the table does not wait for it', async () => {
    const own = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
    await own.create();
    const options = { initialState: 0, handler: (sum: number, amount: number) => sum + amount };
    const system = await openPrevayler({ ...options, storage: atomStorage(own, 'till') });
    await system.handle(1);
    const busy = Array.from({ length: 20 }, () => system.handle(1));
    expect(await own.close({ timeoutMs: 0 })).toBe(true);
    await Promise.all(busy);
    await system.snapshot();
    await system.sync();
    expect(system.state).toBe(21);
    await system.close();
  });
});

describe('settled()', () => {
  it('resolves at once when nothing is under way, and else when nothing is any more', async () => {
    expect(await table.settled()).toBe(true);
    const swap = outcomeOf(atom.swap(increment));
    const settled = outcomeOf(table.settled());
    await bench.clock.advance(19);
    expect([swap.settled, settled.settled]).toEqual([false, false]);
    await bench.clock.advance(20);
    expect([swap.value, settled.value]).toEqual([1, true]);
    expect(bench.clock.pending).toBe(0);
  });

  it('waits for a look of a watch that is under way, not for the next one', async () => {
    const loop = atom.watch();
    const next = outcomeOf(loop.next());
    await breathe();
    const settled = outcomeOf(table.settled());
    await bench.clock.advance(9);
    expect([next.settled, settled.settled]).toEqual([false, false]);
    await bench.clock.advance(1);
    expect([next.settled, settled.value]).toEqual([true, true]);
    expect(await table.settled()).toBe(true);
    await loop.return();
  });

  it('waits for what belongs to journals as well', async () => {
    const journal = new Journal(table, 'log', { consumer: { apply: () => {} } });
    const append = outcomeOf(journal.append({ decide: () => ({ text: '1', count: 1 }) }));
    await breathe();
    const settled = outcomeOf(table.settled());
    const closed = await table.close({ timeoutMs: 0 });
    expect([closed, settled.settled]).toEqual([true, false]);
    await bench.run(append.done);
    await breathe();
    expect(settled.value).toBe(true);
  });

  it('gives up at timeoutMs, or when its signal aborts', async () => {
    bench.faulty.setRules([{ fault: { kind: 'throttle' }, on: ['put'] }]);
    const swap = outcomeOf(atom.swap(increment, { timeoutMs: 60_000 }));
    expect(await bench.run(table.settled({ timeoutMs: 500 }))).toBe(false);
    const abort = new AbortController();
    const aborted = outcomeOf(table.settled({ signal: abort.signal, timeoutMs: Number.POSITIVE_INFINITY }));
    await bench.clock.advance(20_000);
    expect(aborted.settled).toBe(false);
    abort.abort('no more');
    await aborted.done;
    expect(aborted.error).toBe('no more');
    await expect(table.settled({ signal: abort.signal })).rejects.toBe('no more');
    bench.faulty.setRules([]);
    await bench.run(swap.done);
  });
});
