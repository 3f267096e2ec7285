// Goal: each caprice alone does what it says and nothing else, limits are kept, and what is true can be asked for.
import { describe, expect, it } from '@jest/globals';
import type { StreamsPort } from '../../../lib/streams/index.js';
import { type StreamCaprices, type StreamSimulatorOptions, scaledStreamLimits } from '../../../lib/testing/index.js';
import { listed } from '../../streams/conformance/reading.js';
import { openSimulator } from '../../support/stream-engines.js';

type Opened = ReturnType<typeof openSimulator>;

/** A table with a stream, and its only open shard. */
async function withTable(
  options: Omit<StreamSimulatorOptions, 'clock'>,
  work: (opened: Opened & { arn: string; tableName: string; shardId: string; port: StreamsPort }) => Promise<void>,
): Promise<void> {
  const opened = openSimulator(options);
  await opened.run(async () => {
    const { tableName, arn } = await opened.createTable();
    const shardId = opened.simulator.shards(arn)[0]?.shardId ?? '';
    const port = opened.simulator.port('one');
    await work({ ...opened, arn, tableName, shardId, port: port as never });
  });
}

const put = (opened: Opened, table: string, n: number, pk = 'a') =>
  opened.engine.put({ table, item: { pk: { S: pk }, n: { N: String(n) } } });

const refusal = (name: string) => expect.objectContaining({ name });
const trim = { type: 'TRIM_HORIZON' } as const;

