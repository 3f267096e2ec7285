/** Goal: one string that superjson reads as well. Method: both directions against superjson itself, and bad text. */
import { describe, expect, it } from '@jest/globals';
import superjson from 'superjson';
import { heldFrom, hold, jsonCodec } from '../../lib/codec/index.js';

const value = {
  n: 1,
  at: new Date(1),
  big: [1n, undefined, new Map([[1, new Set(['a'])]])],
  url: new URL('http://a/b'),
};

describe('jsonCodec', () => {
  it('writes what superjson reads, and reads what it writes', () => {
    const { S: text } = jsonCodec.encode(value) as { S: string };
    expect(superjson.parse(text)).toEqual(value);
    expect(jsonCodec.decode({ S: superjson.stringify(value) })).toEqual(value);
    expect(jsonCodec.encode({ n: [1] })).toEqual({ S: superjson.stringify({ n: [1] }) });
  });

  it('throws for what it did not write', () => {
    for (const S of ['', '1', '{}', '{"json":{"__proto__":1}}', '{"json":"x","meta":{"values":["Date"],"v":1}}']) {
      expect(() => jsonCodec.decode({ S })).toThrow();
    }
  });
});

it('hands out what it reads frozen all the way down, and takes it back without a walk', () => {
  const value = { list: Array.from({ length: 20 }, (_, n) => ({ n, deep: [{ n }] })), empty: {}, text: 'x' };
  const read = heldFrom(hold(value, jsonCodec).encode(), 'key').hand() as typeof value;
  expect(read).toEqual(value);
  const isDeep = (one: unknown): boolean =>
    typeof one !== 'object' || one === null || (Object.isFrozen(one) && Object.values(one).every(isDeep));
  expect(isDeep(read)).toBe(true);
  expect(hold(read, jsonCodec).hand()).toBe(read);
  expect(hold({ read }).hand()).toEqual({ read: value });
});
