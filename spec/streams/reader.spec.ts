/** The reader of one process, on a real stream. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { createStreamsClient, raw, TableStream } from '../../lib/streams/index.js';
import { describeEngine, engines, type OpenEngine } from '../support/engines.js';

const local = engines.find((row) => row.name === 'dynamodb-local') as (typeof engines)[number];

describeEngine(local, () => {
  let opened: OpenEngine;
  beforeAll(async () => {
    opened = await local.open();
  });
  afterAll(() => opened.close());

  const openStream = async () => {
    const table = new AtomTable({ engine: opened.engine, tableName: opened.uniqueTable() });
    await table.create({ streamViewType: 'NEW_AND_OLD_IMAGES' });
    const client = createStreamsClient({
      endpoint: opened.endpoint as string,
      region: 'local',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    });
    const stream = new TableStream({ client, table, pace: { shardReadsPerSecondMax: 100 } });
    return { table, stream, client };
  };

  describe('TableStream.singlePass', () => {
    it('delivers what is there, and ends', async () => {
      const { table, stream } = await openStream();
      await table.putMany(Array.from({ length: 50 }, (_, n) => [`k${n}`, n]));
      const seen: unknown[] = [];
      for await (const batch of stream.singlePass({ from: 'trim-horizon', parser: raw() })) {
        seen.push(...batch.records.map(({ value }) => value.dynamodb?.Keys?.id));
      }
      expect(new Set(seen.map((key) => JSON.stringify(key))).size).toBe(50);
      expect(seen).toHaveLength(50);
    });
  });

  describe('TableStream.read', () => {
    it('delivers what is written after it is ready', async () => {
      const { table, stream } = await openStream();
      await table.atom('before').reset(1);
      await using reader = stream.read({ from: 'latest', parser: raw() });
      const seen: unknown[] = [];
      const loop = (async () => {
        for await (const batch of reader) seen.push(...batch.records.map(({ value }) => value.dynamodb?.Keys?.id));
      })();
      await reader.ready();
      await table.atom('after').reset(1);
      await reader.caughtUp();
      // A write that was acknowledged a moment before may come as well: the stream is not as quick as the table.
      expect(seen.at(-1)).toEqual({ S: 'after' });
      await reader.stop();
      await loop;
    });
  });
});
