// Goal: the decisions of a journal, one by one. What they are good for together is checked in `spec/models/journal`.
// Method: small heads and commits by hand; cases that random schedules meet too seldom.
import { describe, expect, it } from '@jest/globals';
import { append, type CommitLike, fateOf, join, positionAfter, sweeps, trim } from '../../lib/journal/protocol.js';

const commit = (place: number, facts: Partial<CommitLike> = {}): CommitLike => ({
  place,
  first: place,
  count: 1,
  writer: 'a',
  n: place,
  prev: place - 1,
  ...facts,
});
const own = { writer: 'a', n: 3 };

describe('the fate of a commit', () => {
  const others = [commit(7, { writer: 'b', n: 3 }), commit(8, { n: 2 }), commit(9, { n: 3, retires: true })];

  it('in sight: it is there by writer and number, or it is not', () => {
    expect(fateOf([commit(6, { n: 3 })], true, new Map(), own)).toBe('applied');
    expect(fateOf([commit(6, { n: 3 })], false, new Map(), own)).toBe('applied');
    expect(fateOf(others, true, new Map([['a', 9]]), own)).toBe('not-applied');
  });

  it('behind a snapshot: the last number of its writer tells, and nobody if the writer was retired', () => {
    expect(fateOf(others, false, new Map([['a', 3]]), own)).toBe('applied');
    expect(fateOf(others, false, new Map([['a', 4]]), own)).toBe('applied');
    expect(fateOf(others, false, new Map([['a', 2]]), own)).toBe('not-applied');
    expect(fateOf(others, false, new Map([['b', 3]]), own)).toBe('unknown');
  });
});

describe('commits that are read', () => {
  const position = { place: 4, seq: 10 };
  const next = [commit(5, { first: 11, count: 2 }), commit(6, { first: 13, count: 0 }), commit(7, { first: 13 })];

  it('join on to what is known, which is skipped', () => {
    expect(join(position, [commit(3), commit(4), ...next])).toEqual(next);
    expect(join(position, [commit(3)])).toEqual([]);
    expect(next.map(positionAfter)).toEqual([
      { place: 5, seq: 12 },
      { place: 6, seq: 12 },
      { place: 7, seq: 13 },
    ]);
  });

  it.each([
    ['a place too high', [commit(6, { first: 11 })]],
    ['a place that is missing', [next[0], next[2]]],
    ['a place twice with more behind it', [next[0], next[0], next[2]]],
    ['events too few', [commit(5, { first: 12 })]],
    ['events again', [next[0], commit(6, { first: 12 })]],
  ])('%s is a gap', (_name, commits) => {
    expect(join(position, commits as CommitLike[])).toBe('gap');
  });
});

describe('a head', () => {
  const head = { place: 4, seq: 9, pages: 2, tail: [commit(3), commit(4)], label: 'bank' };

  it('with a commit more keeps the rest', () => {
    const { place: _place, first: _first, ...parts } = commit(0, { count: 3, n: 8 });
    const after = append(head, parts);
    expect(after).toMatchObject({ place: 5, seq: 12, pages: 2, label: 'bank' });
    expect(after.tail.at(-1)).toEqual({ ...parts, place: 5, first: 10 });
  });

  it('is trimmed by its next page alone', () => {
    expect(trim(head, { page: 2, count: 1 })).toEqual({ ...head, pages: 3, tail: [commit(4)] });
    expect(trim(head, { page: 1, count: 1 })).toBe(head);
    expect(trim(head, { page: 3, count: 1 })).toBe(head);
    expect(trim(head, undefined)).toBe(head);
  });
});

describe('bodies that go with a page', () => {
  const swept = (facts: Partial<CommitLike>, prunedFrom = 100) =>
    sweeps([commit(5, { n: 6, prev: 3, ...facts })], { prunedFrom }).map(({ n }) => n);

  it('are those of the commit and of numbers passed over, and of a retired writer those never to be named', () => {
    expect(swept({ body: { parts: 1 } })).toEqual([4, 5, 6]);
    expect(swept({})).toEqual([4, 5]);
    expect(swept({ prev: 5 })).toEqual([]);
    expect(swept({ prev: 6, retires: true })).toEqual([7, 8]);
  });

  it('are none of commits that are still wanted', () => {
    expect(swept({ body: true }, 6)).toEqual([4, 5, 6]);
    expect(swept({ body: true }, 5)).toEqual([]);
  });
});
