/** The contract of transactions, and of saying so where there are none. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { type TransactAction, transactionActionsMax } from '../../lib/engine/index.js';
import { type Bench, freshKey, given, read, refused } from './contract-bench.js';

const absent = { expression: 'attribute_not_exists(pk)' };
const present = { expression: 'attribute_exists(pk)' };
const addOne = { expression: 'ADD n :one', values: { ':one': { N: '1' } } };

/** Registers the facts of transactions. */
export function transactionContract(bench: () => Bench, supported: boolean): void {
  if (!supported) {
    describe('transactions', () => {
      it('are known to be missing, without a read or a write', async () => {
        const { engine } = bench();
        const before = engine.spent();
        expect(await engine.supportsTransactions()).toBe(false);
        expect(await engine.supportsTransactions()).toBe(false);
        const { readUnits, writeUnits } = engine.spent();
        expect({ readUnits, writeUnits }).toEqual({ readUnits: before.readUnits, writeUnits: before.writeUnits });
      });

      it('are refused as an unknown operation', async () => {
        const { engine, plain } = bench();
        const pk = { S: freshKey() };
        const actions: TransactAction[] = [{ kind: 'put', table: plain, item: { pk } }];
        expect(await engine.transactWrite({ actions, token: randomUUID() })).toEqual(
          refused('UnknownOperationException'),
        );
        const gets = [{ table: plain, key: { pk } }];
        await expect(engine.transactGet({ gets })).rejects.toMatchObject({ name: 'UnknownOperationException' });
        expect(await read(bench(), pk.S)).toBeUndefined();
      });
    });
    return;
  }

  describe('supportsTransactions()', () => {
    it('says so, and asks no more than once', async () => {
      const { engine } = bench();
      expect(await engine.supportsTransactions()).toBe(true);
      const { requests } = engine.spent();
      expect(await engine.supportsTransactions()).toBe(true);
      expect(engine.spent().requests).toBe(requests);
    });
  });

  describe('transactWrite()', () => {
    it('does all of it', async () => {
      const { engine, plain } = bench();
      const [put, updated, deleted, checked] = [freshKey(), freshKey(), freshKey(), freshKey()].map((S) => ({
        pk: { S },
      }));
      if (!put || !updated || !deleted || !checked) throw new Error('four keys');
      for (const key of [deleted, checked]) await given(bench(), key);
      const actions: TransactAction[] = [
        { kind: 'put', table: plain, item: put, condition: absent },
        { kind: 'update', table: plain, key: updated, update: addOne },
        { kind: 'delete', table: plain, key: deleted, condition: present },
        { kind: 'check', table: plain, key: checked, condition: present },
      ];
      expect(await engine.transactWrite({ actions, token: randomUUID() })).toEqual({ status: 'applied' });
      const gets = [put, updated, deleted, checked].map((key) => ({ table: plain, key }));
      expect(await engine.transactGet({ gets })).toEqual([put, { ...updated, n: { N: '1' } }, undefined, checked]);
    });

    it('does nothing of it when one condition fails, and says which', async () => {
      const { engine, plain } = bench();
      const [free, taken, missing] = [freshKey(), freshKey(), freshKey()].map((S) => ({ pk: { S } }));
      if (!free || !taken || !missing) throw new Error('three keys');
      const there = { ...taken, n: { N: '7' } };
      await given(bench(), there);
      const actions: TransactAction[] = [
        { kind: 'put', table: plain, item: free, condition: absent },
        { kind: 'put', table: plain, item: taken, condition: absent },
        { kind: 'check', table: plain, key: missing, condition: present },
      ];
      const answer = await engine.transactWrite({ actions, token: randomUUID() });
      expect(answer).toMatchObject({
        status: 'cancelled',
        resent: false,
        reasons: [{ code: 'None' }, { code: 'ConditionalCheckFailed' }, { code: 'ConditionalCheckFailed' }],
      });
      if (answer.status !== 'cancelled') throw new Error('cancelled');
      expect(answer.reasons.map(({ image }) => image)).toEqual([
        undefined,
        bench().supports.images ? there : undefined,
        undefined,
      ]);
      expect(await read(bench(), free.pk.S)).toBeUndefined();
      expect(await read(bench(), taken.pk.S)).toEqual(there);
    });

    it('applies the same token once', async () => {
      const { engine, plain } = bench();
      const key = { pk: { S: freshKey() } };
      const actions: TransactAction[] = [{ kind: 'update', table: plain, key, update: addOne }];
      const token = randomUUID();
      for (let i = 0; i < 3; i++) expect(await engine.transactWrite({ actions, token })).toEqual({ status: 'applied' });
      expect((await read(bench(), key.pk.S))?.n).toEqual({ N: '1' });
      const others: TransactAction[] = [{ kind: 'put', table: plain, item: { pk: { S: freshKey() } } }];
      expect(await engine.transactWrite({ actions: others, token })).toEqual(
        refused('IdempotentParameterMismatchException'),
      );
    });

    it('takes a hundred actions, not one more, and no item twice', async () => {
      const { engine, plain } = bench();
      const puts = (count: number): TransactAction[] =>
        Array.from({ length: count }, () => ({ kind: 'put', table: plain, item: { pk: { S: freshKey() } } }));
      expect(await engine.transactWrite({ actions: puts(transactionActionsMax), token: randomUUID() })).toEqual({
        status: 'applied',
      });
      expect(await engine.transactWrite({ actions: puts(transactionActionsMax + 1), token: randomUUID() })).toEqual(
        refused('ValidationException'),
      );
      const [one] = puts(1);
      if (!one) throw new Error('one action');
      expect(await engine.transactWrite({ actions: [one, one], token: randomUUID() })).toEqual(
        refused('ValidationException'),
      );
    });

    it('keeps a sum while transfers race', async () => {
      const { engine, plain } = bench();
      const accounts = [freshKey(), freshKey(), freshKey()].map((S) => ({ pk: { S } }));
      for (const key of accounts) await given(bench(), { ...key, n: { N: '100' } });
      const add = (n: number) => ({ expression: 'ADD n :n', values: { ':n': { N: String(n) } } });
      const gets = accounts.map((key) => ({ table: plain, key }));
      const sum = async () =>
        (await engine.transactGet({ gets })).reduce(
          (total, item) => total + Number((item as { n: { N: string } }).n.N),
          0,
        );
      const transfer = async (n: number) => {
        const [from, to] = [accounts[n % 3], accounts[(n + 1) % 3]];
        if (!from || !to) throw new Error('two accounts');
        const actions: TransactAction[] = [
          { kind: 'update', table: plain, key: from, update: add(-1) },
          { kind: 'update', table: plain, key: to, update: add(1) },
        ];
        await engine.transactWrite({ actions, token: randomUUID() });
        // A read that meets a transaction may be refused with a conflict; a sum that was read is right.
        expect(await sum().catch(() => 300)).toBe(300);
      };
      await Promise.all(Array.from({ length: 24 }, (_, n) => transfer(n)));
      expect(await sum()).toBe(300);
    });
  });

  describe('transactGet()', () => {
    it('answers in the order of the keys', async () => {
      const { engine, plain } = bench();
      const [here, gone] = [freshKey(), freshKey()].map((S) => ({ pk: { S } }));
      if (!here || !gone) throw new Error('two keys');
      await given(bench(), here);
      expect(await engine.transactGet({ gets: [gone, here].map((key) => ({ table: plain, key })) })).toEqual([
        undefined,
        here,
      ]);
    });
  });
}
