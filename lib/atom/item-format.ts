/**
 * Item format 1: how an atom lies in its DynamoDB item.
 *
 *   your key     canonical key
 *   d            the value's JSON part, native, so that the console shows it and expressions reach it; absent in a tombstone
 *   t            superjson's annotations, absent when there are none
 *   c            name of the codec, absent for the default
 *   e v l        incarnation, version, token of the last write      \
 *   w0 w1 r f    evidence of recent writers, see `evidence.ts`       > the lineage
 *   i            names of the index attributes that we wrote
 *   u            when the writer thought it was, epoch milliseconds: for people, never for decisions
 *   y            until when the value is there, epoch milliseconds: atoms with `ttlMs` only
 *   o            receipts of calls with an `opId`, by that id; only where the store has no transactions
 *   x            when the service may remove the item, epoch seconds: tombstones, and values with `y`, an hour after it
 *   h            who asks for room among blind writes, see `elbow-room.ts`; a put leaves none
 *   z            format number, absent in format 1; a reader that does not know the number refuses the item
 *
 * Everything else in the item is foreign: carried over untouched. All names are configurable in one place and never collide
 * with the key, with index attributes or with user data, which lies under `d`.
 *
 * Pure: items to images and back.
 */
import { type AttributeValue, DecodeError, type Encoded, type Item } from '../codec/index.js';
import type { Generation, Lineage } from './evidence.js';
import type { Manifest } from './large/manifest.js';

/** The attribute names of the format. */
export interface AttributeNames {
  readonly data: string;
  readonly annotations: string;
  readonly codec: string;
  readonly incarnation: string;
  readonly version: string;
  readonly token: string;
  readonly current: string;
  readonly previous: string;
  readonly rotatedAt: string;
  readonly floor: string;
  readonly indexNames: string;
  readonly writtenAt: string;
  readonly aliveUntil: string;
  readonly receipts: string;
  readonly expiresAt: string;
  readonly hand: string;
  readonly format: string;
}

export const attributeNamesDefault: AttributeNames = {
  data: 'd',
  annotations: 't',
  codec: 'c',
  incarnation: 'e',
  version: 'v',
  token: 'l',
  current: 'w0',
  previous: 'w1',
  rotatedAt: 'r',
  floor: 'f',
  indexNames: 'i',
  writtenAt: 'u',
  aliveUntil: 'y',
  receipts: 'o',
  expiresAt: 'x',
  hand: 'h',
  format: 'z',
};

/** @throws TypeError where two attributes of an item would have one name. */
export function requireDistinct(names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (name === '') throw new TypeError('Cannot use an attribute name: must not be empty');
    if (seen.has(name))
      throw new TypeError(`Cannot use attribute name ${name} twice: choose another, or set attributeNames`);
    seen.add(name);
  }
}

/** One committed state of an atom's item. */
export interface Image {
  readonly lineage: Lineage;
  /** `undefined` for a tombstone. */
  readonly encoded: Encoded | undefined;
  /** Epoch milliseconds by the writer's clock; `undefined` in an adopted item. */
  readonly writtenAt: number | undefined;
  /** Epoch milliseconds; from then on there is no value. `undefined`: for ever. */
  readonly aliveUntil: number | undefined;
  /** Epoch seconds. */
  readonly expiresAt: number | undefined;
  /** The writer that asks for room among blind writes. Never written with an image. */
  readonly hand?: string | undefined;
  /** Index attributes by name. */
  readonly index: Item;
  /** Attributes that are not ours. */
  readonly foreign: Item;
  /** Receipts of calls with an `opId`, by that id; see `item-receipts.ts`. */
  readonly receipts?: Item | undefined;
  /** The parts of a large value that it names; absent where there are none, and until its layers were taken off. */
  readonly manifest?: Manifest | undefined;
}

/** Whether `item` carries a lineage: written by this library, in whatever state. */
export function hasLineage(item: Item, names: AttributeNames): boolean {
  return names.token in item;
}

/** Writes the item of `image` under `key`. */
export function formatItem(key: Item, image: Image, names: AttributeNames): Item {
  const { lineage, encoded } = image;
  const indexNames = Object.keys(image.index);
  const item: Record<string, AttributeValue> = { ...image.foreign, ...image.index, ...key };
  if (encoded !== undefined) {
    item[names.data] = encoded.data;
    if (encoded.annotations !== undefined) item[names.annotations] = { S: encoded.annotations };
    if (encoded.codec !== undefined) item[names.codec] = { S: encoded.codec };
  }
  item[names.incarnation] = { S: lineage.incarnation };
  item[names.version] = { N: String(lineage.version) };
  item[names.token] = { S: lineage.token };
  item[names.current] = formatGeneration(lineage.current);
  item[names.previous] = formatGeneration(lineage.previous);
  item[names.rotatedAt] = { N: String(lineage.rotatedAt) };
  item[names.floor] = { N: String(lineage.floor) };
  if (indexNames.length > 0) item[names.indexNames] = { SS: indexNames };
  if (image.writtenAt !== undefined) item[names.writtenAt] = { N: String(image.writtenAt) };
  if (image.aliveUntil !== undefined) item[names.aliveUntil] = { N: String(image.aliveUntil) };
  if (image.receipts !== undefined) item[names.receipts] = { M: image.receipts };
  if (image.expiresAt !== undefined) item[names.expiresAt] = { N: String(image.expiresAt) };
  return item;
}

