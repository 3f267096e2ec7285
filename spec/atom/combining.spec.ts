// Goal: calls that wait for one atom share a write, and nobody pays for another's mistake.
// Method: many callers of one process on a memory engine that counts requests; writes held by hand where the moment matters.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { AtomTable, ItemAtom } from '../../lib/atom/index.js';
import { type Bench, breathe, openBench, outcomeOf, overridden } from './bench.js';

const increment = (n: number) => n + 1;

let bench: Bench;
let table: AtomTable;
let atom: ItemAtom<number, number>;
beforeEach(async () => {
  bench = await openBench();
  table = bench.table();
  atom = table.atom<number>('n', { initial: 0 });
});
/** Requests that `body` costs. */
async function requestsOf(body: () => Promise<unknown>): Promise<number> {
  const before = bench.faulty.spent().requests;
  await bench.run(body());
  return bench.faulty.spent().requests - before;
}

describe('callers of one process', () => {
  it('64 swappers x 100 swaps: no put fails, and the requests are few', async () => {
    bench = await openBench({ latency: () => 4 });
    atom = bench.table().atom<number>('n', { initial: 0 });
    const swapper = async () => {
      for (let turn = 0; turn < 100; turn += 1) await atom.swap(increment);
    };
    await bench.run(Promise.all(Array.from({ length: 64 }, swapper)));
    expect(await bench.run(atom.deref())).toBe(6_400);
    const { requests, conditionsFailed } = bench.faulty.spent();
    expect(conditionsFailed).toBe(0);
    // One cold read and the one above; a write carries everybody who waits.
    expect(requests).toBeLessThanOrEqual(2 + 100);
    expect(bench.commits).toHaveLength(requests - 2);
  });

  it('are answered in the order of their calls, each with its own old and new value', async () => {
    const calls = Array.from({ length: 50 }, () => atom.swapVals(increment));
    expect(await bench.run(Promise.all(calls))).toEqual(Array.from({ length: 50 }, (_, n) => [n, n + 1]));
    expect(bench.commits).toHaveLength(1);
    const order: number[] = [];
    await bench.run(Promise.all([1, 2, 3].map((n) => atom.reset(n).then(() => order.push(n)))));
    expect(order).toEqual([1, 2, 3]);
    expect(await bench.run(atom.deref())).toBe(3);
  });

  it('an uncontended swap on a warm cache is one request; a cold one two', async () => {
    expect(await requestsOf(() => atom.swap(increment))).toBe(2);
    for (let turn = 0; turn < 10; turn += 1) expect(await requestsOf(() => atom.swap(increment))).toBe(1);
  });

  it('coalesce: false writes alone', async () => {
    await bench.run(Promise.all([1, 2, 3].map(() => atom.swap(increment, { coalesce: false }))));
    expect(bench.commits).toHaveLength(3);
  });
});

