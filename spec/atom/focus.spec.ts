// Goal: a part of a value behaves as an atom of its own, at the price of the atom's writes.
// Method: one process on a memory engine that counts requests; a second one where others write meanwhile.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { AtomSnapshot, type AtomTable, type ItemAtom, type SwapContext } from '../../lib/atom/index.js';
import { type Bench, openBench, outcomeOf } from './bench.js';

interface Config {
  readonly limits?: { readonly perUser?: number; readonly tags?: readonly string[] } | null;
  readonly banner: string;
  readonly parts?: Readonly<Record<string, number>>;
}

const config: Config = { banner: 'hello', limits: { perUser: 5, tags: ['a', 'b'] } };

let bench: Bench;
let table: AtomTable;
let rival: AtomTable;
let atom: ItemAtom<Config, Config>;
beforeEach(async () => {
  bench = await openBench();
  table = bench.table();
  rival = bench.calm();
  atom = table.atom<Config>('config', { initial: config });
});
const stored = () => bench.run(rival.atom<Config>('config', { initial: config }).deref());
const failure = (promise: Promise<unknown>) => bench.run(promise.catch((error: unknown) => error as Error));
const requests = () => bench.faulty.spent().requests;

describe('focus()', () => {
  it('reads a part by names and indexes, variadic or as a list', async () => {
    expect(await bench.run(atom.focus('limits', 'perUser').deref())).toBe(5);
    expect(await bench.run(atom.focus(['limits', 'tags', 1]).deref())).toBe('b');
    expect(atom.focus('limits').focus('tags').focus(0).peek()).toBe('a');
    expect(atom.focus('limits', 'tags', 7).peek()).toBeUndefined();
    expect(atom.focus('parts', 'x').peek()).toBeUndefined();
  });

  it('names its atom and its path', () => {
    const cursor = atom.focus('limits').focus('tags', 0);
    expect([cursor.key, cursor.path]).toEqual(['config', '.limits.tags[0]']);
  });

  it('refuses a path that leads nowhere, at once', () => {
    const focus = atom.focus as (...path: unknown[]) => unknown;
    expect(() => focus()).toThrow(new TypeError('Cannot focus atom config: a path must have steps: none'));
    for (const step of [-1, 1.5, Number.NaN, Symbol('s'), null, true, undefined]) {
      expect(() => focus('limits', step)).toThrow(
        /^Cannot focus atom config: a step must be a property name or a list/,
      );
    }
    expect(() => focus({ get: () => 1 })).toThrow('Cannot focus atom config: a lens must have get and set');
  });
});

