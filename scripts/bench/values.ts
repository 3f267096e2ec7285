/** The values that are stored, by size, and the items they make. */
import { AtomTable } from '../../lib/atom/index.js';
import type { Item } from '../../lib/codec/index.js';
import { landing } from './flights.js';
import { headItem, streamHeadItem } from './journal-head.js';
import { StubEngine } from './stub-engine.js';

/**
 * About the bytes of the value itself; the item has some 120 more. Flights are records as they are, for what depends on the
 * content; a journal's head is an item only.
 */
export type Size = '200 B' | '1 KB' | '32 KB' | '1 KB of flights' | '100 KB of flights' | HeadSize;

/** Heads, as a commit of one event writes them. */
type HeadSize = 'journal head' | 'stream head';

/** Plain JSON of an everyday shape, with a counter that each operation moves. */
export interface Value {
  readonly n: number;
  readonly [name: string]: unknown;
}

const valueMakers: Readonly<Record<Exclude<Size, HeadSize>, () => Value>> = {
  '200 B': () => ({ n: 0, ...record(0, 110) }),
  '1 KB': () => ({ n: 0, ...record(0, 100), items: list(5) }),
  '32 KB': () => ({ n: 0, ...record(0, 100), items: list(180) }),
  '1 KB of flights': () => ({ n: 0, flights: landings(6) }),
  '100 KB of flights': () => ({ n: 0, flights: landings(600) }),
};

export function makeValue(size: Size): Value {
  if (size === 'journal head' || size === 'stream head') throw new RangeError('a head is no value of an atom');
  return valueMakers[size]();
}

export const increment = (value: Value): Value => ({ ...value, n: value.n + 1 });

function record(id: number, textLength: number) {
  return { id, name: `record ${id}`, open: id % 2 === 0, ratio: id / 7, text: 'x'.repeat(textLength) };
}

function landings(length: number) {
  return Array.from({ length }, (_, flight) => landing(flight));
}

function list(length: number) {
  return Array.from({ length }, (_, id) => ({ ...record(id, 70), tags: ['red', 'green', 'blue'] }));
}

/** The very item that an atom with this value writes, or that a commit of one event does, as the library makes it. */
export async function itemOf(key: string, size: Size): Promise<Item> {
  if (size === 'journal head') return { ...(await headItem()), id: { S: key } };
  if (size === 'stream head') return { ...(await streamHeadItem()), id: { S: key } };
  const engine = new StubEngine();
  await new AtomTable({ engine, tableName: 'none' }).atom<Value>(key).reset(makeValue(size));
  const item = engine.lastItem;
  if (item === undefined) throw new Error('the stub engine saw no put');
  return item;
}