describe('a batch with one bad call', () => {
  it('a function that throws fails its caller only, with the very error', async () => {
    const mine = new RangeError('mine');
    const calls = [
      atom.swap(increment),
      atom.swap(() => {
        throw mine;
      }),
      atom.swap(increment),
    ];
    const [first, second, third] = await bench.run(Promise.allSettled(calls));
    expect([first, third]).toMatchObject([{ value: 1 }, { value: 2 }]);
    expect((second as PromiseRejectedResult).reason).toBe(mine);
    expect(bench.commits).toHaveLength(1);
  });

  it('nobody is answered before the write is durable', async () => {
    bench.faulty.hold();
    const failing = atom.swap(() => Promise.reject(new Error('mine')));
    const calls = [atom.swap(increment), failing, atom.swap((n) => n, { noop: 'skip' })].map(outcomeOf);
    const message = await bench.message(0);
    await breathe();
    expect(calls.map(({ settled }) => settled)).toEqual([false, false, false]);
    await message.deliver();
    await breathe();
    expect(calls.map(({ settled }) => settled)).toEqual([false, false, false]);
    message.answer();
    await bench.run(Promise.all(calls.map(({ done }) => done)));
    expect(calls.map(({ value, error }) => value ?? error)).toEqual([1, new Error('mine'), 1]);
  });

  it('a value without a stored form hurts its own caller only', async () => {
    const any = table.atom<unknown>('any', { initial: 0 });
    const calls = [any.swap(() => 'a'), any.swap(() => () => 1), any.swap((v) => `${v}b`), any.swap(() => undefined)];
    expect(await bench.run(Promise.allSettled(calls))).toMatchObject([
      { value: 'a' },
      { reason: { code: 'ERR_UNSUPPORTED_VALUE', outcome: 'not-done' } },
      { value: 'ab' },
      { reason: expect.any(TypeError) },
    ]);
  });

  it('an item that is too large hurts its own caller only, and nothing too large is sent', async () => {
    const text = table.atom<string>('text', { initial: '', large: 'refuse' });
    const calls = [
      text.swap((v) => `${v}a`),
      text.swap(() => 'x'.repeat(409_600)),
      text.swap((v) => `${v}b`),
      text.swapVals((v) => `${v}c`),
    ];
    expect(await bench.run(Promise.allSettled(calls))).toMatchObject([
      { value: 'a' },
      { reason: { code: 'ERR_ITEM_TOO_LARGE', outcome: 'not-done', bytesMax: 409_600 } },
      { value: 'ab' },
      { value: ['ab', 'abc'] },
    ]);
    for (const { after } of bench.commits) expect(JSON.stringify(after).length).toBeLessThan(1_000);
  });

  it('a value that the store alone refuses hurts its own caller only', async () => {
    const engine = overridden(bench.memory, {
      put: async (request) => {
        if (!JSON.stringify(request.item).includes('bad')) return bench.memory.put(request);
        const error = Object.assign(new Error('no such value'), { name: 'ValidationException' });
        return { status: 'not-applied', kind: 'refused', error };
      },
    });
    const list = bench.table({ engine }).atom<string[]>('list', { initial: [] });
    const push = (word: string) => list.swap((words) => [...words, word]);
    const [a, bad, b] = await bench.run(Promise.allSettled([push('a'), push('bad'), push('b')]));
    expect(a).toMatchObject({ value: ['a'] });
    expect(bad).toMatchObject({ reason: { name: 'ValidationException' } });
    expect(b).toMatchObject({ value: ['a', 'b'] });
  });

  it('a codec that fails while answering fails its own callers, and nobody is left waiting', async () => {
    let broken = false;
    const codec = {
      name: 'mine:1',
      encode: (value: unknown) => ({ S: String(value) }),
      decode: (data: object) => {
        if (broken) throw new Error('cannot decode');
        return Number((data as { S: string }).S);
      },
    };
    const odd = table.atom<number>('odd', { codec, initial: 0 });
    bench.faulty.hold();
    const calls = [odd.swap(increment), odd.swap(increment)].map(outcomeOf);
    const message = await bench.message(0);
    broken = true;
    await message.pass();
    await bench.run(Promise.all(calls.map(({ done }) => done)));
    expect(calls.map(({ error }) => (error as Error).message)).toEqual(['cannot decode', 'cannot decode']);
  });

  it('an aborted caller’s swap stays in a batch that was sent, and its neighbours get their results', async () => {
    bench.faulty.hold();
    const abort = new AbortController();
    const calls = [atom.swap(increment), atom.swap(increment, { signal: abort.signal }), atom.swap(increment)];
    const [first, second, third] = calls.map(outcomeOf) as [
      ReturnType<typeof outcomeOf>,
      ReturnType<typeof outcomeOf>,
      ReturnType<typeof outcomeOf>,
    ];
    const message = await bench.message(0);
    abort.abort();
    await second.done;
    expect(second.error).toMatchObject({ outcome: 'unknown' });
    message.lose();
    const again = await bench.message(1);
    expect(again.request).toEqual(message.request);
    await again.pass();
    await bench.run(Promise.all([first.done, third.done]));
    expect([first.value, third.value]).toEqual([1, 3]);
    expect(await (second.error as { settle(): Promise<unknown> }).settle()).toEqual({ outcome: 'done' });
    expect(await bench.run(atom.deref())).toBe(3);
  });
});

describe('asynchronous functions', () => {
  it('run one after the other on the value that the one before left', async () => {
    const slowly = async (n: number) => {
      await bench.clock.sleep(10);
      return n + 1;
    };
    const calls = [atom.swap(slowly), atom.swap(increment), atom.swap(slowly)];
    expect(await bench.run(Promise.all(calls))).toEqual([1, 2, 3]);
    expect(bench.commits).toHaveLength(1);
  });

  it('one that never settles leaves at its deadline, and those behind it get on', async () => {
    table = bench.table({ retry: { attemptTimeoutMs: 100 } });
    atom = table.atom<number>('n', { initial: 0 });
    const stuck = outcomeOf(atom.swap(() => new Promise<number>(() => {}), { timeoutMs: 50 }));
    const behind = [atom.swap(increment), atom.swap(increment)];
    expect(await bench.run(Promise.all(behind))).toEqual([1, 2]);
    await stuck.done;
    expect(stuck.error).toMatchObject({ code: 'ERR_DEADLINE', outcome: 'not-done' });
    expect(bench.clock.monotonicMs()).toBeLessThanOrEqual(50 + 2 * 100 + 5);
    expect(await bench.run(atom.swap(increment))).toBe(3);
  });
});

