// Goal: what a transaction's function may do with its atoms, and what becomes of what it should not do.
// Method: single calls on a memory engine; counts of commits and requests. Jest fails a spec that leaves a rejection unhandled.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { AtomTable, type ItemAtom, type Transaction } from '../../lib/atom/index.js';
import { MemoryEngine } from '../../lib/engine/index.js';
import { type Bench, breathe, openBench, outcomeOf } from './bench.js';

type Counter = ItemAtom<number, number>;

const increment = (n: number) => n + 1;
let bench: Bench;
let table: AtomTable;
let x: Counter;
let y: Counter;
beforeEach(async () => {
  bench = await openBench();
  table = bench.table();
  x = table.atom<number>('x', { initial: 1 });
  y = table.atom<number>('y', { initial: 2 });
});
const moment = () => bench.clock.sleep(1);
const transact = <R>(f: (tx: Transaction) => R | Promise<R>, options?: object) => bench.run(table.transact(f, options));
const stored = () => bench.run(Promise.all([x.deref(), y.deref()]));
const failing = async (promise: Promise<unknown>) => {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error as Error;
};

describe('calls', () => {
  it('see what the calls before them made, in their order, awaited or not', async () => {
    const seen: unknown[] = [];
    await transact(async (tx) => {
      void tx.swap(x, async (n) => {
        await moment();
        return n * 10;
      });
      void tx.swap(x, (n) => n + 5);
      seen.push(await tx.deref(x));
      void tx.reset(x, 7);
      seen.push(await tx.swapWith(x, (n) => [n + 1, `from ${n}`]));
      seen.push(await tx.delete(x), await tx.deref(x), await tx.delete(x));
      void tx.swap(x, (n, { exists }) => {
        seen.push(exists);
        return n + 100;
      });
    });
    expect([seen, await x.deref()]).toEqual([[15, 'from 7', true, 1, false, false], 101]);
    expect(bench.commits).toHaveLength(1);
  });

  it('on several atoms run beside each other', async () => {
    const order: string[] = [];
    await transact(async (tx) => {
      void tx.swap(x, async (n) => {
        await moment();
        order.push('x');
        return n;
      });
      await tx.swap(y, (n) => {
        order.push('y');
        return n;
      });
    });
    expect(order).toEqual(['y', 'x']);
  });

  it('that are made in a call of another atom are waited for as well', async () => {
    await transact((tx) => {
      void tx.swap(x, async (n) => {
        await moment();
        void tx.swap(y, increment);
        return n + 1;
      });
    });
    expect(await stored()).toEqual([2, 3]);
  });

  it('that fail, and that nobody looked at, fail the transaction and leave no rejection unhandled', async () => {
    const refusal = new Error('refused');
    const failed = await failing(
      transact((tx) => {
        void tx.swap(x, increment);
        void tx.swap(y, () => {
          throw refusal;
        });
      }),
    );
    expect([failed, bench.commits]).toEqual([refusal, []]);
    // Two at once: one is told, the other is not unhandled either.
    const first = await failing(
      transact((tx) => {
        for (const atom of [x, y]) {
          void tx.swap(atom, async () => {
            await moment();
            throw refusal;
          });
        }
      }),
    );
    await breathe();
    expect(first).toBe(refusal);
  });

  it('whose failure the function has caught change nothing, and the rest is committed', async () => {
    const result = await transact(async (tx) => {
      void tx.swap(x, increment);
      return tx
        .swap(y, () => {
          throw new Error('refused');
        })
        .catch(() => 'caught');
    });
    expect([result, await stored()]).toEqual(['caught', [2, 2]]);
  });

  it('take copies of what they are given, and hand out what is frozen', async () => {
    const list = table.atom<{ readonly names: string[] }>('list', { initial: { names: [] } });
    const mine = { names: ['ann'] };
    await transact(async (tx) => {
      const made = tx.reset(list, mine);
      mine.names.push('bob');
      expect(Object.isFrozen((await made).names)).toBe(true);
    });
    expect(await list.deref()).toEqual({ names: ['ann'] });
  });

  it('are refused what a single call is refused: undefined, values without a stored form, no function, a wrong pair', async () => {
    const wrong: ((tx: Transaction) => Promise<unknown>)[] = [
      (tx) => tx.swap(x, () => undefined as never),
      (tx) => tx.swap(x, (() => Symbol('s')) as never),
      (tx) => tx.swap(x, 7 as never),
      (tx) => tx.swapWith(x, () => 7 as never),
      (tx) => tx.reset(x, undefined as never),
      (tx) => tx.reset(x, (() => 1) as never),
    ];
    for (const call of wrong) {
      expect((await failing(transact(call))).name).toMatch(/TypeError|UnsupportedValueError/);
    }
    expect(bench.commits).toEqual([]);
  });

  it('pass schema and validator, whose refusal is shown once the states were confirmed', async () => {
    await bench.run(x.setValidator((n) => n < 3));
    const refused = { code: 'ERR_INVALID_VALUE', key: 'x', where: 'write', outcome: 'not-done' };
    const both = (tx: Transaction) => Promise.all([tx.swap(x, increment), tx.swap(y, increment)]);
    await transact(both);
    await expect(transact(both)).rejects.toMatchObject(refused);
    expect(await stored()).toEqual([2, 3]);
  });
});

