// Goal: what commute can be asked is typed by the value. Method: the compiler; this file only has to compile (`npm run typecheck`).
import { expect, it } from '@jest/globals';
import { AtomTable, type CommuteChanges } from '../../lib/atom/index.js';
import { MemoryEngine } from '../../lib/engine/memory.js';

interface Value {
  readonly n: number;
  readonly maybe?: number;
  readonly big: bigint;
  readonly text: string;
  readonly list: readonly { readonly id: string }[];
  readonly set: ReadonlySet<'a' | 'b'>;
  readonly dict: Readonly<Record<string, number>>;
  readonly deep?: { readonly at: Date; readonly inner: { readonly n: 1 | 2 } | null };
}

/** Takes what compiles. */
const changes = (_given: CommuteChanges<Value>): void => {};

it('places and what is done to them are typed', async () => {
  changes({ add: { n: 1, maybe: 2, big: 3n, dict: { any: 1 }, deep: { inner: { n: 1 } } } });
  changes({ append: { list: [{ id: 'x' }] }, union: { set: ['a'], list: [] }, difference: { set: new Set(['b']) } });
  changes({
    setIfAbsent: { text: 't', deep: { at: new Date(0), inner: null } },
    remove: { maybe: true, deep: { at: true } },
  });
  changes({ remove: [['dict', 'any']] });
  // @ts-expect-error a text is no number
  changes({ add: { text: 1 } });
  // @ts-expect-error nor is a text added to one
  changes({ add: { n: '1' } });
  // @ts-expect-error a bigint and a number do not mix
  changes({ add: { big: 1 } });
  // @ts-expect-error there is no such place
  changes({ add: { none: 1 } });
  // @ts-expect-error elements have the type of the list's
  changes({ append: { list: ['x'] } });
  // @ts-expect-error a Set is not appended to
  changes({ append: { set: ['a'] } });
  // @ts-expect-error members have the type of the Set's
  changes({ union: { set: ['c'] } });
  // @ts-expect-error a Date has no places
  changes({ remove: { deep: { at: { day: true } } } });
  // @ts-expect-error nor has it defaults
  changes({ setIfAbsent: { deep: { at: {} } } });
  // @ts-expect-error a path is a list
  changes({ remove: ['dict'] });
  const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
  await table.create();
  const known: number = await table.atom<number>('n', { initial: 0 }).commute({ add: 1 });
  const unknown: readonly string[] | undefined = await table.atom<readonly string[]>('l').commute({ append: ['x'] });
  const json: unknown = await table.atom<unknown>('u', { initial: {} }).commute({ add: { any: { thing: 1 } } });
  expect([known, unknown, json]).toEqual([1, ['x'], { any: { thing: 1 } }]);
});
