/** Goal: the SDK's reading of foreign items, without its fault. Method: cases by hand, the fault shown first. */
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { describe, expect, it } from '@jest/globals';
import { fromForeign, type Item } from '../../lib/codec/index.js';

const polluting = { a: { L: [{ M: JSON.parse('{"__proto__":{"M":{"admin":{"BOOL":true}}}}') as Item }] } };

describe('fromForeign()', () => {
  it('reads all types', () => {
    const item: Item = {
      s: { S: '' },
      n: { N: '1.5' },
      big: { N: '9007199254740993' },
      fraction: { N: '0.12345678901234567890123' },
      b: { B: new Uint8Array([1]) },
      ss: { SS: ['a'] },
      ns: { NS: ['1', '9007199254740993'] },
      m: { M: { '': { L: [{ NULL: true }, { BOOL: false }] } } },
      constructor: { S: 'x' },
    };
    expect(fromForeign(item)).toEqual({
      s: '',
      n: 1.5,
      big: 9007199254740993n,
      fraction: 0.12345678901234568,
      b: new Uint8Array([1]),
      ss: new Set(['a']),
      ns: new Set([1, 9007199254740993n]),
      m: { '': [null, false] },
      constructor: 'x',
    });
  });

  it('refuses what the SDK would make a prototype', () => {
    const unguarded = unmarshall(polluting as never) as { a: [{ admin?: boolean }] };
    expect(unguarded.a[0].admin).toBe(true);
    expect(() => fromForeign(polluting, 'key')).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE', reason: 'foreign', key: 'key' }),
    );
    expect(() => fromForeign({ m: { M: Object.create({ admin: { BOOL: true } }) as Item } })).toThrow(/prototype/);
    expect(() => fromForeign(JSON.parse('{"__proto__":{"S":"x"}}') as Item)).toThrow(/__proto__/);
  });

  it.each([
    ['an unknown type', { a: { X: 1 } }],
    ['no attribute', { a: null }],
    ['a map of nothing', { a: { M: null } }],
    ['a list of nothing', { a: { L: null } }],
    ['nesting', JSON.parse(`{"a":${'{"L":['.repeat(70)}${']}'.repeat(70)}}`)],
  ])('refuses %s', (_what, item) => {
    expect(() => fromForeign(item as Item, 'key')).toThrow(expect.objectContaining({ code: 'ERR_DECODE', key: 'key' }));
  });
});
