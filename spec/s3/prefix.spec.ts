// Goal: a key is the same in every tool, and no system is taken for a part of another one. Method: prefixes that may be, and may not.
import { describe, expect, it } from '@jest/globals';
import { requirePrefix } from '../../lib/s3/prefix.js';

describe('requirePrefix', () => {
  it.each([
    ['till', 'till'],
    ['till/', 'till'],
    ["a/b.c/D_1!*'()-", "a/b.c/D_1!*'()-"],
    ['x'.repeat(512), 'x'.repeat(512)],
    ['heads', 'heads'],
  ])('takes %j', (prefix, plain) => {
    expect(requirePrefix('open', prefix)).toBe(plain);
  });

  it.each(['', '/', '/a', 'a//b', 'a/../b', '.', 'a b', 'ä', 'a\u0000', 'a%2F', 'a?b', 'a#b', 'x'.repeat(513)])(
    'refuses %j',
    (prefix) => {
      expect(() => requirePrefix('open', prefix)).toThrow(RangeError);
    },
  );

  it.each(['head', 'till/page', 'till/part/'])(
    'refuses %j, which stands behind the prefix of another system',
    (prefix) => {
      expect(() => requirePrefix('open', prefix)).toThrow(RangeError);
    },
  );

  it('refuses what is no text', () => {
    expect(() => requirePrefix('open', undefined)).toThrow(TypeError);
  });
});
