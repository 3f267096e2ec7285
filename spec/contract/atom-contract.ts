/**
 * What an atom must do on every engine: the verbs, what they return, what they cost. Run by `spec/atom/item-atom.spec.ts`.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AtomTable, type ItemAtom } from '../../lib/atom/index.js';
import type { Spent } from '../../lib/engine/index.js';
import type { EngineRow, OpenEngine } from '../support/engines.js';

interface Cart {
  readonly items: readonly string[];
}

/** Requests and units between two readings. */
function difference(before: Spent, after: Spent) {
  return {
    requests: after.requests - before.requests,
    readUnits: after.readUnits - before.readUnits,
    writeUnits: after.writeUnits - before.writeUnits,
    conditionsFailed: after.conditionsFailed - before.conditionsFailed,
  };
}

export function atomContract(row: EngineRow): void {
  let opened: OpenEngine;
  let table: AtomTable;
  let rival: AtomTable;
  let keys = 0;

  const open = (): AtomTable => new AtomTable({ engine: opened.engine, tableName });
  let tableName = '';
  const fresh = (): ItemAtom<number, number> => {
    keys += 1;
    return table.atom<number>(`counter-${keys}`, { initial: 0 });
  };
  const same = (atom: ItemAtom<number, number>): ItemAtom<number, number> =>
    rival.atom<number>(atom.key, { initial: 0 });
  const cost = async (work: () => Promise<unknown>) => {
    const before = table.spent();
    await work();
    return difference(before, table.spent());
  };

  beforeAll(async () => {
    opened = await row.open();
    tableName = opened.uniqueTable();
    table = open();
    rival = open();
    await table.create();
  });
  afterAll(async () => {
    await opened.engine.deleteTable(tableName);
    await opened.close();
  });

  describe('deref()', () => {
    it('gives undefined, or initial, where nothing is stored', async () => {
      expect(await table.atom('nothing').deref()).toBeUndefined();
      expect(await fresh().deref()).toBe(0);
    });

    it('tells a stored null from nothing', async () => {
      const atom = table.atom<null>('null');
      await atom.reset(null);
      expect(await rival.atom('null').deref()).toBeNull();
      expect((await atom.snapshot()).exists).toBe(true);
    });

    it('sees what another process wrote', async () => {
      const atom = fresh();
      await atom.deref();
      await same(atom).reset(7);
      expect(atom.peek()).toBe(0);
      expect(await atom.deref({ consistency: 'cached' })).toBe(0);
      expect(await atom.deref()).toBe(7);
      expect(atom.peek()).toBe(7);
    });

    it('costs one request, half the units when eventual, nothing when cached', async () => {
      const atom = fresh();
      await atom.reset(1);
      expect(await cost(() => atom.deref())).toMatchObject({ requests: 1, readUnits: 1 });
      expect(await cost(() => atom.deref({ consistency: 'eventual' }))).toMatchObject({ requests: 1, readUnits: 0.5 });
      expect(await cost(() => atom.deref({ consistency: 'session' }))).toMatchObject({ requests: 1, readUnits: 0.5 });
      expect(await cost(() => atom.deref({ consistency: 'cached' }))).toMatchObject({ requests: 0 });
      expect(await cost(() => atom.deref({ consistency: { maxStalenessMs: 60_000 } }))).toMatchObject({ requests: 0 });
    });
  });

  describe('swap()', () => {
    it('stores what the function returns, and returns it', async () => {
      const atom = fresh();
      expect(await atom.swap((n) => n + 1)).toBe(1);
      expect(await atom.swap(async (n) => n + 1)).toBe(2);
      expect(await same(atom).deref()).toBe(2);
    });

    it('costs one request and one unit when warm, one read more when cold', async () => {
      const atom = fresh();
      expect(await cost(() => atom.swap((n) => n + 1))).toEqual({
        requests: 2,
        // A read that finds nothing is charged like a small one.
        readUnits: 1,
        writeUnits: 1,
        conditionsFailed: 0,
      });
      expect(await cost(() => atom.swap((n) => n + 1))).toEqual({
        requests: 1,
        readUnits: 0,
        writeUnits: 1,
        conditionsFailed: 0,
      });
    });

    it('runs again on the newer value when another writer won', async () => {
      const atom = fresh();
      await atom.reset(1);
      await same(atom).reset(10);
      const seen: number[] = [];
      const spent = await cost(() =>
        atom.swap((n, { attempt }) => {
          seen.push(n, attempt);
          return n + 1;
        }),
      );
      expect(seen).toEqual([1, 1, 10, 2]);
      expect(await atom.deref()).toBe(11);
      expect(spent).toMatchObject({ requests: row.supports.images ? 2 : 3, conditionsFailed: 1 });
    });

    it('counts every call once when many processes race', async () => {
      const first = fresh();
      const atoms = [first, same(first), open().atom<number>(first.key, { initial: 0 })];
      await Promise.all(atoms.flatMap((atom) => Array.from({ length: 40 }, () => atom.swap((n) => n + 1))));
      expect(await first.deref()).toBe(120);
    });

    it('writes nothing for an equal value, after it made sure that the base is current', async () => {
      const cart = table.atom<Cart>('cart', { initial: { items: [] } });
      await cart.reset({ items: ['jar'] });
      const { version } = await cart.snapshot();
      expect(await cost(() => cart.swap((v) => ({ items: [...v.items] })))).toMatchObject({
        requests: 1,
        writeUnits: 0,
      });
      expect((await cart.snapshot()).version).toBe(version);
      await cart.swap((v) => v, { noop: 'write' });
      expect((await cart.snapshot()).version).toBe(version + 1);
    });

    it('runs a no-op again when the cached base was old', async () => {
      const atom = fresh();
      await atom.reset(1);
      await same(atom).reset(2);
      expect(await atom.swap((n) => (n === 1 ? 1 : n * 10))).toBe(20);
    });

    it('writes nothing when the function throws, and passes the error on', async () => {
      const atom = fresh();
      await atom.reset(5);
      const failure = new Error('mine');
      await expect(atom.swap(() => Promise.reject(failure))).rejects.toBe(failure);
      expect(await atom.snapshot()).toMatchObject({ value: 5, version: 1 });
    });

    it('judges a function that throws by the current value, not by an old cache', async () => {
      const atom = fresh();
      await atom.reset(1);
      await same(atom).reset(2);
      const onlyTwo = (n: number) => {
        if (n !== 2) throw new Error(`not two: ${n}`);
        return 3;
      };
      expect(await atom.swap(onlyTwo)).toBe(3);
    });

    it('refuses undefined, so that a forgotten return deletes nothing', async () => {
      const atom = fresh();
      await atom.reset(1);
      await expect(atom.swap(() => undefined as never)).rejects.toThrow(TypeError);
      expect(await atom.deref()).toBe(1);
    });
  });

  describe('swapVals(), swapWith(), reset(), resetVals()', () => {
    it('return old and new value, or a result of one’s own', async () => {
      const atom = fresh();
      expect(await atom.swapVals((n) => n + 5)).toEqual([0, 5]);
      expect(await atom.swapWith((n) => [n * 2, `was ${n}`])).toBe('was 5');
      expect(await atom.reset(1)).toBe(1);
      expect(await atom.resetVals(2)).toEqual([1, 2]);
    });
  });

  describe('trySwap()', () => {
    it('answers applied, noop or conflict, and never runs twice', async () => {
      const atom = fresh();
      expect(await atom.trySwap((n) => n + 1)).toMatchObject({ status: 'applied', old: 0, value: 1, version: 1 });
      expect(await atom.trySwap((n) => n)).toMatchObject({ status: 'noop', value: 1, version: 1 });
      await same(atom).reset(9);
      expect(await atom.trySwap((n) => n + 1)).toMatchObject({ status: 'conflict', old: 1, stats: { attempts: 1 } });
      expect(await atom.deref()).toBe(9);
    });
  });

  describe('compareAndSet()', () => {
    it('compares values by their encoded form', async () => {
      const cart = table.atom<Cart>('cart-2');
      expect(await cart.compareAndSet(undefined, { items: ['a'] })).toBe(true);
      expect(await cart.compareAndSet(undefined, { items: [] })).toBe(false);
      expect(await cart.compareAndSet({ items: ['b'] }, { items: [] })).toBe(false);
      expect(await cart.compareAndSet({ items: ['a'] }, { items: ['c'] })).toBe(true);
      expect(await cart.deref()).toEqual({ items: ['c'] });
    });

    it('compares snapshots by the write, so an equal value written again does not pass', async () => {
      const atom = fresh();
      await atom.reset(1);
      const before = await atom.snapshot();
      await same(atom).reset(2);
      await same(atom).reset(1);
      expect(await atom.compareAndSet(before, 5)).toBe(false);
      expect(await atom.compareAndSet(await atom.snapshot(), 5)).toBe(true);
    });
  });

  describe('delete()', () => {
    it('removes the value, goes on counting versions, and tells whether there was one', async () => {
      const atom = fresh();
      expect(await atom.delete()).toBe(false);
      await atom.reset(4);
      expect(await same(atom).delete()).toBe(true);
      expect(await atom.delete()).toBe(false);
      const gone = await atom.snapshot();
      expect(gone).toMatchObject({ value: 0, exists: false, version: 2 });
      expect(gone.expiresAt).toBeGreaterThan(Date.now() + 3_000_000);
      await atom.reset(6);
      expect(await atom.snapshot()).toMatchObject({
        value: 6,
        exists: true,
        version: 3,
        incarnation: gone.incarnation,
        expiresAt: undefined,
      });
    });
  });

  describe('values', () => {
    it('are frozen, or one’s own copy, and never the caller’s object', async () => {
      const mine: { items: string[] } = { items: ['a'] };
      const atom = table.atom<Cart>('frozen');
      await atom.reset(mine);
      mine.items.push('b');
      const read = (await atom.deref()) as Cart;
      expect(read).toEqual({ items: ['a'] });
      expect(Object.isFrozen(read) && Object.isFrozen(read.items)).toBe(true);
      const dates = table.atom<{ at: Date; tags: Set<string> }>('dates');
      await dates.reset({ at: new Date(0), tags: new Set(['x']) });
      (await dates.deref())?.tags.add('y');
      expect(await dates.deref()).toEqual({ at: new Date(0), tags: new Set(['x']) });
      expect(await rival.atom('dates').deref()).toEqual({ at: new Date(0), tags: new Set(['x']) });
    });

    it('of equal keys are one atom, whatever the order of properties', async () => {
      await table.atom<number>({ tenant: 1, kind: 'x' }).reset(3);
      expect(await rival.atom<number>({ kind: 'x', tenant: 1 }).deref()).toBe(3);
    });
  });
}
