// Goal: a damaged item gives an error that names its key and writes nothing; it never gives a value that nobody stored.
// Method: items of several shapes, each of their attributes removed, retyped, truncated or given a newer format, first one by
// one, then 4,000 times at random (LEYDEN_SIZE=full: 10,000). LEYDEN_SEED sets the seed.
//
// What no reader can notice, and is not tried here: a value that was edited into another valid value, and annotations or a
// codec's name removed as a whole, which leaves another valid value as well.

import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import type { AttributeValue, Item } from '../../lib/codec/index.js';
import { jsonCodec } from '../../lib/codec/index.js';
import { type Random, seededRandom } from '../../lib/engine/random.js';
import { type Bench, openBench, outcomeOf } from './bench.js';

/** How many items are damaged at random. */
const turns = process.env.LEYDEN_SIZE === 'full' ? 10_000 : 4_000;
const lineage = ['e', 'v', 'l', 'w0', 'w1', 'r', 'f'];
const values: readonly (readonly [id: string, value: unknown, codec?: typeof jsonCodec])[] = [
  ['plain', { name: 'ann', list: [1, 2, { deep: true }], nothing: null }],
  ['number', 42],
  ['text', 'some text'],
  [
    'rich',
    { at: new Date(1_000), tags: new Set(['a', 'b']), map: new Map([[1, 'x']]), big: 12_345_678_901_234_567_890n },
  ],
  ['bytes', { raw: new Uint8Array([1, 2, 3]), n: 1 }],
  ['json', { at: new Date(2_000), list: [1] }, jsonCodec],
];
const wrongTypes: readonly AttributeValue[] = [
  { S: 'text' },
  { S: '' },
  { N: '-1' },
  { N: '1.5' },
  { N: '1e40' },
  { BOOL: true },
  { NULL: true },
  { L: [{ S: 'a' }] },
  { M: { a: { S: 'b' } } },
  { SS: ['a'] },
  { B: new Uint8Array([1]) },
  { M: { a: { N: '-3' } } },
];

async function filled(): Promise<{ bench: Bench; items: ReadonlyMap<string, Item> }> {
  const bench = await openBench();
  const items = new Map<string, Item>();
  for (const [id, value, codec] of values) {
    await bench.run(
      bench
        .table()
        .atom(id, codec && { codec })
        .reset(1),
    );
    await bench.run(
      bench
        .table()
        .atom(id, codec && { codec })
        .reset(value),
    );
    items.set(id, (await bench.item(id)) as Item);
  }
  await bench.run(bench.table().atom('tombstone').reset(1));
  await bench.run(bench.table().atom('tombstone').delete());
  items.set('tombstone', (await bench.item('tombstone')) as Item);
  return { bench, items };
}

/** Reads and swaps the item as it is now: whether it was refused both times, and what was read if not. */
async function meet(bench: Bench, id: string) {
  const codec = values.find(([name]) => name === id)?.[2];
  const atom = bench.table().atom<unknown>(id, codec && { codec });
  const before = await bench.item(id);
  const [read, swapped] = [outcomeOf(atom.deref()), outcomeOf(atom.swap((v) => ({ was: v ?? null })))];
  await bench.run(read.done);
  await bench.run(swapped.done);
  const refused = (error: unknown) => (error as { code?: string; key?: string } | undefined)?.code === 'ERR_DECODE';
  // Plain comparisons first: thousands of items meet this.
  for (const { error } of [read, swapped]) {
    const { code, key, outcome } = (error ?? {}) as { code?: string; key?: string; outcome?: string };
    const isClear = code === 'ERR_DECODE' && key === id && outcome === 'not-done';
    if (error !== undefined && !isClear)
      expect(error).toMatchObject({ code: 'ERR_DECODE', key: id, outcome: 'not-done' });
  }
  if (refused(read.error)) {
    if (!refused(swapped.error)) throw new Error(`${id} is refused to readers and not to writers`);
    const after = await bench.item(id);
    if (!isDeepStrictEqual(after, before)) expect(after).toEqual(before);
  }
  return { refused: refused(read.error), value: read.value };
}

const without = (item: Item, name: string): Item =>
  Object.fromEntries(Object.entries(item).filter(([n]) => n !== name));