describe('swap()', () => {
  it('changes the part alone', async () => {
    expect(await bench.run(atom.focus('limits', 'perUser').swap((n) => (n ?? 0) + 1))).toBe(6);
    expect(await stored()).toEqual({ banner: 'hello', limits: { perUser: 6, tags: ['a', 'b'] } });
    expect(await bench.run(atom.focus('limits', 'tags', 1).swap((tag) => `${tag}!`))).toBe('b!');
    expect(await bench.run(atom.focus('limits', 'tags', 2).reset('c'))).toBe('c');
    expect((await stored()).limits?.tags).toEqual(['a', 'b!', 'c']);
  });

  it('100 swaps of 100 parts are one write', async () => {
    await bench.run(atom.deref());
    const before = requests();
    const calls = Array.from({ length: 100 }, (_, i) => atom.focus('parts', `p${i}`).swap((n) => (n ?? i) + 1));
    expect(await bench.run(Promise.all(calls))).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    expect(requests() - before).toBe(1);
    expect(bench.commits).toHaveLength(1);
    expect(Object.keys((await stored()).parts ?? {})).toHaveLength(100);
  });

  it('shares its write with swaps of the whole, each on what the one before it left', async () => {
    const [first, second, third] = await bench.run(
      Promise.all([
        atom.focus('banner').swap((text) => `${text}1`),
        atom.swap((whole) => ({ ...whole, banner: `${whole.banner}2` })),
        atom.focus('banner').swapVals((text) => `${text}3`),
      ]),
    );
    expect([first, second.banner, third]).toEqual(['hello1', 'hello12', ['hello12', 'hello123']]);
    expect(bench.commits).toHaveLength(1);
  });

  it('runs again on the newer value when another process won, and keeps its change', async () => {
    await bench.run(atom.deref());
    await bench.run(rival.atom<Config>('config', { initial: config }).focus('parts', 'theirs').reset(1));
    const attempts: number[] = [];
    const swap = atom.focus('parts', 'ours').swap((n, { attempt }) => {
      attempts.push(attempt);
      return (n ?? 0) + 1;
    });
    expect(await bench.run(swap)).toBe(1);
    expect(attempts).toEqual([1, 2]);
    expect((await stored()).parts).toEqual({ theirs: 1, ours: 1 });
  });

  it('leaves what stands beside the part the very same objects', async () => {
    const big = Array.from({ length: 100 }, (_, i) => i);
    const wide = table.atom<{ a: { n: number }; b: readonly number[] }>('wide', { initial: { a: { n: 0 }, b: big } });
    const [old] = await bench.run(wide.resetVals({ a: { n: 1 }, b: big }));
    expect(old.b).not.toBe(big);
    const before = wide.peek();
    await bench.run(wide.focus('a', 'n').swap((n) => n + 1));
    expect(wide.peek()?.b).toBe(before?.b);
    expect(wide.peek()?.a).not.toBe(before?.a);
  });

  it('takes asynchronous functions, and tells them whether the part is there', async () => {
    const seen: boolean[] = [];
    const swap = (name: string) =>
      atom.focus('parts', name).swap(async (n, { exists }) => {
        seen.push(exists);
        return (n ?? 0) + 1;
      });
    expect(await bench.run(swap('x'))).toBe(1);
    expect(await bench.run(swap('x'))).toBe(2);
    expect(seen).toEqual([false, true]);
  });

  it('a part of `initial` is none that is stored', async () => {
    const seen: boolean[] = [];
    const look = (text: string, { exists }: SwapContext) => {
      seen.push(exists);
      return text;
    };
    await bench.run(atom.focus('banner').swap(look));
    await bench.run(atom.focus('banner').swap(look));
    expect(seen).toEqual([false, true]);
  });

  it('swapWith() returns the result of the function', async () => {
    expect(await bench.run(atom.focus('banner').swapWith((text) => ['bye', text.length]))).toBe(5);
    expect((await stored()).banner).toBe('bye');
    const wrong = atom.focus('banner').swapWith((() => 'bye') as never);
    expect(await failure(wrong)).toEqual(
      new TypeError('Cannot swap .banner of atom config: the function of swapWith must return [next, result]'),
    );
  });

  it('a part that equals the old one is not written; noop: write writes it', async () => {
    await bench.run(atom.reset(config));
    await bench.run(atom.focus('limits').swap((limits) => ({ tags: ['a', 'b'], ...limits })));
    expect(bench.commits).toHaveLength(1);
    await bench.run(atom.focus('limits', 'perUser').swap(() => 5, { noop: 'write' }));
    expect(bench.commits).toHaveLength(2);
  });

  it('refuses undefined, and what is no function, naming atom and path', async () => {
    const missing = atom.focus('limits', 'perUser').swap((() => undefined) as never);
    expect(await failure(missing)).toEqual(
      new TypeError(
        'Cannot swap .limits.perUser of atom config: the function returned undefined; return the new part (null is one), or use delete()',
      ),
    );
    expect(() => atom.focus('banner').swap('x' as never)).toThrow(
      new TypeError('Cannot swap .banner of atom config: must be given a function: string'),
    );
    expect(bench.commits).toHaveLength(0);
  });

  it('what the function throws reaches its caller unchanged; its neighbours are written', async () => {
    const error = new Error('no');
    const bad = outcomeOf(
      atom.focus('banner').swap(() => {
        throw error;
      }),
    );
    expect(await bench.run(atom.focus('parts', 'x').reset(1))).toBe(1);
    await bench.run(bad.done);
    expect(bad.error).toBe(error);
    expect(await stored()).toEqual({ ...config, parts: { x: 1 } });
  });

  it('refuses an opId, which it would not keep', () => {
    expect(() => atom.focus('banner').reset('x', { opId: '7' } as object)).toThrow(
      new TypeError('Cannot reset .banner of atom config: a part takes no opId; use swapWith of the atom'),
    );
  });

  it('refuses a call of its atom from inside', async () => {
    const inside = atom.focus('banner').swap((text) => {
      void atom.focus('limits', 'perUser').reset(1);
      return text;
    });
    expect(await failure(inside)).toMatchObject({
      code: 'ERR_REENTRANT',
      message: expect.stringContaining('Cannot reset .limits.perUser of atom config'),
    });
  });

  it('errors of the atom name the part', async () => {
    await bench.run(atom.setValidator(({ banner }) => banner !== 'bad'));
    expect(await failure(atom.focus('banner').reset('bad'))).toMatchObject({ code: 'ERR_INVALID_VALUE' });
    expect(await failure(atom.focus('banner').reset((() => 1) as never))).toMatchObject({
      code: 'ERR_UNSUPPORTED_VALUE',
    });
    const given = atom.focus('banner').swap((() => Symbol('s')) as never);
    expect(await failure(given)).toMatchObject({ code: 'ERR_UNSUPPORTED_VALUE', path: 'value.banner' });
    const lost = await openBench({ rules: [{ fault: { kind: 'reset-before' }, on: 'writes' }] });
    const late = lost.table().atom<Config>('config').focus('banner').reset('late', { timeoutMs: 10 });
    const error = await lost.run(late.catch((caught: unknown) => caught as Error));
    expect((error as Error).message).toMatch(/^Cannot tell whether the reset \.banner of atom config took effect: /);
    await expect(atom.focus('banner').deref({ timeoutMs: -1 })).rejects.toThrow(RangeError);
    expect(() => atom.focus('banner').reset('x', { timeoutMs: -1 })).toThrow(
      'Cannot reset .banner of atom config: timeoutMs must be a number of at least 0: -1',
    );
  });
});

