// Goal: what may be a value is what schema and validator accept, and items of other programs are taken over, carried or
// refused, never damaged.
// Method: a memory engine; other programs write their items to it directly; a standard schema written by hand.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { AtomTable } from '../../lib/atom/index.js';
import { fromForeign, type Item } from '../../lib/codec/index.js';
import { type Bench, openBench, outcomeOf } from './bench.js';

let bench: Bench;
let table: AtomTable;
beforeEach(async () => {
  bench = await openBench();
  table = bench.table();
});
const increment = (n: number) => n + 1;

describe('adopt', () => {
  /** An item of an older program: the value's fields beside the key, and a version of its own. */
  const old: Item = {
    id: { S: 'n' },
    version: { N: '41' },
    hits: { N: '7' },
    tags: { SS: ['a', 'b'] },
    by: { M: { name: { S: 'ann' } } },
  };
  interface Value {
    readonly hits: number;
    readonly tags: readonly string[];
    readonly by?: unknown;
  }
  const adopt = (attributes: Item): Value | undefined => {
    const { hits, tags, by, version } = fromForeign(attributes) as Record<string, unknown>;
    if (typeof version !== 'number') return undefined;
    return { hits: hits as number, tags: [...(tags as Set<string>)], by };
  };
  const open = () => table.atom<Value>('n', { adopt });

  it('reads the old layout, and the first write takes the item over', async () => {
    await bench.put(old);
    expect(await bench.run(open().deref())).toEqual({ hits: 7, tags: ['a', 'b'], by: { name: 'ann' } });
    expect(await bench.run(open().snapshot())).toMatchObject({ exists: true, version: 0 });
    await bench.run(open().swap((v) => ({ ...(v as Value), hits: 8 })));
    const item = await bench.item('n');
    expect(Object.keys(item ?? {}).sort()).toEqual(['d', 'e', 'f', 'id', 'l', 'r', 'u', 'v', 'w0', 'w1']);
    expect(await bench.run(open().deref())).toMatchObject({ hits: 8 });
    const plain = bench.table().atom<Value>('n');
    expect(await bench.run(plain.deref())).toMatchObject({ hits: 8, by: { name: 'ann' } });
  });

  it.each<[string, Item, number]>([
    ['an attribute changed', { hits: { N: '100' } }, 101],
    ['the version moved', { version: { N: '42' } }, 8],
  ])('does not overwrite a change by the old program meanwhile: %s', async (_, change, hits) => {
    await bench.put(old);
    bench.faulty.hold(['put']);
    const swap = open().swap((v) => ({ ...(v as Value), hits: (v as Value).hits + 1 }));
    const message = await bench.message(0);
    await bench.put({ ...old, ...change });
    expect(await message.pass()).toMatchObject({ status: 'condition-failed' });
    bench.faulty.release();
    expect(await bench.run(swap)).toMatchObject({ hits });
  });

  it('does not notice an attribute that was only added, as documented', async () => {
    await bench.put(old);
    bench.faulty.hold(['put']);
    const reset = open().reset({ hits: 0, tags: [] });
    const message = await bench.message(0);
    await bench.put({ ...old, more: { S: 'x' } });
    expect(await message.pass()).toMatchObject({ status: 'applied' });
    await bench.run(reset);
    expect(await bench.item('n')).not.toHaveProperty('more');
  });

  it('is exactly once, too: accepted, lost, sent again', async () => {
    await bench.put(old);
    bench.faulty.hold(['put']);
    const swap = open().swap((v) => ({ ...(v as Value), hits: (v as Value).hits + 1 }));
    const message = await bench.message(0);
    await message.deliver();
    message.lose();
    await (await bench.message(1)).pass();
    expect(await bench.run(swap)).toMatchObject({ hits: 8 });
    expect(bench.commits).toHaveLength(2);
  });

  it('undefined refuses the item: an error that names the key, and nothing is written', async () => {
    await bench.put({ id: { S: 'n' }, other: { S: 'program' } });
    const refused = { code: 'ERR_DECODE', reason: 'foreign', key: 'n' };
    await expect(bench.run(open().deref())).rejects.toMatchObject(refused);
    await expect(bench.run(open().swap((v) => v as Value))).rejects.toMatchObject(refused);
    await expect(bench.run(open().reset({ hits: 0, tags: [] }))).rejects.toMatchObject(refused);
    const unasked = bench.table().atom('n');
    await expect(bench.run(unasked.reset(1))).rejects.toMatchObject(refused);
    expect(bench.commits).toHaveLength(1);
  });

  it('a snapshot of an adopted item can be compared', async () => {
    await bench.put(old);
    const seen = await bench.run(open().snapshot());
    const next = { hits: 1, tags: [] };
    expect(await bench.run(open().compareAndSet(seen, next))).toBe(true);
    expect(await bench.run(open().compareAndSet(seen, next))).toBe(false);
  });
});

