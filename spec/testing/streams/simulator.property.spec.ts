// Goal: whatever the seed, the simulator keeps the promises that the service makes, so that what a reader loses over it is the reader's
// fault: each record once, in one shard, in order along the lineage, never lost within its day, and never refused by mistake. Method: a
// writer, a life of rolls and splits, and one reader that is slow, simple and right. LEYDEN_SEED repeats one run.
import { describe, expect, it } from '@jest/globals';
import type { StreamsPort } from '../../../lib/streams/index.js';
import {
  type StreamCapriceProfile,
  type StreamSimulator,
  scaledStreamLimits,
  type VirtualClock,
} from '../../../lib/testing/index.js';
import { compareSequences } from '../../../lib/testing/streams/sequence-line.js';
import { openSimulator } from '../../support/stream-engines.js';

const hourMs = 3_600_000;
const seeds =
  process.env.LEYDEN_SEED === undefined
    ? process.env.LEYDEN_SIZE === 'full'
      ? [1, 2, 3, 4]
      : [1]
    : [Number(process.env.LEYDEN_SEED)];

interface Life {
  readonly simulator: StreamSimulator;
  readonly clock: VirtualClock;
  readonly arn: string;
  readonly tableName: string;
}

/** Asks until there is an answer; what is refused for good is thrown. */
async function asked<Answer>(clock: VirtualClock, question: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    try {
      return await question();
    } catch (error) {
      if (!/InternalServerError|TimeoutError|Throttling|Throughput|LimitExceeded/.test((error as Error).name))
        throw error;
    }
    await clock.sleep(500);
  }
}

/** Reads a shard from its oldest record to its end. */
async function readToEnd({ clock, arn }: Life, port: StreamsPort, shardId: string, untilMs: number): Promise<string[]> {
  const numbers: string[] = [];
  let iterator: string | undefined;
  for (; clock.monotonicMs() < untilMs; await clock.sleep(2_000)) {
    try {
      const last = numbers.at(-1);
      iterator ??= await asked(clock, () =>
        port.iterator({
          ...{ arn, shardId },
          start: last === undefined ? { type: 'TRIM_HORIZON' } : { type: 'AFTER_SEQUENCE_NUMBER', sequence: last },
        }),
      );
      const page = await asked(clock, () => port.records({ arn, shardId, iterator: iterator ?? '' }));
      numbers.push(...page.records.map(({ dynamodb }) => dynamodb?.SequenceNumber ?? ''));
      if (page.nextIterator === undefined) break;
      iterator = page.nextIterator;
    } catch (error) {
      if ((error as Error).name !== 'ExpiredIteratorException') throw error;
      iterator = undefined;
    }
  }
  return numbers;
}

/** One hour of a table, and what is left to read of it. Gives what was read of each shard. */
async function live(life: Life, lifeMs: number = hourMs): Promise<ReadonlyMap<string, readonly string[]>> {
  const { simulator, clock, arn, tableName } = life;
  const port = simulator.port('reader');
  const read = new Map<string, Promise<string[]>>();
  const write = async () => {
    for (let n = 0; clock.monotonicMs() < lifeMs; n += 1) {
      await simulator.engine.put({ table: tableName, item: { pk: { S: `key-${n % 23}` }, n: { N: String(n) } } });
      await clock.sleep(n % 50 === 0 ? 30_000 : 700);
    }
  };
  const discover = async () => {
    for (; clock.monotonicMs() < lifeMs + 70_000; await clock.sleep(5_000)) {
      let startAfter: string | undefined;
      do {
        const page = await asked(clock, () => port.describe({ arn, startAfter, limit: 3 }));
        for (const { shardId } of page.shards) {
          if (!read.has(shardId)) read.set(shardId, readToEnd(life, port, shardId, lifeMs + 80_000));
        }
        startAfter = page.lastShardId;
        await clock.sleep(150);
      } while (startAfter !== undefined);
    }
  };
  await clock.run(Promise.all([write(), discover()]));
  const numbers = await clock.run(Promise.all(read.values()));
  return new Map([...read.keys()].map((shardId, at) => [shardId, numbers[at] ?? []]));
}

async function open(seed: number, profile: StreamCapriceProfile): Promise<Life> {
  const { simulator, clock, createTable, run } = openSimulator({
    seed,
    profile,
    limits: scaledStreamLimits,
    partitions: 2,
  });
  return { simulator, clock, ...(await run(() => createTable({ viewType: 'KEYS_ONLY' }))) };
}