describe('a way that is not there', () => {
  it('missing parents, null among them, are made as objects', async () => {
    const empty = table.atom<Config>('empty');
    await bench.run(empty.focus('limits', 'perUser').reset(1));
    expect(await bench.run(empty.deref())).toEqual({ limits: { perUser: 1 } });
    await bench.run(empty.focus('limits').reset(null));
    expect(empty.focus('limits', 'perUser').peek()).toBeUndefined();
    await bench.run(empty.focus('limits', 'perUser').reset(2));
    expect(await bench.run(empty.deref())).toEqual({ limits: { perUser: 2 } });
  });

  it('a missing list is not made, and a list gets no holes', async () => {
    expect(await failure(atom.focus('limits', 'tags', 3).reset('x'))).toEqual(
      new RangeError('Cannot reach .limits.tags[3] of atom config: .limits.tags has 2 elements, and no list has holes'),
    );
    const bare = table.atom<{ list: readonly number[] }>('bare');
    expect(await failure(bare.focus('list', 0).reset(1))).toEqual(
      new TypeError(
        'Cannot reach .list[0] of atom bare: .list is missing, and would be made as an object; store the list first',
      ),
    );
    expect(bench.commits).toHaveLength(0);
  });

  it('a value of another shape is refused, for reading too', async () => {
    const loose = table.atom<unknown>('loose');
    await bench.run(loose.reset({ text: 'x', at: new Date(0), list: [1] }));
    for (const [path, found] of [
      [['text', 'length'], '.text is a string, which has no parts'],
      [['at', 'year'], '.at is of class Date, which has no parts'],
      [['list', 'length'], '.list is a list, which has indexes only'],
    ] as const) {
      const cursor = loose.focus<string, string>(...(path as unknown as [string, string]));
      const expected = expect.stringContaining(`of atom loose: ${found}; take another path, or a lens`);
      expect(await failure(cursor.reset(1))).toMatchObject({ name: 'TypeError', message: expected });
      expect(await failure(cursor.deref())).toMatchObject({ name: 'TypeError', message: expected });
    }
    expect(bench.commits).toHaveLength(1);
  });

  it('names of the prototype are names as any other', async () => {
    const odd = table.atom<Record<string, Record<string, number>>>('odd', { initial: {} });
    for (const name of ['__proto__', 'constructor', 'toString', '']) {
      expect(odd.focus(name).peek()).toBeUndefined();
      await bench.run(odd.focus(name, '__proto__').reset(1));
      expect(odd.focus(name, '__proto__').peek()).toBe(1);
    }
    const value = await bench.run(odd.deref());
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor', 'toString', '']);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(({} as { a?: unknown }).a).toBeUndefined();
    expect(await bench.run(odd.focus('__proto__').delete())).toBe(true);
    expect(Object.keys(await bench.run(odd.deref()))).toEqual(['constructor', 'toString', '']);
  });
});

