/** The contract of many items at once: batches, pages of queries and scans. */
import { describe, expect, it } from '@jest/globals';
import type { Item } from '../../lib/codec/index.js';
import {
  type BatchWriteAnswer,
  batchGetKeysMax,
  batchWriteItemsMax,
  type PageAnswer,
  type QueryRequest,
} from '../../lib/engine/index.js';
import { type Bench, freshKey, given, read, refused } from './contract-bench.js';

const pagesMax = 1_000;

/** All items of all pages, and how many pages there were. Empty pages count. */
async function allPages(
  page: (startKey: Item | undefined) => Promise<PageAnswer>,
): Promise<{ items: Item[]; pages: number }> {
  const items: Item[] = [];
  let startKey: Item | undefined;
  for (let pages = 1; pages <= pagesMax; pages++) {
    const answer = await page(startKey);
    items.push(...answer.items);
    if (answer.nextKey === undefined) return { items, pages };
    startKey = answer.nextKey;
  }
  throw new Error(`more than ${pagesMax} pages`);
}

const numbers = (items: readonly Item[]) => items.map((item) => Number((item as { sk: { N: string } }).sk.N));

/** Puts items 0 to count-1 under one partition of the sorted table. */
async function series(
  { engine, sorted }: Bench,
  count: number,
  more: (n: number) => Item = () => ({}),
): Promise<string> {
  const pk = freshKey();
  for (let n = 0; n < count; n++) {
    const item = { pk: { S: pk }, sk: { N: String(n) }, ...more(n) };
    expect(await engine.put({ table: sorted, item })).toMatchObject({ status: 'applied' });
  }
  return pk;
}

const partition = (pk: string): QueryRequest['keyCondition'] => ({
  expression: 'pk = :pk',
  values: { ':pk': { S: pk } },
});

