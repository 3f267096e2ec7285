// Goal: the memory engine behaves, refuses and charges as the service does. Method: small scripted calls; what another
// engine answers to the same requests is compared in memory-against-local.local.spec.ts.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { AttributeValue, Item } from '../../lib/codec/index.js';
import type { WriteAnswer } from '../../lib/engine/index.js';
import { type Commit, MemoryEngine, type MemoryEngineOptions } from '../../lib/engine/memory.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';

const table = 'jars';
const S = (text: string): AttributeValue => ({ S: text });
const N = (number: number | string): AttributeValue => ({ N: String(number) });
const at = (pk: string, sk = 0): Item => ({ pk: S(pk), sk: N(sk) });

async function opened(options: MemoryEngineOptions = {}): Promise<MemoryEngine> {
  const engine = new MemoryEngine(options);
  await engine.createTable({
    table,
    partitionKey: { name: 'pk', type: 'S' },
    sortKey: { name: 'sk', type: 'N' },
    billing: { mode: 'on-demand' },
    streamViewType: 'NEW_IMAGE',
    indexes: [{ name: 'by-g', partitionKey: { name: 'g', type: 'S' }, sortKey: { name: 'h', type: 'N' } }],
  });
  return engine;
}

function refusal(answer: WriteAnswer | { status: string }): string {
  if (answer.status !== 'not-applied') return answer.status;
  const { error } = answer as WriteAnswer & { status: 'not-applied' };
  return `${error.name}: ${error.message}`;
}

let engine: MemoryEngine;
beforeEach(async () => {
  engine = await opened();
});
const read = (key: Item) => engine.get({ table, key, consistent: true });

