// Goal: a shard in which nothing can have been removed yet is read on when the store says that something was; an old one is not.
// Method: DynamoDB Local, which says so of an empty shard once another table has used up numbers; and a port that says so once.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { seededRandom } from '../../lib/engine/index.js';
import {
  type Batch,
  type ShardPosition,
  type StreamRecord,
  type StreamsPort,
  TableStream,
} from '../../lib/streams/index.js';
import { ageLimitsDefault, ShardReader } from '../../lib/streams/shard-reader.js';
import { VirtualClock } from '../../lib/testing/index.js';
import { describeStreams, type OpenStreams, streamEngines } from '../support/stream-engines.js';

const nowMs = Date.UTC(2026, 0, 2);
const hourMs = 3_600_000;

const shardMade = (atMs: number): string => `shardId-${String(atMs).padStart(20, '0')}-0000abcd`;

/** Reads a shard made so long ago from `position`, of which the store says once that its oldest records were removed. */
async function readOnce(shardAgeMs: number, position: ShardPosition): Promise<string[]> {
  const clock = new VirtualClock({ nowMs });
  const asked: string[] = [];
  const port = {
    async iterator({ start }) {
      asked.push(start.type);
      return `iterator ${asked.length}`;
    },
    async records() {
      if (asked.length > 1) return { records: [], nextIterator: 'next' };
      throw Object.assign(new Error('past the oldest record'), { name: 'TrimmedDataAccessException' });
    },
  } as Partial<StreamsPort> as StreamsPort;
  const reader = new ShardReader({
    ...{ port, clock, arn: 'arn', shardId: shardMade(nowMs - shardAgeMs), ages: ageLimitsDefault, pageRecordsMax: 10 },
    start: { position, isContinuation: true },
  });
  await reader.poll({});
  return asked;
}

describe('ShardReader', () => {
  it('asks again where nothing can have been removed', async () => {
    expect(await readOnce(hourMs, 'trim-horizon')).toEqual(['TRIM_HORIZON', 'TRIM_HORIZON']);
    expect(await readOnce(30 * hourMs, { latestSince: nowMs - hourMs })).toEqual(['TRIM_HORIZON', 'TRIM_HORIZON']);
  });

  it('tells of a gap where something may have been', async () => {
    // By its name it is not a day old, but clocks differ.
    const almost = 24 * hourMs - ageLimitsDefault.clockSlackMs;
    await expect(readOnce(almost, 'trim-horizon')).rejects.toMatchObject({ code: 'ERR_STREAM_GAP' });
    await expect(readOnce(hourMs, { after: '100000000000000000007' })).rejects.toMatchObject({
      code: 'ERR_STREAM_GAP',
    });
  });
});

for (const row of streamEngines.filter(({ name }) => name === 'dynamodb-local' || name === 'resharded')) {
  describeStreams(row, () => {
    let opened: OpenStreams;
    beforeAll(async () => {
      opened = await row.open();
    });
    afterAll(() => opened.close());

    it.each(['latest', 'trim-horizon'] as const)(
      'reads an empty shard from %s while another table is written',
      async (from) => {
        const { tableName } = await opened.createTable();
        const other = new AtomTable({ engine: opened.engine, tableName: opened.uniqueTable(), keyName: 'id' });
        await other.create();
        const pace = { shardReadsPerSecondMax: 100, idleMsMax: 20 };
        const stream = new TableStream({ port: opened.port(), table: tableName, pace, random: seededRandom(1) });
        await using reader = stream.read<StreamRecord>({ from });
        await reader.ready();
        for (let n = 0; n < 5; n += 1) await other.atom('used up').reset(n);
        await opened.engine.put({ table: tableName, item: { pk: { S: 'first' } } });
        const { value: batch } = await reader.next();
        expect((batch as Batch<StreamRecord>).records.map(({ value }) => value.dynamodb?.Keys)).toEqual([
          { pk: { S: 'first' } },
        ]);
      },
    );
  });
}