describe('an atom called inside its own function', () => {
  const reentrant = { code: 'ERR_REENTRANT', outcome: 'not-done' };

  it('throws at once, for every verb, and the outer call gets that error', async () => {
    const verbs: ((inner: typeof atom) => unknown)[] = [
      (inner) => inner.swap(increment),
      (inner) => inner.reset(1),
      (inner) => inner.trySwap(increment),
      (inner) => inner.compareAndSet(0, 1),
      (inner) => inner.delete(),
      (inner) => inner.deref(),
      (inner) => inner.snapshot(),
    ];
    const inner = table.atom<number>('n', { initial: 0 });
    for (const verb of verbs) {
      await expect(bench.run(atom.swap((n) => (verb(inner) as Promise<number>) ?? n))).rejects.toMatchObject(reentrant);
      const later = async () => {
        await Promise.resolve();
        return (await verb(inner)) as number;
      };
      await expect(bench.run(atom.swap(later))).rejects.toMatchObject(reentrant);
    }
    expect(bench.commits).toEqual([]);
  });

  it('other atoms may be called there, and what was started there may go on afterwards', async () => {
    const other = table.atom<number>('other', { initial: 10 });
    expect(await bench.run(atom.swap(async (n) => n + (await other.swap(increment))))).toBe(11);
    let later: Promise<number> | undefined;
    await bench.run(
      atom.swap(async (n) => {
        later = bench.clock.sleep(50).then(() => atom.swap(increment));
        return n;
      }),
    );
    expect(await bench.run(later as Promise<number>)).toBe(12);
    expect(() => atom.peek()).not.toThrow();
  });
});

describe('other verbs in one batch with swaps', () => {
  it('each sees what the call before it left', async () => {
    const calls = [
      atom.swap(increment),
      atom.compareAndSet(1, 20),
      atom.compareAndSet(1, 99),
      atom.swapWith((n) => [n * 2, `was ${n}`]),
      atom.delete(),
      atom.delete(),
      atom.swapVals(increment),
      atom.resetVals(7),
      atom.swap((n) => n),
    ];
    expect(await bench.run(Promise.all(calls))).toEqual([1, true, false, 'was 20', true, false, [0, 1], [1, 7], 7]);
    expect(bench.commits).toHaveLength(1);
    expect(await bench.run(atom.deref())).toBe(7);
  });

  it('trySwap waits for its predecessors and goes alone', async () => {
    const [, tried, last] = await bench.run(
      Promise.all([atom.swap(increment), atom.trySwap(increment), atom.swap(increment)]),
    );
    expect(tried).toMatchObject({ status: 'applied', old: 1, value: 2, version: 2, stats: { attempts: 1 } });
    expect(last).toBe(3);
    expect(await bench.run(atom.trySwap((n) => n))).toMatchObject({ status: 'noop', old: 3, value: 3 });
  });

  it('trySwap never runs its function twice: a rival’s write under a no-op or an error is a conflict', async () => {
    await bench.run(atom.deref());
    const rival = bench.calm().atom<number>('n', { initial: 0 });
    for (const answer of [(n: number) => n, () => Promise.reject(new Error('on an old value'))]) {
      await bench.run(atom.deref());
      await bench.run(rival.swap(increment));
      let runs = 0;
      const once = (n: number) => {
        runs += 1;
        return answer(n);
      };
      expect(await bench.run(atom.trySwap(once))).toMatchObject({ status: 'conflict' });
      expect(runs).toBe(1);
    }
  });

  it('compareAndSet by snapshot fails after a change in the same batch, an equal value or a deletion included', async () => {
    await bench.run(atom.reset(5));
    const seen = await bench.run(atom.snapshot());
    const changed = [atom.reset(6), atom.reset(5), atom.compareAndSet(seen, 9)];
    expect(await bench.run(Promise.all(changed))).toEqual([6, 5, false]);
    const now = await bench.run(atom.snapshot());
    expect(await bench.run(Promise.all([atom.compareAndSet(now, 9), atom.compareAndSet(now, 10)]))).toEqual([
      true,
      false,
    ]);
    const fresh = table.atom<number>('fresh');
    const nothing = await bench.run(fresh.snapshot());
    const remade = [fresh.reset(1), fresh.delete(), fresh.compareAndSet(nothing, 2)];
    expect(await bench.run(Promise.all(remade))).toEqual([1, true, false]);
    expect(await bench.run(fresh.compareAndSet(await bench.run(fresh.snapshot()), 3))).toBe(true);
  });
});
