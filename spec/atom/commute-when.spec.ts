// Goal: a commute with `when` does what it says if the condition holds of the value that stands there, and nothing at all if not; for
// one update where the store can be asked. Method: one table per engine; requests are counted as they are sent.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AtomTable, type CommuteCondition, type ItemAtom } from '../../lib/atom/index.js';
import { jsonCodec } from '../../lib/codec/index.js';
import { MemoryEngine } from '../../lib/engine/memory.js';
import type { Engine } from '../../lib/engine/port.js';
import { describeEngine, engines, type OpenEngine } from '../support/engines.js';
import { type Step, steppedEngine } from '../support/stepped-engine.js';
import { openBench } from './bench.js';

interface Permits {
  readonly max: number;
  readonly used: number;
  readonly holders: Readonly<Record<string, number>>;
  readonly owner?: string | null;
  readonly open?: boolean;
  readonly tags?: readonly string[];
}

const permits: Permits = { max: 2, used: 0, holders: {}, owner: 'me', open: true };

for (const row of engines.filter((one) => one.name !== 'aws')) {
  describeEngine(row, () => {
    let opened: OpenEngine;
    let table: AtomTable;
    let tableName: string;
    let sent: Step[] = [];
    let atoms = 0;
    beforeAll(async () => {
      opened = await row.open();
      const engine = steppedEngine(opened.engine, (step) => {
        sent.push(step);
        return undefined;
      });
      tableName = opened.uniqueTable();
      table = new AtomTable({ engine, tableName });
      await table.create();
    });
    afterAll(() => opened.close());

    /** An atom that is stored and known. */
    async function stored<T>(value: T): Promise<ItemAtom<T, T>> {
      atoms += 1;
      const atom = table.atom<T>(`w${atoms}`, { initial: value });
      await atom.swap((same) => same, { noop: 'write' });
      sent = [];
      return atom;
    }
    const kinds = () => sent.map(({ kind }) => kind);

    it.each<[string, CommuteCondition<Permits>, boolean]>([
      ['is a number', { is: { max: 2 } }, true],
      ['is another number', { is: { max: 3 } }, false],
      ['is a number, but a text', { is: { max: '2' as never } }, false],
      ['is a text', { is: { owner: 'me' } }, true],
      ['is an empty text', { is: { owner: '' } }, false],
      ['is true', { is: { open: true } }, true],
      ['is false', { is: { open: false } }, false],
      ['is null', { is: { owner: null } }, false],
      ['is missing', { is: { holders: { a: 1 } } }, false],
      ['is a number, but an object', { is: { holders: 1 as never } }, false],
      ['at most', { atMost: { used: 0 } }, true],
      ['at most less', { atMost: { max: 1.5 } }, false],
      ['at most, of a missing number', { atMost: { holders: { a: 0 } } }, true],
      ['at most less than nothing, of a missing number', { atMost: { holders: { a: -1 } } }, false],
      ['at most, of a text', { atMost: { owner: 9 as never } }, false],
      ['at least', { atLeast: { max: 2 } }, true],
      ['at least more', { atLeast: { max: 3 } }, false],
      ['at least, of a missing number', { atLeast: { holders: { a: 0 } } }, true],
      ['at least more than nothing, of a missing number', { atLeast: { holders: { a: 1e-7 } } }, false],
      ['absent', { absent: { holders: { a: true } } }, true],
      ['absent, below nothing', { absent: { tags: true } }, true],
      ['absent, within a text', { absent: { owner: { length: true } } as never }, true],
      ['absent, but there', { absent: { owner: true } }, false],
      ['present', { present: { holders: true, open: true } }, true],
      ['present, but missing', { present: { tags: true } }, false],
      ['all of several', { is: { max: 2, open: true }, atMost: { used: 1 }, absent: { holders: { me: true } } }, true],
      ['all but one of several', { is: { max: 2, open: false }, atMost: { used: 1 } }, false],
      ['between', { atLeast: { max: 1 }, atMost: { max: 2 } }, true],
      ['all of it there', { present: true }, true],
      [
        'names of any kind',
        { absent: { holders: { '#a.b[0]': true, size: true, ':x': true, __proto__: true } } },
        true,
      ],
    ])('judges the value there: %s', async (_, when, applied) => {
      const atom = await stored<Permits>(permits);
      const value = applied ? { ...permits, used: 1 } : permits;
      expect(await atom.commute({ add: { used: 1 } }, { when })).toEqual({ applied, value });
      // Elsewhere an answer may be late.
      if (row.name === 'memory') expect(kinds()).toEqual([applied ? 'update' : 'get']);
      // The store judges likewise what this process does not know of.
      await new AtomTable({ engine: opened.engine, tableName }).atom<Permits>(atom.key).reset(permits);
      sent = [];
      const trick = { ...permits, ...(applied ? {} : { used: 7 }) };
      expect(await atom.commute({ setIfAbsent: { used: 7 }, append: { tags: ['x'] } }, { when })).toEqual({
        applied,
        value: applied ? { ...permits, tags: ['x'] } : { ...trick, used: 0 },
      });
    });

    it('takes permits up to the limit, and gives them back', async () => {
      const atom = await stored<Permits>(permits);
      const take = (me: string) =>
        atom.commute(
          { add: { used: 1, holders: { [me]: 1 } } },
          { when: { atMost: { used: 1 }, is: { max: 2 }, absent: { holders: { [me]: true } } } },
        );
      expect(await take('a')).toMatchObject({ applied: true, value: { used: 1 } });
      expect(await take('a')).toMatchObject({ applied: false, value: { used: 1 } });
      expect(await take('b')).toMatchObject({ applied: true, value: { used: 2, holders: { a: 1, b: 1 } } });
      expect(await take('c')).toMatchObject({ applied: false, value: { used: 2, holders: { a: 1, b: 1 } } });
      const give = (me: string) =>
        atom.commute(
          { add: { used: -1 }, remove: { holders: { [me]: true } } },
          { when: { present: { holders: { [me]: true } } } },
        );
      expect(await give('a')).toMatchObject({ applied: true, value: { used: 1, holders: { b: 1 } } });
      expect(await give('a')).toMatchObject({ applied: false });
      expect(await take('c')).toMatchObject({ applied: true });
      expect(kinds()).toEqual(['update', 'get', 'update', 'get', 'update', 'get', 'update']);
    });

    it('carries as many takers as there are permits in one update, and tells the others without a request', async () => {
      const atom = await stored<Permits>({ ...permits, max: 3 });
      const takers = Array.from({ length: 5 }, (_, me) =>
        atom.commute(
          { add: { used: 1, holders: { [`m${me}`]: 1 } } },
          { when: { atMost: { used: 2 }, absent: { holders: { [`m${me}`]: true } } } },
        ),
      );
      const told = await Promise.all(takers);
      expect(told.map(({ applied }) => applied)).toEqual([true, true, true, false, false]);
      for (const { value } of told) expect(value).toMatchObject({ used: 3, holders: { m0: 1, m1: 1, m2: 1 } });
      expect(kinds()).toEqual(['update']);
    });

    it('is fenced when the condition does not hold any more, and told what stands there', async () => {
      const atom = await stored<Permits>(permits);
      const other = new AtomTable({ engine: opened.engine, tableName }).atom<Permits>(atom.key);
      await other.commute({ add: { used: 2 } });
      const when = { atMost: { used: 1 } };
      expect(await atom.commute({ add: { used: 1 } }, { when })).toEqual({
        applied: false,
        value: { ...permits, used: 2 },
      });
      expect(kinds().filter((kind) => kind !== 'get')).toEqual(['update', 'update']);
      // It does not bring along what a failed condition met.
      if (row.name !== 'dynalite') expect(kinds()).not.toContain('get');
      sent = [];
      await other.commute({ add: { used: -2 } });
      // What this process knows says no: that is not the last word.
      expect(await atom.commute({ add: { used: 1 } }, { when })).toMatchObject({ applied: true, value: { used: 1 } });
      expect(kinds()).toEqual(['get', 'update']);
    });

    it('creates a missing value on condition of what it is initially', async () => {
      atoms += 1;
      const atom = table.atom<Permits>(`w${atoms}`, { initial: permits });
      sent = [];
      expect(await atom.commute({ add: { used: 1 } }, { when: { atLeast: { used: 1 } } })).toEqual({
        applied: false,
        value: permits,
      });
      expect(await atom.commute({ add: { used: 1 } }, { when: { atMost: { used: 1 } } })).toMatchObject({
        applied: true,
      });
      expect(kinds()).toEqual(['get', 'put']);
      atoms += 1;
      const bare = table.atom<Permits>(`w${atoms}`);
      expect(await bare.commute({ add: { used: 1 } }, { when: { present: true } })).toEqual({
        applied: false,
        value: undefined,
      });
      expect(await bare.commute({ add: { used: 1 } }, { when: { absent: true } })).toEqual({
        applied: true,
        value: { used: 1 },
      });
      expect(await bare.commute({ add: { used: 1 } }, { when: { absent: true } })).toEqual({
        applied: false,
        value: { used: 1 },
      });
      await bare.delete();
      expect(await bare.commute({ add: { used: 3 } }, { when: { atMost: { used: 0 } } })).toEqual({
        applied: true,
        value: { used: 3 },
      });
    });

    it('does something with nothing to change, or says no', async () => {
      const atom = await stored<Permits>(permits);
      expect(await atom.commute({ setIfAbsent: { used: 5 } }, { when: { is: { open: true } } })).toEqual({
        applied: true,
        value: permits,
      });
      expect(await atom.commute({}, { when: { is: { open: true } } })).toEqual({ applied: true, value: permits });
      expect(await atom.commute({}, { when: { is: { open: false } } })).toEqual({ applied: false, value: permits });
      expect(kinds()).toEqual(['get', 'get', 'get']);
    });

    it('puts where the store cannot be asked', async () => {
      const value = { n: 0, big: 5n, since: new Date(0) as Date | string, text: '\ud800', '': 1 };
      const atom = await stored<typeof value>(value);
      const add = (when: CommuteCondition<typeof value>) => atom.commute({ add: { n: 1 } }, { when });
      expect(
        await add({ atMost: { big: 5n }, present: { since: true }, is: { text: '\ud800', big: 5n } }),
      ).toMatchObject({ applied: true });
      expect(await add({ atLeast: { big: 6n } })).toMatchObject({ applied: false });
      // As text it is the same in the item.
      expect(await add({ is: { big: '5' as never } })).toMatchObject({ applied: false });
      expect(await add({ is: { since: '1970-01-01T00:00:00.000Z' } })).toMatchObject({ applied: false });
      expect(await add({ absent: { since: { x: true } } as never })).toMatchObject({ applied: true });
      expect(kinds().filter((kind) => kind !== 'get')).toEqual(['put', 'put']);
    });
  });
}

