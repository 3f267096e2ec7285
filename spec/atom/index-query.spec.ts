// Goal: index attributes follow the value in the same write, whatever the way of writing; a query over an index leads back to atoms.
// Method: on the memory engine with counts, and with an index that lags behind; on each engine for what the store itself must do.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AtomTable, type QueryOptions, type SortCondition } from '../../lib/atom/index.js';
import { parseCondition } from '../../lib/atom/many/index-condition.js';
import type { AttributeValue, Item } from '../../lib/codec/index.js';
import type { QueryRequest, SecondaryIndex } from '../../lib/engine/index.js';
import { describeEngine, engines, type OpenEngine } from '../support/engines.js';
import { Bench, overridden } from './bench.js';

interface Job {
  readonly status?: 'open' | 'done';
  readonly at: number;
}
const index = { status: (job: Job) => job.status, at: (job: Job) => job.at };
const indexes: readonly SecondaryIndex[] = [
  { name: 'by-status', partitionKey: { name: 'status', type: 'S' }, sortKey: { name: 'at', type: 'N' } },
];
const open = { partition: { status: 'open' } };

for (const row of engines) {
  describeEngine(row, () => {
    let store: OpenEngine;
    let table: AtomTable;
    let tableName: string;
    let aheadMs = 0;
    beforeAll(async () => {
      store = await row.open();
      tableName = store.uniqueTable();
      table = new AtomTable({ engine: store.engine, tableName, clock: shifted });
      await table.create({ indexes });
    });
    afterAll(async () => {
      await store.engine.deleteTable(tableName);
      await store.close();
    });
    const shifted = {
      now: () => Date.now() + aheadMs,
      monotonicMs: () => performance.now(),
      sleep: (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms).unref()),
    };
    const keysOf = async (options: QueryOptions) => {
      const keys: unknown[] = [];
      for await (const { key } of table.query<Job>('by-status', options)) keys.push(key);
      return keys;
    };

    it('finds atoms by what they project, in order, both ways, with a range and a limit', async () => {
      const jobs = [5, 1, 4, 2, 3, -1, 10].map((at) => table.atom<Job>(`job-${at}`, { index }));
      await Promise.all(jobs.map((job) => job.reset({ status: 'open', at: Number(job.key.slice(4)) })));
      await table.atom<Job>('other', { index }).reset({ status: 'done', at: 3 });
      const inOrder = [-1, 1, 2, 3, 4, 5, 10].map((at) => `job-${at}`);
      expect(await keysOf(open)).toEqual(inOrder);
      expect(await keysOf({ ...open, forward: false, limit: 2 })).toEqual(['job-10', 'job-5']);
      expect(await keysOf({ ...open, sort: { at: { between: [2, 4] } } })).toEqual(['job-2', 'job-3', 'job-4']);
      expect(await keysOf({ ...open, sort: { at: { gt: 4 } }, fresh: true })).toEqual(['job-5', 'job-10']);
      expect(await keysOf({ ...open, sort: { at: 3 }, pageItemsMax: 1 })).toEqual(['job-3']);
      const walk = table.query<Job>('by-status', { ...open, limit: 3 });
      for await (const { value, version } of walk) expect([value.status, version]).toEqual(['open', 1]);
      expect(await keysOf({ ...open, cursor: walk.cursor })).toEqual(inOrder.slice(3));
    });

    it('index attributes are maintained in the same write, and go with the value', async () => {
      const job = table.atom<Job>('moved', { index });
      const at = 1_000;
      const where = async () => {
        const under = async (status: string) =>
          (await keysOf({ partition: { status }, sort: { at: { gte: at } } })).length;
        return [await under('open'), await under('done')];
      };
      await job.reset({ status: 'open', at });
      expect(await where()).toEqual([1, 0]);
      await job.swap((value) => ({ status: 'done', at: (value?.at ?? 0) + 1 }));
      expect(await where()).toEqual([0, 1]);
      await table.putMany([[job, { at }]]);
      expect(await where()).toEqual([0, 0]);
      await table.putMany([[job, { status: 'open', at }]]);
      expect(await where()).toEqual([1, 0]);
      expect(await job.delete()).toBe(true);
      expect(await where()).toEqual([0, 0]);
      expect(await job.compareAndSet(undefined, { status: 'done', at })).toBe(true);
      expect(await where()).toEqual([0, 1]);
      await table.deleteMany([job]);
      expect(await where()).toEqual([0, 0]);
    });

    it('writers that contend leave the attributes of the value that stands', async () => {
      const writers = [1, 2, 3].map(() =>
        new AtomTable({ engine: store.engine, tableName }).atom<Job>('hot', { index }),
      );
      await Promise.all(
        writers.flatMap((hot) =>
          Array.from({ length: 5 }, () =>
            hot.swap((value): Job => {
              const at = (value?.at ?? 2_000) + 1;
              return at % 2 === 0 ? { status: 'open', at } : { status: 'done', at };
            }),
          ),
        ),
      );
      const [done] = await store.engine
        .get({ table: tableName, key: { id: { S: 'hot' } }, consistent: true })
        .then((item) => [item]);
      expect(done).toMatchObject({
        status: { S: 'done' },
        at: { N: '2015' },
        i: { SS: expect.arrayContaining(['at', 'status']) },
      });
      expect(await keysOf({ partition: { status: 'done' }, sort: { at: { gt: 2_000 } } })).toEqual(['hot']);
      expect(await keysOf({ ...open, sort: { at: { gt: 2_000 } } })).toEqual([]);
    });

    it('what has expired is found no more, although its item is still there', async () => {
      const job = table.atom<Job>('short', { index, ttlMs: 1_000 });
      await job.reset({ status: 'open', at: 3_000 });
      const found = () => keysOf({ ...open, sort: { at: { gte: 3_000 } } });
      expect(await found()).toEqual(['short']);
      aheadMs = 1_001;
      expect(await found()).toEqual([]);
      expect(await keysOf({ ...open, sort: { at: { gte: 3_000 } }, fresh: true })).toEqual([]);
      aheadMs = 0;
    });
  });
}

