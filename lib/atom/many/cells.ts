/**
 * What an `AtomTable` lends to those who work on many atoms at once: its keys, and cells by three names.
 *
 *   opened     somebody holds a handle: its codec, schema and cache count
 *   passing    for one look at an item whose atom nobody holds; nobody else ever sees it, and it is gone with the look
 *   writing    through which this process writes an atom: the opened one, or a new one that any handle may take over
 *
 * Never two cells at a time through which one atom is written: the evidence in the item allows a writer one write under way.
 */
import { encodeKey, type Held, type Item } from '../../codec/index.js';
import { partitionKeyBytesMax, sortKeyBytesMax } from '../../engine/index.js';
import type { CompositeKey } from '../atom-options.js';
import type { AtomReader } from '../atom-reader.js';
import type { Cell } from '../cell.js';
import type { Ground, Retry } from '../ground.js';
import type { ValueRules } from '../value-rules.js';

/** A key as it lies in the table, and as one text. */
export interface AtomKey {
  readonly item: Item;
  readonly text: string;
}

export interface Cells {
  readonly ground: Ground;
  /** The same for requests that bring much: how long those take says nothing of a request for one item. */
  readonly bulk: Ground;
  readonly retry: Retry;
  /** @throws {KeyError} `ERR_KEY`, {@link UnsupportedValueError} `ERR_UNSUPPORTED_VALUE`; TypeError where it must be `{ pk, sk }`. */
  keyOf(key: unknown): AtomKey;
  /** The cell behind a handle. @throws TypeError for a handle of another table. */
  cellOf(atom: AtomReader<unknown>): Cell;
  opened(text: string): Cell | undefined;
  /** With the rules of the open atom where it may not learn. */
  passing(key: AtomKey, rules?: ValueRules): Cell;
  writing(key: AtomKey): Cell;
  /** Makes a value ours, as an atom that nobody opened would hold it. */
  hold(value: unknown): Held;
  /** The codec of atoms that nobody opened. */
  readonly codec: ValueRules['codec'];
}

/**
 * A key of the user's as it lies in a table with these key attributes.
 *
 * @throws {KeyError} `ERR_KEY`, {@link UnsupportedValueError} `ERR_UNSUPPORTED_VALUE`; TypeError where it must be `{ pk, sk }`.
 */
export function atomKeyOf(key: unknown, keyNames: readonly string[]): AtomKey {
  const [keyName, sortKeyName] = keyNames as [string, string | undefined];
  if (sortKeyName === undefined) {
    const text = encodeKey(key, partitionKeyBytesMax);
    return { item: { [keyName]: { S: text } }, text };
  }
  const { pk, sk } = (key ?? {}) as Partial<CompositeKey>;
  if (pk === undefined || sk === undefined) {
    throw new TypeError('Cannot open an atom: the table has a sort key, so a key must be { pk, sk }');
  }
  const partition = encodeKey(pk, partitionKeyBytesMax);
  const sort = encodeKey(sk, sortKeyBytesMax);
  return {
    item: { [keyName]: { S: partition }, [sortKeyName]: { S: sort } },
    text: JSON.stringify([partition, sort]),
  };
}

/** The text of the key of an item of this table; `undefined` when it is none that this library could have written. */
export function keyTextOf(item: Item, keyNames: readonly string[]): string | undefined {
  const texts: string[] = [];
  for (const name of keyNames) {
    const attribute = item[name];
    if (attribute === undefined || !('S' in attribute) || typeof attribute.S !== 'string') return undefined;
    texts.push(attribute.S);
  }
  return texts.length === 1 ? texts[0] : JSON.stringify(texts);
}

/** The key attributes of an item. */
export function keyItemOf(item: Item, names: readonly string[]): Item {
  return Object.fromEntries(names.flatMap((name) => (item[name] === undefined ? [] : [[name, item[name]]]))) as Item;
}
