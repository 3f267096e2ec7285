/**
 * Any supported value as the text of a key, so that equal values name the same item.
 *
 *   'user-7'                      user-7                       plain text stays plain text
 *   7                             ~7                           all else: a tilde and canonical JSON
 *   { b: 1, a: [null] }           ~{"a":[null],"b":1}          names in order of their UTF-16 units, as RFC 8785 has them
 *   new Set(['b', 'a'])           ~{"~Set":["a","b"]}          members and entries in order of their own text
 *   '~x', ''                      ~"~x", ~""                   text that looks like neither
 *
 * What JSON does not know is an object with one name that begins with a tilde; other names that begin so get one more. The
 * encoding is this file's own, down to the last character, and pinned by a spec: a key that came out differently after an
 * upgrade would be another item.
 *
 * Invariant: different values have different keys, but for what is said to be equal: the order of names, entries and
 * members; -0 and 0; shared references and copies; objects with and without a prototype; the stack of an error; where a
 * RegExp's next match begins.
 */
import { DecodeError, KeyError, UnsupportedValueError } from './errors.js';
import { kindOf } from './kinds.js';
import { bareError } from './knot.js';
import { setOwn } from './names.js';
import { isWellFormed } from './plain.js';

const mark = '~';
const nestingMax = 500;
/** Characters after which the rest of a key that is too long is not worked out. */
const charactersMax = 65_536;
const keyBytesMaxDefault = 2_048;

/**
 * The canonical text of `value`.
 *
 * @param bytesMax bytes of UTF-8 that the key may have: 2,048 for a partition key, 1,024 for a sort key
 * @throws {KeyError} `ERR_KEY`: `undefined`, or too long
 * @throws {UnsupportedValueError} `ERR_UNSUPPORTED_VALUE`: something without a stored form, or a cycle, in it
 *
 * @example
 * ```ts
 * import { encodeKey } from 'leyden-jar/codec';
 * console.log(encodeKey({ room: 7, day: 'mon' })); // ~{"day":"mon","room":7}
 * ```
 */
export function encodeKey(value: unknown, bytesMax: number = keyBytesMaxDefault): string {
  if (value === undefined) throw new KeyError('undefined names nothing');
  const isPlain = typeof value === 'string' && value !== '' && !value.startsWith(mark) && isWellFormed(value);
  const text = isPlain ? (value as string) : mark + new Writer(bytesMax).write(value);
  const bytes = Buffer.byteLength(text);
  if (bytes > bytesMax) throw tooLong(bytes, bytesMax);
  return text;
}

/**
 * The value of a key that `encodeKey` made.
 *
 * @throws {DecodeError} `ERR_DECODE`, reason `foreign`: it did not make this one
 */
export function decodeKey(text: string): unknown {
  if (text !== '' && !text.startsWith(mark) && isWellFormed(text)) return text;
  try {
    const value = read(JSON.parse(text.slice(mark.length)) as unknown);
    if (encodeKey(value, Number.POSITIVE_INFINITY) === text) return value;
  } catch {
    // What is behind it says nothing that the key does not show.
  }
  throw new DecodeError(text, 'foreign', 'not a canonical key');
}

