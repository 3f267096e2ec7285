// Goal: what commute can be asked is typed by the value. Method: the compiler; this file only has to compile (`npm run typecheck`).
import { expect, it } from '@jest/globals';
import { AtomTable, type CommuteChanges, type CommuteCondition, type CommuteResult } from '../../lib/atom/index.js';
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
const when = (_given: CommuteCondition<Value>): void => {};

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
});

it('conditions are typed, and what is told of them', async () => {
  when({ is: { n: 1, text: 't', big: 3n, deep: { inner: { n: 2 } } }, atMost: { n: 4, dict: { any: 1 } } });
  when({ is: { deep: { inner: null } }, atLeast: { maybe: 0, big: 1n } });
  when({ absent: { maybe: true, dict: { any: true }, deep: { inner: true } }, present: { list: true, set: true } });
  when({ present: true });
  // @ts-expect-error a number is not equal to a text
  when({ is: { n: '1' } });
  // @ts-expect-error a list is no scalar
  when({ is: { list: [] } });
  // @ts-expect-error nor is a Date
  when({ is: { deep: { at: new Date(0) } } });
  // @ts-expect-error there is no such number
  when({ is: { deep: { inner: { n: 3 } } } });
  // @ts-expect-error a text has no bound
  when({ atMost: { text: 't' } });
  // @ts-expect-error a bigint has one of its kind
  when({ atLeast: { big: 1 } });
  // @ts-expect-error there is no such place
  when({ absent: { none: true } });
  // @ts-expect-error nothing is present by saying false
  when({ present: { text: false } });
  // @ts-expect-error a Date has no places
  when({ absent: { deep: { at: { day: true } } } });
  // @ts-expect-error a condition that is left out is none
  when({ is: { text: undefined } });
  const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
  await table.create();
  const atom = table.atom<{ n: number }>('n', { initial: { n: 0 } });
  const told: CommuteResult<{ n: number }> = await atom.commute({ add: { n: 1 } }, { when: { atMost: { n: 0 } } });
  const bare: CommuteResult<{ n: number } | undefined> = await table
    .atom<{ n: number }>('bare')
    .commute({ add: { n: 1 } }, { when: { absent: true } });
  // @ts-expect-error with a condition the answer is not the value alone
  const value: { n: number } = await atom.commute({ add: { n: 1 } }, { when: { atMost: { n: 0 } } });
  const json = await table.atom<unknown>('u', { initial: {} }).commute({ add: { a: 1 } }, { when: { is: { a: 'x' } } });
  // @ts-expect-error whether there is a condition is known when it is written
  await expect(atom.commute({ add: { n: 1 } }, { when: undefined })).rejects.toThrow(TypeError);
  expect([told.applied, bare.value, value, json.applied]).toEqual([
    true,
    { n: 1 },
    { applied: false, value: { n: 1 } },
    false,
  ]);
});

it('values are typed', async () => {
  const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
  await table.create();
  const known: number = await table.atom<number>('n', { initial: 0 }).commute({ add: 1 });
  const unknown: readonly string[] | undefined = await table.atom<readonly string[]>('l').commute({ append: ['x'] });
  const json: unknown = await table.atom<unknown>('u', { initial: {} }).commute({ add: { any: { thing: 1 } } });
  expect([known, unknown, json]).toEqual([1, ['x'], { any: { thing: 1 } }]);
});
