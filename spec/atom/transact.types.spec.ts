// Goal: functions of transactions are typed by their atom alone, as those of swaps are. Method: the compiler reads this file.
import { expect, it } from '@jest/globals';
import { AtomTable, type ItemAtom, type Transaction } from '../../lib/atom/index.js';
import { MemoryEngine } from '../../lib/engine/index.js';

interface Order {
  readonly status: 'new' | 'paid';
  readonly n: number;
}

const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });

it('takes literals for what they may be', async () => {
  await table.create();
  const order = table.atom<Order>('order', { initial: { status: 'new', n: 1 } });
  const tags = table.atom<{ readonly tags: Set<string> } | null>('tags', { initial: null });
  const paid: Order = await table.transact((tx) => tx.swap(order, (o) => ({ ...o, status: 'paid' })));
  const later: number = await table.transact((tx) => tx.swapWith(order, async (o) => [{ ...o, status: 'new' }, o.n]));
  await table.transact(async (tx) => {
    void tx.swap(tags, (v) => v ?? { tags: new Set() });
    void tx.reset(order, { status: 'paid', n: 2 });
  });
  expect([paid, later, await order.deref()]).toEqual([{ status: 'paid', n: 1 }, 1, { status: 'paid', n: 2 }]);
});

it('works in functions that take any atom', async () => {
  const twice = <T>(tx: Transaction, atom: ItemAtom<T, T>, f: (value: T) => T) => tx.swap(atom, (v: T) => f(f(v)));
  const n = table.atom<number>('n', { initial: 1 });
  expect(await table.transact((tx) => twice(tx, n, (v) => v * 3))).toBe(9);
});

it('refuses what the atom does not take', () => {
  const order = table.atom<Order>('order', { initial: { status: 'new', n: 1 } });
  const wrong = (tx: Transaction) => {
    // @ts-expect-error no such status
    void tx.swap(order, (o) => ({ ...o, status: 'lost' }));
    // @ts-expect-error nothing is returned
    void tx.swap(order, () => {});
    // @ts-expect-error no order
    void tx.reset(order, 7);
    // @ts-expect-error no pair
    void tx.swapWith(order, (o) => o);
  };
  expect(wrong).toBeInstanceOf(Function);
});

it('types what is called at the deadline, with or without a time-out', async () => {
  const n = table.atom<number>('deadline', { initial: 1 });
  const got: number | string = await n.swap((v) => v + 1, { timeoutMs: 1_000, onTimeout: (error) => error.message });
  expect(got).toBe(2);
});
