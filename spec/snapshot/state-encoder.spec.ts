/**
 * Goal: a state comes back equal in all that a handler can see, or is refused; its digest is a function of its value; it is
 * written and read in slices.
 * Method: tables of values, and fast-check over all of them together. `FC_SEED` and `FC_RUNS` repeat or lengthen a run.
 */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { UnsupportedValueError } from '../../lib/codec/index.js';
import {
  decodeState,
  digestState,
  digestStateNow,
  type EncodedState,
  type EncodeStateOptions,
  encodeState,
} from '../../lib/snapshot/index.js';
import { largeValues, runs, same, structuredCloneOf, values } from './values.js';

interface Encoded extends EncodedState {
  readonly chunks: readonly Uint8Array[];
}

async function encoded(state: unknown, options?: EncodeStateOptions): Promise<Encoded> {
  const chunks: Uint8Array[] = [];
  const encoding = encodeState(state, options);
  for (;;) {
    const { done, value } = await encoding.next();
    if (done === true) return { ...value, chunks };
    chunks.push(value);
  }
}

async function* cut(chunks: readonly Uint8Array[], bytes: number): AsyncGenerator<Uint8Array> {
  const all = Buffer.concat(chunks);
  for (let from = 0; from < all.length; from += bytes) yield all.subarray(from, from + bytes);
}

async function roundTrip<State>(state: State, options?: EncodeStateOptions): Promise<State> {
  const { chunks, digest, bytes } = await encoded(state, options);
  const decoded = await decodeState(cut(chunks, 1_000));
  expect({ digest: decoded.digest, bytes: decoded.bytes }).toEqual({ digest, bytes });
  return decoded.value as State;
}

function pathOf(attempt: () => unknown): string {
  try {
    attempt();
  } catch (error) {
    if (error instanceof UnsupportedValueError) return error.path;
    throw error;
  }
  return 'taken';
}

function chain(levels: number): unknown {
  let list: unknown = null;
  for (let level = 0; level < levels; level += 1) list = { level, next: list };
  return list;
}

const large = Array.from({ length: 2_000 }, (_, n) => ({ n, text: `member ${n}` }));
const middle = { title: 'm'.repeat(500), price: 5, tags: ['a', 'b'] };