describe('query()', () => {
  let bench: Bench;
  let table: AtomTable;
  beforeEach(async () => {
    bench = new Bench();
    table = bench.table({ retry: { timeoutMs: 2_000, attemptTimeoutMs: 100 } });
    await bench.run(table.create({ indexes }));
  });
  const fill = (count: number) =>
    bench.run(
      table.putMany(
        Array.from({ length: count }, (_, at) => {
          const job: Job = { status: 'open', at };
          return [table.atom<Job>(`job-${at}`, { index }), job] as const;
        }),
      ),
    );
  const take = async (options: QueryOptions, from = table) => {
    const found: { key: unknown; value: Job; version: number; stale: boolean }[] = [];
    for await (const { key, value, version, stale } of from.query<Job>('by-status', options)) {
      found.push({ key, value, version, stale });
    }
    return found;
  };
  const spentBy = async <R>(body: () => Promise<R>) => {
    const before = bench.faulty.spent();
    const result = await bench.run(body());
    const after = bench.faulty.spent();
    return { result, requests: after.requests - before.requests, units: after.readUnits - before.readUnits };
  };
  /** An index as it was when this was called. */
  const frozen = async (make: (item: Item) => Item = (item) => item) => {
    const page = await bench.memory.query({
      table: 'state',
      index: 'by-status',
      keyCondition: parseCondition(open).keyCondition,
      consistent: false,
    });
    const items = page.items.map(make);
    return overridden(bench.faulty, {
      query: async (request: QueryRequest) => {
        await bench.faulty.query(request);
        return { items };
      },
    });
  };

  it('costs half a read unit per 4 KB of what is found; with fresh a batch read per hundred more', async () => {
    await fill(150);
    const plain = await spentBy(() => take(open));
    expect(plain).toMatchObject({ result: { length: 150 }, requests: 1 });
    expect(plain.result[7]).toEqual({ key: 'job-7', value: { status: 'open', at: 7 }, version: 1, stale: true });
    const fresh = await spentBy(() => take({ ...open, fresh: true }));
    expect(fresh).toMatchObject({ result: { length: 150 }, requests: 3 });
    expect(fresh.units).toBe(plain.units + 150);
    expect(fresh.result[7]?.stale).toBe(false);
  });

  it('with a limit reads no more than that', async () => {
    await fill(150);
    const limited = await spentBy(() => take({ ...open, limit: 10 }));
    expect(limited).toMatchObject({ result: { length: 10 }, requests: 1 });
    expect(limited.units).toBeLessThan(1);
    const both = await spentBy(() => take({ ...open, limit: 10, pageItemsMax: 4 }));
    expect(both).toMatchObject({ result: { length: 10 }, requests: 3 });
  });

  it('goes on within a page although nobody told the name of the sort attribute', async () => {
    await fill(20);
    const walk = table.query<Job>('by-status', open);
    const some = async (count: number, from = walk) => {
      const keys: unknown[] = [];
      for await (const { key } of from) {
        keys.push(key);
        if (keys.length === count) break;
      }
      return keys;
    };
    const inOrder = Array.from({ length: 20 }, (_, at) => `job-${at}`);
    expect(await bench.run(some(7))).toEqual(inOrder.slice(0, 7));
    const { cursor } = walk;
    const elsewhere = bench.table().query<Job>('by-status', { ...open, cursor });
    expect(await bench.run(some(100, elsewhere))).toEqual(inOrder.slice(7));
    // What it stood at has gone: its page comes again, rather than that anything is missed.
    await bench.run(table.deleteMany(['job-6']));
    expect(await bench.run(some(100))).toHaveLength(19);
    const named = table.query<Job>('by-status', { ...open, sort: { at: { gte: 0 } } });
    await bench.run(some(7, named));
    await bench.run(table.deleteMany(['job-7']));
    expect(await bench.run(some(100, named))).toEqual(inOrder.slice(8));
  });

  it('fresh: drops what the index still shows and the atom no longer is; brings what it is now', async () => {
    await fill(6);
    const engine = await frozen();
    const [gone, done, moved, changed] = [0, 1, 2, 3].map((n) => table.atom<Job>(`job-${n}`, { index }));
    await bench.run(
      Promise.all([
        gone?.delete(),
        done?.reset({ status: 'done', at: 1 }),
        moved?.reset({ status: 'open', at: 99 }),
        changed?.reset({ status: 'open', at: 3.5 }),
      ]),
    );
    await bench.memory.delete({ table: 'state', key: { id: { S: 'job-5' } } });
    const lagging = bench.table({ engine });
    const condition = { ...open, sort: { at: { lt: 50 } } };
    expect((await bench.run(take(condition, lagging))).map(({ key }) => key)).toEqual(
      [0, 1, 2, 3, 4, 5].map((n) => `job-${n}`),
    );
    const fresh = await bench.run(take({ ...condition, fresh: true }, lagging));
    expect(fresh.map(({ key, value }) => [key, value.at])).toEqual([
      ['job-3', 3.5],
      ['job-4', 4],
    ]);
  });

  it('an index that brings keys only needs fresh, and says so', async () => {
    await fill(3);
    const engine = await frozen(({ id, status, at }) => ({ id, status, at }) as Item);
    const poor = bench.table({ engine });
    const failure = await bench.run(take(open, poor).catch((error: unknown) => error));
    expect(failure).toMatchObject({ code: 'ERR_DECODE', reason: 'foreign' });
    expect(String(failure)).toContain('use fresh');
    expect(await bench.run(take({ ...open, onUndecodable: 'skip' }, poor))).toEqual([]);
    expect(await bench.run(take({ ...open, fresh: true }, poor))).toHaveLength(3);
  });

  it('what an index leaves out is not lost by the next write: caches do not learn from it', async () => {
    const job = bench.table().atom<Job>('job', { index });
    await bench.run(job.reset({ status: 'open', at: 1 }));
    const engine = overridden(bench.faulty, { query: async () => ({ items: [poor] }) });
    const other = bench.table({ engine });
    const mine = other.atom<Job>('job', { index });
    await bench.run(mine.deref());
    await bench.run(job.reset({ status: 'open', at: 2 }));
    await bench.put({ ...((await bench.item('job')) as Item), note: { S: 'of another program' } });
    const { note: _, ...poor } = (await bench.item('job')) as Item;
    expect((await bench.run(take(open, other))).map(({ version }) => version)).toEqual([2]);
    expect(mine.peek()).toEqual({ status: 'open', at: 1 });
    await bench.run(mine.swap((value) => ({ at: 0, ...value, status: 'done' })));
    expect(await bench.item('job')).toMatchObject({ note: { S: 'of another program' }, status: { S: 'done' } });
  });

  it('fresh: open atoms read as they read and learn; items that are no atoms are passed over', async () => {
    await fill(2);
    await bench.put({ id: { S: 'foreign' }, status: { S: 'open' }, at: { N: '7' } });
    const other = bench.table();
    const job = other.atom<Job>('job-1', { index });
    expect((await bench.run(take({ ...open, fresh: true }, other))).map(({ key }) => key)).toEqual(['job-0', 'job-1']);
    expect(job.peek()).toEqual({ status: 'open', at: 1 });
  });

  it('asks again for pages and atoms that trouble keeps back', async () => {
    await fill(150);
    bench.faulty.setRules([
      { fault: { kind: 'throttle' }, on: ['query'], times: 2 },
      { fault: { kind: 'partial', leftShare: 0.7 }, on: ['batchGet'], times: 3 },
    ]);
    expect(await bench.run(take({ ...open, fresh: true }))).toHaveLength(150);
    bench.faulty.setRules([{ fault: { kind: 'partial', leftShare: 1 }, on: ['batchGet'] }]);
    const failure = await bench.run(take({ ...open, fresh: true }).catch((error: unknown) => error));
    expect(failure).toMatchObject({ code: 'ERR_DEADLINE' });
  });

  it('refuses what is no condition, at the call', () => {
    const wrong: unknown[] = [
      {},
      { partition: {} },
      { partition: { a: 'x', b: 'y' } },
      { partition: { a: { equals: 'x' } } },
      { ...open, sort: {} },
      { ...open, sort: { at: { like: 1 } } },
      { ...open, sort: { at: { between: [1] } } },
      { ...open, sort: { at: { toString: 1 } } },
      { ...open, sort: { at: {} } },
    ];
    for (const options of wrong) expect(() => table.query('by-status', options as QueryOptions)).toThrow(TypeError);
    for (const options of [{ limit: 0 }, { pageItemsMax: 1.5 }]) {
      expect(() => table.query('by-status', { ...open, ...options })).toThrow(RangeError);
    }
    expect(() => table.query(undefined as never, open)).toThrow(TypeError);
  });
});