describe('commute() with when', () => {
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
    sent = [];
  });
  const kinds = () => sent.map(({ kind }) => kind);

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['no object', 1],
    ['a list', []],
    ['no condition', {}],
    ['no place', { is: {} }],
    ['no place further in', { absent: { a: {} } }],
    ['an unknown condition', { atmost: { n: 1 } }],
    ['undefined at a place', { is: { n: undefined, m: 1 } }],
    ['undefined as a condition', { is: undefined, present: { m: true } }],
    ['no scalar', { is: { n: new Date() } }],
    ['a list to be equal to', { is: { n: [1] } }],
    ['NaN to be equal to', { is: { n: Number.NaN } }],
    ['a text as a bound', { atMost: { n: '1' } }],
    ['NaN as a bound', { atLeast: { n: Number.NaN } }],
    ['more than a safe integer as a bound', { atMost: { n: 2 ** 53 } }],
    ['false for absent', { absent: { n: false } }],
    ['1 for present', { present: { n: 1 } }],
    ['a path', { present: ['n'] }],
    ['a nesting without end', { is: endless() }],
  ])('refuses %s, and sends nothing', async (_, when) => {
    const atom = table.atom<Record<string, number>>('a', { initial: { n: 1 } });
    await expect(atom.commute({ add: { n: 1 } }, { when } as never)).rejects.toThrow(TypeError);
    expect(kinds()).toEqual([]);
  });

  it.each<[string, object]>([
    ['schema', { schema: { '~standard': { version: 1, vendor: 'x', validate: (value: unknown) => ({ value }) } } }],
    ['index', { index: { many: ({ n }: { n: number }) => (n > 2 ? n : undefined) } }],
    ['foreign', { foreign: 'refuse' }],
    ['codec', { codec: jsonCodec }],
    ['ttlMs', { ttlMs: 60_000 }],
  ])('holds on an atom with %s', async (name, options) => {
    const atom = table.atom<{ n: number }>('a', { initial: { n: 1 }, ...options });
    const other = new AtomTable({ engine, tableName: 'state' }).atom<{ n: number }>('a', {
      initial: { n: 1 },
      ...options,
    });
    const add = (of: typeof atom) => of.commute({ add: { n: 1 } }, { when: { atMost: { n: 2 } } });
    expect(await add(atom)).toEqual({ applied: true, value: { n: 2 } });
    sent = [];
    expect(await add(other)).toEqual({ applied: true, value: { n: 3 } });
    expect(await add(atom)).toEqual({ applied: false, value: { n: 3 } });
    expect(kinds()).toEqual(name === 'ttlMs' ? ['get', 'update', 'update', 'update'] : ['get', 'put', 'put']);
  });

  it('sends no empty name', async () => {
    const atom = table.atom<Record<string, number>>('a', { initial: { n: 0 } });
    await atom.swap((same) => same, { noop: 'write' });
    sent = [];
    expect(await atom.commute({ add: { n: 1 } }, { when: { absent: { '': true } } })).toMatchObject({ applied: true });
    expect(kinds()).toEqual(['put']);
  });

  it('a bigint has a bound of its kind, as a number has', async () => {
    const atom = table.atom<Record<string, unknown>>('a', { initial: { n: 1, big: 1n } });
    for (const when of [{ atMost: { n: 5n } }, { atLeast: { big: 0 } }, { is: { n: 1n } }]) {
      expect(await atom.commute({ add: { n: 1 } }, { when })).toMatchObject({ applied: false });
    }
    for (const when of [{ atMost: { big: 1n } }, { atLeast: { none: 0n } }, { is: { big: 1n } }]) {
      expect(await atom.commute({ add: { n: 1 } }, { when })).toMatchObject({ applied: true });
    }
  });

  it('stands for nothing once the value has expired', async () => {
    const bench = await openBench();
    const atom = bench.calm().atom<{ n: number }>('k', { initial: { n: 0 }, ttlMs: 10_000 });
    const take = () => bench.run(atom.commute({ add: { n: 1 } }, { when: { atMost: { n: 0 } } }));
    expect(await take()).toMatchObject({ applied: true });
    await bench.clock.advance(9_999);
    expect(await take()).toMatchObject({ applied: false, value: { n: 1 } });
    await bench.clock.advance(1);
    expect(await take()).toEqual({ applied: true, value: { n: 1 } });
  });

  it('gives the first answer to every call under one opId, also where it was no', async () => {
    const atom = table.atom<{ n: number }>('a', { initial: { n: 0 } });
    const take = (opId: string) => atom.commute({ add: { n: 1 } }, { when: { atMost: { n: 0 } }, opId });
    expect(await take('x')).toEqual({ applied: true, value: { n: 1 } });
    expect(await take('y')).toEqual({ applied: false, value: { n: 1 } });
    await atom.reset({ n: -5 });
    expect(await take('x')).toEqual({ applied: true, value: { n: 1 } });
    expect(await take('y')).toEqual({ applied: false, value: { n: 1 } });
    expect(await atom.deref()).toEqual({ n: -5 });
    await expect(atom.commute({ add: { n: 1 } }, { opId: 'x' })).rejects.toMatchObject({ code: 'ERR_OP_ID_REUSED' });
    // What it keeps has the atom's own form.
    const codec = {
      name: 'url',
      encode: (url: unknown) => ({ S: (url as URL).href }),
      decode: (form: { readonly S: string }) => Object.assign(new URL(form.S), { ours: true }),
    } as never;
    const page = table.atom<URL>('page', { codec, initial: new URL('https://a.example') });
    for (const opId of ['p', 'p']) {
      const told = await page.commute({ setIfAbsent: new URL('https://b.example') }, { when: { present: true }, opId });
      expect(told).toMatchObject({ applied: true, value: { ours: true } });
      const value = await page.commute({ setIfAbsent: new URL('https://b.example') }, { opId: `${opId}2` });
      expect(value).toMatchObject({ ours: true });
    }
    const missing = table.atom<{ n: number }>('b');
    expect(await missing.commute({ add: { n: 1 } }, { when: { present: true }, opId: 'z' })).toEqual({
      applied: false,
      value: undefined,
    });
    expect(await missing.commute({ add: { n: 1 } }, { when: { present: true }, opId: 'z' })).toEqual({
      applied: false,
      value: undefined,
    });
  });
});

function endless(): object {
  const object: Record<string, unknown> = {};
  object.n = object;
  return object;
}