describe('the function', () => {
  it('may be synchronous, touch nothing, and return anything', async () => {
    expect(await transact(() => 'nothing')).toBe('nothing');
    const same = { not: () => 'stored' };
    expect(await transact(() => same)).toBe(same);
    expect(bench.faulty.spent().requests).toBe(0);
  });

  it('is required', async () => {
    expect(() => table.transact(undefined as never)).toThrow(TypeError);
    expect(() => table.transact(() => 1, { timeoutMs: -1 })).toThrow(RangeError);
  });

  it('gets a tx that throws once it has ended', async () => {
    let late: Transaction | undefined;
    await transact((tx) => {
      late = tx;
      return tx.swap(x, increment);
    });
    const tx = late as Transaction;
    const ended = /function of this transaction has ended/;
    for (const call of [() => tx.deref(x), () => tx.swap(x, increment), () => tx.reset(x, 1), () => tx.delete(x)]) {
      expect(call).toThrow(TypeError);
      expect(call).toThrow(ended);
    }
  });

  it('of an earlier run has ended as well, whatever it left behind', async () => {
    await bench.run(x.deref());
    await bench.run(bench.calm().atom<number>('x').reset(50));
    const runs: Transaction[] = [];
    await transact((tx) => {
      runs.push(tx);
      if (runs.length === 2) expect(() => runs[0]?.deref(x)).toThrow(/has ended/);
      return tx.swap(x, increment);
    });
    expect([runs.length, await x.deref()]).toEqual([2, 51]);
  });

  it('is refused atoms of another table by name', async () => {
    const other = new AtomTable({ engine: new MemoryEngine(), tableName: 'elsewhere' }).atom<number>('far', {
      initial: 0,
    });
    const failed = await failing(transact((tx) => tx.swap(other, increment)));
    expect([failed.name, failed.message]).toEqual(['TypeError', expect.stringContaining('atom far')]);
  });

  it('sees its attempt and the signal of the caller', async () => {
    const { signal } = new AbortController();
    const contexts: unknown[] = [];
    const f = (n: number, context: unknown) => {
      contexts.push(context);
      return n;
    };
    await transact((tx) => tx.swap(x, f), { signal });
    expect(contexts).toEqual([{ attempt: 1, exists: false, signal }]);
  });
});