describe('reset()', () => {
  it('copies what it is given, at once', async () => {
    const tags = ['x'];
    const reset = atom.focus('limits', 'tags').reset(tags);
    tags.push('y');
    expect(await bench.run(reset)).toEqual(['x']);
    expect((await stored()).limits?.tags).toEqual(['x']);
    const kept = await bench.run(atom.focus('limits', 'tags').deref());
    expect(Object.isFrozen(kept)).toBe(true);
  });

  it('refuses undefined', async () => {
    expect(await failure(atom.focus('banner').reset(undefined as never))).toEqual(
      new TypeError('Cannot reset .banner of atom config: undefined is not a value (null is one), or use delete()'),
    );
  });

  it('gives a part that a codec of the user takes to that codec alone', async () => {
    class Point {
      readonly x: number;
      constructor(x: number) {
        this.x = x;
      }
    }
    const codec = {
      name: 'points:1',
      encode: (value: unknown) => ({ S: JSON.stringify(value) }),
      decode: (data: unknown) => ({ at: new Point(JSON.parse((data as { S: string }).S).at.x) }),
    };
    const points = table.atom<{ at: Point }>('points', { codec });
    const stored = await bench.run(points.focus('at').reset(new Point(3)));
    expect(stored).toEqual(new Point(3));
    expect(await bench.run(points.focus('at').compareAndSet(new Point(3), new Point(4)))).toBe(true);
    expect(await bench.run(points.focus('at').compareAndSet(new Point(3), new Point(5)))).toBe(false);
    expect(points.focus('at').peek()).toEqual(new Point(4));
  });
});

describe('compareAndSet()', () => {
  it('compares by the encoded form, and writes nothing where it differs', async () => {
    const limits = atom.focus('limits');
    expect(await bench.run(limits.compareAndSet({ perUser: 4 }, { perUser: 9 }))).toBe(false);
    expect(bench.commits).toHaveLength(0);
    expect(await bench.run(limits.compareAndSet({ tags: ['a', 'b'], perUser: 5 }, { perUser: 9 }))).toBe(true);
    expect((await stored()).limits).toEqual({ perUser: 9 });
    expect(await bench.run(limits.compareAndSet({ perUser: 9 }, { perUser: 9 }))).toBe(true);
    expect(bench.commits).toHaveLength(1);
  });

  it('undefined is a part that is not there', async () => {
    const part = atom.focus('parts', 'x');
    expect(await bench.run(part.compareAndSet(undefined, 1))).toBe(true);
    expect(await bench.run(part.compareAndSet(undefined, 2))).toBe(false);
    expect(await bench.run(atom.focus('parts', 'y').compareAndSet(1, 2))).toBe(false);
    expect((await stored()).parts).toEqual({ x: 1 });
    expect(() => part.compareAndSet(1, undefined as never)).toThrow(
      'Cannot compareAndSet .parts.x of atom config: undefined is not a value',
    );
  });

  it('false is confirmed by a strong read, once; true on a warm cache is one request', async () => {
    const part = atom.focus('parts', 'x');
    await bench.run(part.reset(1));
    let before = requests();
    expect(await bench.run(part.compareAndSet(1, 2))).toBe(true);
    expect(requests() - before).toBe(1);
    before = requests();
    expect(await bench.run(part.compareAndSet(1, 3))).toBe(false);
    expect(requests() - before).toBe(1);
  });

  it('a snapshot passes only if nobody has written any part', async () => {
    const part = atom.focus('parts', 'x');
    const none = await bench.run(part.snapshot());
    expect(none).toMatchObject({ value: undefined, exists: false, version: 0 });
    expect(await bench.run(part.compareAndSet(none, 1))).toBe(true);
    const one = await bench.run(part.snapshot());
    expect(one).toBeInstanceOf(AtomSnapshot);
    expect(one).toMatchObject({ value: 1, exists: true, version: 1 });
    await bench.run(atom.focus('banner').reset('other'));
    expect(await bench.run(part.compareAndSet(one, 2))).toBe(false);
    expect(await bench.run(part.compareAndSet(none, 2))).toBe(false);
    expect(await bench.run(part.compareAndSet(await bench.run(part.snapshot()), 2))).toBe(true);
    expect((await stored()).parts).toEqual({ x: 2 });
  });
});