/**
 * Reads an item that carries a lineage.
 *
 * @throws {DecodeError} `ERR_DECODE`: `damaged` when a part is missing or of another type, `newer-format` when a later
 * version of this library wrote it.
 */
export function parseItem(item: Item, keyNames: readonly string[], names: AttributeNames, key: string): Image {
  const read = new Reader(item, key);
  const format = item[names.format];
  if (format !== undefined)
    throw new DecodeError(key, 'newer-format', `attribute ${names.format} names a later format than 1`);
  const data = item[names.data];
  const indexNames = read.strings(names.indexNames);
  const annotations = read.text(names.annotations);
  const codec = read.text(names.codec);
  const isTombstone = item[names.expiresAt] !== undefined && annotations === undefined && codec === undefined;
  if (data === undefined && !isTombstone) {
    throw new DecodeError(key, 'damaged', `attribute ${names.data} is missing, and it is no tombstone`);
  }
  const ours = new Set<string>([...Object.values(names), ...keyNames]);
  const index: Record<string, AttributeValue> = {};
  const foreign: Record<string, AttributeValue> = {};
  for (const name of Object.keys(item)) {
    if (ours.has(name)) continue;
    (indexNames.includes(name) ? index : foreign)[name] = item[name] as AttributeValue;
  }
  const lineage: Lineage = {
    incarnation: read.text(names.incarnation, true),
    version: read.integer(names.version, 1),
    token: read.text(names.token, true),
    current: read.generation(names.current),
    previous: read.generation(names.previous),
    rotatedAt: read.integer(names.rotatedAt, 0),
    floor: read.integer(names.floor, 0),
  };
  if (lineage.floor > lineage.rotatedAt || lineage.rotatedAt >= lineage.version) {
    throw new DecodeError(key, 'damaged', `${names.floor}, ${names.rotatedAt} and ${names.version} are out of order`);
  }
  return {
    lineage,
    encoded:
      data === undefined
        ? undefined
        : { data, ...(annotations !== undefined && { annotations }), ...(codec !== undefined && { codec }) },
    writtenAt: item[names.writtenAt] === undefined ? undefined : read.integer(names.writtenAt, 0),
    aliveUntil: item[names.aliveUntil] === undefined ? undefined : read.integer(names.aliveUntil, 0),
    receipts: read.members(names.receipts),
    hand: read.text(names.hand),
    expiresAt: item[names.expiresAt] === undefined ? undefined : read.integer(names.expiresAt, 0),
    index,
    foreign,
  };
}

function formatGeneration(generation: Generation): AttributeValue {
  const members: Record<string, AttributeValue> = {};
  for (const writer of Object.keys(generation)) members[writer] = { N: String(generation[writer]) };
  return { M: members };
}

/** Reads attributes of one item, refusing what is not of the expected type. */
class Reader {
  readonly #item: Item;
  readonly #key: string;

  constructor(item: Item, key: string) {
    this.#item = item;
    this.#key = key;
  }

  text(name: string, required: true): string;
  text(name: string): string | undefined;
  text(name: string, required = false): string | undefined {
    const attribute = this.#item[name];
    if (attribute === undefined && !required) return undefined;
    if (attribute !== undefined && 'S' in attribute && typeof attribute.S === 'string' && attribute.S !== '') {
      return attribute.S;
    }
    throw this.#damaged(name, 'a non-empty string');
  }

  integer(name: string, least: number): number {
    const number = integerOf(this.#item[name]);
    if (number === undefined || number < least) throw this.#damaged(name, `an integer of at least ${least}`);
    return number;
  }

  strings(name: string): readonly string[] {
    const attribute = this.#item[name];
    if (attribute === undefined) return [];
    if ('SS' in attribute && Array.isArray(attribute.SS)) return attribute.SS as readonly string[];
    throw this.#damaged(name, 'a string set');
  }

  members(name: string): Item | undefined {
    const attribute = this.#item[name];
    if (attribute === undefined) return undefined;
    if ('M' in attribute) return attribute.M;
    throw this.#damaged(name, 'a map');
  }

  generation(name: string): Generation {
    const attribute = this.#item[name];
    if (attribute === undefined || !('M' in attribute)) throw this.#damaged(name, 'a map');
    const generation: Record<string, number> = {};
    for (const [writer, member] of Object.entries(attribute.M)) {
      const seq = integerOf(member);
      if (seq === undefined || seq < 0 || writer === '__proto__') throw this.#damaged(name, 'a map of integers');
      generation[writer] = seq;
    }
    return generation;
  }

  #damaged(name: string, wanted: string): DecodeError {
    return new DecodeError(this.#key, 'damaged', `attribute ${name} is missing or is not ${wanted}`);
  }
}

function integerOf(attribute: AttributeValue | undefined): number | undefined {
  if (attribute === undefined || !('N' in attribute)) return undefined;
  const number = Number(attribute.N);
  return Number.isSafeInteger(number) ? number : undefined;
}
