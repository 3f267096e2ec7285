/**
 * Goal: the short way never differs from the long one. Method: random values and random notes on them, most of which no value
 * encodes to; what the short way takes, the long way must take as well, with the same value.
 */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Json } from '../../lib/codec/plain.js';
import { notSimple, simpleValue } from '../../lib/codec/simple-form.js';
import { type Form, fromForm, sameForm, toForm } from '../../lib/codec/super-json.js';

const seed = Number(process.env.LEYDEN_SEED ?? Date.now() % 1e9);
const numRuns = process.env.LEYDEN_SIZE === 'full' ? 100_000 : 5_000;

const name = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom('a', 'b', '0', '1', 'length') },
  { weight: 1, arbitrary: fc.constantFrom('a.b', 'c\\\\', '~', '~~', 'constructor', 'prototype', 'toString') },
);
const text = fc.constantFrom(
  '0',
  '7',
  '-12',
  '2026-01-01T00:00:00.000Z',
  '2027-01-01T00:00:00.000Z',
  '007',
  '-0',
  '2026-01-01',
  'x',
);
const leaf = fc.oneof(text, fc.constantFrom<Json>(null, true, 0, 1.5, -3), fc.constant(null));
const { json } = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { weight: 3, arbitrary: leaf },
    { weight: 1, arbitrary: fc.array(tie('json'), { maxLength: 3 }) },
    { weight: 1, arbitrary: fc.dictionary(name, tie('json'), { maxKeys: 3, noNullPrototype: true }) },
  ),
}));
const root = fc.dictionary(name, json, { minKeys: 1, maxKeys: 4, noNullPrototype: true });
const kind = fc.constantFrom('Date', 'undefined', 'bigint', 'set', 'map', 'number', 'regexp');
const below = fc.dictionary(
  fc.constantFrom('0', '0.1', 'a'),
  kind.map((one): Json => [one]),
  { maxKeys: 1, noNullPrototype: true },
);

/** The ways to all places of a tree, and to some that are none. */
function ways(tree: Json, way: string): string[] {
  if (typeof tree !== 'object' || tree === null) return [way];
  const members = Object.entries(tree).flatMap(([one, member]) =>
    ways(member as Json, way === '' ? one : `${way}.${one}`),
  );
  return [way, ...members, `${way}.01`, `${way}.4000000000`, `${way}.__proto__`];
}

/** A tree, and up to three notes on it: most are of the kind that what lies there could have. */
const form: fc.Arbitrary<Form> = root.chain((tree) => {
  const note = fc.tuple(fc.constantFrom(...ways(tree, '')), kind, fc.integer({ min: 0, max: 9 }), below);
  const told = fc.tuple(fc.array(note, { minLength: 1, maxLength: 3 }), fc.integer({ min: 0, max: 9 }));
  return told.map(([notes, luck]): Form => {
    const values = notes.map(([way, one, odd, rest]): [string, Json] => {
      const says = odd < 8 ? fitting(tree, way, one) : one;
      return [way, odd === 9 ? [says, rest] : [says]];
    });
    return { json: tree, meta: { values: Object.fromEntries(values), v: luck === 9 ? 2 : 1 } };
  });
});

function fitting(tree: Json, way: string, otherwise: string): string {
  let at: unknown = tree;
  for (const one of way.split('.')) at = (at as Record<string, unknown> | undefined | null)?.[one];
  if (at === null) return 'undefined';
  if (Array.isArray(at)) return at.every(Array.isArray) ? 'map' : 'set';
  if (typeof at !== 'string') return otherwise;
  return at.startsWith('20') ? 'Date' : 'bigint';
}

function long(form: Form): unknown {
  try {
    const value = fromForm(form);
    return sameForm(form, toForm(value, true)) ? value : notSimple;
  } catch {
    return notSimple;
  }
}

describe(`simpleValue() [LEYDEN_SEED=${seed}]`, () => {
  it('takes nothing that the long way refuses, and makes the same of it', () => {
    let taken = 0;
    fc.assert(
      fc.property(form, (one) => {
        const value = simpleValue(one);
        if (value === notSimple) return;
        taken += 1;
        expect(value).toStrictEqual(long(one));
      }),
      { seed, numRuns },
    );
    expect(taken).toBeGreaterThan(numRuns / 50);
  });

  it('makes dates, bigints, undefined, Sets and Maps', () => {
    const value = {
      at: new Date(1),
      list: [1n, undefined, { deep: new Set(['a', 1, null]) }],
      map: new Map<unknown, unknown>([
        ['k', 1],
        [2, null],
      ]),
    };
    expect(simpleValue(toForm(value, true))).toStrictEqual(value);
  });

  it('makes a fresh value each time', () => {
    const made = toForm({ at: new Date(1), list: [{}] }, true);
    const [one, other] = [simpleValue(made), simpleValue(made)] as { at: Date; list: object[] }[];
    expect(one).toStrictEqual(other);
    expect(one?.at).not.toBe(other?.at);
    expect(one?.list[0]).not.toBe(other?.list[0]);
  });

  it.each<[string, Form]>([
    ['a date in other words', { json: { a: '2026-01-01' }, meta: { values: { a: ['Date'] }, v: 1 } }],
    ['a list with doubles as a Set', { json: { a: [1, 1] }, meta: { values: { a: ['set'] }, v: 1 } }],
    ['a bigint with a zero in front', { json: { a: '01' }, meta: { values: { a: ['bigint'] }, v: 1 } }],
    ['minus zero', { json: { a: '-0' }, meta: { values: { a: ['bigint'] }, v: 1 } }],
    ['undefined that is something', { json: { a: 0 }, meta: { values: { a: ['undefined'] }, v: 1 } }],
    ['a note below a Set', { json: { a: [null] }, meta: { values: { a: ['set'], 'a.0': ['undefined'] }, v: 1 } }],
    [
      'a Set of what a note has made',
      { json: { a: [null] }, meta: { values: { 'a.0': ['undefined'], a: ['set'] }, v: 1 } },
    ],
    ['no notes', { json: { a: 1 }, meta: { values: {}, v: 1 } }],
    [
      'a name that is stored otherwise',
      { json: { prototype: 1, a: null }, meta: { values: { a: ['undefined'] }, v: 1 } },
    ],
    ['another format', { json: { a: null }, meta: { values: { a: ['undefined'] }, v: 2 } }],
  ])('leaves %s to the long way', (_what, one) => {
    expect(simpleValue(one)).toBe(notSimple);
    expect(long(one)).toBe(notSimple);
  });
});
