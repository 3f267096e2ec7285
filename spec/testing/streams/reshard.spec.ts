// Goal: however one shard is cut, its records are all there, once, each in its place. Method: random plans over a real shard that the
// simulator plays, with pages that come short, empty and not at all. LEYDEN_SEED repeats one run.
import { describe, expect, it } from '@jest/globals';
import { type Random, seededRandom } from '../../../lib/engine/index.js';
import type { ShardDescription, StreamRecord } from '../../../lib/streams/index.js';
import { ReshardedStreams, type ReshardPlan, type StreamCaprices } from '../../../lib/testing/index.js';
import { listed, readOn, readShard, readStream, sequenceOf } from '../../streams/conformance/reading.js';
import { openSimulator } from '../../support/stream-engines.js';

const seeds =
  process.env.LEYDEN_SEED === undefined ? Array.from({ length: 40 }, (_, at) => at) : [Number(process.env.LEYDEN_SEED)];

function randomPlan(random: Random, depth: number): ReshardPlan {
  if (depth === 0 || random.next() < 0.2) return {};
  const [one, other] = [randomPlan(random, depth - 1), randomPlan(random, depth - 1)];
  return { records: 1 + random.int(12), next: random.next() < 0.5 ? [one] : [one, other] };
}

/** A stream of one shard, seen as a plan cuts it. */
async function resharded(
  { seed, plan, caprices }: { seed: number; plan: ReshardPlan; caprices?: Partial<StreamCaprices> },
  work: (
    opened: ReturnType<typeof openSimulator>,
    arn: string,
    put: (from: number, count: number) => Promise<void>,
  ) => Promise<void>,
): Promise<void> {
  const simulated = openSimulator({ seed, ...(caprices !== undefined && { caprices }) });
  const port = new ReshardedStreams(simulated.port(), plan);
  const opened = { ...simulated, port: () => port };
  await simulated.run(async () => {
    const { tableName: table, arn } = await simulated.createTable();
    await work(opened, arn, async (from, count) => {
      for (let n = from; n < from + count; n += 1) {
        await simulated.engine.put({ table, item: { pk: { S: `key-${n % 7}` }, n: { N: String(n) } } });
      }
    });
  });
}

const numberOf = ({ dynamodb }: StreamRecord) =>
  Number((dynamodb?.NewImage?.n as { readonly N: string } | undefined)?.N);

