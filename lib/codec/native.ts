/**
 * JSON with bytes, to DynamoDB's native types and back.
 *
 * Native, so that the console shows a value and expressions and indexes reach into it. Maps, lists, strings, numbers,
 * booleans, null and binary are all that is written; sets never are.
 *
 * Reading trusts nothing: each attribute has one type and the right content, names and nesting are ours, a number comes
 * back as the very number that was meant or not at all. The SDK's own `unmarshall` takes an attribute named `__proto__` for
 * a prototype; here it is damage.
 *
 * Invariant: what is read as plain is deeply frozen, and ours in the sense of `plain.ts`.
 */
import type { AttributeValue } from './attribute.js';
import { isBytes } from './copy.js';
import { decimal, decimalParts } from './decimal.js';
import { DecodeError, UnsupportedValueError } from './errors.js';
import { isPlainName, isPlainNumber, isWellFormed, type Json, seal } from './plain.js';

/**
 * Containers that may nest within one attribute.
 *
 * "Nested attributes up to 32 levels deep" says the service's page on constraints; DynamoDB Local 3.3 counts the item as
 * the first level.
 */
export const nativeNestingMax = 31;

/**
 * Writes plain JSON, with bytes perhaps, as an attribute.
 *
 * @throws {UnsupportedValueError} `ERR_UNSUPPORTED_VALUE`: nested deeper than DynamoDB allows
 */
export function toNative(json: Json): AttributeValue {
  return write(json, 0);
}

function write(json: Json, depth: number): AttributeValue {
  switch (typeof json) {
    case 'string':
      return { S: json };
    case 'number':
      return { N: String(json) };
    case 'boolean':
      return { BOOL: json };
  }
  if (json === null) return { NULL: true };
  if (isBytes(json)) return { B: json };
  if (depth >= nativeNestingMax) {
    const limit = `DynamoDB takes ${nativeNestingMax} levels of lists and maps`;
    throw new UnsupportedValueError('value', `nested too deep: ${limit}; store it flatter, or with the codec 'json'`);
  }
  if (Array.isArray(json)) {
    const list: AttributeValue[] = [];
    for (const element of json as readonly Json[]) list.push(write(element, depth + 1));
    return { L: list };
  }
  const map: Record<string, AttributeValue> = {};
  const object = json as { readonly [name: string]: Json };
  for (const name of Object.keys(object)) map[name] = write(object[name] as Json, depth + 1);
  return { M: map };
}

/** What {@link fromNative} read. */
export interface FromNative {
  /** Frozen, unless there are bytes in it or it was read for a form with notes. */
  readonly json: Json;
  /** Whether there are bytes in it. */
  readonly bytes: boolean;
}

/**
 * Reads an attribute that {@link toNative} wrote.
 *
 * @param frozen whether to freeze, which is for plain values
 * @throws {DecodeError} `ERR_DECODE`, naming `key`
 */
export function fromNative(data: AttributeValue, key: string, frozen: boolean): FromNative {
  const reader = new Reader(key, frozen);
  const json = reader.read(data, 0);
  return { json, bytes: reader.bytes };
}

class Reader {
  bytes = false;
  #nodes = 0;
  #deepest = 0;
  readonly #key: string;
  readonly #frozen: boolean;

  constructor(key: string, frozen: boolean) {
    this.#key = key;
    this.#frozen = frozen;
  }

  read(attribute: unknown, depth: number): Json {
    if (typeof attribute !== 'object' || attribute === null) throw this.#damaged('something that is no attribute');
    const types = Object.keys(attribute);
    const type = types[0] as string;
    if (types.length !== 1) throw this.#damaged(`an attribute with ${types.length} types`);
    const content = (attribute as Record<string, unknown>)[type];
    switch (type) {
      case 'S':
        if (typeof content === 'string' && isWellFormed(content)) return content;
        break;
      case 'N':
        if (typeof content === 'string') return this.#number(content);
        break;
      case 'BOOL':
        if (typeof content === 'boolean') return content;
        break;
      case 'NULL':
        if (content === true) return null;
        break;
      case 'B':
        if (!isBytes(content)) break;
        this.bytes = true;
        return new Uint8Array(content);
      case 'M':
        if (isMap(content)) return this.#map(content, depth + 1);
        break;
      case 'L':
        if (Array.isArray(content)) return this.#list(content, depth + 1);
        break;
      case 'SS':
      case 'NS':
      case 'BS':
        throw new DecodeError(this.#key, 'foreign', 'a set, which this library does not write');
    }
    throw this.#damaged(`an attribute of type ${/^[A-Z]{1,4}$/.test(type) ? type : 'unknown'} with other content`);
  }

  #list(elements: readonly unknown[], depth: number): Json {
    const outer = this.#enter(depth, elements.length);
    const list: Json[] = [];
    for (let index = 0; index < elements.length; index += 1) list.push(this.read(elements[index], depth));
    return this.#leave(list, depth, outer);
  }

  #map(members: Readonly<Record<string, unknown>>, depth: number): Json {
    const names = Object.keys(members);
    const outer = this.#enter(depth, names.length);
    const map: Record<string, Json> = {};
    for (const name of names) {
      if (!isPlainName(name)) throw this.#damaged('a name that is never written');
      map[name] = this.read(members[name], depth);
    }
    return this.#leave(map, depth, outer);
  }

  #enter(depth: number, members: number): readonly [nodes: number, deepest: number] {
    if (depth > nativeNestingMax + 1) throw this.#damaged('nested deeper than DynamoDB allows');
    const outer = [this.#nodes, this.#deepest] as const;
    this.#nodes += 1 + members;
    this.#deepest = depth;
    return outer;
  }

  #leave(container: Json & object, depth: number, outer: readonly [nodes: number, deepest: number]): Json {
    if (this.#frozen && !this.bytes) seal(container, this.#nodes - outer[0], this.#deepest - depth + 1);
    if (outer[1] > this.#deepest) this.#deepest = outer[1];
    return container;
  }

  #number(text: string): number {
    // The store has no -0, and what it writes as 0.0 is 0.
    const number = decimal.test(text) ? Number(text) + 0 : Number.NaN;
    if (!isPlainNumber(number)) throw this.#damaged('a number that the store cannot hold');
    // Up to 15 digits there is one double for each decimal; beyond, a whole number may fall between two of them.
    if (text.length > 15 && !isFaithful(text, number)) {
      throw new DecodeError(this.#key, 'foreign', 'a whole number that JavaScript has no number for');
    }
    return number;
  }

  #damaged(what: string): DecodeError {
    return new DecodeError(this.#key, 'damaged', what);
  }
}

function isMap(content: unknown): content is Readonly<Record<string, unknown>> {
  if (typeof content !== 'object' || content === null || Array.isArray(content) || isBytes(content)) return false;
  const prototype: unknown = Object.getPrototypeOf(content);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

/** Whether `number` stands for `text`: exactly, if that is a whole number; nearest, if it is a fraction. */
function isFaithful(text: string, number: number): boolean {
  const [digits, exponent] = decimalParts(text);
  if (digits === '') return true;
  if (number === 0) return false;
  if (exponent < 0) return true;
  const [ownDigits, ownExponent] = decimalParts(String(number));
  return digits === ownDigits && exponent === ownExponent;
}