describe('an item', () => {
  it('that is whole reads as it was written', async () => {
    const { bench } = await filled();
    for (const [id, value] of values) expect((await meet(bench, id)).value).toEqual(value);
    expect(await meet(bench, 'tombstone')).toEqual({ refused: false, value: undefined });
  });

  it.each(lineage)('without or with a wrong %s is refused, whatever its value', async (name) => {
    const { bench, items } = await filled();
    for (const [id, item] of items) {
      await bench.put(without(item, name));
      expect(await meet(bench, id)).toMatchObject({ refused: true });
      for (const wrong of wrongTypes) {
        if (('S' in wrong && wrong.S !== '' && 'S' in (item[name] ?? {})) || same(wrong, item[name])) continue;
        await bench.put({ ...item, [name]: wrong });
        expect({ id, wrong, ...(await meet(bench, id)) }).toMatchObject({ refused: true });
      }
    }
  });

  it('without its value is refused: it is no tombstone', async () => {
    const { bench, items } = await filled();
    for (const [id, item] of items) {
      if (id === 'tombstone') continue;
      await bench.put(without(item, 'd'));
      expect({ id, ...(await meet(bench, id)) }).toMatchObject({ refused: true });
    }
  });

  it('of a newer format is refused as such', async () => {
    const { bench, items } = await filled();
    for (const [id, item] of items) {
      await bench.put({ ...item, z: { N: '2' } });
      expect(await meet(bench, id)).toMatchObject({ refused: true });
      await expect(bench.run(bench.table().atom(id).deref())).rejects.toMatchObject({ reason: 'newer-format' });
    }
  });

  it('of another codec, or with annotations that do not fit, is refused', async () => {
    const { bench, items } = await filled();
    for (const [id, item] of items) {
      for (const wrong of [
        { c: { S: 'unheard-of' } },
        { t: { S: 'no json' } },
        { t: { S: '{"values":{"a":["Date"]}}' } },
      ]) {
        await bench.put({ ...item, ...(wrong as Item) });
        expect({ id, wrong, ...(await meet(bench, id)) }).toMatchObject({ refused: true });
      }
    }
  });

  it('whose versions are out of order is refused', async () => {
    const { bench, items } = await filled();
    const plain = items.get('plain') as Item;
    for (const wrong of [{ r: { N: '99' } }, { f: { N: '1' } }, { v: { N: '0' } }, { v: { N: '9007199254740993' } }]) {
      await bench.put({ ...plain, ...(wrong as Item) });
      expect({ wrong, ...(await meet(bench, 'plain')) }).toMatchObject({ refused: true });
    }
  });
});

it(`${turns} damaged items: never a wrong value, never a crash, never a write over what was not understood`, async () => {
  const { bench, items } = await filled();
  const random = seededRandom(bench.seed);
  const ids = [...items.keys()];
  const tally = { refused: 0, harmless: 0 };
  for (let turn = 0; turn < turns; turn += 1) {
    const id = ids[random.int(ids.length)] as string;
    const item = damaged(items.get(id) as Item, random);
    await bench.put(item);
    const { refused, value } = await meet(bench, id);
    if (refused) tally.refused += 1;
    else {
      tally.harmless += 1;
      const expected = values.find(([name]) => name === id)?.[1];
      if (!isDeepStrictEqual(value, expected))
        throw new Error(`seed ${bench.seed}, turn ${turn}: ${JSON.stringify(item)}`);
    }
  }
  console.log(`seed ${bench.seed}: ${tally.refused} refused, ${tally.harmless} harmless`);
  expect(tally.refused).toBeGreaterThan(turns / 2);
}, 60_000);

/** The item with one to three attributes damaged, in ways that a reader can notice or need not care about. */
function damaged(item: Item, random: Random): Item {
  let after: Record<string, AttributeValue> = { ...item };
  for (let times = 1 + random.int(3); times > 0; times -= 1) {
    const names = Object.keys(after).filter((name) => name !== 'id' && name !== 't' && name !== 'c');
    const name = names[random.int(names.length)] as string;
    const way = random.int(4);
    if (way === 0) after = without(after, name) as Record<string, AttributeValue>;
    else if (way === 1)
      after[name] = name === 'd' ? { SS: ['a'] } : (wrongTypes[random.int(wrongTypes.length)] as AttributeValue);
    else if (way === 2 && name !== 'd') after[name] = truncated(after[name] as AttributeValue);
    else if (way === 3) after[['z', 't', 'c'][random.int(3)] as string] = { S: '!' };
  }
  return after;
}

function truncated(attribute: AttributeValue): AttributeValue {
  if ('S' in attribute) return { S: attribute.S.slice(0, -1) };
  if ('N' in attribute) return { N: /^-?\d(?=.)/.test(attribute.N) ? attribute.N.slice(0, -1) : '0.5' };
  if ('M' in attribute) return { M: Object.fromEntries(Object.keys(attribute.M).map((name) => [name, { S: '' }])) };
  return { NULL: true };
}

function same(one: AttributeValue, other: AttributeValue | undefined): boolean {
  return isDeepStrictEqual(one, other);
}
