// Goal: an item comes back from its object as it was put. Method: items of all types by chance, and each type by name.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { AttributeValue, Item } from '../../lib/codec/index.js';
import { contentOfItem, itemOfContent } from '../../lib/s3/item-content.js';

const seed = Number(process.env.LEYDEN_SEED ?? Date.now() % 2 ** 31);
const again = (item: Item) => itemOfContent(contentOfItem(item, 'id'), 'id', 'key');

const bytes = fc.uint8Array({ maxLength: 20 });
const name = fc.oneof(fc.constantFrom('B', 'BS', 'L', 'M', 'S'), fc.string({ minLength: 1, maxLength: 5 }));
const value: fc.Arbitrary<AttributeValue> = fc.letrec<{ value: AttributeValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.record({ S: fc.string() }),
    fc.record({ N: fc.integer().map(String) }),
    fc.record({ B: bytes }),
    fc.record({ BOOL: fc.boolean() }),
    fc.constant({ NULL: true } as const),
    fc.record({ SS: fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 3 }) }),
    fc.record({ BS: fc.array(bytes, { minLength: 1, maxLength: 3 }) }),
    fc.record({ L: fc.array(tie('value'), { maxLength: 3 }) }),
    fc.record({ M: fc.dictionary(name, tie('value'), { maxKeys: 3 }) }),
  ),
})).value;

describe('contentOfItem', () => {
  it(`gives back what was put (seed ${seed})`, () => {
    const items = fc.dictionary(
      name.filter((one) => one !== 'id'),
      value,
      { maxKeys: 4 },
    );
    fc.assert(
      fc.property(items, (item) => {
        expect(again({ id: { S: 'key' }, ...item })).toEqual({ ...item, id: { S: 'key' } });
      }),
      { seed, numRuns: 300 },
    );
  });

  it('leaves the key to the object, and bytes as they are', () => {
    const content = Buffer.from(
      contentOfItem({ id: { S: 'key' }, n: { N: '7' }, d: { B: Uint8Array.of(1, 2) } }, 'id'),
    );
    expect(content.toString('latin1')).toBe('{"n":{"N":"7"},"d":{"B":2}}\n\u0001\u0002');
  });
});

describe('itemOfContent', () => {
  it.each(['', 'no line', '{"d":{"B":3}}\n12', '{}\nmore', '{\n', '[]\nx'])('refuses %j', (text) => {
    expect(() => itemOfContent(Buffer.from(text), 'id', 'key')).toThrow();
  });
});
