// Goal: what is told to be heavier than so many bytes is, whatever is in it. Method: values of each kind against their stored sizes;
// generated ones against the size of their native form, at its very bytes.
import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { attributeBytes, compactCodec, hold, isHeavier, jsonCodec, type ValueCodec } from '../../lib/codec/index.js';

const sizeOf = (value: unknown) => attributeBytes(hold(value).encode().data);

it('never tells of a value that its native form has more bytes than it has', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const bytes = sizeOf(value);
      expect(isHeavier(hold(value), bytes)).toBe(false);
      expect(isHeavier(hold(value), Number.POSITIVE_INFINITY)).toBe(false);
    }),
    { numRuns: 300 },
  );
});

it('tells of a large value that it is, without working its form out', () => {
  const text = 'x'.repeat(1_000);
  expect([1_000, 999].map((bytes) => isHeavier(hold(text), bytes))).toEqual([false, true]);
  expect(isHeavier(hold([text, text]), 2_000)).toBe(true);
  expect(isHeavier(hold({ [text]: 1 }), 1_000)).toBe(true);
  expect(isHeavier(hold({ text, more: { text } }), 2_000)).toBe(true);
  const wide = hold(Array.from({ length: 1_000_000 }, (_, n) => n));
  const startedAt = performance.now();
  for (let round = 0; round < 100; round += 1) expect(isHeavier(wide, 1_000)).toBe(true);
  expect(performance.now() - startedAt).toBeLessThan(500);
});

it('goes by the form where there is one: bytes, notes, codecs', () => {
  expect([1_000, 999].map((bytes) => isHeavier(hold(new Uint8Array(1_000)), bytes))).toEqual([false, true]);
  const map = new Map([['k', 'x'.repeat(1_000)]]);
  expect([sizeOf(map), sizeOf(map) - 1].map((bytes) => isHeavier(hold(map), bytes))).toEqual([false, true]);
  const short: ValueCodec = { name: 'my:short', encode: () => ({ S: 'short' }), decode: () => 'long' };
  expect([5, 4].map((bytes) => isHeavier(hold('x'.repeat(1_000), short), bytes))).toEqual([false, true]);
  for (const codec of [jsonCodec, compactCodec]) expect(isHeavier(hold('x'.repeat(1_000), codec), 999)).toBe(true);
});
