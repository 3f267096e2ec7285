/**
 * Goal: whatever a handler does to a state that is committed throws at once; whatever does not change it works as before.
 * Method: a table of attempts, one for each way to change something; and of uses.
 */
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it, jest } from '@jest/globals';
import { hold, jsonCodec, UnsupportedValueError } from '../../lib/codec/index.js';
import { FrozenBytes, freezeState } from '../../lib/snapshot/freeze.js';
import { digestStateNow } from '../../lib/snapshot/index.js';

const make = () => ({
  object: { inner: { n: 1 } },
  array: [[1], { n: 1 }],
  map: new Map<unknown, unknown>([[{ key: 1 }, { value: [1] }]]),
  set: new Set<unknown>([{ member: 1 }]),
  date: new Date(0),
  url: new URL('http://a/?b=c'),
  params: new URLSearchParams('a=b'),
  regexp: /x/g,
  error: new Error('e', { cause: { n: 1 } }),
  bare: Object.assign(Object.create(null) as Record<string, unknown>, { n: 1 }),
  bytes: new Uint8Array(4),
});
type State = ReturnType<typeof make>;

// biome-ignore lint/suspicious/noExplicitAny: attempts at what the types forbid.
const attempts: readonly (readonly [string, (state: any) => unknown])[] = [
  ['sets a member', (state) => (state.object = 1)],
  ['adds a member', (state) => (state.more = 1)],
  ['deletes a member', (state) => delete state.object],
  ['sets a member further in', (state) => (state.object.inner.n += 1)],
  ['sets a member of an object without a prototype', (state) => (state.bare.n += 1)],
  ['pushes', (state) => state.array.push(1)],
  ['sorts', (state) => state.array.sort()],
  ['shortens', (state) => (state.array.length = 0)],
  ['pushes further in', (state) => state.array[0].push(1)],
  ['sets in a Map', (state) => state.map.set('a', 1)],
  ['deletes from a Map', (state) => state.map.delete('a')],
  ['clears a Map', (state) => state.map.clear()],
  ['adds a property to a Map', (state) => (state.map.more = 1)],
  ['changes a key of a Map', (state) => ([...state.map.keys()][0].key = 2)],
  ['changes a value of a Map', (state) => [...state.map.values()][0].value.push(2)],
  ['adds to a Set', (state) => state.set.add(1)],
  ['deletes from a Set', (state) => state.set.delete(1)],
  ['clears a Set', (state) => state.set.clear()],
  ['changes a member of a Set', (state) => ([...state.set][0].member = 2)],
  ['sets a Date', (state) => state.date.setTime(1)],
  ['sets the year of a Date', (state) => state.date.setYear(99)],
  ['sets the hour of a Date', (state) => state.date.setUTCHours(1)],
  ['sets a part of a URL', (state) => (state.url.pathname = '/x')],
  ['sets a URL', (state) => (state.url.href = 'http://b')],
  ['sets parameters of a URL', (state) => state.url.searchParams.set('b', 'd')],
  ['sorts URLSearchParams', (state) => state.params.sort()],
  ['appends to URLSearchParams', (state) => state.params.append('a', 'c')],
  ['moves a RegExp on', (state) => state.regexp.exec('x')],
  ['changes an Error', (state) => (state.error.message = 'f')],
  ['changes a cause', (state) => (state.error.cause.n = 2)],
];

function pathOf(state: unknown): string {
  try {
    freezeState(state);
  } catch (error) {
    if (error instanceof UnsupportedValueError) return error.path;
    throw error;
  }
  return 'taken';
}