describe('foreign attributes', () => {
  it('carry: stay through writes, deletions and creations', async () => {
    const atom = table.atom<number>('n', { initial: 0 });
    await bench.run(atom.reset(1));
    await bench.put({ ...(await bench.item('n')), owner: { S: 'billing' } });
    await bench.run(atom.deref());
    for (const call of [() => atom.swap(increment), () => atom.delete(), () => atom.swap(increment)]) {
      await bench.run(call() as Promise<unknown>);
      expect(await bench.item('n')).toMatchObject({ owner: { S: 'billing' } });
    }
  });

  it('carry: also by another process, with the value of the base that it saw', async () => {
    const [a, b] = [table, bench.table()].map((one) => one.atom<number>('n', { initial: 0 }));
    await bench.run(a?.reset(1) as Promise<number>);
    await bench.put({ ...(await bench.item('n')), owner: { S: 'billing' } });
    await bench.run(b?.swap(increment) as Promise<number>);
    await bench.run(a?.swap(increment) as Promise<number>);
    expect(await bench.item('n')).toMatchObject({ owner: { S: 'billing' }, d: { N: '3' } });
  });

  it('refuse: an error that names the attribute, and nothing is written', async () => {
    const atom = table.atom<number>('n', { foreign: 'refuse' });
    await bench.run(atom.reset(1));
    await bench.put({ ...(await bench.item('n')), owner: { S: 'billing' } });
    await expect(bench.run(atom.deref())).rejects.toMatchObject({ code: 'ERR_DECODE', reason: 'foreign' });
    await expect(bench.run(bench.table().atom<number>('n', { foreign: 'refuse' }).reset(2))).rejects.toThrow('owner');
    expect(await bench.item('n')).toMatchObject({ d: { N: '1' } });
  });
});

/** Numbers from 0 on; text of digits becomes a number; `later` answers asynchronously. */
function schemaOf(later: boolean): StandardSchemaV1<unknown, number> {
  const judge = (value: unknown): StandardSchemaV1.Result<number> => {
    const number = typeof value === 'string' ? Number(value) : value;
    if (typeof number === 'number' && number >= 0) return { value: number };
    return { issues: [{ message: 'must be a number from 0 on', path: ['n'] }] };
  };
  const validate = (value: unknown) => (later ? bench.clock.sleep(3).then(() => judge(value)) : judge(value));
  return { '~standard': { version: 1, vendor: 'by-hand', validate } };
}

describe.each([
  ['synchronous', false],
  ['asynchronous', true],
])('a schema, %s,', (_, later) => {
  const invalid = (where: string) => ({ code: 'ERR_INVALID_VALUE', outcome: 'not-done', where, key: 'n' });

  it('shapes and refuses what is written', async () => {
    const atom = table.atom<number>('n', { schema: schemaOf(later) });
    expect(await bench.run(atom.reset('7' as never))).toBe(7);
    expect(await bench.item('n')).toMatchObject({ d: { N: '7' } });
    const calls = [atom.swap((n) => (n ?? 0) + 1), atom.swap(() => -1), atom.swap((n) => (n ?? 0) + 1)];
    const [first, bad, second] = await bench.run(Promise.allSettled(calls));
    expect([first, second]).toMatchObject([{ value: 8 }, { value: 9 }]);
    expect((bad as PromiseRejectedResult).reason).toMatchObject({
      ...invalid('write'),
      issues: [{ message: 'must be a number from 0 on' }],
    });
    expect((bad as PromiseRejectedResult).reason.message).toContain('n: must be');
  });

  it('shapes and refuses what is read', async () => {
    const writer = table.atom<unknown>('n');
    await bench.run(writer.reset('12'));
    const reader = bench.table().atom<number>('n', { schema: schemaOf(later) });
    expect(await bench.run(reader.deref())).toBe(12);
    await bench.run(writer.reset({ not: 'a number' }));
    await expect(bench.run(reader.deref())).rejects.toMatchObject(invalid('read'));
    await expect(bench.run(reader.swap(increment as never))).rejects.toMatchObject(invalid('read'));
    expect(await bench.item('n')).toMatchObject({ d: { M: {} } });
    await bench.run(writer.reset(5));
    expect(await bench.run(reader.swap((n) => (n as number) + 1))).toBe(6);
  });
});