describe('StreamSimulator', () => {
  describe('limits', () => {
    it('rolls shards after four hours, idle or not, and lets them go a day later', () =>
      withTable({}, async ({ clock, simulator, arn, port }) => {
        await clock.sleep(5 * 3_600_000);
        expect(simulator.shards(arn).length).toBe(2);
        await clock.sleep(24 * 3_600_000);
        const shards = simulator.shards(arn);
        expect(shards.length).toBeGreaterThanOrEqual(6);
        const { shards: listed } = await port.describe({ arn });
        expect(listed.length).toBeLessThan(shards.length);
        // The oldest that is listed names a parent that is not.
        expect(shards.map(({ shardId }) => shardId)).toContain(listed[0]?.parentId);
        expect(listed.map(({ shardId }) => shardId)).not.toContain(listed[0]?.parentId);
        const [{ shardId }] = shards as [(typeof shards)[0]];
        await expect(port.iterator({ arn, shardId, start: trim })).rejects.toEqual(
          refusal('ResourceNotFoundException'),
        );
      }));

    it('does in twenty minutes what takes a day, when they are scaled', () =>
      withTable({ limits: scaledStreamLimits }, async ({ clock, simulator, arn }) => {
        await clock.sleep(20 * 60_000);
        const shards = simulator.shards(arn);
        expect(shards.length).toBeGreaterThanOrEqual(5);
        for (const { openedAtMs, closedAtMs } of shards.slice(0, -1)) {
          expect((closedAtMs ?? 0) - openedAtMs).toBeGreaterThanOrEqual(200_000 * 0.85);
          expect((closedAtMs ?? 0) - openedAtMs).toBeLessThanOrEqual(200_000 * 1.15);
        }
      }));

    it('trims record by record, and says so to whom it concerns', () =>
      withTable({ limits: { retentionMs: 60_000, iteratorLifeMs: 3_600_000 } }, async (opened) => {
        const { clock, simulator, arn, tableName, shardId, port } = opened;
        const old = await port.iterator({ arn, shardId, start: trim });
        await put(opened, tableName, 1);
        await clock.sleep(30_000);
        await put(opened, tableName, 2);
        await clock.sleep(31_000);
        await expect(port.records({ arn, shardId, iterator: old })).rejects.toEqual(
          refusal('TrimmedDataAccessException'),
        );
        const page = await port.records({ arn, shardId, iterator: await port.iterator({ arn, shardId, start: trim }) });
        expect(page.records.map(({ dynamodb }) => dynamodb?.NewImage?.n)).toEqual([{ N: '2' }]);
        expect(simulator.shards(arn)[0]).toMatchObject({ written: 2, kept: 1 });
        expect(simulator.history(arn).length).toBe(2);
        const [gone] = simulator.history(arn);
        const at = { type: 'AT_SEQUENCE_NUMBER', sequence: gone?.sequenceNumber ?? '' } as const;
        await expect(port.iterator({ arn, shardId, start: at })).rejects.toEqual(refusal('TrimmedDataAccessException'));
        simulator.set({ trimmedAt: 'records' });
        const iterator = await port.iterator({ arn, shardId, start: at });
        await expect(port.records({ arn, shardId, iterator })).rejects.toEqual(refusal('TrimmedDataAccessException'));
      }));

    it('lets an iterator expire, and one that is used go on', () =>
      withTable({}, async ({ clock, arn, shardId, port }) => {
        let iterator = await port.iterator({ arn, shardId, start: trim });
        const old = iterator;
        for (let hop = 0; hop < 4; hop += 1) {
          await clock.sleep(14 * 60_000);
          iterator = (await port.records({ arn, shardId, iterator })).nextIterator ?? '';
        }
        await expect(port.records({ arn, shardId, iterator: old })).rejects.toEqual(
          refusal('ExpiredIteratorException'),
        );
      }));

    it('is not moved by a client whose wall clock steps', () =>
      withTable({}, async (opened) => {
        const { clock, arn, tableName, shardId, port, simulator } = opened;
        const iterator = await port.iterator({ arn, shardId, start: trim });
        clock.step(86_400_000);
        await put(opened, tableName, 1);
        const { records } = await port.records({ arn, shardId, iterator });
        expect(Number(records[0]?.dynamodb?.ApproximateCreationDateTime)).toBe(clock.now() - 86_400_000);
        expect(simulator.shards(arn).length).toBe(1);
      }));
  });

  describe('by hand', () => {
    it('splits by hash, keeps the items of a key together, and numbers grow along the lineage', () =>
      withTable({ seed: 3 }, async (opened) => {
        const { simulator, arn, tableName, shardId } = opened;
        const round = async (n: number) => {
          for (let key = 0; key < 20; key += 1) await put(opened, tableName, n, `key-${key}`);
        };
        await round(0);
        const [left = '', right = ''] = simulator.split(shardId);
        await round(1);
        expect(simulator.roll(left).length).toBe(1);
        await round(2);
        const written = simulator.history(arn);
        const of = (id: string) =>
          new Set(written.filter((one) => one.shardId === id).map(({ key }) => JSON.stringify(key)));
        expect([of(left).size + of(right).size, of(left).size > 0, of(right).size > 0]).toEqual([20, true, true]);
        for (const key of of(left)) expect(of(right)).not.toContain(key);
        const numbers = written
          .filter(({ key }) => JSON.stringify(key) === JSON.stringify({ pk: { S: 'key-7' } }))
          .map(({ sequenceNumber }) => BigInt(sequenceNumber));
        expect(numbers).toEqual([...numbers].sort((one, other) => (one < other ? -1 : 1)));
        expect(() => simulator.roll(shardId)).toThrow(/it is closed/);
        expect(() => simulator.roll('shardId-none')).toThrow(/Cannot find shard/);
      }));

    it('trims and removes shards at once', () =>
      withTable({}, async (opened) => {
        const { simulator, arn, tableName, shardId, port } = opened;
        for (const n of [1, 2, 3]) await put(opened, tableName, n);
        simulator.trim(shardId, 2);
        const { records } = await port.records({
          arn,
          shardId,
          iterator: await port.iterator({ arn, shardId, start: trim }),
        });
        expect(records.length).toBe(1);
        expect(() => simulator.vanish(shardId)).toThrow(/it is open/);
        const [child] = simulator.roll(shardId);
        simulator.vanish(shardId);
        expect((await port.describe({ arn })).shards).toMatchObject([{ shardId: child, parentId: shardId }]);
      }));

    it('enables a stream only where one was disabled', () =>
      withTable({}, async ({ simulator, tableName, engine, arn }) => {
        expect(() => simulator.enable(tableName)).toThrow(/it has one/);
        expect(() => simulator.enable('none')).toThrow(/it never had one/);
        simulator.disable(tableName);
        expect(await engine.describeTable(tableName)).toMatchObject({ streamArn: arn, streamViewType: undefined });
        const other = simulator.enable(tableName, 'KEYS_ONLY');
        expect(await engine.describeTable(tableName)).toMatchObject({ streamArn: other, streamViewType: 'KEYS_ONLY' });
      }));
  });

  it('lists by id, page by page, also what was made in the same millisecond', async () => {
    for (let seed = 0; seed < 10; seed += 1) {
      await withTable({ seed, partitions: 5 }, async ({ simulator, arn, shardId, port }) => {
        const ids = [shardId, ...simulator.split(shardId), ...simulator.shards(arn).map((shard) => shard.shardId)];
        const shards = await listed(port, arn, 2);
        expect(shards.map((shard) => shard.shardId)).toEqual([...new Set(ids)].sort());
      });
    }
  });

  describe('caprices', () => {
    const seeds = Array.from({ length: 40 }, (_, seed) => seed);
    /** What happens over some seeds with one switch turned. */
    const over = async <Result>(
      caprices: Partial<StreamCaprices>,
      look: (opened: Parameters<Parameters<typeof withTable>[1]>[0]) => Promise<Result>,
    ): Promise<Result[]> => {
      const seen: Result[] = [];
      for (const seed of seeds)
        await withTable({ seed, caprices }, async (opened) => void seen.push(await look(opened)));
      return seen;
    };

    it('visibleMs: records come late, and in order', async () => {
      const seen = await over({ visibleMs: [5, 500] }, async (opened) => {
        const { clock, arn, tableName, shardId, port } = opened;
        for (const n of [1, 2, 3]) await put(opened, tableName, n);
        const counts: number[] = [];
        for (const ms of [0, 250, 251]) {
          await clock.sleep(ms);
          const { records } = await port.records({
            arn,
            shardId,
            iterator: await port.iterator({ arn, shardId, start: trim }),
          });
          expect(records.map(({ dynamodb }) => dynamodb?.NewImage?.n)).toEqual(
            [1, 2, 3].slice(0, records.length).map((n) => ({ N: String(n) })),
          );
          counts.push(records.length);
        }
        return counts;
      });
      expect(seen.every(([none, , all]) => none === 0 && all === 3)).toBe(true);
      expect(new Set(seen.map(([, some]) => some)).size).toBeGreaterThan(1);
    });

    it('visibleMs: LATEST stands behind what can be read, whatever comes when', async () => {
      const seen = await over({ visibleMs: [5, 500] }, async (opened) => {
        const { clock, arn, tableName, shardId, port } = opened;
        for (let n = 0; n < 20; n += 1) await put(opened, tableName, n);
        await clock.sleep(50);
        const latest = await port.iterator({ arn, shardId, start: { type: 'LATEST' } });
        const oldest = await port.iterator({ arn, shardId, start: trim });
        const there = (await port.records({ arn, shardId, iterator: oldest })).records.length;
        await clock.sleep(500);
        expect((await port.records({ arn, shardId, iterator: latest })).records.length).toBe(20 - there);
        return there;
      });
      expect(new Set(seen).size).toBeGreaterThan(1);
    });

    it('listingLagMs: parents listed as open beside a child, and closed without one', async () => {
      const seen = await over({ listingLagMs: [0, 5_000] }, async ({ clock, simulator, arn, shardId, port }) => {
        simulator.roll(shardId);
        await clock.sleep(2_500);
        const { shards } = await port.describe({ arn });
        const { shards: children } = await port.describe({ arn, childrenOf: shardId });
        await clock.sleep(2_501);
        const { shards: later } = await port.describe({ arn });
        expect([later.length, later[0]?.lastSequence === undefined]).toEqual([2, false]);
        return `${shards[0]?.lastSequence === undefined ? 'open' : 'closed'} ${shards.length - 1} ${children.length}`;
      });
      for (const state of ['open 0 0', 'open 1 0', 'closed 0 0', 'closed 1 1', 'closed 0 1', 'closed 1 0']) {
        expect(seen).toContain(state);
      }
    });

    it('staleListingMs: what was listed may be missing the next time', async () => {
      const seen = await over({ staleListingMs: [0, 5_000] }, async ({ clock, simulator, arn, shardId, port }) => {
        simulator.roll(shardId);
        await clock.sleep(2_500);
        return [(await port.describe({ arn })).shards.length, (await port.describe({ arn })).shards.length].join();
      });
      for (const counts of ['1,1', '1,2', '2,1', '2,2']) expect(seen).toContain(counts);
    });

    it('ghosts: shards that had gone are listed again, and cannot be read', async () => {
      const seen = await over({ ghosts: 0.5 }, async ({ simulator, arn, shardId, port }) => {
        simulator.roll(shardId);
        simulator.vanish(shardId);
        const { shards } = await port.describe({ arn });
        await expect(port.iterator({ arn, shardId, start: trim })).rejects.toEqual(
          refusal('ResourceNotFoundException'),
        );
        return shards.length;
      });
      expect(new Set(seen)).toEqual(new Set([1, 2]));
    });

    it('danglingPages: a next page that is empty', () =>
      withTable({ caprices: { danglingPages: 1 } }, async ({ arn, shardId, port }) => {
        expect((await port.describe({ arn })).lastShardId).toBe(shardId);
        const next = await port.describe({ arn, startAfter: shardId });
        expect([next.shards, next.lastShardId]).toEqual([[], undefined]);
      }));

    it('childFilter, childrenFail: children that are asked for in vain', () =>
      withTable({ caprices: { childFilter: false } }, async ({ simulator, arn, shardId, port }) => {
        simulator.roll(shardId);
        expect((await port.describe({ arn, childrenOf: shardId })).shards).toEqual([]);
        expect((await port.describe({ arn })).shards.length).toBe(2);
        simulator.set({ childFilter: true, childrenFail: 1 });
        await expect(port.describe({ arn, childrenOf: shardId })).rejects.toEqual(refusal('InternalServerError'));
      }));

    it('emptyPages, shortPages: at most four empty ones in a row, and nothing is left out', () =>
      withTable({ caprices: { emptyPages: 0.9, shortPages: 0.9 } }, async (opened) => {
        const { arn, tableName, shardId, port } = opened;
        for (let n = 0; n < 100; n += 1) await put(opened, tableName, n);
        let iterator = await port.iterator({ arn, shardId, start: trim });
        let [empty, emptyMax, pages, count] = [0, 0, 0, 0];
        while (count < 100) {
          const page = await port.records({ arn, shardId, iterator });
          iterator = page.nextIterator ?? '';
          count += page.records.length;
          if (page.records.length > 0) pages += 1;
          empty = page.records.length > 0 ? 0 : empty + 1;
          emptyMax = Math.max(emptyMax, empty);
        }
        expect([emptyMax, pages > 1, count]).toEqual([4, true, 100]);
      }));

    it('lastPage: the page without a next iterator has records, or has none', async () => {
      const seen = await over({ lastPage: 'either' }, async (opened) => {
        const { simulator, arn, tableName, shardId, port } = opened;
        await put(opened, tableName, 1);
        simulator.roll(shardId);
        const page = await port.records({ arn, shardId, iterator: await port.iterator({ arn, shardId, start: trim }) });
        if (page.nextIterator === undefined) return page.records.length;
        return (await port.records({ arn, shardId, iterator: page.nextIterator })).records.length;
      });
      expect(new Set(seen)).toEqual(new Set([0, 1]));
    });

    it('softLatest: the next write may be missed, but none after the first page', async () => {
      const seen = await over({ softLatest: 0.5 }, async (opened) => {
        const { clock, arn, tableName, shardId, port } = opened;
        const iterator = await port.iterator({ arn, shardId, start: { type: 'LATEST' } });
        await clock.sleep(10);
        await put(opened, tableName, 1);
        await clock.sleep(10);
        const first = await port.records({ arn, shardId, iterator });
        await put(opened, tableName, 2);
        const second = await port.records({ arn, shardId, iterator: first.nextIterator ?? '' });
        expect(second.records.map(({ dynamodb }) => dynamodb?.NewImage?.n)).toEqual([{ N: '2' }]);
        return first.records.length;
      });
      expect(new Set(seen)).toEqual(new Set([0, 1]));
    });

    it('strictTrim: the position after the last removed record is refused, though nothing was lost', () =>
      withTable({}, async (opened) => {
        const { simulator, arn, tableName, shardId, port } = opened;
        await put(opened, tableName, 1);
        const sequence = simulator.history(arn)[0]?.sequenceNumber ?? '';
        simulator.trim(shardId);
        const start = { type: 'AFTER_SEQUENCE_NUMBER', sequence } as const;
        await port.iterator({ arn, shardId, start });
        simulator.set({ strictTrim: true });
        await expect(port.iterator({ arn, shardId, start })).rejects.toEqual(refusal('TrimmedDataAccessException'));
      }));

    it('throttle: five GetRecords a second and shard, ten DescribeStream; counted whether refused or not', () =>
      withTable({ caprices: { throttle: true } }, async ({ clock, simulator, arn, shardId, port }) => {
        const iterator = await port.iterator({ arn, shardId, start: trim });
        for (let at = 0; at < 5; at += 1) await port.records({ arn, shardId, iterator });
        await expect(port.records({ arn, shardId, iterator })).rejects.toEqual(
          refusal('ProvisionedThroughputExceededException'),
        );
        for (let at = 0; at < 10; at += 1) await port.describe({ arn });
        await expect(port.describe({ arn })).rejects.toEqual(refusal('ThrottlingException'));
        await clock.sleep(1_000);
        await port.records({ arn, shardId, iterator });
        await port.describe({ arn });
        const { violations, shards, describesPerSecondMax } = simulator.traffic();
        expect(violations.map(({ rule, count, reader }) => [rule, count, reader])).toEqual([
          ['reads-per-second', 6, 'one'],
          ['describes-per-second', 11, 'one'],
        ]);
        expect(shards).toMatchObject([{ reads: 7, throttled: 1, emptyReads: 6, readsPerSecondMax: 6 }]);
        expect([describesPerSecondMax, port.spent().throttled]).toEqual([11, 2]);
      }));

    it('refuseReaders: a third one at a time', () =>
      withTable({ caprices: { refuseReaders: true } }, async ({ clock, simulator, arn, shardId }) => {
        const iterator = await simulator.port('one').iterator({ arn, shardId, start: trim });
        const read = (reader: string) => simulator.port(reader).records({ arn, shardId, iterator });
        await read('one');
        await read('two');
        await expect(read('three')).rejects.toEqual(refusal('LimitExceededException'));
        await clock.sleep(3_000);
        await read('three');
        expect(simulator.traffic().shards).toMatchObject([{ readers: ['one', 'two', 'three'], readersAtOnceMax: 3 }]);
        expect(simulator.traffic().violations).toMatchObject([{ rule: 'readers-per-shard', reader: 'three', shardId }]);
      }));

    it('serverFaults, lostAnswers: calls that fail before, and after they were carried out', () =>
      withTable({ caprices: { serverFaults: 1 } }, async ({ simulator, arn, shardId, port }) => {
        const asked = () => port.iterator({ arn, shardId, start: trim });
        await expect(asked()).rejects.toEqual(refusal('InternalServerError'));
        expect(simulator.traffic().shards[0]?.iterators).toBe(0);
        simulator.set({ serverFaults: 0, lostAnswers: 1 });
        await expect(asked()).rejects.toEqual(refusal('TimeoutError'));
        expect(simulator.traffic().shards[0]?.iterators).toBe(1);
      }));

    it('latencyMs, slowCalls: calls take time, and end with the signal', () =>
      withTable({ caprices: { latencyMs: [10, 10], slowCalls: 0 } }, async ({ clock, simulator, arn, port }) => {
        await port.describe({ arn });
        expect(clock.monotonicMs()).toBe(10);
        simulator.set({ slowCalls: 1, slowCallMs: [1_000, 1_000] });
        const controller = new AbortController();
        const asked = port.describe({ arn }, { signal: controller.signal });
        await clock.sleep(500);
        controller.abort(new Error('enough'));
        await expect(asked).rejects.toThrow('enough');
        await expect(port.describe({ arn }, { signal: controller.signal })).rejects.toThrow('enough');
        await port.describe({ arn });
        expect(clock.monotonicMs()).toBe(1_510);
      }));

    it('splits, splitAbovePerSecond: two children at the roll, and under load', async () => {
      const seen = await over({ splits: 0.5 }, async ({ clock, simulator, arn }) => {
        await clock.sleep(4.7 * 3_600_000);
        return simulator.shards(arn).length;
      });
      expect(new Set(seen)).toEqual(new Set([2, 3]));
      await withTable({ caprices: { splitAbovePerSecond: 50 } }, async (opened) => {
        for (let n = 0; n < 60; n += 1) await put(opened, opened.tableName, n);
        expect(opened.simulator.shards(opened.arn).length).toBe(3);
      });
    });
  });

  it('addSource() gives shards whose records are made when they are read', () =>
    withTable({}, async ({ simulator, port }) => {
      const arn = simulator.addSource({ shards: 2, records: 2_500 });
      const { shards } = await port.describe({ arn });
      expect(shards.map(({ lastSequence }) => lastSequence !== undefined)).toEqual([true, true]);
      for (const { shardId } of shards) {
        let iterator: string | undefined = await port.iterator({ arn, shardId, start: trim });
        const numbers: (string | undefined)[] = [];
        while (iterator !== undefined) {
          const page = await port.records({ arn, shardId, iterator });
          numbers.push(...page.records.map(({ dynamodb }) => dynamodb?.SequenceNumber));
          iterator = page.nextIterator;
        }
        expect([numbers.length, new Set(numbers).size, numbers[0] === shards[0]?.firstSequence]).toEqual([
          2_500,
          2_500,
          true,
        ]);
        const start = { type: 'AFTER_SEQUENCE_NUMBER', sequence: numbers[1_999] ?? '' } as const;
        const { records } = await port.records({
          arn,
          shardId,
          iterator: await port.iterator({ arn, shardId, start }),
        });
        expect([records.length, records[0]?.dynamodb?.SequenceNumber]).toEqual([500, numbers[2_000]]);
      }
    }));

  it('refuses options that make no sense', () => {
    expect(() => openSimulator({ partitions: 0 })).toThrow(RangeError);
    for (const options of [{ shards: 0 }, { records: 0 }, { records: 1.5 }]) {
      expect(() => openSimulator().simulator.addSource(options)).toThrow(RangeError);
    }
    expect(() => openSimulator({ profile: 'wild' as never })).toThrow(/there is no profile wild/);
    expect(() => openSimulator({ caprices: { emptyPages: 2 } })).toThrow(/emptyPages must be a chance/);
    expect(() => openSimulator({ caprices: { visibleMs: [5, 1] } })).toThrow(/visibleMs must be/);
    expect(() => openSimulator({ caprices: { typo: 1 } as never })).toThrow(/there is no switch typo/);
  });
});