class Writer {
  readonly #path: string[] = ['key'];
  readonly #around: object[] = [];
  readonly #bytesMax: number;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  write(value: unknown): string {
    switch (typeof value) {
      case 'string':
        return JSON.stringify(value);
      case 'number':
        return Number.isFinite(value) ? JSON.stringify(value) : tagged('number', JSON.stringify(String(value)));
      case 'boolean':
        return String(value);
      case 'bigint':
        return tagged('bigint', JSON.stringify(String(value)));
      case 'undefined':
        return tagged('undefined', 'null');
      case 'object':
        return value === null ? 'null' : this.#writeObject(value);
      default:
        throw this.#unsupported(`a ${typeof value} has no stored form`);
    }
  }

  #writeObject(value: object): string {
    if (this.#around.includes(value)) throw this.#unsupported('a key cannot hold itself');
    if (this.#around.length >= nestingMax) throw this.#unsupported(`nested more than ${nestingMax} levels deep`);
    this.#around.push(value);
    try {
      const text = this.#writeKind(value);
      this.#around.pop();
      return text;
    } catch (error) {
      if (error instanceof UnsupportedValueError || error instanceof KeyError) throw error;
      throw this.#unsupported('reading it failed', error);
    }
  }

  #writeKind(value: object): string {
    const kind = kindOf(value);
    if (typeof kind !== 'string') throw this.#unsupported(kind.reason);
    switch (kind) {
      case 'array':
        return `[${this.#join((value as unknown[]).map((element, index) => () => this.#step(`[${index}]`, element)))}]`;
      case 'object':
        return `{${this.#members(value as Record<string, unknown>)}}`;
      case 'Map': {
        const entries = Array.from(value as Map<unknown, unknown>, (entry, at) =>
          this.#step(`.entries()[${at}]`, entry),
        );
        return tagged(kind, `[${this.#join(entries.sort().map((text) => () => text))}]`);
      }
      case 'Set': {
        const members = Array.from(value as Set<unknown>, (member, at) => this.#step(`.values()[${at}]`, member));
        return tagged(kind, `[${this.#join(members.sort().map((text) => () => text))}]`);
      }
      case 'Error': {
        const { name, message, cause } = value as Error;
        return tagged(kind, `{${this.#members(cause === undefined ? { name, message } : { name, message, cause })}}`);
      }
      case 'Date': {
        const time = value as Date;
        return tagged(kind, Number.isNaN(time.getTime()) ? 'null' : JSON.stringify(time.toISOString()));
      }
      case 'RegExp': {
        const { source, flags } = value as RegExp;
        return tagged(kind, JSON.stringify([source, flags]));
      }
      case 'URL':
      case 'URLSearchParams':
        return tagged(kind, JSON.stringify(String(value)));
      case 'ArrayBuffer':
        return tagged(kind, JSON.stringify(Buffer.from(value as ArrayBuffer).toString('base64')));
      default: {
        const view = value as Float64Array | DataView;
        const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength);
        return tagged(view[Symbol.toStringTag], JSON.stringify(bytes.toString('base64')));
      }
    }
  }

  #members(object: Record<string, unknown>): string {
    const names = Object.keys(object).sort();
    return this.#join(
      names.map((name) => () => {
        const written = JSON.stringify(name.startsWith(mark) ? mark + name : name);
        return `${written}:${this.#step(`[${JSON.stringify(name)}]`, object[name])}`;
      }),
    );
  }

  /** Joined by commas; given up when it is too long anyway, as a value that holds itself many times over would be. */
  #join(parts: readonly (() => string)[]): string {
    let text = '';
    for (const part of parts) {
      text += text === '' ? part() : `,${part()}`;
      if (text.length > charactersMax && text.length > this.#bytesMax) throw tooLong(text.length, this.#bytesMax);
    }
    return text;
  }

  #step(way: string, value: unknown): string {
    this.#path.push(way);
    const text = this.write(value);
    this.#path.pop();
    return text;
  }

  #unsupported(reason: string, cause?: unknown): UnsupportedValueError {
    return new UnsupportedValueError(this.#path.join(''), reason, cause);
  }
}

function tooLong(bytes: number, bytesMax: number): KeyError {
  return new KeyError(`${bytes} bytes or more; a key here has at most ${bytesMax}`, { bytes, bytesMax });
}

function tagged(tag: string, json: string): string {
  return `{"${mark}${tag}":${json}}`;
}

/** Leniently: the caller encodes the result again and compares. */
function read(json: unknown): unknown {
  if (typeof json !== 'object' || json === null) return json;
  if (Array.isArray(json)) return json.map(read);
  const names = Object.keys(json);
  const first = names[0];
  if (names.length === 1 && first !== undefined && first.startsWith(mark) && !first.startsWith(mark + mark)) {
    const reader = readers[first.slice(mark.length)];
    if (reader === undefined) throw new Error('an unknown tag');
    return reader((json as Record<string, unknown>)[first] as never);
  }
  const object = {};
  for (const name of names) {
    setOwn(
      object,
      name.startsWith(mark) ? name.slice(mark.length) : name,
      read((json as Record<string, unknown>)[name]),
    );
  }
  return object;
}

const views: readonly (new (buffer: ArrayBuffer) => ArrayBufferView)[] = [
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
  DataView,
];

const readers: Readonly<Record<string, (content: never) => unknown>> = Object.assign(Object.create(null), {
  undefined: () => undefined,
  number: (text: string) => Number(text),
  bigint: (text: string) => BigInt(text),
  Map: (entries: readonly unknown[]) => new Map(entries.map((entry) => read(entry) as [unknown, unknown])),
  Set: (members: readonly unknown[]) => new Set(members.map(read)),
  Error: (fields: { readonly name: string; readonly message: string; readonly cause?: unknown }) =>
    bareError(fields.name, fields.message, fields.cause === undefined ? undefined : { cause: read(fields.cause) }),
  Date: (text: string | null) => new Date(text ?? Number.NaN),
  RegExp: ([source, flags]: readonly [string, string]) => new RegExp(source, flags),
  URL: (text: string) => new URL(text),
  URLSearchParams: (text: string) => new URLSearchParams(text),
  ArrayBuffer: (text: string) => bytesOf(text),
  ...Object.fromEntries(views.map((View) => [View.name, (text: string) => new View(bytesOf(text))])),
});

function bytesOf(text: string): ArrayBuffer {
  return new Uint8Array(Buffer.from(text, 'base64')).buffer;
}