describe('MemoryEngine', () => {
  describe('single writes', () => {
    it('put, update and delete one item', async () => {
      expect(await engine.put({ table, item: { ...at('a'), n: N('1.50') } })).toEqual({ status: 'applied' });
      expect(await read(at('a'))).toEqual({ ...at('a'), n: N('1.5') });
      const update = { expression: 'SET n = n + :d, m = :d', values: { ':d': N(2) } };
      expect(await engine.update({ table, key: at('a'), update })).toEqual({
        status: 'applied',
        image: { ...at('a'), n: N('3.5'), m: N(2) },
      });
      expect(await engine.delete({ table, key: at('a') })).toEqual({ status: 'applied' });
      expect(await read(at('a'))).toBeUndefined();
    });

    it('a failed condition leaves the item and brings it along', async () => {
      const item = { ...at('a'), l: S('t1') };
      const condition = { expression: 'attribute_not_exists(pk)' };
      await engine.put({ table, item, condition });
      expect(await engine.put({ table, item: at('a'), condition })).toEqual({
        status: 'condition-failed',
        image: item,
        resent: false,
      });
      expect(await read(at('a'))).toEqual(item);
    });

    it('brings no item along with images: false', async () => {
      engine = await opened({ images: false });
      await engine.put({ table, item: at('a') });
      const condition = { expression: 'attribute_not_exists(pk)' };
      const failed = { status: 'condition-failed', image: undefined, resent: false };
      expect(await engine.put({ table, item: at('a'), condition })).toEqual(failed);
      const actions = [{ kind: 'check' as const, table, key: at('a'), condition }];
      const cancelled = await engine.transactWrite({ actions, token: 't' });
      expect(cancelled).toEqual({
        status: 'cancelled',
        reasons: [{ code: 'ConditionalCheckFailed', message: 'The conditional request failed' }],
        resent: false,
      });
    });

    it.each<[string, Item, RegExp]>([
      ['a missing key', { pk: S('a') }, /Missing the key sk/],
      ['a key of another type', { pk: N(1), sk: N(1) }, /Type mismatch for key pk/],
      ['an empty key', { pk: S(''), sk: N(1) }, /empty string value. Key: pk/],
      ['a long key', { pk: S('x'.repeat(2_049)), sk: N(1) }, /Size of hashkey/],
      ['a large item', { ...at('a'), d: S('x'.repeat(409_600)) }, /Item size has exceeded/],
      ['an empty set', { ...at('a'), d: { SS: [] } }, /may not be empty/],
      ['a set with a member twice', { ...at('a'), d: { NS: ['1', '1.0'] } }, /duplicates/],
      ['no number', { ...at('a'), d: N('abc') }, /cannot be converted to a numeric value/],
      ['39 digits', { ...at('a'), d: N('1'.repeat(39)) }, /38 significant digits/],
      ['a number too large', { ...at('a'), d: N('1e126') }, /overflow/],
      ['a number too small', { ...at('a'), d: N('1e-131') }, /underflow/],
      ['an index key of another type', { ...at('a'), g: N(1) }, /Type mismatch for Index Key/],
      ['an empty index key', { ...at('a'), g: S('') }, /IndexName: by-g/],
      ['no type', { ...at('a'), d: {} as AttributeValue }, /exactly one of the supported datatypes/],
    ])('refuse %s', async (_, item, message) => {
      const answer = await engine.put({ table, item });
      expect(refusal(answer)).toMatch(message);
      expect(refusal(answer)).toMatch(/^ValidationException/);
    });

    it('refuse an item that an update made too large', async () => {
      await engine.put({ table, item: { ...at('a'), d: S('x'.repeat(300_000)) } });
      const update = { expression: 'SET e = :e', values: { ':e': S('x'.repeat(200_000)) } };
      expect(refusal(await engine.update({ table, key: at('a'), update }))).toMatch(/Item size to update/);
      expect(Object.keys((await read(at('a'))) ?? {})).toEqual(['pk', 'sk', 'd']);
    });

    it('refuse to change a key, and tables that are not there', async () => {
      const update = { expression: 'SET pk = :p', values: { ':p': S('b') } };
      expect(refusal(await engine.update({ table, key: at('a'), update }))).toMatch(/part of the key/);
      expect(refusal(await engine.put({ table: 'none', item: at('a') }))).toMatch(/^ResourceNotFoundException/);
    });

    it('throw for what no engine would send', async () => {
      await expect(engine.put({ table, item: undefined as unknown as Item })).rejects.toThrow(TypeError);
    });

    it('keep hostile attribute names', async () => {
      const item = Object.fromEntries([...Object.entries(at('a')), ['__proto__', S('x')], ['constructor', N(1)]]);
      await engine.put({ table, item });
      const kept = (await read(at('a'))) as Item;
      expect(Object.entries(kept)).toEqual(Object.entries(item));
      expect(Object.getPrototypeOf(kept)).toBe(Object.prototype);
    });
  });

  describe('what it hands out and takes in', () => {
    it('is out of reach of later changes', async () => {
      const bytes = new Uint8Array([1]);
      const list = [N(1)];
      await engine.put({ table, item: { ...at('a'), b: { B: bytes }, l: { L: list } } });
      bytes[0] = 9;
      list.push(N(2));
      const first = (await read(at('a'))) as { b: { B: Uint8Array } };
      first.b.B[0] = 8;
      expect(await read(at('a'))).toEqual({ ...at('a'), b: { B: new Uint8Array([1]) }, l: { L: [N(1)] } });
      expect(() => Object.assign(first, { x: 1 })).toThrow();
    });
  });

  describe('batches', () => {
    it('get what is there', async () => {
      await engine.batchWrite({ table, puts: [at('a'), at('b')] });
      const got = await engine.batchGet({ table, keys: [at('a'), at('b'), at('c')], consistent: true });
      expect(got).toEqual({ items: [at('a'), at('b')], unprocessed: [] });
    });

    it('refuse too many, none, and one twice', async () => {
      const keys = Array.from({ length: 101 }, (_, sk) => at('a', sk));
      await expect(engine.batchGet({ table, keys, consistent: true })).rejects.toMatchObject({
        name: 'ValidationException',
      });
      expect(refusal(await engine.batchWrite({ table, puts: keys.slice(0, 26) }))).toMatch(/Too many items/);
      expect(refusal(await engine.batchWrite({ table }))).toMatch(/at least one/);
      expect(refusal(await engine.batchWrite({ table, puts: [at('a')], deletes: [at('a')] }))).toMatch(/duplicates/);
    });

    it('leave keys beyond 16 MB for later', async () => {
      engine = await opened({ limits: { batchGetBytesMax: 1_000 } });
      const items = [1, 2, 3].map((sk) => ({ ...at('a', sk), d: S('x'.repeat(600)) }));
      await engine.batchWrite({ table, puts: items });
      const keys = [1, 2, 3].map((sk) => at('a', sk));
      const got = await engine.batchGet({ table, keys, consistent: true });
      expect([got.items.length, got.unprocessed]).toEqual([2, [keys[2]]]);
    });
  });

  describe('query() and scan()', () => {
    const sks = (items: readonly Item[]) => items.map((item) => Number((item.sk as { N: string }).N));
    const of = (pk: string, more = '', values: Item = {}) => ({
      expression: `pk = :p${more}`,
      values: { ':p': S(pk), ...values },
    });
    beforeEach(async () => {
      const puts = [10, -1, 2, 1.5, 100].map((sk) => ({
        ...at('a', sk),
        g: S('G'),
        h: N(-sk),
        d: S('x'.repeat(1_000)),
      }));
      await engine.batchWrite({ table, puts: [...puts, at('b', 1)] });
    });

    it('order by number, either way', async () => {
      const page = await engine.query({ table, keyCondition: of('a'), consistent: true });
      expect([sks(page.items), page.nextKey]).toEqual([[-1, 1.5, 2, 10, 100], undefined]);
      const back = await engine.query({ table, keyCondition: of('a'), consistent: true, forward: false, limit: 2 });
      expect([sks(back.items), back.nextKey]).toEqual([[100, 10], at('a', 10)]);
    });

    it('page by limit, with a next key after the last full page too', async () => {
      const seen: number[] = [];
      let startKey: Item | undefined;
      let pages = 0;
      do {
        const page = await engine.query({ table, keyCondition: of('a'), consistent: true, limit: 1, startKey });
        seen.push(...sks(page.items));
        startKey = page.nextKey;
        pages += 1;
      } while (startKey !== undefined);
      expect([seen, pages]).toEqual([[-1, 1.5, 2, 10, 100], 6]);
    });

    it('end a page with the item that crosses its size', async () => {
      engine = await opened({ limits: { pageBytesMax: 1_500 } });
      await engine.batchWrite({ table, puts: [1, 2, 3, 4].map((sk) => ({ ...at('a', sk), d: S('x'.repeat(1_000)) })) });
      const first = await engine.query({ table, keyCondition: of('a'), consistent: true });
      expect([sks(first.items), first.nextKey]).toEqual([[1, 2], at('a', 2)]);
      const last = await engine.query({ table, keyCondition: of('a'), consistent: true, startKey: first.nextKey });
      expect([sks(last.items), last.nextKey]).toEqual([[3, 4], undefined]);
    });

    it.each<[string, Item, number[]]>([
      [' AND sk BETWEEN :x AND :y', { ':x': N(1), ':y': N(10) }, [1.5, 2, 10]],
      [' AND sk > :x', { ':x': N(2) }, [10, 100]],
      [' AND :x >= sk', { ':x': N('2.0') }, [-1, 1.5, 2]],
    ])('take the key condition%s', async (more, values, expected) => {
      const page = await engine.query({ table, keyCondition: of('a', more, values), consistent: true });
      expect(sks(page.items)).toEqual(expected);
    });

    it.each<[string, Item, RegExp]>([
      [' OR sk = :x', { ':x': N(1) }, /Invalid operator used in KeyConditionExpression: OR/],
      [' AND sk <> :x', { ':x': N(1) }, /Invalid operator used in KeyConditionExpression: <>/],
      [' AND d = :x', { ':x': N(1) }, /missed key schema element/],
      [' AND sk > :x AND sk < :x', { ':x': N(1) }, /only contain one condition per key/],
      [' AND sk = :x', { ':x': S('1') }, /does not match schema type/],
    ])('refuse the key condition%s', async (more, values, message) => {
      await expect(engine.query({ table, keyCondition: of('a', more, values), consistent: true })).rejects.toThrow(
        message,
      );
    });

    it('filter after the page was read', async () => {
      const filter = { expression: 'h < :z', values: { ':z': N(-5) } };
      const page = await engine.query({ table, keyCondition: of('a'), filter, consistent: true, limit: 4 });
      expect([sks(page.items), page.nextKey]).toEqual([[10], at('a', 10)]);
    });

    it('query an index', async () => {
      const keyCondition = { expression: 'g = :g', values: { ':g': S('G') } };
      const page = await engine.query({ table, index: 'by-g', keyCondition, consistent: false, limit: 2 });
      expect([sks(page.items), page.nextKey]).toEqual([[100, 10], { g: S('G'), h: N(-10), ...at('a', 10) }]);
      const rest = await engine.query({
        table,
        index: 'by-g',
        keyCondition,
        consistent: false,
        startKey: page.nextKey,
      });
      expect(sks(rest.items)).toEqual([2, 1.5, -1]);
      await expect(engine.query({ table, index: 'by-g', keyCondition, consistent: true })).rejects.toThrow(
        /not supported/,
      );
    });

    it('scan everything once, in pages and in segments', async () => {
      const puts = Array.from({ length: 20 }, (_, n) => at(`p${n}`, n));
      await engine.batchWrite({ table, puts });
      const seen: string[] = [];
      for (const segment of [0, 1, 2]) {
        let startKey: Item | undefined;
        do {
          const page = await engine.scan({ table, consistent: true, limit: 3, startKey, segment, segments: 3 });
          seen.push(...page.items.map((item) => JSON.stringify([item.pk, item.sk])));
          startKey = page.nextKey;
        } while (startKey !== undefined);
      }
      expect([seen.length, new Set(seen).size]).toEqual([26, 26]);
      expect((await engine.scan({ table, consistent: true })).items).toHaveLength(26);
    });
  });

  describe('transactWrite()', () => {
    const put = (pk: string, n: number) => ({ kind: 'put' as const, table, item: { ...at(pk), n: N(n) } });
    const absent = { expression: 'attribute_not_exists(pk)' };

    it('does all or nothing, and says why', async () => {
      await engine.put({ table, item: at('b') });
      const actions = [put('a', 1), { ...put('b', 1), condition: absent }];
      expect(await engine.transactWrite({ actions, token: 't1' })).toEqual({
        status: 'cancelled',
        reasons: [
          { code: 'None' },
          { code: 'ConditionalCheckFailed', message: 'The conditional request failed', image: at('b') },
        ],
        resent: false,
      });
      expect(await read(at('a'))).toBeUndefined();
      expect(await engine.transactWrite({ actions: [put('a', 1), put('c', 1)], token: 't2' })).toEqual({
        status: 'applied',
      });
      const gets = ['a', 'c', 'd'].map((pk) => ({ table, key: at(pk) }));
      expect(await engine.transactGet({ gets })).toEqual([{ ...at('a'), n: N(1) }, { ...at('c'), n: N(1) }, undefined]);
    });

    it('names a change that the item refuses', async () => {
      const update = { expression: 'SET q.r = :v', values: { ':v': N(1) } };
      const actions = [{ kind: 'update' as const, table, key: at('a'), update }, put('b', 1)];
      expect(await engine.transactWrite({ actions, token: 't' })).toMatchObject({
        status: 'cancelled',
        reasons: [{ code: 'ValidationError' }, { code: 'None' }],
      });
    });

    it('applies a token once within ten minutes, and refuses it for other actions', async () => {
      const clock = new VirtualClock();
      engine = await opened({ clock });
      const update = { expression: 'ADD n :one', values: { ':one': N(1) } };
      const actions = [{ kind: 'update' as const, table, key: at('a'), update }];
      for (let round = 0; round < 3; round += 1) {
        expect(await engine.transactWrite({ actions, token: 't' })).toEqual({ status: 'applied' });
      }
      expect(await read(at('a'))).toMatchObject({ n: N(1) });
      expect(refusal(await engine.transactWrite({ actions: [put('a', 1)], token: 't' }))).toMatch(
        /^IdempotentParameterMismatchException/,
      );
      await clock.advance(10 * 60_000);
      await engine.transactWrite({ actions, token: 't' });
      expect(await read(at('a'))).toMatchObject({ n: N(2) });
    });

    it('refuses one item twice, 101 actions, none, and more than 4 MB', async () => {
      const many = Array.from({ length: 101 }, (_, n) => put(`p${n}`, n));
      const large = Array.from({ length: 11 }, (_, n) => ({
        kind: 'put' as const,
        table,
        item: { ...at(`p${n}`), d: S('x'.repeat(400_000)) },
      }));
      const twice = [put('a', 1), { kind: 'delete' as const, table, key: at('a') }];
      const messages = [/multiple operations on one item/, /length between 1 and 100/, /between 1 and 100/, /4MB/];
      for (const [index, actions] of [twice, many, [], large].entries()) {
        expect(refusal(await engine.transactWrite({ actions, token: `t${index}` }))).toMatch(messages[index] as RegExp);
      }
    });

    it('is absent with transactions: false', async () => {
      engine = await opened({ transactions: false });
      expect(refusal(await engine.transactWrite({ actions: [put('a', 1)], token: 't' }))).toMatch(/^UnknownOperation/);
      await expect(engine.transactGet({ gets: [{ table, key: at('a') }] })).rejects.toMatchObject({
        name: 'UnknownOperationException',
      });
    });
  });

  describe('spent()', () => {
    const cost = async (send: () => Promise<unknown>) => {
      const before = engine.spent();
      await send();
      const { readUnits, writeUnits } = engine.spent();
      return [readUnits - before.readUnits, writeUnits - before.writeUnits];
    };
    const large = { ...at('a'), d: S('x'.repeat(5_000)) };
    const condition = { expression: 'attribute_not_exists(pk)' };

    it('counts by the published rules', async () => {
      expect(await cost(() => engine.put({ table, item: large }))).toEqual([0, 5]);
      expect(await cost(() => engine.put({ table, item: at('a') }))).toEqual([0, 5]);
      await engine.put({ table, item: large });
      expect(await cost(() => engine.put({ table, item: at('a'), condition }))).toEqual([0, 5]);
      expect(
        await cost(() => engine.delete({ table, key: at('z'), condition: { expression: 'attribute_exists(pk)' } })),
      ).toEqual([0, 1]);
      expect(await cost(() => engine.get({ table, key: at('a'), consistent: true }))).toEqual([2, 0]);
      expect(await cost(() => engine.get({ table, key: at('a'), consistent: false }))).toEqual([1, 0]);
      expect(await cost(() => engine.get({ table, key: at('z'), consistent: false }))).toEqual([0.5, 0]);
      expect(await cost(() => engine.transactGet({ gets: [{ table, key: at('a') }] }))).toEqual([4, 0]);
      const actions = [{ kind: 'put' as const, table, item: large }];
      expect(await cost(() => engine.transactWrite({ actions, token: 't' }))).toEqual([0, 10]);
      expect(await cost(() => engine.transactWrite({ actions, token: 't' }))).toEqual([4, 0]);
      const keyCondition = { expression: 'pk = :p', values: { ':p': S('a') } };
      expect(await cost(() => engine.query({ table, keyCondition, consistent: true }))).toEqual([2, 0]);
      expect(engine.spent()).toMatchObject({
        requests: 13,
        attempts: 13,
        conditionsFailed: 2,
        throttled: 0,
        unclear: 0,
      });
    });

    it('counts what an index costs', async () => {
      expect(await cost(() => engine.put({ table, item: { ...at('a'), g: S('x'), h: N(1) } }))).toEqual([0, 2]);
      expect(await cost(() => engine.put({ table, item: { ...at('a'), g: S('y'), h: N(1) } }))).toEqual([0, 3]);
      expect(await cost(() => engine.put({ table, item: { ...at('a'), g: S('y'), h: N(1) } }))).toEqual([0, 1]);
      expect(await cost(() => engine.delete({ table, key: at('a') }))).toEqual([0, 2]);
    });
  });

  describe('tables', () => {
    it('describe themselves, and are made and deleted once', async () => {
      expect(await engine.describeTable(table)).toMatchObject({
        status: 'ACTIVE',
        partitionKey: { name: 'pk', type: 'S' },
        sortKey: { name: 'sk', type: 'N' },
        billingMode: 'on-demand',
        streamViewType: 'NEW_IMAGE',
        replication: 'none',
      });
      const again = { table, partitionKey: { name: 'pk', type: 'S' }, billing: { mode: 'on-demand' } } as const;
      await expect(engine.createTable(again)).rejects.toMatchObject({ name: 'ResourceInUseException' });
      await expect(engine.createTable({ ...again, table: 'no' })).rejects.toMatchObject({
        name: 'ValidationException',
      });
      await engine.deleteTable(table);
      expect(await engine.describeTable(table)).toBeUndefined();
      await expect(engine.deleteTable(table)).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    });
  });

  describe('expire()', () => {
    it('deletes what is past its time, and only when asked', async () => {
      const clock = new VirtualClock();
      const commits: Commit[] = [];
      engine = await opened({ clock, onCommit: (commit) => commits.push(commit) });
      expect(await engine.describeTimeToLive(table)).toEqual({ enabled: false, attribute: undefined });
      await engine.updateTimeToLive(table, 't');
      expect(await engine.describeTimeToLive(table)).toEqual({ enabled: true, attribute: 't' });
      const inAMinute = clock.now() / 1_000 + 60;
      const kept = { ...at('b'), t: S(String(inAMinute)) };
      await engine.batchWrite({ table, puts: [{ ...at('a'), t: N(inAMinute) }, kept, { ...at('c'), t: N(1) }] });
      expect(engine.expire()).toBe(0);
      await clock.advance(60_000);
      expect(await read(at('a'))).toBeDefined();
      expect(engine.expire()).toBe(1);
      expect(await read(at('a'))).toBeUndefined();
      expect(commits.at(-1)).toMatchObject({ key: at('a'), after: undefined, expired: true });
    });
  });

  describe('staleness', () => {
    it('shows an eventual get an older image, a consistent one never', async () => {
      engine = await opened({ staleness: () => 2, seed: 1 });
      for (const n of [1, 2, 3]) await engine.put({ table, item: { ...at('a'), n: N(n) } });
      expect(await engine.get({ table, key: at('a'), consistent: false })).toMatchObject({ n: N(1) });
      expect(await read(at('a'))).toMatchObject({ n: N(3) });
      await engine.delete({ table, key: at('a') });
      expect(await engine.get({ table, key: at('a'), consistent: false })).toMatchObject({ n: N(2) });
    });
  });

  describe('latency and abort', () => {
    it('a write that nobody waits for still arrives', async () => {
      const clock = new VirtualClock();
      engine = await clock.run(opened({ clock, latency: () => 100 }));
      const controller = new AbortController();
      const write = engine.put({ table, item: at('a') }, { signal: controller.signal });
      await clock.advance(10);
      controller.abort(new Error('enough'));
      expect(await write).toMatchObject({ status: 'unclear', error: { name: 'AbortError' } });
      expect(await clock.run(read(at('a')))).toEqual(at('a'));
      expect(engine.spent().unclear).toBe(1);
    });

    it('a read ends with the reason of the abort', async () => {
      const reason = new Error('enough');
      await expect(
        engine.get({ table, key: at('a'), consistent: true }, { signal: AbortSignal.abort(reason) }),
      ).rejects.toBe(reason);
    });
  });
});