describe('encodeState()', () => {
  it('gives back any state', async () => {
    await fc.assert(
      fc.asyncProperty(values, fc.constantFrom(1_024, 65_536), async (state, recordBytesMax) => {
        fc.pre(state !== undefined);
        expect(same(await roundTrip(state, { recordBytesMax }), state)).toBe(true);
      }),
      runs(120),
    );
  });

  it('gives back states of many records', async () => {
    await fc.assert(
      fc.asyncProperty(largeValues, fc.constantFrom(1_024, 65_536), async (state, recordBytesMax) => {
        expect(same(await roundTrip(state, { recordBytesMax }), state)).toBe(true);
      }),
      runs(25),
    );
  });

  it.each([[false], [null], [0], [-0], [''], [Number.NaN], [[]], [{}], [new Map()], [0n]])(
    'takes %p for a state',
    async (state) => expect(await roundTrip(state)).toStrictEqual(state),
  );

  it('refuses undefined as a state', async () => {
    await expect(encoded(undefined)).rejects.toThrow('Cannot store state: undefined stands for no state at all');
    expect(() => digestStateNow(undefined)).toThrow(UnsupportedValueError);
  });

  it('keeps an own property __proto__ and pollutes nothing', async () => {
    const state = JSON.parse(`{"__proto__":{"admin":true},"list":${JSON.stringify(large)}}`) as Record<string, unknown>;
    const back = await roundTrip(state);
    expect(Object.keys(back)).toEqual(['__proto__', 'list']);
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).admin).toBeUndefined();
  });

  it('keeps the order of members', async () => {
    const names = ['z', 'a', 'm', '~', 'b'];
    const state = { object: Object.fromEntries(names.map((name) => [name, large])), set: new Set(names) };
    const back = await roundTrip(state);
    expect(Object.keys(back.object)).toEqual(names);
    expect([...back.set]).toEqual(names);
  });

  it('keeps holes, of which there may be a billion', async () => {
    const wide: unknown[] = [1];
    wide[1_000_000_000] = { n: 2 };
    wide.length += 5;
    const back = await roundTrip({ wide });
    expect([back.wide.length, Object.keys(back.wide)]).toEqual([1_000_000_006, ['0', '1000000000']]);
  });

  it('keeps cycles', async () => {
    const state = { large, self: undefined as unknown, map: new Map<unknown, unknown>(), list: [] as unknown[] };
    state.self = state;
    state.map.set(state, state.list).set('error', new Error('e', { cause: state }));
    state.list.push(state.map, state.list);
    const back = await roundTrip(state);
    expect(back.self).toBe(back);
    expect(back.map.get(back)).toBe(back.list);
    expect(back.list[0]).toBe(back.map);
    expect(back.list[1]).toBe(back.list);
    expect((back.map.get('error') as Error).cause).toBe(back);
  });

  it('keeps an error that is its own cause', async () => {
    const error = new TypeError('x');
    error.cause = error;
    const back = await roundTrip({ error });
    expect(back.error).toBeInstanceOf(TypeError);
    expect(back.error.cause).toBe(back.error);
  });

  it('writes a large object once, however often it is referred to', async () => {
    const bytes = new Uint8Array(10_000);
    const state = { one: large, map: new Map([[large, bytes]]), again: [bytes, large] };
    const back = await roundTrip(state);
    expect(back.map.get(back.one)).toBe(back.again[0]);
    expect(back.again[1]).toBe(back.one);
    expect((await encoded(state)).bytes).toBeLessThan(1.2 * (await encoded([large, bytes])).bytes);
  });

  it('does not blow up when references double at each of 60 levels', async () => {
    let doubled: unknown = large;
    for (let level = 0; level < 60; level += 1) doubled = { left: doubled, right: [doubled] };
    expect((await encoded(doubled)).bytes).toBeLessThan(1.2 * (await encoded(large)).bytes);
    let small: unknown = [];
    for (let level = 0; level < 60; level += 1) small = [small, small];
    expect((await encoded(small)).bytes).toBeLessThan(100_000);
  });

  it('gives back a small object that a thousand others refer to as two at most', async () => {
    const orders = Array.from({ length: 1_000 }, (_, n) => ({ n, item: middle, at: n % 3 === 0 ? new Date(n) : n }));
    const back = await roundTrip({ orders });
    expect(same(back, { orders })).toBe(true);
    expect(new Set(back.orders.map(({ item }) => item)).size).toBe(2);
    expect((await encoded({ orders })).bytes).toBeLessThan(60_000);
  });

  it('takes lists of 9,000 nodes, and refuses them when they are too deep for anybody', async () => {
    expect(same(await roundTrip({ list: chain(1_000) }), { list: chain(1_000) })).toBe(true);
    await roundTrip({ list: chain(9_000) });
    await expect(encoded(chain(10_500))).rejects.toThrow(/nested more than 10000 levels deep/);
  });

  const refused: readonly (readonly [string, unknown, string])[] = [
    ['a function', { a: [{ run: () => 1 }] }, 'state.a[0].run'],
    ['a symbol', new Map([['k', { s: Symbol('s') }]]), 'state.values()[0].s'],
    ['an instance of a class', { list: [...large, { at: new (class Money {})() }] }, 'state.list[2000].at'],
    ['a class over an array', { list: class extends Array {}.from(large) }, 'state.list'],
    ['a class over a Map', { map: new (class extends Map<number, number> {})([[1, 2]]) }, 'state.map'],
    ['a member under a symbol', { a: { [Symbol('s')]: 1 } }, 'state.a'],
    ['a hidden member', { a: Object.defineProperty({}, 'h', { value: 1 }) }, 'state.a.h'],
    ['a hidden member of a large object', { a: Object.defineProperty({ large }, 'h', { value: 1 }) }, 'state.a.h'],
    ['a name beside the elements', { a: Object.assign([1], { extra: 1 }) }, 'state.a.extra'],
    ['a promise', [Promise.resolve()], 'state[0]'],
    [
      'a function in the key of a large Map',
      new Map<unknown, unknown>([
        ['l', large],
        [() => 1, 1],
      ]),
      'state.keys()[1]',
    ],
    ['a function in a large Set', new Set<unknown>([large, { f: () => 1 }]), 'state.values()[1].f'],
    ['a function in a cause', new Error('e', { cause: [large, () => 1] }), 'state.cause[1]'],
    [
      'a getter that throws',
      {
        a: {
          get b() {
            throw new Error('no');
          },
        },
      },
      'state.a',
    ],
    [
      'a getter that throws in a large object',
      {
        large,
        get b() {
          throw new Error('no');
        },
      },
      'state.b',
    ],
  ];

  it.each(refused)('refuses %s, and names the path', async (_name, state, path) => {
    expect(pathOf(() => digestStateNow(state))).toContain(path);
    await expect(encoded(state)).rejects.toThrow(UnsupportedValueError);
  });

  it('reads an accessor among plain members, as JSON does', async () => {
    expect(
      await roundTrip({
        get a() {
          return 1;
        },
      }),
    ).toEqual({ a: 1 });
  });

  it('rests after each slice', async () => {
    let time = 0;
    let rests = 0;
    const options = {
      sliceMs: 10,
      now: () => {
        time += 1;
        return time;
      },
      yieldNow: async () => {
        rests += 1;
      },
    };
    const state = Array.from({ length: 50 }, () => ({ text: 'x'.repeat(100_000) }));
    const { chunks } = await encoded(state, options);
    expect(rests).toBeGreaterThan(3);
    rests = 0;
    await decodeState(cut(chunks, 100_000), options);
    expect(rests).toBeGreaterThan(3);
    rests = 0;
    await digestState(state, options);
    expect(rests).toBeGreaterThan(3);
  });

  it('rests for longer while somebody waits', async () => {
    let time = 0;
    const rests: boolean[] = [];
    const options = {
      sliceMs: 10,
      now: () => {
        time += 1;
        return time;
      },
      // From the third rest on.
      isBusy: () => rests.length > 1,
      yieldNow: async (isBusy: boolean) => {
        rests.push(isBusy);
      },
    };
    await digestState(
      Array.from({ length: 50 }, () => ({ text: 'x'.repeat(100_000) })),
      options,
    );
    expect(rests.slice(0, 4)).toEqual([false, false, true, true]);
  });

  it('gives the time of a record away after each record that takes longer than a slice', async () => {
    let time = 0;
    let rests = 0;
    const options = {
      now: () => {
        time += 1;
        return time;
      },
      yieldNow: async () => {
        rests += 1;
      },
    };
    const records = 20;
    const state = Array.from({ length: records * 20 }, (_, at) => `${at} ${'x'.repeat(3_500)}`);
    await encoded(state, options);
    expect(rests).toBeGreaterThanOrEqual(records);
  });

  it('gives chunks of moderate size, whatever is in the state', async () => {
    const state = [large, 'x'.repeat(3_000_000), new Uint8Array(2_000_000), { ['n'.repeat(500_000)]: 1 }];
    const { chunks } = await encoded(state, { recordBytesMax: 65_536 });
    expect(Math.max(...chunks.map((chunk) => chunk.length))).toBeLessThan(300_000);
  });

  it.each([[1_023], [1_048_577], [Number.NaN]])('refuses records of %p bytes', async (recordBytesMax) => {
    await expect(encoded(1, { recordBytesMax })).rejects.toThrow(RangeError);
    await expect(encoded(1, { sliceMs: recordBytesMax - recordBytesMax })).rejects.toThrow(RangeError);
  });
});

