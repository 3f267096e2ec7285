/** Goal: superjson is never asked to act on a note that is not ours. Method: one tree, good and bad notes. */
import { describe, expect, it } from '@jest/globals';
import { hold } from '../../lib/codec/held.js';
import { areOurs, notesOf, notesText } from '../../lib/codec/notes.js';
import type { Json } from '../../lib/codec/plain.js';

const tree: Json = { a: ['1', null], 'b.c': { '\\': '1' }, bytes: new Uint8Array(1) };

describe('areOurs()', () => {
  it.each<[Json]>([
    [{}],
    [{ values: ['map'] }],
    [{ values: { 'a.0': ['bigint'], 'a.1': ['undefined'], 'b\\.c.\\\\': ['bigint'], bytes: [['custom', 'bytes']] } }],
    [{ values: ['map', { a: ['set', { 0: ['bigint'] }] }] }],
    [{ values: { a: { 1: ['undefined'] } } }],
  ])('takes %j', (meta) => {
    expect(areOurs(meta, tree)).toBe(true);
  });

  it.each<[string, Json]>([
    ['no object', ['map']],
    ['nothing', null],
    ['an unknown note', { values: { 'a.0': ['symbol'] } }],
    ['a typed array', { values: { 'a.0': [['typed-array', 'Uint8Array']] } }],
    ['a class', { values: [['class', 'Point']] }],
    ['more than note and notes below', { values: ['map', {}, {}] }],
    ['notes below that are a note', { values: ['map', ['map']] }],
    ['a place beyond a list', { values: { 'a.2': ['undefined'] } }],
    ['a place far beyond', { values: { 'a.4000000000': ['undefined'] } }],
    ['the length of a list', { values: { 'a.length': ['undefined'] } }],
    ['a name that is not there', { values: { x: ['undefined'] } }],
    ['a method', { values: { toString: ['undefined'] } }],
    ['a prototype', { values: { '__proto__.x': ['undefined'] } }],
    ['a byte', { values: { 'bytes.0': ['undefined'] } }],
    ['a character', { values: { 'a.0.0': ['undefined'] } }],
  ])('refuses %s', (_what, meta) => {
    expect(areOurs(meta, tree)).toBe(false);
  });
});

describe('notesOf()', () => {
  it('tells where each note is and what it says', () => {
    const value = {
      'a.b': new Set([1n]),
      list: ['x', new Date(0)],
      ['__proto__']: new Map([['k', Number.NaN]]),
      bytes: new Uint16Array(1),
    };
    const told = notesOf(hold(value).encode().annotations as string);
    expect(new Set(told.map(({ path, says }) => `${path.join('/')}: ${says}`))).toEqual(
      new Set([
        'a.b: set',
        'a.b/0: bigint',
        'list/1: Date',
        '~__proto__: map',
        '~__proto__/0/1: number',
        'bytes: custom/binary',
      ]),
    );
  });

  it('tells of the value itself, and of nothing', () => {
    expect(notesOf(hold(new Set(['x'])).encode().annotations as string)).toEqual([{ path: [], says: 'set' }]);
    expect(notesOf('{}')).toEqual([]);
  });
});

describe('notesText()', () => {
  it('is the same for the same notes, whatever the order of names', () => {
    const one = hold({ b: 1n, a: new Set([new Date(0)]), 'a.b': undefined }).encode();
    const other = hold({ 'a.b': undefined, a: new Set([new Date(0)]), b: 1n }).encode();
    expect(one.annotations).toBe(other.annotations);
    expect(notesText({ v: 1, values: { b: ['bigint'], a: ['set', { 1: ['Date'], 0: ['map'] }] } })).toBe(
      '{"values":{"a":["set",{"0":["map"],"1":["Date"]}],"b":["bigint"]},"v":1}',
    );
  });
});
