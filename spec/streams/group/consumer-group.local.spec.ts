/** A group on a real stream: two members, effects in the coordination table, and what a table with a stream of its own does. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../../lib/atom/index.js';
import {
  ConsumerGroup,
  createStreamsClient,
  type GroupHandler,
  TableStream,
  unmarshalled,
} from '../../../lib/streams/index.js';
import type { Unmarshalled } from '../../../lib/streams/parser.js';
import { describeEngine, engines, type OpenEngine } from '../../support/engines.js';

const local = engines.find((row) => row.name === 'dynamodb-local') as (typeof engines)[number];

describeEngine(local, () => {
  let opened: OpenEngine;
  const client = () =>
    createStreamsClient({
      endpoint: opened.endpoint as string,
      region: 'local',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    });
  beforeAll(async () => {
    opened = await local.open();
  });
  afterAll(() => opened.close());

  const tables = async () => {
    const { engine } = opened;
    const watched = new AtomTable({ engine, tableName: opened.uniqueTable() });
    await watched.create({ streamViewType: 'NEW_AND_OLD_IMAGES' });
    const groups = new AtomTable({ engine, tableName: opened.uniqueTable(), sortKeyName: 'sk' });
    await groups.create();
    return { watched, groups, stream: new TableStream({ client: client(), table: watched }) };
  };

  describe('ConsumerGroup', () => {
    it('makes effects once for each record, over several members one after the other', async () => {
      const { watched, groups, stream } = await tables();
      const count = (id: string) => groups.atom<number>({ pk: 'effects', sk: id });
      let done = 0;
      let stopAt = 40;
      let group: ConsumerGroup<Unmarshalled> | undefined;
      const handler: GroupHandler<Unmarshalled> = async ({ records }, { transact }) => {
        for (const { value, meta } of records) {
          await transact((tx) => tx.swap(count(String(value.keys.id)), (n = 0) => n + 1), {
            through: meta.sequenceNumber,
          });
          done += 1;
          if (done === stopAt) void group?.stop();
        }
      };
      await watched.putMany(Array.from({ length: 100 }, (_, n) => [`k${n}`, n]));
      for (stopAt of [40, 100]) {
        group = new ConsumerGroup({
          ...{ name: 'g', stream, table: groups, from: 'trim-horizon', parser: unmarshalled(), handler },
          batch: { recordsMax: 15 },
        });
        await group.run();
      }
      const counts = await groups.getMany(Array.from({ length: 100 }, (_, n) => count(`k${n}`)));
      expect(counts).toEqual(Array.from({ length: 100 }, () => 1));
      const [shard] = (await (group as ConsumerGroup<Unmarshalled>).status()).shards;
      expect(shard).toMatchObject({ state: 'free', ageMs: expect.any(Number) });
    });

    it('reads the table in which it keeps its own items, where that is asked for', async () => {
      const { engine } = opened;
      const table = new AtomTable({ engine, tableName: opened.uniqueTable(), sortKeyName: 'sk' });
      await table.create({ streamViewType: 'NEW_AND_OLD_IMAGES' });
      const stream = new TableStream({ client: client(), table });
      const seen: unknown[] = [];
      await using group = new ConsumerGroup({
        ...{ name: 'g', stream, table, from: 'trim-horizon', sharesTable: true, parser: unmarshalled() },
        handler: ({ records }) => {
          seen.push(...records.map(({ value }) => value.keys));
          void group.stop();
        },
      });
      await table.atom({ pk: 'a', sk: 'b' }).reset(1);
      await group.run();
      expect(seen).toEqual([{ id: 'a', sk: 'b' }]);
    });
  });
});