describe('digestState()', () => {
  it('is one digest, whichever way it is asked for', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(values, largeValues), async (state) => {
        fc.pre(state !== undefined);
        const digest = digestStateNow(state);
        expect(await digestState(state)).toBe(digest);
        expect((await encoded(state, { recordBytesMax: 1_024 })).digest).toBe(digest);
        expect((await encoded(state)).digest).toBe(digest);
      }),
      runs(25),
    );
  });

  it('is the same with and without shared references', async () => {
    await fc.assert(
      fc.asyncProperty(values, fc.integer({ min: 1, max: 30 }), async (part, count) => {
        const shared = Array.from({ length: count }, () => ({ part, middle, large }));
        const digest = digestStateNow(shared);
        expect(digestStateNow(structuredCloneOf(shared))).toBe(digest);
        expect(digestStateNow(await roundTrip(shared))).toBe(digest);
      }),
      runs(12),
    );
  });

  it('tells states apart that are not equal', () => {
    const different: unknown[] = [
      ...[null, false, 0, -0, '', '0', 0n, [], {}, new Map(), new Set(), [undefined], [null], [[]], new Array(1)],
      ...[{ a: 1, b: 2 }, { b: 2, a: 1 }, { '~undefined': 0 }, { a: { '~Date': 0 } }, { a: new Date(0) }],
      ...[new Set([1, 2]), new Set([2, 1]), new Map([[1, 2]]), new Map([[2, 1]]), [1, 2], Object.create(null)],
      ...[new Uint8Array(4), new Uint16Array(2), new ArrayBuffer(4), new Error('x'), new TypeError('x'), /x/, /x/g],
      ...[large, large.slice(1), { large }, new Set(large), Object.fromEntries(Object.entries(large)), [large, large]],
      ...['x'.repeat(5_000), new Uint8Array(5_000), new Uint16Array(2_500), new Uint8Array(5_001), 7n ** 9_000n],
    ];
    expect(new Set(different.map((state) => digestStateNow(state))).size).toBe(different.length);
  });

  it('is that of earlier releases', () => {
    expect(digestStateNow({ a: [1, 'é', new Date(0)], m: new Map([[1n, undefined]]) })).toMatchInlineSnapshot(
      `"6a01efce966fd6dea37f505ec0bd05107b1f0973f0be3dded068c127cfe0e300"`,
    );
    expect(
      digestStateNow({ large, text: '\u{1f600}'.repeat(20_000), bytes: new Uint8Array(9_000) }),
    ).toMatchInlineSnapshot(`"d685bd8e9be585a9ee16871d25f600e9a9a4e25465816f3b6984b9ecdc9564e9"`);
  });
});
