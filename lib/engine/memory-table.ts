/**
 * One table of the memory engine: rows by primary key, in the service's order.
 *
 * A row lives in the partition of its partition key; partitions are scanned in the order of a hash, rows within one by
 * their sort key. Images are frozen ({@link takeIn}), so replacing one is a single assignment. With `historyMax` above
 * zero the last images of each row are kept for reads that may be stale.
 */
import { type Item, itemBytes } from '../codec/index.js';
import { partitionKeyBytesMax, sortKeyBytesMax } from './limits.js';
import { validationError } from './memory-error.js';
import { attributeOf, bytesText, compareValues, marked, typeOf } from './memory-value.js';
import type { CreateTableRequest, KeyAttribute, SecondaryIndex } from './port.js';

/** A row that is there. */
export interface Row {
  readonly key: Item;
  readonly image: Item;
  readonly bytes: number;
}

/** Where a row is or would be. */
export interface Address {
  /** One text per primary key. */
  readonly id: string;
  readonly partition: string;
  /** Just the key attributes. */
  readonly key: Item;
}

interface Partition {
  readonly text: string;
  readonly hash: number;
  readonly rows: Row[];
}

/** The attributes that make a key, in order. */
export type KeySchema = readonly KeyAttribute[];

export class MemoryTable {
  readonly definition: CreateTableRequest;
  readonly schema: KeySchema;
  readonly indexes: readonly SecondaryIndex[];
  readonly itemBytesMax: number;
  /** Attribute that holds the time to live, in epoch seconds. */
  timeToLive: string | undefined;
  readonly #partitions = new Map<string, Partition>();
  readonly #history = new Map<string, (Item | undefined)[]>();
  readonly #historyMax: number;
  #ordered: readonly Partition[] | undefined;

  /** `itemBytesMax` is the largest item; `historyMax` how many old images of a row are kept. */
  constructor(definition: CreateTableRequest, itemBytesMax: number, historyMax: number) {
    this.definition = definition;
    this.itemBytesMax = itemBytesMax;
    this.schema = schemaOf(definition);
    this.indexes = definition.indexes ?? [];
    this.#historyMax = historyMax;
  }

  /** Checks a key, or with `whole` an item's key attributes, and says where it belongs. */
  address(taken: Item, whole: boolean): Address {
    if (!whole && Object.keys(taken).length !== this.schema.length) {
      throw validationError('The provided key element does not match the schema');
    }
    let id = '';
    let partition = '';
    const key: [string, Item[string]][] = [];
    for (const [at, { name, type }] of this.schema.entries()) {
      const value = attributeOf(taken, name);
      if (value === undefined) {
        throw validationError(
          whole
            ? `One or more parameter values were invalid: Missing the key ${name} in the item`
            : 'The provided key element does not match the schema',
        );
      }
      if (typeOf(value) !== type) {
        throw validationError(
          `One or more parameter values were invalid: Type mismatch for key ${name} expected: ${type} actual: ${typeOf(value)}`,
        );
      }
      const text = keyText(value);
      checkSize(name, value, text, at);
      if (at === 0) partition = text;
      id += at === 0 ? text : `\u0000${text}`;
      key.push([name, value]);
    }
    return {
      id,
      partition,
      key: marked(
        Object.fromEntries(key),
        this.schema.some((one) => one.type === 'B'),
      ),
    };
  }

  row(address: Address): Row | undefined {
    const partition = this.#partitions.get(address.partition);
    if (partition === undefined) return undefined;
    const at = this.#find(partition.rows, address.key);
    const row = partition.rows[at];
    return row !== undefined && this.#order(row.key, address.key) === 0 ? row : undefined;
  }

  /** Replaces or removes a row. */
  set(address: Address, image: Item | undefined): void {
    if (this.#historyMax > 0) this.#remember(address);
    let partition = this.#partitions.get(address.partition);
    if (partition === undefined) {
      if (image === undefined) return;
      partition = { text: address.partition, hash: hashOf(address.partition), rows: [] };
      this.#partitions.set(address.partition, partition);
      this.#ordered = undefined;
    }
    const { rows } = partition;
    const at = this.#find(rows, address.key);
    const old = rows[at];
    const met = old !== undefined && this.#order(old.key, address.key) === 0;
    if (image !== undefined) rows.splice(at, met ? 1 : 0, { key: address.key, image, bytes: itemBytes(image) });
    else if (met) rows.splice(at, 1);
    if (rows.length > 0) return;
    this.#partitions.delete(address.partition);
    this.#ordered = undefined;
  }

  /** The image now, and before it the last ones that are kept, newest first. */
  images(address: Address): readonly (Item | undefined)[] {
    return [this.row(address)?.image, ...(this.#history.get(address.id) ?? [])];
  }

  /** The rows of one partition, by sort key. */
  partition(text: string): readonly Row[] {
    return this.#partitions.get(text)?.rows ?? [];
  }

  /** All rows in the order of a scan, or those of one segment of several. */
  *rows(segment = 0, segments = 1): Generator<Row> {
    this.#ordered ??= [...this.#partitions.values()].sort(
      (left, right) => left.hash - right.hash || (left.text < right.text ? -1 : 1),
    );
    for (const { hash, rows } of this.#ordered) {
      if (Math.floor((hash / 4_294_967_296) * segments) === segment) yield* rows;
    }
  }

  /** Whether a row comes after `key` in a scan. */
  isAfter(row: Row, key: Address): boolean {
    const text = this.address(row.key, false).partition;
    if (text === key.partition) return this.#order(row.key, key.key) > 0;
    const [one, other] = [hashOf(text), hashOf(key.partition)];
    return one === other ? text > key.partition : one > other;
  }

  #remember(address: Address): void {
    const kept = this.#history.get(address.id) ?? [];
    kept.unshift(this.row(address)?.image);
    kept.length = Math.min(kept.length, this.#historyMax);
    this.#history.set(address.id, kept);
  }

  #find(rows: readonly Row[], key: Item): number {
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#order((rows[middle] as Row).key, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Orders two keys of one partition. */
  #order(left: Item, right: Item): number {
    const name = this.schema[1]?.name;
    if (name === undefined) return 0;
    return compareValues(left[name] as Item[string], right[name] as Item[string]) ?? 0;
  }
}

/** The key attributes of a table or an index. */
export function schemaOf(keys: Pick<SecondaryIndex, 'partitionKey' | 'sortKey'>): KeySchema {
  return keys.sortKey === undefined ? [keys.partitionKey] : [keys.partitionKey, keys.sortKey];
}

/** One text per different key value of a type. */
export function keyText(value: Item[string]): string {
  if ('S' in value) return value.S;
  if ('N' in value) return value.N;
  return 'B' in value ? bytesText(value.B) : '';
}

function checkSize(name: string, value: Item[string], text: string, at: number): void {
  if ('N' in value) return;
  if (text === '') {
    throw validationError(
      `One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty ${'S' in value ? 'string' : 'binary'} value. Key: ${name}`,
    );
  }
  const bytes = 'S' in value ? Buffer.byteLength(text) : text.length;
  if (bytes <= (at === 0 ? partitionKeyBytesMax : sortKeyBytesMax)) return;
  throw validationError(
    at === 0
      ? `One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of ${partitionKeyBytesMax} bytes`
      : `One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size limit of ${sortKeyBytesMax} bytes`,
  );
}

/** FNV-1a with a last mix: spreads partitions over the order of a scan. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}
