// Goal: a cursor is typed by the way that leads to it. Method: the compiler; this file only has to compile (`npm run typecheck`).
import { expect, it } from '@jest/globals';
import { AtomTable, type Cursor } from '../../lib/atom/index.js';
import { MemoryEngine } from '../../lib/engine/memory.js';

interface Value {
  readonly name: string;
  readonly age?: number;
  readonly nothing: { readonly n: number } | null;
  readonly list: readonly { readonly id: string }[];
  readonly pair: readonly [string, number];
  readonly dict: Readonly<Record<string, boolean>>;
  readonly byId: ReadonlyMap<number, { readonly at: Date }>;
  readonly deep: { readonly a: { readonly b: { readonly c: { readonly d: 1 | 2 } } } };
  readonly either: { readonly kind: 'x'; readonly x: number } | { readonly kind: 'y'; readonly y: string };
}

/** Compiles only if both types are the same. */
function same<A>() {
  return <B>(..._proof: (<X>() => X extends A ? 1 : 2) extends <X>() => X extends B ? 1 : 2 ? [] : [never]): void => {};
}
type Of<C> = C extends Cursor<infer T, infer V> ? [write: T, read: V] : never;

it('parts are typed to a depth of five steps', () => {
  const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
  const atom = table.atom<Value>('a', { initial: {} as Value });
  const name = atom.focus('name');
  same<Of<typeof name>>()<[string, string]>();
  const age = atom.focus('age');
  same<Of<typeof age>>()<[number, number | undefined]>();
  const nullable = atom.focus('nothing', 'n');
  same<Of<typeof nullable>>()<[number, number | undefined]>();
  const whole = atom.focus('nothing');
  same<Of<typeof whole>>()<[{ readonly n: number } | null, { readonly n: number } | null]>();
  const id = atom.focus('list', 0, 'id');
  same<Of<typeof id>>()<[string, string | undefined]>();
  const listed = atom.focus(['list', 0, 'id']);
  same<Of<typeof listed>>()<[string, string | undefined]>();
  const second = atom.focus('pair', 1);
  same<Of<typeof second>>()<[number, number]>();
  const word = atom.focus('dict', 'any');
  same<Of<typeof word>>()<[boolean, boolean | undefined]>();
  const at = atom.focus('byId', 7, 'at');
  same<Of<typeof at>>()<[Date, Date | undefined]>();
  const d = atom.focus('deep', 'a', 'b', 'c', 'd');
  same<Of<typeof d>>()<[1 | 2, 1 | 2]>();
  const further = atom.focus('deep', 'a').focus('b', 'c').focus('d');
  same<Of<typeof further>>()<[1 | 2, 1 | 2]>();
  const kind = atom.focus('either', 'kind');
  same<Of<typeof kind>>()<['x' | 'y', 'x' | 'y']>();
  const lens = atom.focus({
    get: ({ name: text }) => text.length,
    set: (value, length) => ({ ...value, age: length }),
  });
  same<Of<typeof lens>>()<[number, number]>();

  const bare = table.atom<Value>('b').focus('name');
  same<Of<typeof bare>>()<[string, string | undefined]>();
  const unknown = table.atom('c').focus('anything', 0);
  same<Of<typeof unknown>>()<[unknown, unknown]>();

  // @ts-expect-error no such property
  atom.focus('nmae');
  // @ts-expect-error a text has no parts
  expect(() => atom.focus('name', 'length')).not.toThrow();
  // @ts-expect-error a Date has no parts
  atom.focus('byId', 7, 'at', 'getTime');
  // @ts-expect-error lists have indexes
  atom.focus('list', 'length');
  // @ts-expect-error keys of this Map are numbers
  atom.focus('byId', '7');
  // @ts-expect-error of another type
  void (() => age.swap(() => 'x'));
  // @ts-expect-error age may be missing
  void (() => age.swap((n) => n + 1));
});
