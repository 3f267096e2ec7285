/** The contract of tables: making, describing and deleting them, expiry and streams. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import type { Bench, ContractSupports } from './contract-bench.js';

const partitionKey = { name: 'id', type: 'S' } as const;
const onDemand = { mode: 'on-demand' } as const;
const unknown = { name: 'UnknownOperationException' };

/** Registers the facts of tables. */
export function tableContract(bench: () => Bench, supports: ContractSupports): void {
  describe('tables', () => {
    it('knows nothing of a missing table', async () => {
      const { engine, uniqueTable } = bench();
      expect(await engine.describeTable(uniqueTable())).toBeUndefined();
      await expect(engine.deleteTable(uniqueTable())).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    });

    it('makes and describes a table on demand with both keys', async () => {
      const { engine, makeTable } = bench();
      const sortKey = { name: 'at', type: 'N' } as const;
      const table = await makeTable({ partitionKey: { name: 'raw', type: 'B' }, sortKey, billing: onDemand });
      expect(await engine.describeTable(table)).toEqual({
        status: 'ACTIVE',
        partitionKey: { name: 'raw', type: 'B' },
        sortKey,
        billingMode: 'on-demand',
        streamArn: undefined,
        streamViewType: undefined,
        replication: 'none',
      });
    });

    it('makes and describes a provisioned table', async () => {
      const { engine, makeTable } = bench();
      const billing = { mode: 'provisioned', readUnits: 5, writeUnits: 5 } as const;
      const table = await makeTable({ partitionKey, billing });
      expect(await engine.describeTable(table)).toMatchObject({ billingMode: 'provisioned', sortKey: undefined });
    });

    it('rejects a second table of the same name', async () => {
      const { engine, makeTable } = bench();
      const table = await makeTable({ partitionKey, billing: onDemand });
      const again = engine.createTable({ table, partitionKey, billing: onDemand });
      await expect(again).rejects.toMatchObject({ name: 'ResourceInUseException' });
    });

    it('forgets a deleted table and its items', async () => {
      const { engine, makeTable } = bench();
      const table = await makeTable({ partitionKey, billing: onDemand });
      await engine.put({ table, item: { id: { S: 'x' } } });
      await engine.deleteTable(table);
      for (let i = 0; i < 6_000 && (await engine.describeTable(table)) !== undefined; i++) await sleep(10);
      await engine.createTable({ table, partitionKey, billing: onDemand });
      for (let i = 0; i < 6_000 && (await engine.describeTable(table))?.status !== 'ACTIVE'; i++) await sleep(10);
      expect(await engine.get({ table, key: { id: { S: 'x' } }, consistent: true })).toBeUndefined();
      await engine.deleteTable(table);
    });
  });

  describe('streams', () => {
    (supports.streams ? it : it.skip)('tells the stream of a table that has one', async () => {
      const { engine, makeTable } = bench();
      const table = await makeTable({ partitionKey, billing: onDemand, streamViewType: 'NEW_AND_OLD_IMAGES' });
      expect(await engine.describeTable(table)).toMatchObject({
        streamViewType: 'NEW_AND_OLD_IMAGES',
        streamArn: expect.stringContaining(table),
      });
    });
  });

  describe('time to live', () => {
    it(supports.timeToLive ? 'is switched on for one attribute' : 'cannot be switched on', async () => {
      const { engine, makeTable } = bench();
      const table = await makeTable({ partitionKey, billing: onDemand });
      if (!supports.timeToLive) {
        await expect(engine.updateTimeToLive(table, 'expiresAt')).rejects.toMatchObject(unknown);
        return;
      }
      expect(await engine.describeTimeToLive(table)).toMatchObject({ enabled: false });
      await engine.updateTimeToLive(table, 'expiresAt');
      expect(await engine.describeTimeToLive(table)).toEqual({ enabled: true, attribute: 'expiresAt' });
    });
  });
}