describe('re-entrancy', () => {
  const reentrant = { code: 'ERR_REENTRANT', outcome: 'not-done' };

  it('an atom that the transaction has touched cannot be called directly, whatever the verb', async () => {
    const verbs: (() => Promise<unknown>)[] = [
      () => x.swap(increment),
      () => x.deref(),
      () => x.reset(1),
      () => x.delete(),
      () => x.swap(increment, { opId: 'inner' }),
    ];
    for (const verb of verbs) {
      const inside = async (tx: Transaction) => {
        await tx.deref(x);
        await verb();
      };
      await expect(transact(inside)).rejects.toMatchObject({ ...reentrant, key: 'x' });
    }
    expect(bench.commits).toEqual([]);
  });

  it('nor while its lanes are held, before the function has touched it again', async () => {
    await bench.run(Promise.all([x.deref(), y.deref()]));
    await bench.run(bench.calm().atom<number>('x').reset(50));
    const inside = async (tx: Transaction) => {
      // Harmless in the first run, which holds nothing; in the second it would wait for itself.
      if (attempts === 1) await x.swap(increment);
      attempts += 1;
      await tx.swap(x, increment);
      await tx.swap(y, increment);
    };
    let attempts = 0;
    await expect(transact(inside)).rejects.toMatchObject({ ...reentrant, key: 'x' });
    expect(await stored()).toEqual([50, 2]);
  });

  it('an atom that it never touches is called as ever, and is no part of it', async () => {
    const z = table.atom<number>('z', { initial: 0 });
    await transact(async (tx) => {
      await z.swap(increment);
      await tx.swap(x, increment);
    });
    expect([await z.deref(), await x.deref()]).toEqual([1, 2]);
  });

  it('a call of an atom inside a function on that atom', async () => {
    const inner = (tx: Transaction) =>
      tx.swap(x, async (n) => {
        await tx.deref(x);
        return n;
      });
    await expect(transact(inner)).rejects.toMatchObject({ ...reentrant, key: 'x' });
    const synchronous = (tx: Transaction) =>
      tx.swap(x, (n) => {
        void tx.deref(x);
        return n;
      });
    await expect(transact(synchronous)).rejects.toMatchObject(reentrant);
  });

  it('a transaction inside a transaction of the same table', async () => {
    const nested = (tx: Transaction) => tx.deref(x).then(() => table.transact(() => 1));
    await expect(transact(nested)).rejects.toMatchObject({ ...reentrant, key: '' });
    // That of another table is as good as any other work.
    const other = bench.table();
    expect(await transact(() => other.transact(() => 'other'))).toBe('other');
  });

  it('a transaction on an atom inside that atom\u2019s own function', async () => {
    const swap = x.swap(async (n) => {
      await table.transact((tx) => tx.swap(x, increment));
      return n;
    });
    await expect(bench.run(swap)).rejects.toMatchObject({ ...reentrant, key: 'x' });
    const beside = y.swap(async (n) => n + (await table.transact((tx) => tx.swap(x, increment))));
    expect(await bench.run(beside)).toBe(4);
  });
});

describe('leaving', () => {
  const reason = new Error('enough');

  it('before the call: the reason itself, nothing is run or asked', async () => {
    let runs = 0;
    const failed = await failing(
      transact(
        () => {
          runs += 1;
        },
        { signal: AbortSignal.abort(reason) },
      ),
    );
    expect([failed, runs, bench.faulty.spent().requests]).toEqual([reason, 0, 0]);
  });

  it('while the function runs: the reason itself, nothing is written, and its tx is over', async () => {
    const abort = new AbortController();
    let held: Transaction | undefined;
    const call = outcomeOf(
      table.transact(
        async (tx) => {
          held = tx;
          await tx.swap(x, increment);
          await new Promise(() => {});
        },
        { signal: abort.signal },
      ),
    );
    await breathe();
    abort.abort(reason);
    await bench.run(call.done);
    expect([call.error, bench.commits]).toEqual([reason, []]);
    expect(() => held?.deref(y)).toThrow(/has ended/);
    expect(await bench.run(x.swap(increment))).toBe(2);
  });

  it('at the deadline while the function runs: not done, after one more chance for the first attempt', async () => {
    const call = outcomeOf(table.transact((tx) => tx.swap(x, () => new Promise<number>(() => {})), { timeoutMs: 500 }));
    await bench.run(call.done);
    expect(call.error).toMatchObject({ code: 'ERR_DEADLINE', outcome: 'not-done', attempts: 0, key: 'x' });
    expect(bench.clock.monotonicMs()).toBe(500 + 2 * 1_000);
    expect(await bench.run(x.swap(increment))).toBe(2);
  });

  it('after the table was closed: refused', async () => {
    await bench.run(table.close());
    await expect(transact(() => 1)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });
});
