/**
 * Goal: an item of the user's own, written through either client of the SDK, and atoms written in a transaction, are safe from who held
 * the lock before. The condition is the engine's to judge, so it runs on real ones.
 */
import {
  type DynamoDBClient,
  PutItemCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, GetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { type Fence, type FenceConditionOptions, fenceCondition, Lock, Session } from '../../lib/recipes/index.js';
import { openBench } from '../atom/bench.js';
import { describeEngine, engines, type OpenEngine } from '../support/engines.js';

const lockA = (token: bigint): Fence => ({ name: 'a', token });
const failed = { name: 'ConditionalCheckFailedException' };

for (const row of engines.filter(({ name }) => name === 'dynalite' || name === 'dynamodb-local')) {
  describeEngine(row, () => {
    let opened: OpenEngine;
    let table: string;
    let client: DynamoDBClient;
    let documents: DynamoDBDocumentClient;
    let items = 0;
    beforeAll(async () => {
      opened = await row.open();
      table = opened.uniqueTable();
      client = opened.client as DynamoDBClient;
      documents = DynamoDBDocumentClient.from(client);
      await new AtomTable({ client, tableName: table }).create();
    });
    afterAll(async () => {
      await opened.engine.deleteTable(table);
      await opened.close();
    });
    const newKey = () => `item-${++items}`;
    const read = async (id: string) => (await documents.send(new GetCommand({ TableName: table, Key: { id } }))).Item;

    const update = (id: string, fence: Fence, total: number, options?: FenceConditionOptions) => {
      const guard = fenceCondition(fence, options);
      return documents.send(
        new UpdateCommand({
          TableName: table,
          Key: { id },
          UpdateExpression: `SET amount = :amount, ${guard.assignments}`,
          ConditionExpression: guard.condition,
          ExpressionAttributeNames: guard.names,
          ExpressionAttributeValues: { ':amount': total, ...guard.values },
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }),
      );
    };
    const put = (id: string, fence: Fence, total: number) => {
      const guard = fenceCondition(fence);
      return documents.send(
        new PutCommand({
          TableName: table,
          Item: { id, amount: total, ...guard.attributes },
          ConditionExpression: guard.condition,
          ExpressionAttributeNames: guard.names,
          ExpressionAttributeValues: guard.values,
        }),
      );
    };
    const plainUpdate = (id: string, fence: Fence, total: number) => {
      const guard = fenceCondition(fence, { client: 'plain' });
      return client.send(
        new UpdateItemCommand({
          TableName: table,
          Key: { id: { S: id } },
          UpdateExpression: `SET amount = :amount, ${guard.assignments}`,
          ConditionExpression: guard.condition,
          ExpressionAttributeNames: guard.names,
          ExpressionAttributeValues: { ':amount': { N: String(total) }, ...guard.values },
        }),
      );
    };
    const plainPut = (id: string, fence: Fence, total: number) => {
      const guard = fenceCondition(fence, { client: 'plain' });
      return client.send(
        new PutItemCommand({
          TableName: table,
          Item: { id: { S: id }, amount: { N: String(total) }, ...guard.attributes },
          ConditionExpression: guard.condition,
          ExpressionAttributeNames: guard.names,
          ExpressionAttributeValues: guard.values,
        }),
      );
    };

    it.each([
      ['UpdateCommand', update],
      ['PutCommand', put],
      ['UpdateItemCommand', plainUpdate],
      ['PutItemCommand', plainPut],
    ])('%s takes equal and larger tokens of one lock and no other', async (_name, write) => {
      const id = newKey();
      await write(id, lockA(3n), 1);
      await write(id, lockA(3n), 2);
      await write(id, lockA(12n), 3);
      for (const fence of [
        lockA(11n),
        lockA(2n),
        { name: 'b', token: 99n },
        { kind: 'election', name: 'a', token: 99n },
      ]) {
        await expect(write(id, fence, 4)).rejects.toMatchObject(failed);
      }
      expect(await read(id)).toEqual({ id, amount: 3, fence: 12, fenceOf: 'lock:a' });
    });

    it('guards an item that had no token before, under names of the user', async () => {
      const id = newKey();
      await documents.send(new PutCommand({ TableName: table, Item: { id, size: 1 } }));
      const names = { tokenAttribute: 'size#', lockAttribute: 'name' };
      await update(id, lockA(5n), 1, names);
      await expect(update(id, lockA(4n), 2, names)).rejects.toMatchObject(failed);
      expect(await read(id)).toEqual({ id, size: 1, amount: 1, 'size#': 5, name: 'lock:a' });
    });

    it('says why, from the item that came with the refusal', async () => {
      const id = newKey();
      await update(id, lockA(5n), 1);
      for (const [fence, code] of [
        [lockA(4n), 'ERR_STALE_TOKEN'],
        [{ name: 'b', token: 9n }, 'ERR_FENCE_MISMATCH'],
      ] as const) {
        const error = await update(id, fence, 2).catch(
          (caught: unknown) => caught as { Item?: Record<string, unknown> },
        );
        const item = row.supports.images ? (error as { Item?: Record<string, unknown> }).Item : await read(id);
        expect(fenceCondition(fence).refusal(item)).toMatchObject({ code });
      }
      expect(fenceCondition(lockA(5n)).refusal(await read(id))).toBeUndefined();
      expect(fenceCondition(lockA(1n)).refusal(undefined)).toBeUndefined();
    });

    (row.supports.transactions ? it : it.skip)('guards an item in TransactWriteItems', async () => {
      const [id, other] = [newKey(), newKey()];
      const write = (fence: Fence) => {
        const guard = fenceCondition(fence, { client: 'plain' });
        const expressions = {
          ConditionExpression: guard.condition,
          ExpressionAttributeNames: guard.names,
          ExpressionAttributeValues: guard.values,
        };
        return client.send(
          new TransactWriteItemsCommand({
            TransactItems: [
              {
                Update: {
                  TableName: table,
                  Key: { id: { S: id } },
                  UpdateExpression: `SET ${guard.assignments}`,
                  ...expressions,
                },
              },
              { Put: { TableName: table, Item: { id: { S: other }, by: { N: String(fence.token) } } } },
            ],
          }),
        );
      };
      await write(lockA(2n));
      await expect(write(lockA(1n))).rejects.toMatchObject({ name: 'TransactionCanceledException' });
      expect(await read(other)).toEqual({ id: other, by: 2 });
    });
  });
}

describe('fenceCondition()', () => {
  it('refuses what is no fence, and wrong options', () => {
    expect(() => fenceCondition(undefined as unknown as Fence)).toThrow(TypeError);
    expect(() => fenceCondition({ name: 'a', token: 5 as unknown as bigint })).toThrow(TypeError);
    expect(() => fenceCondition(lockA(0n))).toThrow(RangeError);
    const options: unknown[] = [
      { tokenAttribute: '' },
      { lockAttribute: 5 },
      { tokenAttribute: 'fenceOf' },
      { client: 'x' },
    ];
    for (const wrong of options)
      expect(() => fenceCondition(lockA(1n), wrong as FenceConditionOptions)).toThrow(TypeError);
  });

  it('makes nothing of an attribute that is no token', () => {
    const guard = fenceCondition(lockA(1n));
    expect(guard.refusal({ fence: 'x', fenceOf: 'lock:a' })).toBeUndefined();
    expect(guard.refusal({ fence: { N: '7' } })).toMatchObject({ code: 'ERR_FENCE_MISMATCH' });
    expect(guard.refusal({ fence: { N: '7' }, fenceOf: { S: 'lock:a' } })).toMatchObject({ held: 1n, seen: 7n });
  });
});

describe('check()', () => {
  const world = async () => {
    const bench = await openBench();
    const process = () => {
      const table = bench.calm();
      const session = new Session(table, { leaseMs: 15_000 });
      return { table, session, lock: new Lock(session, 'a'), total: table.atom<number>('total', { initial: 0 }) };
    };
    return { bench, process, first: process(), second: process() };
  };
  type Process = Awaited<ReturnType<typeof world>>['first'];
  type Held = Awaited<ReturnType<Lock['acquire']>>;
  const add = ({ table, total }: Process, grant: Held, meanwhile?: () => Promise<unknown>) =>
    table.transact(async (tx) => {
      void grant.check(tx);
      await meanwhile?.();
      return tx.swap(total, (n) => n + 1);
    });

  it('lets a transaction through while the lock is held, also when others queue for it', async () => {
    const { bench, first, second } = await world();
    await bench.run(
      (async () => {
        const grant = await first.lock.acquire();
        expect(await add(first, grant)).toBe(1);
        const waiting = second.lock.acquire();
        await bench.clock.sleep(2_000);
        expect(await add(first, grant)).toBe(2);
        await grant.release();
        expect(await add(second, await waiting)).toBe(3);
      })(),
    );
  });

  it('refuses it when the lock was taken before, or between its function and its commit', async () => {
    const { bench, first, second } = await world();
    await bench.run(
      (async () => {
        const before = await first.lock.acquire();
        await second.lock.forceRelease({ token: before.token });
        await expect(add(first, before)).rejects.toMatchObject({ code: 'ERR_LEASE_LOST', reason: 'taken', token: 1n });
        expect(before.isHeld).toBe(false);
        const between = await first.lock.acquire();
        let runs = 0;
        const take = async () => {
          runs += 1;
          if (runs === 1) await second.lock.forceRelease({ token: between.token });
        };
        await expect(add(first, between, take)).rejects.toMatchObject({ code: 'ERR_LEASE_LOST', reason: 'taken' });
        expect(await second.total.deref()).toBe(0);
      })(),
    );
  });

  it('refuses it when the grant was released, or its lease ended', async () => {
    const { bench, first, second } = await world();
    await bench.run(
      (async () => {
        const released = await first.lock.acquire();
        await released.release();
        await expect(add(first, released)).rejects.toThrow('it was released by this process');
        const frozen = new Session(second.table, { leaseMs: 15_000, renewal: 'manual' });
        const silent = await new Lock(frozen, 'a').acquire();
        await bench.clock.sleep(12_100);
        await expect(add(second, silent)).rejects.toMatchObject({ code: 'ERR_LEASE_LOST', reason: 'silent' });
        expect(await first.total.deref()).toBe(0);
      })(),
    );
  });

  it('refuses a transaction of another table', async () => {
    const { bench, first, second } = await world();
    const grant = await bench.run(first.lock.acquire());
    await expect(bench.run(second.table.transact((tx) => grant.check(tx)))).rejects.toThrow('another AtomTable');
  });

  it('costs one condition on the item of the lock', async () => {
    const { bench, first } = await world();
    const grant = await bench.run(first.lock.acquire());
    await bench.run(add(first, grant));
    const before = first.table.spent();
    await bench.run(add(first, grant));
    const after = first.table.spent();
    expect(after.requests - before.requests).toBe(1);
    expect(after.writeUnits - before.writeUnits).toBe(4);
  });
});
