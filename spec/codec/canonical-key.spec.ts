/**
 * Goal: equal values have one key, different values different keys, and the keys of stored items never change.
 * Method: literal encodings, which must stay as they are whatever the packages below do; the laws are in
 * `spec/properties/codec.property.spec.ts`.
 */
import { describe, expect, it } from '@jest/globals';
import { decodeKey, encodeKey } from '../../lib/codec/index.js';

const error = new TypeError('m', { cause: { b: 1, a: 2 } });

const pinned: readonly (readonly [unknown, string])[] = [
  ['user-7', 'user-7'],
  ['é/{"a":1} \u{1f600}', 'é/{"a":1} \u{1f600}'],
  ['', '~""'],
  ['~', '~"~"'],
  ['~1', '~"~1"'],
  ['\ud800', '~"\\ud800"'],
  [1, '~1'],
  [-0.5e-7, '~-5e-8'],
  [1e21, '~1e+21'],
  [0, '~0'],
  [Number.NaN, '~{"~number":"NaN"}'],
  [Number.NEGATIVE_INFINITY, '~{"~number":"-Infinity"}'],
  [12n, '~{"~bigint":"12"}'],
  [true, '~true'],
  [null, '~null'],
  [[], '~[]'],
  [['a', 1, [undefined]], '~["a",1,[{"~undefined":null}]]'],
  [{ b: 1, a: { d: 'x', c: null } }, '~{"a":{"c":null,"d":"x"},"b":1}'],
  [{ 10: 1, 9: 2, '\u{1f600}': 3, '\uff00': 4 }, '~{"10":1,"9":2,"\u{1f600}":3,"\uff00":4}'],
  [{ '~Date': 1, '~~': 2, '': 3 }, '~{"":3,"~~Date":1,"~~~":2}'],
  [JSON.parse('{"__proto__":1,"constructor":2}'), '~{"__proto__":1,"constructor":2}'],
  [new Date(0), '~{"~Date":"1970-01-01T00:00:00.000Z"}'],
  [new Date(Number.NaN), '~{"~Date":null}'],
  [
    new Map<unknown, unknown>([
      ['b', 1],
      [{ y: 1, x: 2 }, [2]],
      ['a', 3],
    ]),
    '~{"~Map":[["a",3],["b",1],[{"x":2,"y":1},[2]]]}',
  ],
  [new Set([new Set([2, 1]), 'b', 10, 9]), '~{"~Set":["b",10,9,{"~Set":[1,2]}]}'],
  [/a\/b/gi, '~{"~RegExp":["a\\\\/b","gi"]}'],
  [new URL('http://a/b?c#d'), '~{"~URL":"http://a/b?c#d"}'],
  [new URLSearchParams('a=1&a=2'), '~{"~URLSearchParams":"a=1&a=2"}'],
  [error, '~{"~Error":{"cause":{"a":2,"b":1},"message":"m","name":"TypeError"}}'],
  [new Uint8Array([1, 2, 255]), '~{"~Uint8Array":"AQL/"}'],
  [new Int16Array([1]), '~{"~Int16Array":"AQA="}'],
  [new Uint8Array([1]).buffer, '~{"~ArrayBuffer":"AQ=="}'],
  [new DataView(new Uint8Array([0, 1]).buffer, 1), '~{"~DataView":"AQ=="}'],
];

describe('encodeKey()', () => {
  it.each(pinned)('keeps its format: %j', (value, text) => {
    expect(encodeKey(value)).toBe(text);
  });

  it('takes for one what is said to be equal', () => {
    const shared = { a: 1 };
    expect(encodeKey([shared, shared])).toBe(encodeKey([{ a: 1 }, { a: 1 }]));
    expect(encodeKey({ n: -0 })).toBe(encodeKey({ n: 0 }));
    expect(encodeKey(Object.assign(Object.create(null) as object, shared))).toBe(encodeKey(shared));
    expect(encodeKey(Buffer.from('a'))).toBe(encodeKey(new Uint8Array([97])));
    expect(encodeKey(Object.assign(/a/g, { lastIndex: 1 }))).toBe(encodeKey(/a/g));
  });

  it('refuses undefined', () => {
    expect(() => encodeKey(undefined)).toThrow(/Cannot make a key: undefined names nothing \[ERR_KEY\]/);
  });

  it('refuses a key that is too long, with size and limit', () => {
    expect(encodeKey('é'.repeat(1_024))).toHaveLength(1_024);
    expect(() => encodeKey('é'.repeat(1_025))).toThrow(
      expect.objectContaining({ code: 'ERR_KEY', outcome: 'not-done', bytes: 2_050, bytesMax: 2_048 }),
    );
    expect(() => encodeKey([1_234], 6)).toThrow(/7 bytes or more; a key here has at most 6 \[ERR_KEY\]/);
    expect(encodeKey([123], 6)).toBe('~[123]');
  });

  it('gives up early on what holds itself many times over', () => {
    let dag: unknown = 1;
    for (let level = 0; level < 40; level += 1) dag = [dag, { dag }];
    expect(() => encodeKey(dag)).toThrow(expect.objectContaining({ code: 'ERR_KEY' }));
  });

  it('refuses a cycle and what has no stored form, with the path', () => {
    const cycle: { list: unknown[] } = { list: [] };
    cycle.list.push(cycle);
    expect(() => encodeKey(cycle)).toThrow(/key\["list"\]\[0\]: a key cannot hold itself/);
    let deep: unknown = 1;
    for (let level = 0; level < 501; level += 1) deep = [deep];
    expect(() => encodeKey(deep)).toThrow(/500 levels/);
    expect(() => encodeKey({ a: [() => 1] })).toThrow(expect.objectContaining({ path: 'key["a"][0]' }));
    expect(() => encodeKey(new (class Point {})())).toThrow(/class Point/);
    const failing = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('from the trap');
        },
      },
    );
    expect(() => encodeKey(failing)).toThrow(
      expect.objectContaining({ code: 'ERR_UNSUPPORTED_VALUE', cause: new Error('from the trap') }),
    );
  });
});

describe('decodeKey()', () => {
  it.each(pinned)('undoes encodeKey(): %j', (value, text) => {
    const decoded = decodeKey(text);
    expect(encodeKey(decoded)).toBe(text);
    if (typeof value !== 'object') expect(decoded).toBe(value);
    else if (value instanceof Date) expect(String(decoded)).toBe(String(value));
    else expect(decoded).toEqual(value);
  });

  it.each([
    ['nothing', ''],
    ['half a surrogate pair', '\ud800'],
    ['no JSON', '~x'],
    ['another order of names', '~{"b":1,"a":2}'],
    ['another order of members', '~{"~Set":[2,1]}'],
    ['members twice', '~{"~Set":[1,1]}'],
    ['white space', '~[1, 2]'],
    ['another spelling of a number', '~1.0'],
    ['-0', '~-0'],
    ['plain text that needs no tilde', '~"a"'],
    ['an unknown tag', '~{"~Temporal":1}'],
    ['a tag of Object.prototype', '~{"~toString":1}'],
    ['a tag beside others', '~{"a":1,"~Date":null}'],
    ['undefined', '~{"~undefined":null}'],
    ['a Date that is none', '~{"~Date":"x"}'],
    ['base64 with bits to spare', '~{"~Uint8Array":"AR=="}'],
    ['a bigint of nothing', '~{"~bigint":""}'],
    ['nesting without end', `~${'['.repeat(100_000)}${']'.repeat(100_000)}`],
  ])('refuses %s', (_what, text) => {
    expect(() => decodeKey(text)).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE', reason: 'foreign', key: text }),
    );
  });
});