/** Registers the facts of batches. */
export function batchContract(bench: () => Bench): void {
  describe('batchGet()', () => {
    it('finds what is there of a hundred keys', async () => {
      const { engine, plain } = bench();
      const keys = Array.from({ length: batchGetKeysMax }, () => ({ pk: { S: freshKey() } }));
      for (const key of keys.slice(0, 5)) await given(bench(), key);
      const { items, unprocessed } = await engine.batchGet({ table: plain, keys, consistent: true });
      expect(unprocessed).toEqual([]);
      expect(items.map((item) => (item.pk as { S: string }).S).sort()).toEqual(
        keys
          .slice(0, 5)
          .map((key) => key.pk.S)
          .sort(),
      );
    });

    it('rejects 101 keys, and the same key twice', async () => {
      const { engine, plain } = bench();
      const validation = { name: 'ValidationException' };
      const many = Array.from({ length: batchGetKeysMax + 1 }, () => ({ pk: { S: freshKey() } }));
      await expect(engine.batchGet({ table: plain, keys: many, consistent: true })).rejects.toMatchObject(validation);
      const twice = [{ pk: { S: 'x' } }, { pk: { S: 'x' } }];
      await expect(engine.batchGet({ table: plain, keys: twice, consistent: true })).rejects.toMatchObject(validation);
    });
  });

  describe('batchWrite()', () => {
    it('puts and deletes 25 items together', async () => {
      const { engine, plain } = bench();
      const gone = { pk: { S: freshKey() } };
      await given(bench(), gone);
      const puts = Array.from({ length: batchWriteItemsMax - 1 }, () => ({ pk: { S: freshKey() }, n: { N: '1' } }));
      const done: BatchWriteAnswer = { status: 'applied', unprocessedPuts: [], unprocessedDeletes: [] };
      expect(await engine.batchWrite({ table: plain, puts, deletes: [gone] })).toEqual(done);
      for (const { pk } of puts) expect(await read(bench(), pk.S)).toBeDefined();
      expect(await read(bench(), gone.pk.S)).toBeUndefined();
    });

    it('refuses 26 items, and the same item twice', async () => {
      const { engine, plain } = bench();
      const puts = Array.from({ length: batchWriteItemsMax + 1 }, () => ({ pk: { S: freshKey() } }));
      expect(await engine.batchWrite({ table: plain, puts })).toEqual(refused('ValidationException'));
      const same = { pk: { S: freshKey() } };
      expect(await engine.batchWrite({ table: plain, puts: [same], deletes: [same] })).toEqual(
        refused('ValidationException'),
      );
    });
  });

  describe('query()', () => {
    it('goes both ways through a partition in the order of its numbers', async () => {
      const { engine, sorted } = bench();
      const pk = await series(bench(), 12);
      const query = { table: sorted, keyCondition: partition(pk), consistent: true };
      const order = Array.from({ length: 12 }, (_, n) => n);
      expect(numbers((await allPages((startKey) => engine.query({ ...query, startKey }))).items)).toEqual(order);
      const back = await allPages((startKey) => engine.query({ ...query, forward: false, limit: 5, startKey }));
      expect(numbers(back.items)).toEqual(order.reverse());
      expect(back.pages).toBe(3);
    });

    it('takes a range of sort keys', async () => {
      const { engine, sorted } = bench();
      const pk = await series(bench(), 12);
      const expression = 'pk = :pk AND sk BETWEEN :from AND :to';
      const values = { ':pk': { S: pk }, ':from': { N: '9' }, ':to': { N: '11' } };
      const { items } = await engine.query({ table: sorted, keyCondition: { expression, values }, consistent: true });
      expect(numbers(items)).toEqual([9, 10, 11]);
    });

    it('filters after the limit, so that pages may be empty', async () => {
      const { engine, sorted } = bench();
      const pk = await series(bench(), 10, (n) => ({ odd: { BOOL: n % 2 === 1 } }));
      const filter = {
        expression: 'odd = :odd AND sk > :five',
        values: { ':odd': { BOOL: true }, ':five': { N: '5' } },
      };
      // A key attribute may not be filtered for: the service says so, and the facts heed it.
      const plain = { expression: 'odd = :odd', values: { ':odd': { BOOL: true } } } as const;
      const keyCondition = partition(pk);
      await expect(engine.query({ table: sorted, keyCondition, filter, consistent: true })).rejects.toMatchObject({
        name: 'ValidationException',
      });
      const { items, pages } = await allPages((startKey) =>
        engine.query({ table: sorted, keyCondition, filter: plain, consistent: true, limit: 1, startKey }),
      );
      expect(numbers(items)).toEqual([1, 3, 5, 7, 9]);
      expect(pages).toBeGreaterThanOrEqual(10);
    });

    it('cuts pages at 1 MB and loses nothing', async () => {
      const { engine, sorted } = bench();
      const pk = await series(bench(), 8, () => ({ d: { S: 'x'.repeat(300_000) } }));
      const { items, pages } = await allPages((startKey) =>
        engine.query({ table: sorted, keyCondition: partition(pk), consistent: true, startKey }),
      );
      expect(numbers(items)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      expect(pages).toBeGreaterThanOrEqual(2);
    });

    it('reads an index', async () => {
      const { engine, sorted } = bench();
      const kind = freshKey();
      await series(bench(), 4, (n) => (n % 2 === 0 ? { kind: { S: kind } } : {}));
      const request: QueryRequest = {
        table: sorted,
        index: 'byKind',
        keyCondition: { expression: '#k = :kind', names: { '#k': 'kind' }, values: { ':kind': { S: kind } } },
        consistent: false,
      };
      let found: readonly Item[] = [];
      for (let i = 0; i < 100 && found.length < 2; i++) found = (await engine.query(request)).items;
      expect(numbers(found)).toEqual([0, 2]);
      await expect(engine.query({ ...request, consistent: true })).rejects.toMatchObject({
        name: 'ValidationException',
      });
    });
  });

  describe('scan()', () => {
    it('finds each item once, in one walk or in segments', async () => {
      const { engine, makeTable } = bench();
      const table = await makeTable({ partitionKey: { name: 'pk', type: 'S' }, billing: { mode: 'on-demand' } });
      const all = Array.from({ length: 60 }, (_, n) => `item-${n}`).sort();
      for (const pk of all) await engine.put({ table, item: { pk: { S: pk } } });
      const names = (items: readonly Item[]) => items.map((item) => (item.pk as { S: string }).S).sort();
      const walk = await allPages((startKey) => engine.scan({ table, consistent: true, limit: 7, startKey }));
      expect(names(walk.items)).toEqual(all);
      const segments = await Promise.all(
        [0, 1, 2, 3].map((segment) =>
          allPages((startKey) => engine.scan({ table, consistent: true, segment, segments: 4, startKey })),
        ),
      );
      expect(names(segments.flatMap(({ items }) => items))).toEqual(all);
    });

    it('brings only the attributes that were asked for, filtered by all', async () => {
      const { engine, makeTable } = bench();
      const table = await makeTable({ partitionKey: { name: 'pk', type: 'S' }, billing: { mode: 'on-demand' } });
      for (const pk of ['a', 'b']) await engine.put({ table, item: { pk: { S: pk }, n: { N: '1' }, k: { S: pk } } });
      const filter = { expression: '#k = :k', names: { '#k': 'k' }, values: { ':k': { S: 'b' } } };
      const request = { table, filter, consistent: true, projection: ['pk', 'n', 'none'] };
      const { items } = await allPages((startKey) => engine.scan({ ...request, startKey }));
      expect(items).toEqual([{ pk: { S: 'b' }, n: { N: '1' } }]);
      const keyCondition = { expression: '#pk = :pk', names: { '#pk': 'pk' }, values: { ':pk': { S: 'a' } } };
      const found = await engine.query({ table, keyCondition, consistent: true, projection: ['pk', 'k'] });
      expect(found.items).toEqual([{ pk: { S: 'a' }, k: { S: 'a' } }]);
    });

    it('filters', async () => {
      const { engine, makeTable } = bench();
      const table = await makeTable({ partitionKey: { name: 'pk', type: 'S' }, billing: { mode: 'on-demand' } });
      for (const pk of ['a1', 'b1', 'a2']) await engine.put({ table, item: { pk: { S: pk } } });
      const filter = { expression: 'begins_with(pk, :a)', values: { ':a': { S: 'a' } } };
      const { items } = await allPages((startKey) => engine.scan({ table, filter, consistent: true, startKey }));
      expect(items).toHaveLength(2);
    });
  });
}