describe('freezeState()', () => {
  it.each(attempts)('makes it throw when a handler %s', (_name, attempt) => {
    const state = freezeState(make());
    const digest = digestStateNow(state);
    expect(() => attempt(state)).toThrow(TypeError);
    expect(digestStateNow(state)).toBe(digest);
    expect(() => attempt(make())).not.toThrow();
  });

  it('says what to do instead', () => {
    expect(() => freezeState(make()).map.set(1, 2)).toThrow(
      'Cannot set in this Map: it belongs to a state; copy it, and change the copy',
    );
  });

  it('leaves every way to read and to copy as it was', () => {
    const state = freezeState(make());
    expect(new Map(state.map).set('a', 1).size).toBe(2);
    expect(new Set(state.set).add(1).size).toBe(2);
    expect(new Date(state.date).setTime(5)).toBe(5);
    expect(new URL(state.url).href).toBe('http://a/?b=c');
    expect({ ...state, array: [...state.array, 1] }.array).toHaveLength(3);
    const copy = structuredClone({ ...state, url: 0, params: 0 });
    copy.map.set('a', 1);
    copy.date.setTime(1);
    copy.object.inner.n = 2;
    expect(JSON.stringify(state)).toBe(JSON.stringify(make()));
    expect(state.date.getTime()).toBe(0);
    expect(state.url.searchParams.get('b')).toBe('c');
    expect(Object.keys(state.map)).toEqual([]);
    expect(isDeepStrictEqual(state.map, make().map)).toBe(true);
    expect(isDeepStrictEqual(state.set, make().set)).toBe(true);
    expect([state.date instanceof Date, state.date.constructor === Date]).toEqual([true, true]);
  });

  it('leaves the stored form and the digest as they were', () => {
    expect(hold(freezeState(make()), jsonCodec).encode()).toEqual(hold(make(), jsonCodec).encode());
    expect(digestStateNow(freezeState(make()))).toBe(digestStateNow(make()));
  });

  it('walks what its maker froze, as its insides may not be frozen', () => {
    const state = freezeState(Object.freeze({ list: Object.freeze([{ n: 1 }]) }));
    expect(Object.isFrozen(state.list[0])).toBe(true);
  });

  it('looks only at what is new', () => {
    let reads = 0;
    const watched = new Proxy({ n: 1 } as Record<string, unknown>, {
      ownKeys: (target) => {
        reads += 1;
        return Reflect.ownKeys(target);
      },
    });
    let state = freezeState({ watched, n: 0 });
    const before = reads;
    for (let n = 1; n < 100; n += 1) state = freezeState({ ...state, n });
    expect(before).toBeGreaterThan(0);
    expect(reads).toBe(before);
  });

  it('keeps no table that grows with the state, and is made anew in one step when it is full', () => {
    const tables = [WeakSet.prototype, Set.prototype, WeakMap.prototype, Map.prototype] as const;
    const state = { ...make(), many: Array.from({ length: 1_000 }, (_, n) => ({ n, at: new Date(n) })) };
    const calls = tables.map((table) =>
      jest.spyOn(table as WeakSet<object>, 'set' in table ? ('set' as never) : 'add'),
    );
    try {
      freezeState(state);
      expect(calls.map(({ mock }) => mock.calls.length)).toEqual([0, 0, 0, 0]);
    } finally {
      for (const call of calls) call.mockRestore();
    }
    expect(Object.isFrozen(state.many[999])).toBe(true);
  });

  it('takes cycles and long lists', () => {
    const state: Record<string, unknown> = { map: new Map() };
    state.self = state;
    (state.map as Map<unknown, unknown>).set(state, state.map);
    expect(Object.isFrozen(freezeState(state))).toBe(true);
    let list: { readonly next: unknown } = { next: null };
    const first = list;
    for (let n = 0; n < 100_000; n += 1) list = { next: list };
    freezeState(list);
    expect(Object.isFrozen(first)).toBe(true);
  });

  it.each([[undefined], [null], [0], [''], [false], [1n]])('takes %p', (state) => {
    expect(freezeState(state)).toBe(state);
  });

  it('takes holes', () => {
    const wide = [1];
    wide[1_000_000_000] = 2;
    expect(Object.isFrozen(freezeState({ wide }).wide)).toBe(true);
  });

  const refused: readonly (readonly [string, unknown, string])[] = [
    ['a function', { a: [1, { f: () => 1 }] }, 'state.a[1].f'],
    ['a function for a state', () => 1, 'state'],
    ['a symbol', { a: new Set([Symbol('s')]) }, 'state.a.values()[0]'],
    ['an instance of a class', new Map([['k', { at: new (class Money {})() }]]), 'state.values()[0].at'],
    ['a class over a Map', { m: new (class extends Map {})() }, 'state.m'],
    ['a promise', { 'a b': Promise.resolve() }, 'state["a b"]'],
    ['a function in a cause', { e: new Error('x', { cause: () => 1 }) }, 'state.e.cause'],
    ['a Map that cannot be protected', { m: Object.freeze(new Map()) }, 'state.m'],
    ['a Date that cannot be protected', [Object.freeze(new Date())], 'state[0]'],
  ];

  it.each(refused)('refuses %s, and names the path', (_name, state, path) => {
    expect(pathOf(state)).toBe(path);
    // A second time as well: nothing of it is remembered as frozen.
    expect(pathOf(state)).toBe(path);
  });

  it('sees all of a state again after a refusal', () => {
    const inner = { n: 1 };
    const state = { inner, bad: () => 1 } as { inner: { n: number }; bad?: () => number };
    expect(pathOf(state)).toBe('state.bad');
    expect(Object.isFrozen(freezeState({ inner }).inner)).toBe(true);
  });
});

describe('FrozenBytes', () => {
  it('finds out about bytes that were changed in place', () => {
    const bytes = new FrozenBytes();
    const state: State & { floats: Float64Array } = freezeState({ ...make(), floats: new Float64Array(3) }, bytes);
    freezeState({ ...state, more: new ArrayBuffer(2) }, bytes);
    expect(bytes.haveChanged()).toBe(false);
    state.floats[1] = 5;
    expect(bytes.haveChanged()).toBe(true);
    state.floats[1] = 0;
    expect(bytes.haveChanged()).toBe(false);
  });
});
