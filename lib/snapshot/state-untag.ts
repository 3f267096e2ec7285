/**
 * The reading side of `state-text.ts`: parsed JSON with tags to values.
 *
 * Read leniently where a wrong text can only give another value, because the digest over the same text decides in the end;
 * strictly where it could cost memory or time.
 */
import { bareError, setOwn } from '../codec/index.js';
import { Hole } from './state-text.js';

/** Objects by their numbers. */
export interface Shared {
  /** Throws for a number that was not added. */
  find(number: number): unknown;
  /** Throws unless it is the next number. */
  add(number: number, object: unknown): void;
}

/** Containers that may nest within one small value, tags among them. A writer stays far below. */
const nestingMax = 500;
/** Elements that an array can have. */
const arrayLengthMax = 2 ** 32 - 1;

/**
 * The value of parsed JSON; the objects of the JSON are used for it.
 *
 * @throws Error for what is never written; it may quote the text.
 */
export function untag(json: unknown, shared?: Shared): unknown {
  return read(json, shared, 0);
}

/** Adds one element, or the holes that stand for it. */
export function appendElement(array: unknown[], element: unknown): void {
  if (!(element instanceof Hole)) {
    array.push(element);
  } else if (array.length + element.count > arrayLengthMax) {
    throw new RangeError('more holes than an array can have');
  } else {
    array.length += element.count;
  }
}

function read(json: unknown, shared: Shared | undefined, depth: number): unknown {
  if (typeof json !== 'object' || json === null) return json;
  if (depth > nestingMax) throw new Error('nested too deeply');
  if (Array.isArray(json)) return readElements(json, shared, depth);
  const names = Object.keys(json);
  const only = names.length === 1 ? (names[0] as string) : '';
  if (!only.startsWith('~')) return readMembers(json as Record<string, unknown>, names, shared, depth);
  const content = (json as Record<string, unknown>)[only];
  if (only.startsWith('~~')) {
    const object = {};
    setOwn(object, only.slice(1), readMember(content, shared, depth + 1));
    return object;
  }
  if (only === '~def') return readDefinition(content, shared, depth);
  if (only === '~ref') return requireShared(shared).find(content as number);
  const reader = containers[only];
  if (reader !== undefined) return reader(readMember(content, shared, depth + 1) as never);
  return readLeaf(only, content);
}

function readMember(json: unknown, shared: Shared | undefined, depth: number): unknown {
  const value = read(json, shared, depth);
  if (value instanceof Hole) throw new Error('a hole outside of an array');
  return value;
}

function readElements(array: unknown[], shared: Shared | undefined, depth: number): unknown[] {
  let holes = false;
  for (let index = 0; index < array.length; index += 1) {
    const element = array[index];
    if (typeof element !== 'object' || element === null) continue;
    const value = read(element, shared, depth + 1);
    if (value instanceof Hole) holes = true;
    array[index] = value;
  }
  if (!holes || depth === 0) return array;
  const sparse: unknown[] = [];
  for (const element of array) appendElement(sparse, element);
  return sparse;
}

function readMembers(
  object: Record<string, unknown>,
  names: readonly string[],
  shared: Shared | undefined,
  depth: number,
): object {
  for (const name of names) {
    const member = object[name];
    if (typeof member === 'object' && member !== null) setOwn(object, name, readMember(member, shared, depth + 1));
  }
  return object;
}

function readDefinition(content: unknown, shared: Shared | undefined, depth: number): unknown {
  const [number, json] = content as [number, unknown];
  const value = readMember(json, shared, depth + 1);
  requireShared(shared).add(number, value);
  return value;
}

function requireShared(shared: Shared | undefined): Shared {
  if (shared === undefined) throw new Error('a reference among values that share nothing');
  return shared;
}

/** Tags around other values, which are read before. */
const containers: Readonly<Record<string, (content: never) => unknown>> = Object.assign(Object.create(null), {
  '~Map': (list: readonly unknown[]) => {
    if (list.length % 2 !== 0) throw new Error('a key without a value');
    const map = new Map<unknown, unknown>();
    for (let index = 0; index < list.length; index += 2) map.set(list[index], list[index + 1]);
    return map;
  },
  '~Set': (members: readonly unknown[]) => new Set(members),
  '~Error': ([name, message, cause]: readonly [string, string, unknown?]) =>
    bareError(name, message, cause === undefined ? undefined : { cause }),
  '~null': (object: object) => Object.setPrototypeOf(object, null) as object,
});

const leaves: Readonly<Record<string, (content: never) => unknown>> = Object.assign(Object.create(null), {
  '~undefined': () => undefined,
  '~number': (text: string) => Number(text),
  '~bigint': (text: string) => BigInt(text),
  '~Date': (time: number | null) => new Date(time ?? Number.NaN),
  '~hole': (count: number) => {
    if (!(Number.isSafeInteger(count) && count > 0)) throw new Error('no number of holes');
    return new Hole(count);
  },
  '~RegExp': ([source, flags, lastIndex]: readonly [string, string, number]) => {
    return Object.assign(new RegExp(source, flags), { lastIndex });
  },
  '~URL': (text: string) => new URL(text),
  '~URLSearchParams': (text: string) => new URLSearchParams(text),
});

const views: Readonly<Record<string, new (buffer: ArrayBuffer) => ArrayBufferView>> = Object.assign(
  Object.create(null),
  {
    DataView,
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
  },
);

/** An object of that class over the whole buffer. Throws for a class that is none. */
export function binaryOf(name: string, buffer: ArrayBuffer): ArrayBuffer | ArrayBufferView {
  if (name === 'ArrayBuffer') return buffer;
  const View = views[name];
  if (View === undefined) throw new Error('an unknown kind of value');
  return new View(buffer);
}

/** A leaf from what stands under its tag. */
export function readLeaf(name: string, content: unknown): unknown {
  const reader = leaves[name];
  if (reader !== undefined) return reader(content as never);
  return binaryOf(name.slice(1), new Uint8Array(Buffer.from(content as string, 'base64')).buffer);
}