/** What holds of a run, whatever was read of it. */
function checkLineage({ simulator, arn }: Life): void {
  const history = simulator.history(arn);
  const shards = new Map(simulator.shards(arn).map((shard) => [shard.shardId, shard]));
  expect(new Set(history.map(({ sequenceNumber }) => sequenceNumber)).size).toBe(history.length);
  expect(new Set(history.map(({ eventId }) => eventId)).size).toBe(history.length);
  const wrong: unknown[] = [];
  const last = new Map<string, (typeof history)[number]>();
  for (const record of history) {
    const key = JSON.stringify(record.key);
    const before = last.get(key);
    last.set(key, record);
    const { firstSequence = '', lastSequence = record.sequenceNumber } = shards.get(record.shardId) ?? {};
    if (compareSequences(firstSequence, record.sequenceNumber) > 0) wrong.push(['before its shard', record]);
    if (compareSequences(record.sequenceNumber, lastSequence) > 0) wrong.push(['behind its shard', record]);
    if (before === undefined) continue;
    let shardId: string | undefined = record.shardId;
    while (shardId !== undefined && shardId !== before.shardId) shardId = shards.get(shardId)?.parentId;
    const grows = compareSequences(before.sequenceNumber, record.sequenceNumber) < 0;
    if (shardId === undefined || !grows) wrong.push(['no descendant', before, record]);
  }
  for (const { shardId, parentId = '', firstSequence } of shards.values()) {
    const parent = shards.get(parentId);
    if (parent === undefined) continue;
    const follows = compareSequences(parent.lastSequence ?? '', firstSequence) < 0;
    if (shardId <= parent.shardId || !follows) wrong.push(['no child', shardId, parentId]);
  }
  expect(wrong).toEqual([]);
}

describe('StreamSimulator', () => {
  for (const profile of ['calm', 'service', 'hostile'] as const) {
    it(`hands out each record once, in order along the lineage, when it is ${profile}`, async () => {
      for (const seed of seeds) {
        const life = await open(seed, profile);
        const read = await live(life).catch((error: unknown) => {
          throw new Error(`LEYDEN_SEED=${seed}`, { cause: error });
        });
        const history = life.simulator.history(life.arn);
        const written = new Map<string, string[]>();
        for (const { shardId, sequenceNumber } of history) {
          written.set(shardId, [...(written.get(shardId) ?? []), sequenceNumber]);
        }
        const filled = [...read].filter(([, numbers]) => numbers.length > 0);
        expect([seed, Object.fromEntries(filled)]).toEqual([seed, Object.fromEntries(written)]);
        expect(history.length).toBeGreaterThan(2_000);
        checkLineage(life);
      }
    });
  }

  it('has numbers that are in order neither as text nor as doubles, over some seeds', async () => {
    let [asText, asDoubles] = [0, 0];
    for (let seed = 1; seed <= 40; seed += 1) {
      const { simulator, run, createTable, engine } = openSimulator({ seed });
      await run(async () => {
        const { tableName, arn } = await createTable();
        for (let n = 0; n < 500; n += 1)
          await engine.put({ table: tableName, item: { pk: { S: 'a' }, n: { N: String(n) } } });
        const numbers = simulator.history(arn).map(({ sequenceNumber }) => sequenceNumber);
        expect(numbers.every((number) => /^\d{21,40}$/.test(number))).toBe(true);
        if (numbers.some((number, at) => at > 0 && number < (numbers[at - 1] ?? ''))) asText += 1;
        if (numbers.some((number, at) => at > 0 && Number(number) <= Number(numbers[at - 1]))) asDoubles += 1;
      });
    }
    expect(asText).toBeGreaterThan(0);
    expect(asDoubles).toBeGreaterThan(20);
  });

  it('is the same run for the same seed, and another one for another', async () => {
    const runs: string[] = [];
    for (const seed of [7, 7, 8]) {
      const life = await open(seed, 'hostile');
      const read = await live(life, hourMs / 4);
      const { simulator, arn } = life;
      runs.push(JSON.stringify([[...read], simulator.history(arn), simulator.shards(arn), simulator.traffic()]));
    }
    expect(runs[0]).toBe(runs[1]);
    expect(runs[0]).not.toBe(runs[2]);
  });

  it('streams records for ever with a heap that stays flat', async () => {
    const { simulator, clock, createTable, run, engine } = openSimulator({
      limits: { ...scaledStreamLimits, retentionMs: 60_000 },
      keepsHistory: false,
    });
    const { tableName, arn } = await run(() => createTable({ viewType: 'KEYS_ONLY' }));
    for (let n = 0; n < 100; n += 1) {
      await run(async () => {
        const puts = Array.from({ length: 25 }, (_, at) => ({ pk: { S: `key-${at}` }, n: { N: String(n) } }));
        await engine.batchWrite({ table: tableName, puts });
        await clock.sleep(10_000);
      });
    }
    const shards = simulator.shards(arn);
    expect(shards.reduce((sum, { written }) => sum + written, 0)).toBe(2_500);
    expect(shards.reduce((sum, { kept }) => sum + kept, 0)).toBeLessThanOrEqual(7 * 25);
    expect(simulator.history(arn)).toEqual([]);
  });
});
