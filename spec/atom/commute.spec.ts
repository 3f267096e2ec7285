// Goal: commute does what it says, on every engine, for one update where the store can be left alone with it, and for a put where
// it cannot. Method: one table per engine; requests and updates are counted as they are sent.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AtomTable, type ItemAtom } from '../../lib/atom/index.js';
import { type Item, jsonCodec } from '../../lib/codec/index.js';
import { MemoryEngine } from '../../lib/engine/memory.js';
import type { Engine, UpdateRequest } from '../../lib/engine/port.js';
import { describeEngine, engines, type OpenEngine } from '../support/engines.js';
import { type Step, steppedEngine } from '../support/stepped-engine.js';
import { numberOf, openBench } from './bench.js';

interface Page {
  readonly views: number;
  readonly stats?: { readonly likes?: number; readonly by?: Readonly<Record<string, number>> };
  readonly log: readonly (string | { readonly at: number })[];
  readonly tags: readonly string[];
  readonly seen: ReadonlySet<string>;
  readonly price: number;
  readonly big: bigint;
  readonly note?: string | null;
  readonly since?: Date;
}

const page: Page = { views: 1, log: ['a'], tags: ['x', 'y'], seen: new Set(['u']), price: 0.1, big: 1n };

for (const row of engines.filter((one) => one.name !== 'aws')) {
  describeEngine(row, () => {
    let opened: OpenEngine;
    let table: AtomTable;
    let tableName: string;
    let engine: Engine;
    let sent: Step[];
    let atoms = 0;
    beforeAll(async () => {
      opened = await row.open();
      engine = steppedEngine(opened.engine, (step) => {
        sent.push(step);
        return undefined;
      });
      sent = [];
      tableName = opened.uniqueTable();
      table = new AtomTable({ engine, tableName });
      await table.create();
    });
    afterAll(() => opened.close());
    beforeEach(() => {
      sent = [];
    });

    /** An atom that is stored and known. */
    async function stored<T>(value: T, options: { readonly index?: never } = {}): Promise<ItemAtom<T, T>> {
      atoms += 1;
      const atom = table.atom<T>(`a${atoms}`, { initial: value, ...options });
      await atom.swap((same) => same, { noop: 'write' });
      sent = [];
      return atom;
    }
    const kinds = () => sent.map(({ kind }) => kind);

    it('adds to numbers, also to missing ones, as people do it', async () => {
      const atom = await stored<Page>(page);
      expect((await atom.commute({ add: { views: 2 } })).views).toBe(3);
      expect((await atom.commute({ add: { price: 0.2 } })).price).toBe(0.3);
      const { stats } = await atom.commute({ add: { stats: { likes: 5, by: { '#a.b': 1, __proto__: 2, size: 3 } } } });
      expect(stats).toEqual({ likes: 5, by: { '#a.b': 1, size: 3 } });
      expect((await atom.commute({ add: { stats: { likes: -1, by: { size: 1, new: 1 } } } })).stats).toEqual({
        likes: 4,
        by: { '#a.b': 1, size: 4, new: 1 },
      });
      expect(kinds()).toEqual(['update', 'update', 'update', 'update']);
      expect(await atom.deref()).toEqual({
        ...page,
        views: 3,
        price: 0.3,
        stats: { likes: 4, by: { '#a.b': 1, size: 4, new: 1 } },
      });
    });

    it('appends to lists', async () => {
      const atom = await stored<Page>(page);
      await atom.commute({ append: { log: ['b', { at: 1 }] } });
      const { log } = await atom.commute({ append: { log: ['b'] } });
      expect(log).toEqual(['a', 'b', { at: 1 }, 'b']);
      expect(kinds()).toEqual(['update', 'update']);
    });

    it('puts members into Sets and lists, and takes them out', async () => {
      const atom = await stored<Page>(page);
      const more = await atom.commute({ union: { seen: new Set(['u', 'v', 'w']), tags: ['y', 'z', 'z'] } });
      expect(more).toMatchObject({ seen: new Set(['u', 'v', 'w']), tags: ['x', 'y', 'z'] });
      const less = await atom.commute({ difference: { seen: ['u', 'w', 'none'] } });
      expect(less.seen).toEqual(new Set(['v']));
      expect(kinds()).toEqual(['update', 'update']);
      expect((await atom.commute({ difference: { tags: ['x', 'z'] } })).tags).toEqual(['y']);
      expect(await atom.deref()).toEqual({ ...page, seen: new Set(['v']), tags: ['y'] });
    });

    it('sets what is missing and removes properties', async () => {
      const atom = await stored<Page>(page);
      const set = await atom.commute({ setIfAbsent: { views: 7, note: null, stats: { likes: 1, by: {} } } });
      expect(set).toEqual({ ...page, note: null, stats: { likes: 1, by: {} } });
      await atom.commute({ setIfAbsent: { note: 'no' } });
      await atom.commute({ remove: { note: true, stats: { likes: true } } });
      expect(
        await atom.commute({
          remove: [
            ['stats', 'by'],
            ['none', 'such'],
          ],
        }),
      ).toEqual({ ...page, stats: {} });
      // The third changes nothing, which a read confirms.
      expect(kinds()).toEqual(['update', 'get', 'update', 'update']);
    });

    it('does several at once, each on the value as it was', async () => {
      const atom = await stored<Page>(page);
      const after = await atom.commute({
        add: { views: 1, price: 1 },
        append: { log: ['c'] },
        union: { seen: ['v'] },
        setIfAbsent: { note: 'n' },
        remove: { since: true },
      });
      expect(after).toEqual({ ...page, views: 2, price: 1.1, log: ['a', 'c'], seen: new Set(['u', 'v']), note: 'n' });
      expect(kinds()).toEqual(['update']);
    });

    it.each<[string, unknown, object, unknown]>([
      ['a number', 1, { add: 2 }, 3],
      ['a list', ['a'], { append: ['b'] }, ['a', 'b']],
      ['a list as a set', ['a'], { union: ['a', 'b'] }, ['a', 'b']],
      ['a Set', new Set([1]), { difference: [1] }, new Set()],
    ])('changes a value that is itself %s', async (_, value, changes, expected) => {
      const atom = await stored<unknown>(value);
      expect(await atom.commute(changes)).toEqual(expected);
      expect(kinds()).toEqual(['update']);
    });

    it('creates a missing value by a put, from what it is initially', async () => {
      const counter = table.atom<number>('new counter', { initial: 10 });
      expect(await counter.commute({ add: 1 })).toBe(11);
      expect(await counter.commute({ add: 1 })).toBe(12);
      expect(kinds()).toEqual(['get', 'put', 'update']);
      const bare = table.atom<{ n?: number; at?: { s?: Set<string> } }>('new object');
      expect(await bare.commute({ add: { n: 1 }, union: { at: { s: new Set(['x']) } } })).toEqual({
        n: 1,
        at: { s: new Set(['x']) },
      });
      await bare.delete();
      expect(await bare.commute({ add: { n: 5 } })).toEqual({ n: 5 });
    });

    it('goes as a swap where the store cannot be left alone with it', async () => {
      const atom = await stored<Page>(page);
      expect((await atom.commute({ add: { big: 2n } })).big).toBe(3n);
      expect((await atom.commute({ setIfAbsent: { since: new Date(5) } })).since).toEqual(new Date(5));
      expect(kinds()).toEqual(['put', 'put']);
      sent = [];
      expect((await atom.commute({ remove: { since: true } })).since).toBeUndefined();
      expect(kinds()).toEqual(['put']);
    });

    it('shares one update among all who wait, and one put with swaps', async () => {
      const atom = await stored<Page>(page);
      const values = await Promise.all([
        atom.commute({ add: { views: 1 } }),
        atom.commute({ add: { views: 2 } }),
        atom.commute({ append: { log: ['b'] } }),
        atom.commute({ append: { log: ['c'] } }),
      ]);
      expect(kinds()).toEqual(['update']);
      for (const value of values) expect(value).toEqual({ ...page, views: 4, log: ['a', 'b', 'c'] });
      sent = [];
      const [commuted, swapped] = await Promise.all([
        atom.commute({ add: { views: 1 } }),
        atom.swap((value) => ({ ...value, views: value.views * 10 })),
      ]);
      expect([commuted.views, swapped.views]).toEqual([5, 50]);
      expect(kinds()).toEqual(['put']);
    });

    it('carries only as many as fit into one expression', async () => {
      const atom = await stored<{ by: Record<string, number> }>({ by: {} });
      const names = Array.from({ length: 200 }, (_, index) => `user-${index}`);
      await Promise.all(names.map((name) => atom.commute({ add: { by: { [name]: 1 } } })));
      const { by } = await atom.deref();
      expect(Object.values(by)).toEqual(names.map(() => 1));
      const updates = sent.filter(({ kind }) => kind === 'update');
      expect(updates.length).toBeLessThan(14);
      expect(kinds()).not.toContain('put');
    });

    it('takes what another handle changed meanwhile', async () => {
      const atom = await stored<Page>(page);
      const other = new AtomTable({ engine: opened.engine, tableName }).atom<Page>(atom.key);
      await other.swap((value) => ({ ...(value as Page), views: 100, log: ['z'] }));
      expect(await atom.commute({ add: { views: 1 }, append: { log: ['b'] } })).toEqual({
        ...page,
        views: 101,
        log: ['z', 'b'],
      });
      expect(kinds()).toEqual(['update']);
      // A shape that is not the known one: failed, fenced, and made anew.
      sent = [];
      await other.commute({ union: { tags: ['new'] } });
      expect((await atom.commute({ union: { tags: ['new', 'newer'] } })).tags).toEqual(['x', 'y', 'new', 'newer']);
      expect(kinds().filter((kind) => kind !== 'get')).toEqual(['update', 'update', 'put']);
    });

    it('leaves no number that cannot be read', async () => {
      const atom = await stored<Page>({ ...page, views: Number.MAX_SAFE_INTEGER - 1 });
      const other = new AtomTable({ engine: opened.engine, tableName }).atom<Page>(atom.key);
      await atom.swap((value) => ({ ...value, views: 0 }));
      await other.swap((value) => ({ ...(value as Page), views: Number.MAX_SAFE_INTEGER }));
      await expect(atom.commute({ add: { views: 1 } })).rejects.toMatchObject({
        code: 'ERR_COMMUTE',
        outcome: 'not-done',
        reason: 'unsafe-number',
        path: '.views',
        key: atom.key,
      });
      expect((await atom.deref()).views).toBe(Number.MAX_SAFE_INTEGER);
    });

    it('says what does not fit the value', async () => {
      const atom = await stored<Record<string, unknown>>({ text: 't', n: 1, list: [1], none: null });
      const refused = (changes: object, reason: string) =>
        expect(atom.commute(changes)).rejects.toMatchObject({ code: 'ERR_COMMUTE', reason, outcome: 'not-done' });
      await refused({ add: { text: 1 } }, 'not-a-number');
      await refused({ add: { none: 1 } }, 'not-a-number');
      await refused({ add: { n: 1n } }, 'not-a-number');
      await refused({ append: { n: ['x'] } }, 'not-a-list');
      await refused({ union: { text: ['x'] } }, 'not-a-list');
      await refused({ setIfAbsent: { n: { deep: 1 } } }, 'no-object');
      await refused({ add: { list: { 0: 1 } } }, 'no-object');
      expect(kinds().filter((kind) => kind !== 'get')).toEqual([]);
      // Who waits beside them is served.
      const [bad, good] = await Promise.allSettled([
        atom.commute({ add: { text: 1 } }),
        atom.commute({ add: { n: 1 } }),
      ]);
      expect([bad.status, good.status]).toEqual(['rejected', 'fulfilled']);
      expect(await atom.deref()).toEqual({ text: 't', n: 2, list: [1], none: null });
    });

    it('keeps the item as a put would: version, token, evidence, other programs’ attributes', async () => {
      const atom = await stored<Page>(page);
      const key = { id: { S: atom.key } };
      await opened.engine.update({
        table: tableName,
        key,
        update: { expression: 'SET #x = :x', names: { '#x': 'theirs' }, values: { ':x': { S: 'kept' } } },
      });
      const before = await atom.snapshot();
      await atom.commute({ add: { views: 1 } });
      const after = await atom.snapshot();
      expect(after.version).toBe(before.version + 1);
      expect(after.token).not.toBe(before.token);
      const item = await opened.engine.get({ table: tableName, key, consistent: true });
      expect(item?.theirs).toEqual({ S: 'kept' });
      const [, writer, seq] = /^(.+):(\d+)~$/.exec(String(after.token)) as RegExpExecArray;
      expect(item?.w0).toEqual({ M: { [String(writer)]: { N: seq } } });
    });
  });
}

