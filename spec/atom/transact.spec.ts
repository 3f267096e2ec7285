// Goal: several atoms change together or not at all, in one request, on every engine that can; the others say so before they are asked.
// Method: the same facts on each engine, with results, requests and units; a rival is another table object, as if another process.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AtomTable, type ItemAtom, type Transaction } from '../../lib/atom/index.js';
import type { Spent } from '../../lib/engine/index.js';
import { describeEngine, type EngineRow, engines, type OpenEngine } from '../support/engines.js';

type Counter = ItemAtom<number, number>;

const increment = (n: number) => n + 1;

function difference(before: Spent, after: Spent) {
  return {
    requests: after.requests - before.requests,
    readUnits: after.readUnits - before.readUnits,
    writeUnits: after.writeUnits - before.writeUnits,
  };
}

function suite(row: EngineRow): void {
  let opened: OpenEngine;
  let tableName: string;
  let table: AtomTable;
  let rival: AtomTable;
  let keys = 0;
  let a: Counter;
  let b: Counter;

  const counter = (of: AtomTable, key: string): Counter => of.atom<number>(key, { initial: 0 });
  const there = (atom: Counter): Counter => counter(rival, atom.key);
  const stored = () => Promise.all([there(a).deref(), there(b).deref()]);
  const cost = async (work: () => Promise<unknown>) => {
    const before = table.spent();
    await work();
    return difference(before, table.spent());
  };
  /** Both known to this process. */
  const warm = async () => {
    await a.reset(10);
    await b.reset(20);
  };

  beforeAll(async () => {
    opened = await row.open();
    tableName = opened.uniqueTable();
    table = new AtomTable({ engine: opened.engine, tableName });
    rival = new AtomTable({ engine: opened.engine, tableName });
    await table.create();
    // Whether there are transactions is asked once, by a request that touches nothing.
    await opened.engine.supportsTransactions();
  });
  afterAll(async () => {
    await opened.engine.deleteTable(tableName);
    await opened.close();
  });
  beforeEach(() => {
    keys += 1;
    a = counter(table, `a-${keys}`);
    b = counter(table, `b-${keys}`);
  });

  describe('of one atom', () => {
    it('is one plain conditional put', async () => {
      await warm();
      const swap = await cost(() => a.swap(increment));
      const transact = await cost(async () => {
        expect(await table.transact((tx) => tx.swap(a, increment))).toBe(12);
      });
      expect(transact).toEqual(swap);
      expect(transact).toEqual({ requests: 1, readUnits: 0, writeUnits: 1 });
    });

    it('reads once when nothing is known, and once more for nothing when nothing is written', async () => {
      await there(a).reset(5);
      expect(await cost(() => table.transact((tx) => tx.swap(a, increment)))).toMatchObject({ requests: 2 });
      const c = counter(table, `c-${keys}`);
      expect(await cost(() => table.transact((tx) => tx.deref(c)))).toMatchObject({ requests: 1, writeUnits: 0 });
      expect(await cost(() => table.transact((tx) => tx.deref(c)))).toMatchObject({ requests: 1, writeUnits: 0 });
    });

    it('writes nothing for a result that is stored already', async () => {
      await warm();
      const kept = await a.snapshot();
      expect(await cost(() => table.transact((tx) => tx.reset(a, 10)))).toMatchObject({ requests: 1, writeUnits: 0 });
      expect((await a.snapshot()).version).toBe(kept.version);
    });

    it('runs again on what another writer left', async () => {
      await warm();
      await there(a).reset(100);
      const seen: number[] = [];
      const result = await table.transact((tx) =>
        tx.swap(a, (n, { attempt }) => {
          seen.push(n, attempt);
          return n + 1;
        }),
      );
      expect([result, seen]).toEqual([101, [10, 1, 100, 2]]);
    });
  });

  if (!row.supports.transactions) {
    describe('of several atoms', () => {
      const nothing = { requests: 0, readUnits: 0, writeUnits: 0 };
      const refusal = { code: 'ERR_ENGINE_LACKS_TRANSACTIONS', outcome: 'not-done', engine: 'sdk' };
      it('is refused by name before a read or a write is sent', async () => {
        await warm();
        const both = (tx: Transaction) => Promise.all([tx.swap(a, increment), tx.swap(b, increment)]);
        expect(await cost(() => expect(table.transact(both)).rejects.toMatchObject(refusal))).toEqual(nothing);
        const cold = [counter(table, `c-${keys}`), counter(table, `d-${keys}`)] as const;
        const unawaited = (tx: Transaction) => {
          for (const atom of cold) void tx.swap(atom, increment);
        };
        expect(await cost(() => expect(table.transact(unawaited)).rejects.toMatchObject(refusal))).toEqual(nothing);
        expect(await stored()).toEqual([10, 20]);
      });

      it('is refused at the second atom, and a function cannot hide it', async () => {
        await warm();
        const hiding = async (tx: Transaction) => {
          await tx.swap(a, increment);
          await tx.deref(b).catch(() => {});
          return 'fine';
        };
        expect(await cost(() => expect(table.transact(hiding)).rejects.toMatchObject(refusal))).toMatchObject({
          requests: 0,
        });
        expect(await stored()).toEqual([10, 20]);
      });

      it('is refused with an opId, which would need an item beside the atoms', async () => {
        const options = { opId: `op-${keys}` };
        await expect(table.transact((tx) => tx.swap(a, increment), options)).rejects.toMatchObject(refusal);
      });
    });
    return;
  }

  describe('of several atoms', () => {
    // Two small items at double price; DynamoDB Local does not report the double.
    const twice = row.name === 'dynamodb-local' ? 2 : 4;

    it('changes them together, in one request, for twice the units', async () => {
      await warm();
      const spent = await cost(async () => {
        const moved = await table.transact(async (tx) => {
          const amount = await tx.deref(a);
          void tx.reset(a, 0);
          void tx.swap(b, (n) => n + amount);
          return amount;
        });
        expect(moved).toBe(10);
      });
      expect(spent).toEqual({ requests: 1, readUnits: 0, writeUnits: twice });
      expect(await stored()).toEqual([0, 30]);
    });

    it('reads each once when nothing is known', async () => {
      await Promise.all([there(a).reset(1), there(b).reset(2)]);
      const spent = await cost(() =>
        table.transact((tx) => {
          void tx.swap(a, increment);
          void tx.swap(b, increment);
        }),
      );
      expect(spent).toEqual({ requests: 3, readUnits: 2, writeUnits: twice });
      expect(await stored()).toEqual([2, 3]);
    });

    it('creates, replaces and deletes; the token of the write is the same in all items', async () => {
      await a.reset(1);
      const c = counter(table, `c-${keys}`);
      await c.reset(3);
      const result = await table.transact(async (tx) => {
        const made = tx.reset(b, 2);
        const swapped = tx.swapWith(a, (n) => [n + 1, `was ${n}`]);
        const existed = tx.delete(c);
        return [await made, await swapped, await existed, await tx.delete(c), await tx.deref(c)];
      });
      expect(result).toEqual([2, 'was 1', true, false, 0]);
      expect(await stored()).toEqual([2, 2]);
      expect(await there(c).snapshot()).toMatchObject({ exists: false, value: 0 });
      const tokens = await Promise.all([a, b, c].map(async (atom) => (await there(atom).snapshot()).token));
      expect(new Set(tokens).size).toBe(1);
    });

    it('fails when an atom that was only read has changed, and runs again', async () => {
      await warm();
      await there(a).reset(11);
      let runs = 0;
      await table.transact(async (tx) => {
        runs += 1;
        const seen = await tx.deref(a);
        await tx.swap(b, (n) => n + seen);
      });
      expect([runs, await stored()]).toEqual([2, [11, 31]]);
    });

    it('learns from the failure: the second attempt costs one request more', async () => {
      await warm();
      await there(a).reset(11);
      await there(b).reset(21);
      const spent = await cost(() =>
        table.transact((tx) => {
          void tx.swap(a, increment);
          void tx.swap(b, increment);
        }),
      );
      expect([spent.requests, spent.readUnits, await stored()]).toEqual([2, 0, [12, 22]]);
    });

    it('that only reads is confirmed by one transactional read', async () => {
      await warm();
      expect(
        await cost(async () => {
          expect(await table.transact((tx) => Promise.all([tx.deref(a), tx.deref(b)]))).toEqual([10, 20]);
        }),
      ).toEqual({ requests: 1, readUnits: 4, writeUnits: 0 });
    });

    it('that only reads never returns states that were not there together', async () => {
      await warm();
      await there(a).reset(11);
      const seen: number[][] = [];
      const result = await table.transact(async (tx) => {
        const pair = [await tx.deref(a), await tx.deref(b)];
        seen.push(pair);
        return pair;
      });
      expect([result, seen]).toEqual([
        [11, 20],
        [
          [10, 20],
          [11, 20],
        ],
      ]);
    });

    it('throws what its function throws, once the states were confirmed, and writes nothing', async () => {
      await warm();
      const empty = new RangeError('not enough');
      const withdraw = async (tx: Transaction) => {
        void tx.swap(b, increment);
        if ((await tx.deref(a)) < 50) throw empty;
        return tx.swap(a, (n) => n - 50);
      };
      expect(await table.transact(withdraw).catch((error: unknown) => error)).toBe(empty);
      expect(await stored()).toEqual([10, 20]);
      // What this process knows is too little, what is there is enough.
      await there(a).reset(60);
      expect(await table.transact(withdraw)).toBe(10);
      expect(await stored()).toEqual([10, 21]);
    });

    it('stays within 100 atoms: 101 are refused before anything is written', async () => {
      const many = Array.from({ length: 101 }, (_, at) => counter(table, `many-${keys}-${at}`));
      const touch = (count: number) => (tx: Transaction) => {
        for (const atom of many.slice(0, count)) void tx.reset(atom, 1);
      };
      await expect(table.transact(touch(101))).rejects.toMatchObject({
        code: 'ERR_TRANSACTION_TOO_LARGE',
        limit: 'actions',
        size: 101,
        sizeMax: 100,
        outcome: 'not-done',
      });
      expect(await there(many[0] as Counter).snapshot()).toMatchObject({ exists: false });
      await table.transact(touch(100));
      expect(await there(many[99] as Counter).deref()).toBe(1);
    });

    it('gives way to what another transaction has committed in between, with no update lost', async () => {
      await warm();
      const add = (of: AtomTable) =>
        of.transact((tx) => {
          void tx.swap(counter(of, a.key), increment);
          void tx.swap(counter(of, b.key), increment);
        });
      await Promise.all(Array.from({ length: 10 }, () => [add(table), add(rival)]).flat());
      expect(await stored()).toEqual([30, 40]);
    });
  });
}

for (const row of engines) describeEngine(row, () => suite(row));
