/**
 * superjson, fenced in: the one file that knows it.
 *
 *   value --copyAll, untangle--> tree --serialize--> { json, meta }        what is stored: a Form
 *   { json, meta } --check types--> deserialize --tie--> value
 *
 * superjson does Date, Map, Set, RegExp, URL, Error, bigint, undefined, NaN, ±Infinity and -0. The transformers below add
 * what it loses, each under a name that is part of the stored format. They see only our own copies (`copy.ts`), and bytes
 * stay bytes in `json`; who writes text turns them into base64.
 *
 * superjson reads leniently: a list with doubles makes a smaller Set, a text a Set of its letters. So whoever reads from a
 * store encodes the result again and compares (`sameForm`); only a fixed point is believed.
 */
import { SuperJSON } from 'superjson';
import { copyAll, isBytes } from './copy.js';
import { Ref, Shared, tie, untangle } from './knot.js';
import { setOwn } from './names.js';
import { areOurs } from './notes.js';
import { isPlainNumber, isWellFormed, type Json } from './plain.js';

/** The stored parts of a value: JSON with bytes, and superjson's notes, if it took any to encode it. */
export interface Form {
  readonly json: Json;
  readonly meta: Json | undefined;
}

const superJson: SuperJSON = new SuperJSON();

superJson.registerClass(Shared, 'shared');
register<Ref, number>(
  'ref',
  (value) => value instanceof Ref,
  (ref) => ref.id,
  (id) => new Ref(id),
);
// JSON text escapes what UTF-8 cannot hold.
register<string, string>(
  'utf16',
  (value) => typeof value === 'string' && !isWellFormed(value),
  (text) => JSON.stringify(text),
  (text) => JSON.parse(text) as string,
);
register<number, string>(
  'float64',
  (value) => typeof value === 'number' && Number.isFinite(value) && value !== 0 && !isPlainNumber(value),
  (number) => String(number),
  (text) => Number(text),
);
register<Date, null>(
  'invalid-date',
  (value) => value instanceof Date && Number.isNaN(value.getTime()),
  () => null,
  () => new Date(Number.NaN),
);
register<RegExp, string>(
  'regexp',
  (value) => value instanceof RegExp && (value.lastIndex !== 0 || !isWellFormed(value.source)),
  ({ source, flags, lastIndex }) => JSON.stringify([source, flags, lastIndex]),
  (text) => {
    const [source, flags, lastIndex] = JSON.parse(text) as [string, string, number];
    return Object.assign(new RegExp(source, flags), { lastIndex });
  },
);
register<URLSearchParams, string>(
  'URLSearchParams',
  (value) => value instanceof URLSearchParams,
  (params) => params.toString(),
  (text) => new URLSearchParams(text),
);
register<Uint8Array, Uint8Array>(
  'bytes',
  isBytes,
  (bytes) => bytes,
  (stored) => new Uint8Array(bytesOf(stored)),
);
register<ArrayBuffer | ArrayBufferView, readonly [string, Uint8Array]>(
  'binary',
  (value) => ArrayBuffer.isView(value) || value instanceof ArrayBuffer,
  (value) =>
    value instanceof ArrayBuffer
      ? ['ArrayBuffer', new Uint8Array(value)]
      : [
          value instanceof DataView ? 'DataView' : (value as Float64Array)[Symbol.toStringTag],
          new Uint8Array(value.buffer, value.byteOffset, value.byteLength),
        ],
  ([name, stored]) => {
    const { buffer } = new Uint8Array(bytesOf(stored));
    const View = binaryViews[name];
    if (View === undefined) throw new Error('an unknown kind of buffer');
    return name === 'ArrayBuffer' ? buffer : new View(buffer);
  },
);

/**
 * Encodes a value of any supported kind.
 *
 * @param bareBytes whether bytes among plain JSON need no note, because the store has a type for them
 * @throws {UnsupportedValueError} `ERR_UNSUPPORTED_VALUE`
 */
export function toForm(value: unknown, bareBytes: boolean): Form {
  const { root, shared, bytesOnly } = copyAll(value);
  if (bareBytes && bytesOnly && shared.size === 0) return { json: root as Json, meta: undefined };
  const { json, meta } = superJson.serialize(shared.size === 0 ? root : untangle(root, shared));
  // Its notes on shared references are left out: in a tree they are of equal bigints and NaNs only, and say nothing.
  return { json: json as Json, meta: meta?.values === undefined ? {} : { values: meta.values as Json, v: 1 } };
}

/** A fresh value from a form. Throws a plain error, or returns what `sameForm` then tells from a right one. */
export function fromForm({ json, meta }: Form): unknown {
  const fresh = copyJson(json);
  if (meta === undefined) return fresh;
  if (!areOurs(meta, json)) throw new Error('notes that are not ours');
  const { values } = meta as { values?: never };
  const raw =
    values === undefined
      ? fresh
      : superJson.deserialize({ json: fresh as never, meta: { values, v: 1 } }, { inPlace: true });
  return tie(raw);
}

/** Whether two forms say the same; the order of names does not count. */
export function sameForm(one: Form, other: Form): boolean {
  return sameJson(one.json, other.json) && sameJson(one.meta ?? null, other.meta ?? null);
}

/** Deep equality of JSON with bytes in it, without regard to the order of names. */
export function sameJson(one: Json, other: Json): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (isBytes(one) || isBytes(other)) return isBytes(one) && isBytes(other) && Buffer.compare(one, other) === 0;
  if (Array.isArray(one) || Array.isArray(other)) {
    if (!Array.isArray(one) || !Array.isArray(other) || one.length !== other.length) return false;
    return one.every((element, index) => sameJson(element, other[index]));
  }
  const names = Object.keys(one);
  if (names.length !== Object.keys(other).length) return false;
  for (const name of names) {
    if (!Object.hasOwn(other, name)) return false;
    if (!sameJson((one as JsonObject)[name] as Json, (other as JsonObject)[name] as Json)) return false;
  }
  return true;
}

type JsonObject = { readonly [name: string]: Json };

function copyJson(json: Json): unknown {
  if (typeof json !== 'object' || json === null) return json;
  if (isBytes(json)) return new Uint8Array(json);
  if (Array.isArray(json)) return json.map(copyJson);
  const copied = {};
  for (const name of Object.keys(json)) setOwn(copied, name, copyJson((json as JsonObject)[name] as Json));
  return copied;
}

function bytesOf(stored: unknown): Uint8Array {
  if (isBytes(stored)) return stored;
  if (typeof stored !== 'string') throw new Error('no bytes');
  return Buffer.from(stored, 'base64');
}

function register<Value, Stored>(
  name: string,
  isApplicable: (value: unknown) => boolean,
  serialize: (value: Value) => Stored,
  deserialize: (stored: Stored) => Value,
): void {
  const is = isApplicable as (value: unknown) => value is Value;
  superJson.registerCustom<Value, never>(
    { isApplicable: is, serialize: serialize as never, deserialize: deserialize as never },
    name,
  );
}

const binaryViews: Readonly<Record<string, new (buffer: ArrayBuffer) => ArrayBuffer | ArrayBufferView>> = Object.assign(
  Object.create(null),
  {
    ArrayBuffer,
    DataView,
    Int8Array,
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
