/** Marks on objects: a set as any other, and nothing of it to be seen. Both ways: on engines that mark what is fixed, and on newer ones. */
import { isDeepStrictEqual } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type MarkSet, markSet } from '../../lib/snapshot/mark-set.js';

afterEach(() => {
  jest.restoreAllMocks();
});

const kinds: readonly (readonly [string, () => object])[] = [
  ['an object', () => ({ n: 1 })],
  ['an object without a prototype', () => Object.create(null) as object],
  ['an object with many names', () => Object.fromEntries(Array.from({ length: 2_000 }, (_, at) => [`n${at}`, at]))],
  ['an array', () => [1, 2]],
  ['a Map', () => new Map()],
  ['a frozen object', () => Object.freeze({ n: 1 })],
  ['a proxy', () => new Proxy({}, {})],
];

describe.each([
  ['where objects that are fixed take marks', true],
  ['where they do not', false],
])('markSet(), %s', (_where, marksFixed) => {
  let set: MarkSet;
  beforeEach(() => {
    set = markSet(marksFixed);
  });

  it.each(kinds)('has what was added and not deleted: %s', (_name, make) => {
    const object = make();
    const seen = [set.has(object)];
    for (const change of [set.add, set.add, set.delete, set.delete, set.add]) {
      change(object);
      seen.push(set.has(object));
    }
    expect(seen).toEqual([false, true, true, false, false, true]);
    expect([set.has(make()), markSet(marksFixed).has(object)]).toEqual([false, false]);
  });

  it('shows nothing of it', () => {
    const object = { a: [1], n: 1 };
    set.add(object);
    expect(Reflect.ownKeys(object)).toEqual(['a', 'n']);
    expect(JSON.stringify(object)).toBe('{"a":[1],"n":1}');
    expect(isDeepStrictEqual(object, { a: [1], n: 1 })).toBe(true);
    expect([set.has({ ...object }), set.has(structuredClone(object)), set.has(Object.create(object))]).toEqual([
      false,
      false,
      false,
    ]);
  });
});

describe('markSet()', () => {
  it('asks no object that is fixed to take a mark where it would refuse', () => {
    const add = jest.spyOn(WeakSet.prototype, 'add');
    const set = markSet(false);
    set.add(Object.freeze({}));
    set.add({});
    expect(add).toHaveBeenCalledTimes(1);
  });
});
