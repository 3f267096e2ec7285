// Goal: shards that follow one another are the same over all that have them: the simulator, where they roll and split, and DynamoDB Local's
// one shard, cut into many.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ShardDescription, StreamRecord } from '../../../lib/streams/index.js';
import { describeStreams, type OpenStreams, reshardedAfter, streamEngines } from '../../support/stream-engines.js';
import { type Differences, differences } from './differences.js';
import {
  type Found,
  grows,
  item,
  listed,
  numbersOf,
  put,
  readShard,
  readStream,
  refusal,
  sequenceOf,
} from './reading.js';

describe('StreamsPort', () => {
  for (const row of streamEngines) {
    describeStreams(row, () => {
      const differs: Differences = differences[row.name];
      let opened: OpenStreams;
      beforeAll(async () => {
        opened = await row.open();
      });
      afterAll(() => opened?.close());
      const fact = (name: string, work: () => Promise<void>, isAble = true) =>
        (isAble ? it : it.skip)(name, () => opened.run(work));

      describe('a lineage of shards', () => {
        const [first, second] = reshardedAfter;
        const keys = Array.from({ length: 10 }, (_, at) => `key-${at}`);
        /** Numbers from `from`, over all keys in turn. */
        const turn = (from: number, count: number) =>
          Array.from({ length: count }, (_, at) => item(keys[at % keys.length] as string, from + at));

        let arn = '';
        let shards: readonly ShardDescription[] = [];

        fact(
          'has shards with one parent each, that are closed where their children begin',
          async () => {
            const { tableName, arn: made } = await opened.createTable();
            arn = made;
            await put(opened, tableName, turn(0, first));
            opened.reshard?.(arn);
            await put(opened, tableName, turn(first, second));
            opened.reshard?.(arn);
            await put(opened, tableName, turn(first + second, 30));
            shards = await listed(opened.port(), arn, 2);
            const ids = shards.map(({ shardId }) => shardId);
            expect(ids).toEqual([...ids].sort());
            expect(shards.map(({ parentId }) => parentId)).toEqual([undefined, ids[0], ids[1], ids[1]]);
            expect(shards.map(({ lastSequence }) => lastSequence !== undefined)).toEqual([true, true, false, false]);
            for (const { parentId, firstSequence = '' } of shards.slice(1)) {
              const parent = shards.find(({ shardId }) => shardId === parentId);
              expect(grows([parent?.lastSequence ?? '', firstSequence])).toBe(true);
            }
          },
          differs.lineage,
        );

        fact(
          'keeps the changes of an item in order along it',
          async () => {
            const found = await readStream(opened, arn, first + second + 30);
            const inOrder = shards.map(({ shardId }) => found.filter((one) => one.shardId === shardId));
            expect(inOrder.map((one) => one.length > 0)).toEqual([true, true, true, true]);
            expect(inOrder.slice(0, 2).map((one) => one.length)).toEqual([first, second]);
            for (const [at, key] of keys.entries()) {
              const isOf = ({ record }: Found) => JSON.stringify(record.dynamodb?.Keys) === JSON.stringify(item(key));
              const numbers = numbersOf(
                inOrder
                  .flat()
                  .filter(isOf)
                  .map(({ record }) => record),
              );
              expect(numbers).toEqual(Array.from({ length: 10 }, (_, round) => at + 10 * round));
              expect(inOrder.slice(2).filter((one) => one.some(isOf)).length).toBe(1);
            }
          },
          differs.lineage,
        );

        fact(
          'ends closed shards with their last record, wherever they are read from',
          async () => {
            const [root, child] = shards as [ShardDescription, ShardDescription];
            const whole = await readShard(opened, arn, root.shardId, first + 1);
            expect([whole.records.length, whole.isEnd]).toEqual([first, true]);
            const last = { type: 'AFTER_SEQUENCE_NUMBER', sequence: root.lastSequence ?? '' } as const;
            for (const start of [last, { type: 'LATEST' }] as const) {
              expect(await readShard(opened, arn, root.shardId, 1, start)).toEqual({ records: [], isEnd: true });
            }
            const half = {
              type: 'AFTER_SEQUENCE_NUMBER',
              sequence: sequenceOf(whole.records[19] as StreamRecord),
            } as const;
            const rest = await readShard(opened, arn, root.shardId, first, half);
            expect([rest.records.length, rest.isEnd]).toEqual([first - 20, true]);
            const at = { type: 'AT_SEQUENCE_NUMBER', sequence: child.firstSequence ?? '' } as const;
            const fromFirst = await readShard(opened, arn, child.shardId, second + 1, at);
            expect([fromFirst.records.length, fromFirst.isEnd]).toEqual([second, true]);
            const port = opened.port();
            const before = port.iterator({ arn, shardId: child.shardId, start: last });
            await expect(before).rejects.toEqual(refusal('ValidationException'));
          },
          differs.lineage,
        );

        fact('names the children of a shard, where it names any', async () => {
          const port = opened.port();
          if (!differs.lineage) {
            const { arn: made } = await opened.createTable();
            const [shard] = await listed(port, made);
            expect((await port.describe({ arn: made, childrenOf: shard?.shardId })).shards).toEqual([]);
            return;
          }
          const childrenOf = async (at: number) =>
            (await port.describe({ arn, childrenOf: shards[at]?.shardId })).shards.map(({ shardId }) => shardId);
          const ids = shards.map(({ shardId }) => shardId);
          expect(differs.tellsChildren).toBe(true);
          expect([await childrenOf(0), await childrenOf(1), await childrenOf(2)]).toEqual([
            [ids[1]],
            [ids[2], ids[3]],
            [],
          ]);
        });
      });
    });
  }
});