describe('a condition judges as the store does', () => {
  const values: readonly (string | number | bigint | Uint8Array)[] = [
    ...['', 'a', 'ab', 'b', '\u{10000}', '\uffff', 'é'],
    ...[-1, 0, 1, 1.5, 2 ** 53, 1e-7, 9.5e100, 1e23, -1.5e-9],
    ...[2n ** 53n + 1n, -(10n ** 30n), 10n ** 23n + 1n],
    ...[Uint8Array.of(1), Uint8Array.of(1, 2), Uint8Array.of(255)],
  ];
  const attribute = (value: (typeof values)[number]): AttributeValue =>
    typeof value === 'string' ? { S: value } : value instanceof Uint8Array ? { B: value } : { N: String(value) };

  it('for each comparison of each value with each other', async () => {
    const bench = new Bench();
    const kinds = { S: 'string', N: 'number', B: 'object' } as const;
    let judged = 0;
    for (const [type, kind] of Object.entries(kinds)) {
      const own = values.filter((one) => (typeof one === 'bigint' ? 'number' : typeof one) === kind && one !== '');
      const name = `sorted-${type}`;
      const schema = { partitionKey: { name: 'p', type: 'S' }, sortKey: { name: 's', type } } as never as {
        partitionKey: never;
        sortKey: never;
      };
      await bench.memory.createTable({ table: name, billing: { mode: 'on-demand' }, ...schema });
      for (const value of own) await bench.memory.put({ table: name, item: { p: { S: 'p' }, s: attribute(value) } });
      // As the store spells them.
      const { items } = await bench.memory.scan({ table: name, consistent: true });
      const stored = items.map(({ s }) => s as AttributeValue);
      for (const low of own) {
        const conditions: SortCondition[] = [
          { equals: low },
          { lt: low },
          { lte: low },
          { gt: low },
          { gte: low },
          low,
        ];
        conditions.push(...own.flatMap((high) => [{ between: [low, high] as const }]));
        if (typeof low !== 'number' && typeof low !== 'bigint') conditions.push({ beginsWith: low });
        for (const condition of conditions) {
          const parsed = parseCondition({ partition: { p: 'p' }, sort: { s: condition } });
          // A range that is turned round is refused by the store.
          const found = await bench.memory
            .query({ table: name, keyCondition: parsed.keyCondition, consistent: true })
            .then(({ items }) => items.map(({ s }) => s))
            .catch(() => []);
          const held = stored.filter((s) => parsed.holds({ p: { S: 'p' }, s }));
          expect([condition, new Set(held.map(text))]).toEqual([
            condition,
            new Set(found.map((s) => text(s as AttributeValue))),
          ]);
          judged += 1;
        }
      }
    }
    expect(judged).toBeGreaterThan(150);
  });

  it('values of different types do not compare', () => {
    const { holds } = parseCondition({ partition: { p: 'p' }, sort: { s: { gte: 0 } } });
    expect(holds({ p: { S: 'p' }, s: { S: '1' } })).toBe(false);
    expect(holds({ p: { S: 'p' } })).toBe(false);
    expect(holds({ p: { N: '1' }, s: { N: '1' } })).toBe(false);
    const begins = parseCondition({ partition: { p: 'p' }, sort: { s: { beginsWith: 'a' } } });
    expect(begins.holds({ p: { S: 'p' }, s: { B: Uint8Array.of(97) } })).toBe(false);
    expect(begins.holds({ p: { S: 'p' }, s: { N: '1' } })).toBe(false);
  });
});

function text(value: AttributeValue): string {
  if ('N' in value) return String(Number(value.N));
  return JSON.stringify(value, (_, one: unknown) => (one instanceof Uint8Array ? [...one] : one));
}
