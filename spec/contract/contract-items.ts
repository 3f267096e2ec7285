/** The contract of single items: get, put, update, delete, their conditions, and the limits of one item. */
import { describe, expect, it } from '@jest/globals';
import type { AttributeValue, Item } from '../../lib/codec/index.js';
import { itemBytesMax, partitionKeyBytesMax, sortKeyBytesMax } from '../../lib/engine/index.js';
import { type Bench, conditionFailed, freshKey, given, read, refused } from './contract-bench.js';

const absent = { expression: 'attribute_not_exists(pk)' };
const versionIs = (n: number) => ({
  expression: '#v = :seen',
  names: { '#v': 'v' },
  values: { ':seen': { N: String(n) } },
});

const everyType: Item = {
  text: { S: 'plain' },
  empty: { S: '' },
  unicode: { S: 'žluťoučký 🫙 שלום \u0000 \uFEFF é é' },
  number: { N: '-12.5' },
  digits: { N: '12345678901234567890123456789012345678' },
  bytes: { B: new Uint8Array([0, 1, 254, 255]) },
  noBytes: { B: new Uint8Array() },
  yes: { BOOL: true },
  no: { BOOL: false },
  nothing: { NULL: true },
  map: { M: { inner: { L: [{ N: '1' }, { M: {} }, { L: [] }] }, 'a.b #:': { S: 'odd name' } } },
  list: { L: [{ S: 'a' }, { BOOL: false }] },
  texts: { SS: ['a', 'b'] },
  numbers: { NS: ['1', '22'] },
  blobs: { BS: [new Uint8Array([1]), new Uint8Array([2, 3])] },
};

/** Sets in one order, bytes as plain arrays. */
function canonical(item: Item | undefined): unknown {
  return JSON.parse(
    JSON.stringify(item ?? null, (name, value) => {
      if (value instanceof Uint8Array) return [...value];
      if (name === 'SS' || name === 'NS' || name === 'BS')
        return [...value].map((one) => (one instanceof Uint8Array ? [...one] : one)).sort();
      return value;
    }),
  );
}