describe('setValidator()', () => {
  const refused = { code: 'ERR_INVALID_VALUE', where: 'write', outcome: 'not-done' };

  it('refuses writes by false or a throw, of its own caller only, and can be taken away', async () => {
    const atom = table.atom<number>('n', { initial: 0 });
    await bench.run(atom.setValidator((n) => n < 3));
    const settled = await bench.run(Promise.allSettled([1, 5, 2].map((n) => atom.reset(n))));
    expect(settled).toMatchObject([{ value: 1 }, { reason: refused }, { value: 2 }]);
    const cause = new Error('odd');
    await bench.run(
      atom.setValidator((n) => {
        if (n % 2 === 1) throw cause;
        return true;
      }),
    );
    const odd = outcomeOf(atom.swap(increment));
    await bench.run(odd.done);
    expect(odd.error).toMatchObject(refused);
    expect((odd.error as Error).cause).toBe(cause);
    await bench.run(atom.setValidator(async (n) => n !== 9));
    await expect(bench.run(atom.reset(9))).rejects.toMatchObject(refused);
    await bench.run(atom.setValidator(undefined));
    expect(await bench.run(atom.reset(9))).toBe(9);
  });

  it('is refused itself when the current value fails it', async () => {
    const atom = table.atom<number>('n', { initial: 0 });
    await bench.run(atom.reset(7));
    await expect(bench.run(atom.setValidator((n) => n < 3))).rejects.toMatchObject({ ...refused, where: 'read' });
    expect(await bench.run(atom.reset(8))).toBe(8);
  });
});

describe('a value', () => {
  it('that was handed out cannot be changed from outside, nor can one that was handed in', async () => {
    const atom = table.atom<{ list: number[]; at: Date }>('n');
    const mine = { list: [1], at: new Date(0) };
    const stored = await bench.run(atom.reset(mine));
    mine.list.push(2);
    mine.at.setTime(1);
    stored.at.setTime(2);
    expect(await bench.run(atom.deref())).toEqual({ list: [1], at: new Date(0) });
    const plain = table.atom<{ list: number[] }>('m', { initial: { list: [] } });
    const mutate = (v: { list: number[] }) => {
      v.list.push(1);
      return v;
    };
    await expect(bench.run(plain.swap(mutate))).rejects.toThrow(TypeError);
    const kept = await bench.run(plain.reset({ list: [1] }));
    expect(() => kept.list.push(2)).toThrow(TypeError);
    expect(() => Object.assign(kept, { list: [] })).toThrow(TypeError);
    expect(await bench.run(plain.deref())).toEqual({ list: [1] });
  });

  it('null is one, and told from nothing', async () => {
    const atom = table.atom<number | null>('n');
    expect(await bench.run(atom.snapshot())).toMatchObject({ value: undefined, exists: false });
    expect(await bench.run(atom.reset(null))).toBe(null);
    expect(await bench.run(atom.snapshot())).toMatchObject({ value: null, exists: true, version: 1 });
    expect(await bench.run(atom.compareAndSet(undefined, 1))).toBe(false);
    expect(await bench.run(atom.compareAndSet(null, 1))).toBe(true);
    await bench.run(atom.delete());
    expect(await bench.run(atom.compareAndSet(undefined, 2))).toBe(true);
  });
});