describe('delete()', () => {
  it('takes the part out of its object, and says whether it was there', async () => {
    expect(await bench.run(atom.focus('limits', 'perUser').delete())).toBe(true);
    expect(await stored()).toEqual({ banner: 'hello', limits: { tags: ['a', 'b'] } });
    expect(await bench.run(atom.focus('limits', 'perUser').delete())).toBe(false);
    expect(await bench.run(atom.focus('parts', 'x').delete())).toBe(false);
    expect(bench.commits).toHaveLength(1);
  });

  it('leaves elements in their lists', async () => {
    expect(await failure(atom.focus('limits', 'tags', 0).delete())).toEqual(
      new TypeError(
        'Cannot take .limits.tags[0] of atom config out of its list: that would move the elements behind it, or leave a hole; swap the list that holds it',
      ),
    );
    expect(await bench.run(atom.focus('limits', 'tags', 5).delete())).toBe(false);
  });
});

describe('a Map', () => {
  it('is focused by its keys', async () => {
    const maps = table.atom<{ byId: Map<number, { n: number }>; names: Map<string, string> }>('maps');
    await bench.run(maps.reset({ byId: new Map([[7, { n: 1 }]]), names: new Map() }));
    expect(await bench.run(maps.focus('byId', 7, 'n').swap((n) => (n ?? 0) + 1))).toBe(2);
    await bench.run(maps.focus('names', 'a').reset('b'));
    expect(await bench.run(maps.deref())).toEqual({ byId: new Map([[7, { n: 2 }]]), names: new Map([['a', 'b']]) });
    expect(await bench.run(maps.focus('names', 'a').delete())).toBe(true);
    expect(await bench.run(maps.focus('names', 'a').delete())).toBe(false);
  });

  it('changed in place by the function changes nothing else', async () => {
    const maps = table.atom<{ map: Map<string, number>; n: number }>('mutated');
    await bench.run(maps.reset({ map: new Map([['a', 1]]), n: 0 }));
    const [old, next] = await bench.run(
      maps.focus('map').swapVals((map) => {
        map?.set('a', 2);
        return new Map([['b', 3]]);
      }),
    );
    expect([old, next]).toEqual([new Map([['a', 1]]), new Map([['b', 3]])]);
  });
});

describe('a lens', () => {
  interface Cart {
    readonly lines: readonly { readonly sku: string; readonly count: number }[];
  }
  const count = (sku: string) => ({
    name: `count of ${sku}`,
    get: (cart: Cart) => cart.lines.find((line) => line.sku === sku)?.count,
    set: (cart: Cart, n: number): Cart => ({
      lines: [...cart.lines.filter((line) => line.sku !== sku), { sku, count: n }],
    }),
    without: (cart: Cart): Cart => ({ lines: cart.lines.filter((line) => line.sku !== sku) }),
  });

  it('leads where no path does', async () => {
    const cart = table.atom<Cart>('cart', { initial: { lines: [] } });
    const apples = cart.focus(count('apple'));
    expect(apples.path).toBe('(count of apple)');
    await bench.run(Promise.all([apples.swap((n) => (n ?? 0) + 1), cart.focus(count('pear')).reset(2)]));
    expect(bench.commits).toHaveLength(1);
    expect(await bench.run(apples.compareAndSet(1, 5))).toBe(true);
    expect(await bench.run(cart.deref())).toEqual({
      lines: [
        { sku: 'pear', count: 2 },
        { sku: 'apple', count: 5 },
      ],
    });
    expect(await bench.run(apples.delete())).toBe(true);
    expect(await bench.run(apples.delete())).toBe(false);
    const { without, ...bare } = count('pear');
    expect(without).toBeDefined();
    expect(() => cart.focus(bare).delete()).toThrow(
      'there is no way to do without; give the lens (count of pear) a without',
    );
  });

  it('goes on from a path, and a path from it', async () => {
    const nested = table.atom<{ cart: Cart }>('nested', { initial: { cart: { lines: [{ sku: 'apple', count: 1 }] } } });
    const upper = {
      get: (cart: Cart) => cart.lines[0] ?? { sku: '', count: 0 },
      set: (_: Cart, line: { sku: string; count: number }) => ({ lines: [line] }),
    };
    const first = nested.focus('cart').focus(upper).focus('count');
    expect(first.path).toBe('.cart(a lens).count');
    expect(await bench.run(first.swap((n) => n + 1))).toBe(2);
    expect(await bench.run(nested.focus('cart').focus(count('apple')).delete())).toBe(true);
    expect(await bench.run(nested.deref())).toEqual({ cart: { lines: [] } });
  });
});
