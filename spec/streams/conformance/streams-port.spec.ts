// Goal: one behaviour of StreamsPort over all that stand behind it, so that what holds over the simulator holds over the rest. What is
// known to differ stands in `differences.ts`, and is checked as well. What only some can do is skipped by the others; lineages are in `lineage.spec.ts`.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { StreamRecord } from '../../../lib/streams/index.js';
import { describeStreams, type OpenStreams, streamEngines } from '../../support/stream-engines.js';
import { type Differences, differences } from './differences.js';
import {
  grows,
  item,
  listed,
  numbersOf,
  put,
  readOn,
  readShard,
  readStream,
  refusal,
  sequenceOf,
  shardWith,
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

      describe('streamsOf()', () => {
        fact('names the streams of a table, and none of a table that has none', async () => {
          const { tableName, arn } = await opened.createTable();
          const label = arn.slice(arn.lastIndexOf('/') + 1);
          expect(await opened.port().streamsOf(tableName)).toEqual([{ arn, label, tableName }]);
          expect(await opened.port().streamsOf(opened.uniqueTable())).toEqual([]);
        });
      });

      describe('describe()', () => {
        fact('tells view type, keys and open shards without parents', async () => {
          const { tableName, arn } = await opened.createTable({ viewType: 'KEYS_ONLY', sortKey: true });
          const described = await opened.port().describe({ arn });
          expect(described).toMatchObject({ arn, tableName, status: 'ENABLED', viewType: 'KEYS_ONLY' });
          expect(described.keyNames).toEqual(['pk', 'sk']);
          expect(described.shards.length).toBeGreaterThan(0);
          for (const shard of described.shards) {
            expect(shard.shardId).toMatch(/^shardId-\d{20}-[0-9a-f]{8}$/);
            expect(shard.firstSequence).toMatch(/^\d{21,40}$/);
            expect([shard.parentId, shard.lastSequence]).toEqual([undefined, undefined]);
          }
        });

        fact('pages by limit, and goes on after a shard', async () => {
          const { arn } = await opened.createTable();
          const port = opened.port();
          const all = await listed(port, arn);
          expect(await listed(port, arn, 1)).toEqual(all);
          const { shards, lastShardId } = await port.describe({ arn, startAfter: all.at(-1)?.shardId });
          expect([shards, lastShardId]).toEqual([[], undefined]);
          for (const limit of [0, 101]) {
            await expect(port.describe({ arn, limit })).rejects.toEqual(refusal('ValidationException'));
          }
        });

        fact('refuses a stream that is not there', async () => {
          const { arn } = await opened.createTable();
          const other = `${arn.slice(0, -4)}.001`;
          await expect(opened.port().describe({ arn: other })).rejects.toEqual(refusal('ResourceNotFoundException'));
        });
      });

      describe('records()', () => {
        fact('tells each change once, in order, with both images', async () => {
          const { tableName, arn } = await opened.createTable();
          await put(opened, tableName, [item('a', 1), item('a', 2)]);
          await opened.engine.delete({ table: tableName, key: item('a') });
          const found = (await readStream(opened, arn, 3)).map(({ record }) => record);
          expect(found.map(({ eventName }) => eventName)).toEqual(['INSERT', 'MODIFY', 'REMOVE']);
          expect(found.map(({ dynamodb }) => [dynamodb?.Keys, dynamodb?.OldImage, dynamodb?.NewImage])).toEqual([
            [item('a'), undefined, item('a', 1)],
            [item('a'), item('a', 1), item('a', 2)],
            [item('a'), item('a', 2), undefined],
          ]);
          expect(grows(found.map(sequenceOf))).toBe(true);
          expect(new Set(found.map(({ eventID }) => eventID)).size).toBe(3);
          for (const { dynamodb, eventSource, userIdentity } of found) {
            expect(dynamodb?.SequenceNumber).toMatch(/^\d{21,40}$/);
            expect(dynamodb?.StreamViewType).toBe('NEW_AND_OLD_IMAGES');
            expect(dynamodb?.SizeBytes).toBeGreaterThan(0);
            expect(Number(dynamodb?.ApproximateCreationDateTime) % differs.grainMs).toBe(0);
            expect([eventSource, userIdentity]).toEqual(['aws:dynamodb', undefined]);
          }
        });

        for (const [viewType, images] of [
          ['KEYS_ONLY', []],
          ['NEW_IMAGE', ['NewImage']],
          ['OLD_IMAGE', ['OldImage']],
        ] as const) {
          fact(`tells ${images[0] ?? 'no image'} by ${viewType}`, async () => {
            const { tableName, arn } = await opened.createTable({ viewType });
            await put(opened, tableName, [item('a', 1), item('a', 2)]);
            const [, modified] = await readStream(opened, arn, 2);
            const { Keys, NewImage, OldImage } = modified?.record.dynamodb ?? {};
            expect(Keys).toEqual(item('a'));
            const told = Object.entries({ NewImage, OldImage }).filter(([, image]) => image !== undefined);
            expect(told.map(([name]) => name)).toEqual(images);
          });
        }

        fact('tells nothing of writes that change nothing', async () => {
          const { tableName, arn } = await opened.createTable();
          const { engine } = opened;
          await put(opened, tableName, [item('a', 1), item('a', 1)]);
          await engine.delete({ table: tableName, key: item('b') });
          const update = { expression: 'SET n = :n', values: { ':n': { N: '1' } } };
          await engine.update({ table: tableName, key: item('a'), update });
          await put(opened, tableName, [item('a', 2)]);
          expect(numbersOf((await readStream(opened, arn, 2)).map(({ record }) => record))).toEqual([1, 2]);
        });

        fact('tells each item of a batch and of a transaction', async () => {
          const { tableName: table, arn } = await opened.createTable();
          await opened.engine.batchWrite({ table, puts: [item('a', 1), item('b', 2)] });
          const actions = [item('c', 3), item('d', 4)].map((one) => ({ kind: 'put' as const, table, item: one }));
          await opened.engine.transactWrite({ actions, token: `token-${table}` });
          const numbers = numbersOf((await readStream(opened, arn, 4)).map(({ record }) => record));
          expect(numbers.sort()).toEqual([1, 2, 3, 4]);
        });

        fact('gives pages of at most the limit, which chain', async () => {
          const { tableName, arn } = await opened.createTable();
          await put(
            opened,
            tableName,
            [1, 2, 3, 4, 5].map((n) => item('a', n)),
          );
          const shardId = await shardWith(opened, arn);
          await readShard(opened, arn, shardId, 5);
          const port = opened.port();
          let iterator: string | undefined = await port.iterator({ arn, shardId, start: { type: 'TRIM_HORIZON' } });
          const pages: number[][] = [];
          while (iterator !== undefined && pages.flat().length < 5) {
            const page = await port.records({ arn, shardId, iterator, limit: 2 });
            expect(page.records.length).toBeLessThanOrEqual(2);
            if (page.records.length > 0) pages.push(numbersOf(page.records));
            iterator = page.nextIterator;
          }
          expect(pages.flat()).toEqual([1, 2, 3, 4, 5]);
          expect(iterator).toBeDefined();
          for (const limit of [0, 1_001]) {
            const asked = port.records({ arn, shardId, iterator: iterator ?? '', limit });
            await expect(asked).rejects.toEqual(refusal('ValidationException'));
          }
        });

        fact('reads the same from the same iterator again', async () => {
          const { tableName, arn } = await opened.createTable();
          await put(opened, tableName, [item('a', 1)]);
          const shardId = await shardWith(opened, arn);
          const port = opened.port();
          const iterator = await port.iterator({ arn, shardId, start: { type: 'TRIM_HORIZON' } });
          const [one, other] = [
            await readOn(opened, port, arn, shardId, iterator, 1),
            await readOn(opened, port, arn, shardId, iterator, 1),
          ];
          expect(one.records.map(sequenceOf)).toEqual(other.records.map(sequenceOf));
        });

        fact(`${differs.pagesKeepBytes ? 'keeps' : 'does not keep'} pages within 1 MB`, async () => {
          const { tableName, arn } = await opened.createTable({ viewType: 'NEW_IMAGE' });
          const text = 'x'.repeat(390_000);
          await put(
            opened,
            tableName,
            [1, 2, 3, 4].map((n) => ({ ...item('a', n), text: { S: text } })),
          );
          const shardId = await shardWith(opened, arn);
          await readShard(opened, arn, shardId, 4);
          const port = opened.port();
          const iterator = await port.iterator({ arn, shardId, start: { type: 'TRIM_HORIZON' } });
          const { records } = await port.records({ arn, shardId, iterator });
          expect(records.length <= 2).toBe(differs.pagesKeepBytes);
        });

        fact('refuses what is no iterator', async () => {
          const { arn } = await opened.createTable();
          const [shard] = await listed(opened.port(), arn);
          const asked = opened.port().records({ arn, shardId: shard?.shardId ?? '', iterator: 'none' });
          await expect(asked).rejects.toEqual(refusal('ValidationException'));
        });

        fact(
          'refuses an iterator that is older than a quarter of an hour',
          async () => {
            const { tableName, arn } = await opened.createTable();
            await put(opened, tableName, [item('a', 1)]);
            const shardId = await shardWith(opened, arn);
            const port = opened.port();
            const fresh = await port.iterator({ arn, shardId, start: { type: 'TRIM_HORIZON' } });
            const old = (await opened.aged?.(fresh)) ?? '';
            await expect(port.records({ arn, shardId, iterator: old })).rejects.toEqual(
              refusal('ExpiredIteratorException'),
            );
          },
          differs.age,
        );
      });

      describe('iterator()', () => {
        fact('starts at a record, after it, at the oldest, behind the newest', async () => {
          const { tableName, arn } = await opened.createTable();
          await put(
            opened,
            tableName,
            [1, 2, 3].map((n) => item('a', n)),
          );
          const shardId = await shardWith(opened, arn);
          const { records } = await readShard(opened, arn, shardId, 3);
          const sequence = sequenceOf(records[1] as StreamRecord);
          const port = opened.port();
          const latest = await port.iterator({ arn, shardId, start: { type: 'LATEST' } });
          // The first page fixes what LATEST means.
          const { nextIterator = '' } = await port.records({ arn, shardId, iterator: latest });
          await put(opened, tableName, [item('a', 4)]);
          const from = (type: 'AT_SEQUENCE_NUMBER' | 'AFTER_SEQUENCE_NUMBER', count: number) =>
            readShard(opened, arn, shardId, count, { type, sequence });
          expect(numbersOf((await from('AT_SEQUENCE_NUMBER', 3)).records)).toEqual([2, 3, 4]);
          expect(numbersOf((await from('AFTER_SEQUENCE_NUMBER', 2)).records)).toEqual([3, 4]);
          expect(numbersOf((await readOn(opened, port, arn, shardId, nextIterator, 1)).records)).toEqual([4]);
        });

        fact('tells nothing after the newest until there is more', async () => {
          const { tableName, arn } = await opened.createTable();
          await put(opened, tableName, [item('a', 1)]);
          const shardId = await shardWith(opened, arn);
          const { records } = await readShard(opened, arn, shardId, 1);
          const start = { type: 'AFTER_SEQUENCE_NUMBER', sequence: sequenceOf(records[0] as StreamRecord) } as const;
          const port = opened.port();
          const iterator = await port.iterator({ arn, shardId, start });
          const page = await port.records({ arn, shardId, iterator });
          expect(page.records).toEqual([]);
          await put(opened, tableName, [item('a', 2)]);
          const { records: more } = await readOn(opened, port, arn, shardId, page.nextIterator ?? '', 1);
          expect(numbersOf(more)).toEqual([2]);
        });

        fact('refuses shards that are not there, and numbers that are none or lie before the shard', async () => {
          const { arn } = await opened.createTable();
          const port = opened.port();
          const [{ shardId = '', firstSequence = '' } = {}] = await listed(port, arn);
          const other = `${shardId.slice(0, -8)}${shardId.endsWith('00000000') ? '11111111' : '00000000'}`;
          const asked = (id: string, sequence?: string) =>
            port.iterator({
              ...{ arn, shardId: id },
              start: sequence === undefined ? { type: 'TRIM_HORIZON' } : { type: 'AT_SEQUENCE_NUMBER', sequence },
            });
          await expect(asked(other)).rejects.toEqual(refusal('ResourceNotFoundException'));
          await expect(asked(shardId, '5')).rejects.toEqual(refusal('ValidationException'));
          const before = String(BigInt(firstSequence) - 1n).padStart(firstSequence.length, '0');
          await expect(asked(shardId, before)).rejects.toEqual(refusal('ValidationException'));
        });

        fact(`a number far beyond the tip is ${differs.beyondTheTip}`, async () => {
          const { tableName, arn } = await opened.createTable();
          await put(opened, tableName, [item('a', 1)]);
          const shardId = await shardWith(opened, arn);
          const { records } = await readShard(opened, arn, shardId, 1);
          const sequence = String(BigInt(sequenceOf(records[0] as StreamRecord)) + 1_000_000n).padStart(21, '0');
          const asked = opened.port().iterator({ arn, shardId, start: { type: 'AT_SEQUENCE_NUMBER', sequence } });
          const outcome = await asked.then(
            () => 'accepted',
            (error: Error) => (error.name === 'ValidationException' ? 'refused' : error.name),
          );
          expect(outcome).toBe(differs.beyondTheTip);
        });

        fact('the first number that is listed may lie before the oldest record', async () => {
          const { tableName, arn } = await opened.createTable();
          // Another table's records make the numbers between, where all tables share them.
          const { tableName: other } = await opened.createTable();
          await put(opened, other, [item('a', 1), item('a', 2)]);
          await put(opened, tableName, [item('a', 1)]);
          const shardId = await shardWith(opened, arn);
          const sequence =
            (await listed(opened.port(), arn)).find((one) => one.shardId === shardId)?.firstSequence ?? '';
          const outcome = await readShard(opened, arn, shardId, 1, { type: 'AT_SEQUENCE_NUMBER', sequence }).then(
            ({ records }) => numbersOf(records),
            (error: Error) => error.name,
          );
          expect(outcome).toEqual(differs.firstSequenceIsAPosition ? [1] : 'TrimmedDataAccessException');
        });
      });

      describe('a stream that is disabled', () => {
        fact('is closed, is readable to its end, and stays when another one is enabled', async () => {
          const { tableName, arn } = await opened.createTable();
          await put(opened, tableName, [item('a', 1), item('a', 2)]);
          const shardId = await shardWith(opened, arn);
          const port = opened.port();
          const tip = await port.iterator({ arn, shardId, start: { type: 'LATEST' } });
          await opened.disable(tableName);
          await put(opened, tableName, [item('a', 3)]);
          const newArn = await opened.enable(tableName);
          await put(opened, tableName, [item('a', 4)]);
          expect(newArn).not.toBe(arn);

          const described = await port.describe({ arn });
          expect(described.status).toBe('DISABLED');
          const { lastSequence = '' } = described.shards.find((one) => one.shardId === shardId) ?? {};
          expect(lastSequence).toMatch(/^\d{21,40}$/);
          const whole = await readShard(opened, arn, shardId, 3);
          expect([numbersOf(whole.records), whole.isEnd]).toEqual([[1, 2], true]);
          for (const start of [
            { type: 'LATEST' },
            { type: 'AFTER_SEQUENCE_NUMBER', sequence: lastSequence },
          ] as const) {
            expect(await readShard(opened, arn, shardId, 1, start)).toEqual({ records: [], isEnd: true });
          }
          expect(await readOn(opened, port, arn, shardId, tip, 1)).toEqual({ records: [], isEnd: true });

          expect((await port.streamsOf(tableName)).map((one) => one.arn).sort()).toEqual([arn, newArn].sort());
          const found = await readStream(opened, newArn, 1);
          expect(numbersOf(found.map(({ record }) => record))).toEqual([4]);
          expect((await listed(port, newArn)).every((shard) => shard.parentId === undefined)).toBe(true);
        });
      });

      fact('a stream outlives its table', async () => {
        const { tableName, arn } = await opened.createTable();
        await put(opened, tableName, [item('a', 1)]);
        const shardId = await shardWith(opened, arn);
        if (row.name === 'aws') return;
        await opened.engine.deleteTable(tableName);
        const { records, isEnd } = await readShard(opened, arn, shardId, 2);
        expect([numbersOf(records), isEnd]).toEqual([[1], true]);
        expect((await opened.port().streamsOf(tableName)).map((one) => one.arn)).toEqual([arn]);
      });

      fact(
        'a deletion by time to live tells whose it is',
        async () => {
          const { tableName, arn } = await opened.createTable();
          await opened.engine.updateTimeToLive(tableName, 'expires');
          const expires = { N: String(Math.floor(opened.clock.now() / 1_000) + 60) };
          await put(opened, tableName, [{ ...item('a', 1), expires }]);
          await opened.clock.sleep(61_000);
          opened.expire?.();
          const [, removed] = await readStream(opened, arn, 2);
          expect(removed?.record).toMatchObject({
            eventName: 'REMOVE',
            userIdentity: { PrincipalId: 'dynamodb.amazonaws.com', Type: 'Service' },
          });
        },
        differs.timeToLive !== 'late',
      );
    });
  }
});