describe('ReshardedStreams', () => {
  it('has every record once, in the shard of its key, in order along the lineage, whatever the plan', async () => {
    for (const seed of seeds) {
      const plan = randomPlan(seededRandom(seed), 5);
      const caprices = { emptyPages: 0.3, shortPages: 0.5, lastPage: 'either' } as const;
      await resharded({ seed, plan, caprices }, async (opened, arn, put) => {
        await put(0, 30);
        const early = await listed(opened.port(), arn);
        await put(30, 30);
        const found = await readStream(opened, arn, 60);
        const shards = await listed(opened.port(), arn, 2);
        // Cuts that were seen stay where they are.
        expect(shards.slice(0, early.length).map(({ shardId, parentId }) => [shardId, parentId])).toEqual(
          early.map(({ shardId, parentId }) => [shardId, parentId]),
        );
        const along = shards.flatMap(({ shardId }) => found.filter((one) => one.shardId === shardId));
        expect([seed, found.length, along.length]).toEqual([seed, 60, 60]);
        const parents = new Map(shards.map(({ shardId, parentId }) => [shardId, parentId]));
        for (let key = 0; key < 7; key += 1) {
          const mine = along.filter(({ record }) => numberOf(record) % 7 === key);
          expect(mine.map(({ record }) => numberOf(record))).toEqual(mine.map((_, at) => key + 7 * at));
          for (const [at, { shardId }] of mine.entries()) {
            if (at === 0) continue;
            let above: string | undefined = shardId;
            while (above !== undefined && above !== mine[at - 1]?.shardId) above = parents.get(above);
            expect(above).toBe(mine[at - 1]?.shardId);
          }
        }
      });
    }
  });

  it('starts anywhere in a cut shard, and ends where it ends', async () => {
    const plan: ReshardPlan = { records: 10, next: [{ records: 5, next: [{}, {}] }] };
    await resharded({ seed: 1, plan }, async (opened, arn, put) => {
      const [{ shardId: root }] = (await listed(opened.port(), arn)) as [ShardDescription];
      const tip = await opened.port().iterator({ arn, shardId: root, start: { type: 'LATEST' } });
      await put(0, 40);
      const shards = await listed(opened.port(), arn);
      expect(await readOn(opened, opened.port(), arn, root, tip, 11)).toMatchObject({
        isEnd: true,
        records: { length: 10 },
      });
      for (const { shardId, firstSequence = '', lastSequence } of shards) {
        const count = lastSequence === undefined ? 1 : 41;
        const { records } = await readShard(opened, arn, shardId, count);
        for (const [at, record] of records.entries()) {
          for (const [type, from] of [
            ['AT_SEQUENCE_NUMBER', at],
            ['AFTER_SEQUENCE_NUMBER', at + 1],
          ] as const) {
            if (lastSequence === undefined) continue;
            const read = await readShard(opened, arn, shardId, count, { type, sequence: sequenceOf(record) });
            expect([read.records.map(numberOf), read.isEnd]).toEqual([records.slice(from).map(numberOf), true]);
          }
        }
        for (const type of ['AT_SEQUENCE_NUMBER', 'AFTER_SEQUENCE_NUMBER'] as const) {
          const read = await readShard(opened, arn, shardId, count, { type, sequence: firstSequence });
          expect(read.records.map(numberOf)).toEqual(records.map(numberOf));
        }
      }
    });
  });

  it('closes the open shards with the real one', async () => {
    await resharded({ seed: 1, plan: { records: 10 } }, async (opened, arn, put) => {
      await put(0, 15);
      const [, child] = await listed(opened.port(), arn);
      const read = await readShard(opened, arn, child?.shardId ?? '', 5);
      expect([read.records.length, read.isEnd]).toEqual([5, false]);
      opened.simulator.disable('table-1');
      const shards = await listed(opened.port(), arn);
      expect(shards.map(({ lastSequence }) => lastSequence === undefined)).toEqual([false, false]);
      expect(await readShard(opened, arn, child?.shardId ?? '', 6)).toMatchObject({
        isEnd: true,
        records: { length: 5 },
      });
    });
  });

  it('passes failures of the real port on, and goes on behind them', async () => {
    await resharded({ seed: 1, plan: { records: 10 } }, async (opened, arn, put) => {
      await put(0, 5);
      await listed(opened.port(), arn);
      opened.simulator.set({ serverFaults: 1 });
      await expect(opened.port().describe({ arn })).rejects.toMatchObject({ name: 'InternalServerError' });
      opened.simulator.set({ serverFaults: 0 });
      // The iterator that counts has expired meanwhile.
      await opened.clock.sleep(20 * 60_000);
      await put(5, 10);
      expect((await listed(opened.port(), arn)).length).toBe(2);
      expect((await readStream(opened, arn, 15)).length).toBe(15);
    });
  });

  it('refuses plans that cannot be followed, and streams of several shards', async () => {
    const real = openSimulator({ partitions: 2 });
    const streams = (plan: unknown) => new ReshardedStreams(real.port(), plan as ReshardPlan);
    expect(() => streams({ records: 0 })).toThrow(RangeError);
    expect(() => streams({ next: [{}] })).toThrow(/never closes/);
    expect(() => streams({ records: 1, next: [] })).toThrow(/one or two/);
    expect(() => streams({ records: 1, next: [{ records: -1 }] })).toThrow(RangeError);
    await real.run(async () => {
      const { arn } = await real.createTable();
      await expect(streams({}).describe({ arn })).rejects.toThrow(/it has 2 shards/);
    });
  });
});