/** Registers the facts of single items. */
export function itemContract(bench: () => Bench): void {
  describe('get() and put()', () => {
    it('finds nothing where nothing is', async () => {
      expect(await read(bench(), freshKey())).toBeUndefined();
    });

    it('gives back every type of attribute as it was', async () => {
      const pk = freshKey();
      await given(bench(), { pk: { S: pk }, ...everyType, tiny: { N: '1E-130' } });
      const { tiny, ...found } = (await read(bench(), pk)) ?? {};
      expect(canonical(found)).toEqual(canonical({ pk: { S: pk }, ...everyType }));
      // The service may write it in another way.
      expect(Number((tiny as { readonly N: string }).N)).toBe(1e-130);
    });

    it('keeps what was put when the caller goes on with the same object', async () => {
      const pk = freshKey();
      const list: AttributeValue[] = [{ S: 'before' }];
      await given(bench(), { pk: { S: pk }, list: { L: list } });
      list.push({ S: 'after' });
      expect((await read(bench(), pk))?.list).toEqual({ L: [{ S: 'before' }] });
    });

    it('replaces the whole item', async () => {
      const pk = freshKey();
      await given(bench(), { pk: { S: pk }, a: { N: '1' } });
      await given(bench(), { pk: { S: pk }, b: { N: '2' } });
      expect(await read(bench(), pk)).toEqual({ pk: { S: pk }, b: { N: '2' } });
    });

    it('tells keys apart that look alike', async () => {
      const base = freshKey();
      const lookalikes = [`${base}\u00e9`, `${base}e\u0301`, `${base} `, `${base}\u0000`, `${base}/`, `${base}🫙`];
      for (const [n, pk] of lookalikes.entries()) await given(bench(), { pk: { S: pk }, n: { N: String(n) } });
      for (const [n, pk] of lookalikes.entries()) expect((await read(bench(), pk))?.n).toEqual({ N: String(n) });
    });

    it('answers no image to a put', async () => {
      const { engine, plain } = bench();
      const answer = await engine.put({ table: plain, item: { pk: { S: freshKey() } } });
      expect(answer).toEqual({ status: 'applied', image: undefined });
    });
  });

  describe('conditions of put()', () => {
    it('applies where the condition holds', async () => {
      const { engine, plain } = bench();
      const item = { pk: { S: freshKey() }, v: { N: '1' } };
      expect(await engine.put({ table: plain, item, condition: absent })).toMatchObject({ status: 'applied' });
      const next = { ...item, v: { N: '2' } };
      expect(await engine.put({ table: plain, item: next, condition: versionIs(1) })).toMatchObject({
        status: 'applied',
      });
      expect(await read(bench(), item.pk.S)).toEqual(next);
    });

    it('leaves the item alone where it does not, and brings the item along', async () => {
      const { engine, plain } = bench();
      const item = { pk: { S: freshKey() }, v: { N: '1' } };
      await given(bench(), item);
      const next = { ...item, v: { N: '9' } };
      expect(await engine.put({ table: plain, item: next, condition: absent })).toEqual(conditionFailed(bench(), item));
      expect(await engine.put({ table: plain, item: next, condition: versionIs(7) })).toEqual(
        conditionFailed(bench(), item),
      );
      expect(await read(bench(), item.pk.S)).toEqual(item);
    });

    it('has no image where there was no item', async () => {
      const { engine, plain } = bench();
      const answer = await engine.put({ table: plain, item: { pk: { S: freshKey() } }, condition: versionIs(1) });
      expect(answer).toEqual(conditionFailed(bench(), undefined));
    });

    it('knows the functions and operators of conditions', async () => {
      const { engine, plain } = bench();
      const pk = freshKey();
      const item = {
        pk: { S: pk },
        n: { N: '5' },
        s: { S: 'hello' },
        l: { SS: ['x', 'y'] },
        m: { M: { d: { N: '1' } } },
      };
      await given(bench(), item);
      const values = {
        ':four': { N: '4' },
        ':six': { N: '6' },
        ':he': { S: 'he' },
        ':x': { S: 'x' },
        ':type': { S: 'M' },
      };
      const holds: readonly (readonly [string, readonly (keyof typeof values)[]])[] = [
        ['n BETWEEN :four AND :six', [':four', ':six']],
        ['n > :four AND NOT n >= :six', [':four', ':six']],
        ['n IN (:four, :six) OR begins_with(s, :he)', [':four', ':six', ':he']],
        ['contains(l, :x) AND contains(s, :he)', [':x', ':he']],
        ['size(s) < :six AND attribute_type(m, :type)', [':six', ':type']],
        ['attribute_exists(m.d) AND attribute_not_exists(m.e) AND n <> :six', [':six']],
      ];
      for (const [expression, used] of holds) {
        const condition = { expression, values: Object.fromEntries(used.map((name) => [name, values[name]])) };
        expect({ expression, ...(await engine.put({ table: plain, item, condition })) }).toMatchObject({
          expression,
          status: 'applied',
        });
        const not = { ...condition, expression: `NOT (${expression})` };
        expect({ expression, ...(await engine.put({ table: plain, item, condition: not })) }).toMatchObject({
          expression,
          status: 'condition-failed',
        });
      }
    });
  });

  describe('update()', () => {
    it('makes a missing item, and answers the item after the change', async () => {
      const { engine, plain } = bench();
      const pk = { S: freshKey() };
      const update = {
        expression: 'SET a = :a, #b = :b',
        names: { '#b': 'b' },
        values: { ':a': { N: '1' }, ':b': { S: 'x' } },
      };
      const after = { pk, a: { N: '1' }, b: { S: 'x' } };
      expect(await engine.update({ table: plain, key: { pk }, update })).toEqual({ status: 'applied', image: after });
      expect(await read(bench(), pk.S)).toEqual(after);
    });

    it('knows SET, REMOVE, ADD and DELETE with their functions', async () => {
      const { engine, plain } = bench();
      const pk = { S: freshKey() };
      await given(bench(), {
        pk,
        n: { N: '1' },
        early: { N: '3' },
        gone: { S: 'x' },
        set: { SS: ['a', 'b'] },
        list: { L: [{ S: 'a' }] },
        m: { M: { k: { N: '1' } } },
      });
      const update = {
        expression:
          'SET fresh = if_not_exists(fresh, :one), kept = if_not_exists(early, :nine), #list = list_append(#list, :tail), m.k = m.k + :one ' +
          'REMOVE gone ADD n :one DELETE #set :a',
        names: { '#set': 'set', '#list': 'list' },
        values: { ':one': { N: '1' }, ':nine': { N: '9' }, ':tail': { L: [{ S: 'b' }] }, ':a': { SS: ['a'] } },
      };
      // No clause reads what another one writes: dynalite would show it the new value, the service the old one.
      const answer = await engine.update({ table: plain, key: { pk }, update });
      expect(answer).toEqual({
        status: 'applied',
        image: {
          pk,
          n: { N: '2' },
          fresh: { N: '1' },
          early: { N: '3' },
          kept: { N: '3' },
          set: { SS: ['b'] },
          list: { L: [{ S: 'a' }, { S: 'b' }] },
          m: { M: { k: { N: '2' } } },
        },
      });
    });

    it('shares placeholders between update and condition', async () => {
      const { engine, plain } = bench();
      const pk = { S: freshKey() };
      await given(bench(), { pk, v: { N: '1' } });
      const names = { '#v': 'v' };
      const update = { expression: 'SET #v = #v + :one', names, values: { ':one': { N: '1' } } };
      const condition = { expression: '#v = :one', names, values: { ':one': { N: '1' } } };
      expect(await engine.update({ table: plain, key: { pk }, update, condition })).toMatchObject({
        status: 'applied',
      });
      expect(await engine.update({ table: plain, key: { pk }, update, condition })).toEqual(
        conditionFailed(bench(), { pk, v: { N: '2' } }),
      );
    });

    it('counts exactly up to 38 digits', async () => {
      const { engine, plain } = bench();
      const pk = { S: freshKey() };
      const nines = '9'.repeat(37);
      await given(bench(), { pk, n: { N: nines } });
      const update = { expression: 'ADD n :one', values: { ':one': { N: '1' } } };
      const answer = await engine.update({ table: plain, key: { pk }, update });
      expect(answer).toMatchObject({ status: 'applied', image: { n: { N: `1${'0'.repeat(37)}` } } });
    });
  });

  describe('delete()', () => {
    it('takes an item away, and is content where none is', async () => {
      const { engine, plain } = bench();
      const key = { pk: { S: freshKey() } };
      await given(bench(), key);
      for (let i = 0; i < 2; i++)
        expect(await engine.delete({ table: plain, key })).toEqual({ status: 'applied', image: undefined });
      expect(await read(bench(), key.pk.S)).toBeUndefined();
    });

    it('heeds its condition', async () => {
      const { engine, plain } = bench();
      const item = { pk: { S: freshKey() }, v: { N: '1' } };
      await given(bench(), item);
      const key = { pk: item.pk };
      expect(await engine.delete({ table: plain, key, condition: versionIs(2) })).toEqual(
        conditionFailed(bench(), item),
      );
      expect(await engine.delete({ table: plain, key, condition: versionIs(1) })).toMatchObject({ status: 'applied' });
      expect(await engine.delete({ table: plain, key, condition: versionIs(1) })).toEqual(
        conditionFailed(bench(), undefined),
      );
    });
  });

  describe('refusals', () => {
    it.each<[string, Item]>([
      ['an empty set', { set: { SS: [] } }],
      ['a set with the same member twice', { set: { NS: ['1', '1'] } }],
      ['39 digits', { n: { N: '123456789012345678901234567890123456789' } }],
      ['a number beyond the range', { n: { N: '1E126' } }],
      ['no number at all', { n: { N: 'one' } }],
    ])('refuses %s for good', async (_, attributes) => {
      const { engine, plain } = bench();
      const pk = freshKey();
      expect(await engine.put({ table: plain, item: { pk: { S: pk }, ...attributes } })).toEqual(
        refused('ValidationException'),
      );
      expect(await read(bench(), pk)).toBeUndefined();
    });

    it('takes an item of 400 KB, and no byte more, by put or by update', async () => {
      const { engine, plain } = bench();
      const pk = freshKey();
      const room = itemBytesMax - 'pk'.length - pk.length - 'd'.length;
      const item = (bytes: number) => ({ pk: { S: pk }, d: { S: 'x'.repeat(bytes) } });
      expect(await engine.put({ table: plain, item: item(room + 1) })).toEqual(refused('ValidationException'));
      await given(bench(), item(room));
      const update = { expression: 'SET e = :e', values: { ':e': { S: 'x' } } };
      expect(await engine.update({ table: plain, key: { pk: { S: pk } }, update })).toEqual(
        refused('ValidationException'),
      );
      expect(await read(bench(), pk)).toEqual(item(room));
    });

    it('takes keys up to their limits in bytes, and no empty ones', async () => {
      const { engine, plain } = bench();
      const put = (pk: string) => engine.put({ table: plain, item: { pk: { S: pk } } });
      // One byte a character: dynalite counts characters.
      const longest = 'x'.repeat(partitionKeyBytesMax);
      expect(await put(longest)).toMatchObject({ status: 'applied' });
      expect(await put(`${longest}x`)).toEqual(refused('ValidationException'));
      expect(await put('')).toEqual(refused('ValidationException'));
      const text = {
        partitionKey: { name: 'pk', type: 'S' },
        sortKey: { name: 'sk', type: 'S' },
        billing: { mode: 'on-demand' },
      } as const;
      const table = await bench().makeTable(text);
      const putSorted = (sk: string) => engine.put({ table, item: { pk: { S: 'a' }, sk: { S: sk } } });
      expect(await putSorted('x'.repeat(sortKeyBytesMax))).toMatchObject({ status: 'applied' });
      expect(await putSorted('x'.repeat(sortKeyBytesMax + 1))).toEqual(refused('ValidationException'));
    });

    it('refuses a wrong key, a wrong expression, a value that nobody uses', async () => {
      const { engine, plain } = bench();
      const pk = { S: freshKey() };
      expect(await engine.put({ table: plain, item: { other: { S: 'x' } } })).toEqual(refused('ValidationException'));
      expect(await engine.put({ table: plain, item: { pk: { N: '1' } } })).toEqual(refused('ValidationException'));
      const broken = { expression: 'pk ==' };
      expect(await engine.put({ table: plain, item: { pk }, condition: broken })).toEqual(
        refused('ValidationException'),
      );
      const unused = { ...absent, values: { ':unused': { N: '1' } } };
      expect(await engine.put({ table: plain, item: { pk }, condition: unused })).toEqual(
        refused('ValidationException'),
      );
      const key = { expression: 'SET pk = :x', values: { ':x': { S: 'x' } } };
      expect(await engine.update({ table: plain, key: { pk }, update: key })).toEqual(refused('ValidationException'));
    });

    it('refuses writes and rejects reads of a missing table', async () => {
      const { engine, uniqueTable } = bench();
      const table = uniqueTable();
      const key = { pk: { S: 'x' } };
      expect(await engine.put({ table, item: key })).toEqual(refused('ResourceNotFoundException'));
      await expect(engine.get({ table, key, consistent: true })).rejects.toMatchObject({
        name: 'ResourceNotFoundException',
      });
    });
  });

  describe('signals', () => {
    it('rejects a read with the reason of its signal', async () => {
      const { engine, plain } = bench();
      const reason = new Error('enough');
      const get = engine.get(
        { table: plain, key: { pk: { S: 'x' } }, consistent: true },
        { signal: AbortSignal.abort(reason) },
      );
      await expect(get).rejects.toBe(reason);
    });

    it('never says that an aborted write was not applied when it was', async () => {
      const { engine, plain } = bench();
      for (let i = 0; i < 20; i++) {
        const pk = freshKey();
        const given = new AbortController();
        const writing = engine.put({ table: plain, item: { pk: { S: pk } } }, { signal: given.signal });
        setTimeout(() => given.abort(new Error('enough')), i / 10);
        const { status } = await writing;
        expect(['applied', 'unclear', 'not-applied']).toContain(status);
        await new Promise((done) => setTimeout(done, 10));
        if (status !== 'unclear') expect((await read(bench(), pk)) !== undefined).toBe(status === 'applied');
      }
    });
  });

  describe('races', () => {
    const contenders = Array.from({ length: 64 }, (_, n) => n);

    it('lets one of 64 contenders create a key', async () => {
      const { engine, plain } = bench();
      const pk = { S: freshKey() };
      const answers = await Promise.all(
        contenders.map((n) => engine.put({ table: plain, item: { pk, n: { N: String(n) } }, condition: absent })),
      );
      const winners = answers.flatMap(({ status }, n) => (status === 'applied' ? [n] : []));
      expect(winners).toHaveLength(1);
      expect(answers.filter(({ status }) => status === 'condition-failed')).toHaveLength(63);
      expect((await read(bench(), pk.S))?.n).toEqual({ N: String(winners[0]) });
    });

    it('counts 64 additions', async () => {
      const { engine, plain } = bench();
      const pk = { S: freshKey() };
      const update = { expression: 'ADD n :one', values: { ':one': { N: '1' } } };
      const answers = await Promise.all(contenders.map(() => engine.update({ table: plain, key: { pk }, update })));
      const seen = answers.map((answer) => Number((answer as unknown as { image: { n: { N: string } } }).image.n.N));
      expect(seen.sort((a, b) => a - b)).toEqual(contenders.map((n) => n + 1));
    });

    it('loses no compare-and-set', async () => {
      const { engine, plain } = bench();
      const pk = { S: freshKey() };
      await given(bench(), { pk, v: { N: '0' } });
      const increment = async (): Promise<void> => {
        for (;;) {
          const now = Number(((await read(bench(), pk.S)) as { v: { N: string } } | undefined)?.v.N);
          const item = { pk, v: { N: String(now + 1) } };
          if ((await engine.put({ table: plain, item, condition: versionIs(now) })).status === 'applied') return;
        }
      };
      await Promise.all(contenders.slice(0, 16).map(increment));
      expect((await read(bench(), pk.S))?.v).toEqual({ N: '16' });
    });
  });

  describe('spent()', () => {
    it('counts requests, units and failed conditions', async () => {
      const { engine, plain } = bench();
      const before = engine.spent();
      const item = { pk: { S: freshKey() }, d: { S: 'x'.repeat(1_500) } };
      await engine.put({ table: plain, item });
      await engine.put({ table: plain, item, condition: absent });
      await engine.get({ table: plain, key: { pk: item.pk }, consistent: true });
      const after = engine.spent();
      expect(after.requests - before.requests).toBe(3);
      expect(after.attempts - before.attempts).toBe(3);
      expect(after.conditionsFailed - before.conditionsFailed).toBe(1);
      // Two units for the put; a failed condition costs as much where the item is told, one where it is not.
      expect(after.writeUnits - before.writeUnits).toBe(bench().supports.images ? 4 : 3);
      expect(after.readUnits - before.readUnits).toBe(1);
    });
  });
}
