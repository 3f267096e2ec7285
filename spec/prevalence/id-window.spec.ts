import { describe, expect, it } from '@jest/globals';
import { IdWindow } from '../../lib/prevalence/id-window.js';

describe('IdWindow', () => {
  it('has the newest ids, and gives them the oldest first', () => {
    const ids = new IdWindow<number>(2, [
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ]);
    ids.add('d', undefined);
    expect(ids.entries()).toEqual([
      ['c', 3],
      ['d', undefined],
    ]);
    expect([ids.has('b'), ids.has('d'), ids.get('c'), ids.get('d')]).toEqual([false, true, 3, undefined]);
  });

  it('makes nothing for each id when all are taken, so that this takes no longer than copying a list', () => {
    const ids = new IdWindow<number>(1_000, [['a', 1]]);
    for (let n = 0; n < 100; n += 1) ids.add(`${n}`, n);
    const [once, again] = [ids.entries(), ids.entries()];
    expect(once.every((entry, at) => entry === again[at])).toBe(true);
  });

  it('leaves what was taken as it was', () => {
    const ids = new IdWindow<number>(2, [
      ['a', 1],
      ['b', 2],
    ]);
    const taken = ids.entries();
    ids.add('b', 3);
    ids.add('c', 4);
    expect(taken).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
    expect(ids.entries()).toEqual([
      ['b', 3],
      ['c', 4],
    ]);
  });
});