describe('commute()', () => {
  let sent: Step[];
  let table: AtomTable;
  let engine: Engine;
  beforeEach(async () => {
    sent = [];
    engine = steppedEngine(new MemoryEngine(), (step) => {
      sent.push(step);
      return undefined;
    });
    table = new AtomTable({ engine, tableName: 'state' });
    await table.create();
  });
  const kinds = () => sent.map(({ kind }) => kind).filter((kind) => kind !== 'describeTable');

  it.each<[string, unknown]>([
    ['no object', 1],
    ['nothing', undefined],
    ['a list', []],
    ['an unknown verb', { multiply: { n: 2 } }],
    ['text added', { add: { n: '1' } }],
    ['NaN', { add: { n: Number.NaN } }],
    ['more than a safe integer', { add: { n: 2 ** 53 } }],
    ['no list', { append: { n: 'x' } }],
    ['no members', { union: { n: 'x' } }],
    ['false', { remove: { n: false } }],
    ['the whole value', { remove: true }],
    ['a path that is no path', { remove: ['n'] }],
    ['one place twice', { add: { n: 1 }, remove: { n: true } }],
    ['one place within another', { add: { n: { m: 1 } }, setIfAbsent: { n: 1 } }],
    ['a nesting without end', { add: endless() }],
  ])('refuses %s, and sends nothing', async (_, changes) => {
    const atom = table.atom<Record<string, number>>('a', { initial: { n: 1 } });
    await expect(atom.commute(changes as object)).rejects.toThrow(TypeError);
    expect(kinds()).toEqual([]);
  });

  it('takes copies of what it is given', async () => {
    const atom = table.atom<{ log: { n: number }[] }>('a', { initial: { log: [] } });
    await atom.commute({ append: { log: [{ n: 0 }] } });
    const element = { n: 1 };
    const appended = atom.commute({ append: { log: [element] } });
    element.n = 2;
    expect(await appended).toEqual({ log: [{ n: 0 }, { n: 1 }] });
    await expect(atom.commute({ append: { log: [(() => {}) as never] } })).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED_VALUE',
    });
  });

  it.each<[string, object]>([
    ['schema', { schema: { '~standard': { version: 1, vendor: 'x', validate: (value: unknown) => ({ value }) } } }],
    ['index', { index: { many: ({ n }: { n: number }) => (n > 2 ? n : undefined) } }],
    ['foreign', { foreign: 'refuse' }],
  ])('goes as a swap on an atom with %s', async (_, options) => {
    const atom = table.atom<{ n: number }>('a', { initial: { n: 1 }, ...options });
    await atom.commute({ add: { n: 1 } });
    sent = [];
    expect(await atom.commute({ add: { n: 1 } })).toEqual({ n: 3 });
    expect(kinds()).toEqual(['put']);
    const item = await engine.get({ table: 'state', key: { id: { S: 'a' } }, consistent: true });
    expect(item?.many).toEqual('index' in options ? { N: '3' } : undefined);
  });

  it('lets a validator see what is to be written', async () => {
    const atom = table.atom<{ n: number }>('a', { initial: { n: 1 } });
    await atom.commute({ add: { n: 1 } });
    await atom.setValidator(({ n }) => n < 3);
    await expect(atom.commute({ add: { n: 1 } })).rejects.toMatchObject({ code: 'ERR_INVALID_VALUE' });
    // The value that it is to see is not the one that was known.
    await atom.setValidator(({ n }) => n < 5);
    const other = new AtomTable({ engine, tableName: 'state' }).atom<{ n: number }>('a');
    await other.swap(() => ({ n: 4 }));
    await expect(atom.commute({ add: { n: 1 } })).rejects.toMatchObject({ code: 'ERR_INVALID_VALUE' });
    await atom.setValidator(undefined);
    sent = [];
    await atom.commute({ add: { n: 1 } });
    expect(kinds()).toEqual(['update']);
  });

  it.each<[string, object, (other: ItemAtom<{ n: number }>) => Promise<unknown>, { n: number }]>([
    ['keeps an index', { index: { n: ({ n }: { n: number }) => n } }, (other) => other.reset({ n: 10 }), { n: 11 }],
    ['stores it as text', { codec: jsonCodec }, (other) => other.reset({ n: 10 }), { n: 11 }],
    ['has it expire', { ttlMs: 60_000 }, (other) => other.reset({ n: 10 }), { n: 11 }],
    ['deletes it', {}, (other) => other.delete(), { n: 2 }],
  ])('does not touch the value of a process that %s', async (_, options, act, expected) => {
    const atom = table.atom<{ n: number }>('a', { initial: { n: 1 } });
    await atom.commute({ add: { n: 1 } });
    await act(new AtomTable({ engine, tableName: 'state' }).atom<{ n: number }>('a', options));
    sent = [];
    expect(await atom.commute({ add: { n: 1 } })).toEqual(expected);
    // Barred, fenced, and put.
    expect(kinds().filter((kind) => kind !== 'get')).toEqual(['update', 'update', 'put']);
    expect(await atom.deref()).toEqual(expected);
  });

  it('makes what is missing only where it still is', async () => {
    const atom = table.atom<{ a?: Record<string, number> }>('a', { initial: {} });
    await atom.swap((same) => same, { noop: 'write' });
    const other = new AtomTable({ engine, tableName: 'state' }).atom<{ a?: Record<string, number> }>('a');
    await other.swap(() => ({ a: { x: 5, y: 1 } }));
    expect(await atom.commute({ add: { a: { x: 1 } } })).toEqual({ a: { x: 6, y: 1 } });
  });

  it('puts in and takes out the members that are meant, wherever they are by now', async () => {
    interface Members {
      readonly set: ReadonlySet<string>;
      readonly list: readonly string[];
    }
    const initial: Members = { set: new Set(['a', 'b']), list: ['a', 'b'] };
    const atom = table.atom<Members>('a', { initial });
    await atom.swap((same) => same, { noop: 'write' });
    const other = new AtomTable({ engine, tableName: 'state' }).atom<Members>('a', { initial });
    await other.swap(() => ({ set: new Set(['b', 'c']), list: ['b', 'a', 'b', 'c'] }));
    expect(await atom.commute({ difference: { set: ['b'] } })).toMatchObject({ set: new Set(['c']) });
    await other.swap(({ list }) => ({ list: ['z', 'b', ...list], set: new Set(['c', 'd']) }));
    expect((await atom.commute({ difference: { list: ['b'] } })).list).toEqual(['z', 'a', 'c']);
    await other.commute({ union: { set: ['e'], list: ['e'] } });
    const after = await atom.commute({ union: { set: ['e', 'f'], list: ['e', 'f'] } });
    expect(after).toEqual({ set: new Set(['c', 'd', 'e', 'f']), list: ['z', 'a', 'c', 'e', 'f'] });
  });

  it('brings bytes and odd names together in a value with notes only', async () => {
    const atom = table.atom<Record<string, unknown>>('a', { initial: {} });
    await atom.swap((same) => same, { noop: 'write' });
    const other = new AtomTable({ engine, tableName: 'state' }).atom<Record<string, unknown>>('a');
    await other.swap(() => ({ bytes: new Uint8Array([1]) }));
    const value = { bytes: new Uint8Array([1]), '~constructor': 1 };
    expect(await atom.commute({ add: { '~constructor': 1 } })).toEqual(value);
    expect(await other.deref()).toEqual(value);
  });

  it('adds one after the other, and refuses what does not fit on the way', async () => {
    const atom = table.atom<number>('a', { initial: 0 });
    await atom.swap((same) => same, { noop: 'write' });
    await new AtomTable({ engine, tableName: 'state' }).atom<number>('a').reset(-Number.MAX_SAFE_INTEGER);
    const [down, up] = await Promise.allSettled([atom.commute({ add: -1 }), atom.commute({ add: 1 })]);
    expect(down).toMatchObject({ status: 'rejected', reason: { code: 'ERR_COMMUTE', reason: 'unsafe-number' } });
    expect(up).toEqual({ status: 'fulfilled', value: 1 - Number.MAX_SAFE_INTEGER });
  });

  it('does not touch a value that has become more than plain JSON, or less', async () => {
    const atom = table.atom<Record<string, unknown>>('a', { initial: { a: 1, b: 1 } });
    const other = new AtomTable({ engine, tableName: 'state' }).atom<Record<string, unknown>>('a');
    await atom.swap((same) => same);
    await other.swap((value) => ({ ...value, a: new Date(0) }));
    expect(await atom.commute({ remove: { a: true } })).toEqual({ b: 1 });
    await other.swap((value) => ({ ...value, a: new Date(0) }));
    await atom.deref();
    await other.swap((value) => ({ ...value, a: 2 }));
    expect(await atom.commute({ add: { b: 1 } })).toEqual({ a: 2, b: 2 });
    expect(await new AtomTable({ engine, tableName: 'state' }).atom('a').deref()).toEqual({ a: 2, b: 2 });
  });

  it('does not touch the value of a later release', async () => {
    const atom = table.atom<{ n: number }>('a', { initial: { n: 1 } });
    await atom.commute({ add: { n: 1 } });
    const update = { expression: 'SET #z = :z', names: { '#z': 'z' }, values: { ':z': { N: '2' } } };
    await engine.update({ table: 'state', key: { id: { S: 'a' } }, update });
    await expect(atom.commute({ add: { n: 1 } })).rejects.toMatchObject({ code: 'ERR_DECODE', reason: 'newer-format' });
    const item = await engine.get({ table: 'state', key: { id: { S: 'a' } }, consistent: true });
    expect(item?.d).toEqual({ M: { n: { N: '2' } } });
  });

  it('sends every name as a placeholder', async () => {
    const names = ['#d', ':0', 'size', 'a.b', 'a[0]', ' ', 'é', 'SET', '__proto__'];
    const value = Object.fromEntries(names.map((name) => [name, { n: 1 }]));
    const atom = table.atom<Record<string, { n: number }>>('a', { initial: value });
    await atom.swap((same) => same, { noop: 'write' });
    sent = [];
    const changes = Object.fromEntries(names.map((name) => [name, { n: 1 }]));
    const after = await atom.commute({ add: changes });
    expect(Object.entries(after)).toEqual(names.map((name) => [name, { n: 2 }]));
    expect(kinds()).toEqual(['update']);
    const { expression } = (JSON.parse((sent[0] as Step).text) as UpdateRequest).update;
    expect(expression).toMatch(/^[SETANDRMOVEadifnotx_lspe#:\w.,=+() ]+$/);
  });

  it('renews what expires, and begins anew what has expired', async () => {
    const bench = await openBench();
    const atom = bench.calm().atom<{ n: number }>('k', { initial: { n: 0 }, ttlMs: 10_000 });
    const add = () => bench.run(atom.commute({ add: { n: 1 } }));
    await add();
    await bench.clock.advance(9_000);
    expect(await add()).toEqual({ n: 2 });
    const { y, x, u, w0 } = (await bench.run(bench.item('k'))) as Item;
    expect([y, u].map((one) => numberOf(one))).toEqual([bench.clock.now() + 10_000, bench.clock.now()]);
    expect(numberOf(x)).toBe(Math.ceil((bench.clock.now() + 10_000 + 3_600_000) / 1_000));
    expect(bench.commits).toHaveLength(2);
    await bench.clock.advance(9_999);
    expect(await add()).toEqual({ n: 3 });
    await bench.clock.advance(10_000);
    expect(await add()).toEqual({ n: 1 });
    // Another process, by whose clock the value has expired, has begun anew.
    const other = bench.calm().atom<{ n: number }>('k', { initial: { n: 0 }, ttlMs: 10_000 });
    await bench.run(other.deref());
    await bench.clock.advance(10_000);
    const early = bench.memory.spent().conditionsFailed;
    await bench.run(other.commute({ add: { n: 5 } }));
    expect(await add()).toEqual({ n: 6 });
    expect(bench.memory.spent().conditionsFailed - early).toBeLessThanOrEqual(1);
    expect(w0).toBeDefined();
  });

  it('leaves alone what expires by the time that the update comes', async () => {
    const bench = await openBench();
    const keep = { initial: { n: 0 }, ttlMs: 10_000 };
    const atom = bench.table().atom<{ n: number }>('k', keep);
    await bench.run(atom.commute({ add: { n: 1 } }));
    // By the clock of another process the value is dead, and was deleted in all but name.
    const dead = { expression: 'SET #y = :y', names: { '#y': 'y' }, values: { ':y': { N: '1' } } };
    await bench.run(bench.memory.update({ table: 'state', key: { id: { S: 'k' } }, update: dead }));
    expect(await bench.run(atom.commute({ add: { n: 1 } }))).toEqual({ n: 1 });
  });

  it('gives up as a swap does', async () => {
    const atom = table.atom<number>('a', { initial: 0 });
    const reason = new Error('enough');
    await expect(atom.commute({ add: 1 }, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expect(atom.commute({ add: 1 }, { timeoutMs: -1 })).rejects.toThrow(RangeError);
    await expect(atom.swap(() => atom.commute({ add: 1 }))).rejects.toMatchObject({ code: 'ERR_REENTRANT' });
    expect(await atom.deref()).toBe(0);
  });
});

function endless(): object {
  const object: Record<string, unknown> = {};
  object.n = object;
  return object;
}
