/**
 * The thorough way: a private copy of any supported value, or a refusal that names the place.
 *
 *   caller's value  --copyAll-->  our copy: same graph, same cycles, names escaped  -->  knot.ts, super-json.ts
 *
 * The serializer behind this file drops or bends many things without a word (functions, symbols, classes, holes, buffers,
 * extra fields). All of them are met here first. The copy is made in the one walk that judges, so that a getter, a proxy
 * or a later change by the caller cannot slip something past it.
 *
 * Invariant: what is returned holds only strings, numbers, bigints, booleans, null, undefined, and fresh objects of the
 * kinds of `kinds.ts`, in their bare form.
 */
import { UnsupportedValueError } from './errors.js';
import { kindOf } from './kinds.js';
import { escapeName } from './names.js';
import { isPlainNumber, isWellFormed, nameBytesMax } from './plain.js';

/** Containers that may nest in a value that goes through text. The serializer needs stack for each. */
export const nestingMaxOfText = 500;

/** A private copy of a value, with what was found on the way. */
export interface Copied {
  readonly root: unknown;
  /** Objects of the copy that are reached on more than one way. */
  readonly shared: ReadonlySet<object>;
  /** Whether nothing but plain JSON and bytes is in it, under plain names. */
  readonly bytesOnly: boolean;
}

/**
 * Copies `value`.
 *
 * @throws {UnsupportedValueError} `ERR_UNSUPPORTED_VALUE` where something has no faithful stored form.
 */
export function copyAll(value: unknown): Copied {
  const copier = new Copier();
  const root = copier.copy(value);
  return { root, shared: copier.shared, bytesOnly: copier.bytesOnly };
}

class Copier {
  readonly shared: Set<object> = new Set();
  bytesOnly = true;
  readonly #copies = new Map<object, object>();
  readonly #path: string[] = ['value'];

  copy(value: unknown): unknown {
    switch (typeof value) {
      case 'string':
        if (!isWellFormed(value)) this.bytesOnly = false;
        return value;
      case 'number':
        if (!isPlainNumber(value)) this.bytesOnly = false;
        return value;
      case 'boolean':
        return value;
      case 'undefined':
      case 'bigint':
        this.bytesOnly = false;
        return value;
      case 'object':
        return value === null ? null : this.#copyObject(value);
      default:
        throw this.#unsupported(`a ${typeof value} has no stored form`);
    }
  }

  #copyObject(value: object): object {
    const known = this.#copies.get(value);
    if (known !== undefined) {
      this.shared.add(known);
      return known;
    }
    if (this.#path.length > nestingMaxOfText) {
      throw this.#unsupported(`nested more than ${nestingMaxOfText} levels deep; store it flatter`);
    }
    try {
      return this.#copyKind(value);
    } catch (error) {
      if (error instanceof UnsupportedValueError) throw error;
      throw this.#unsupported('reading it failed', error);
    }
  }

  #copyKind(value: object): object {
    const kind = kindOf(value);
    if (typeof kind !== 'string') {
      if (kind.name !== undefined) this.#path.push(member(kind.name));
      throw this.#unsupported(kind.reason);
    }
    if (kind === 'object') return this.#copyMembers(value as Record<string, unknown>);
    if (kind === 'array') return this.#copyElements(value as readonly unknown[]);
    if (kind !== 'typed array' || !isBytes(value)) this.bytesOnly = false;
    if (kind === 'Map') return this.#copyMap(value as ReadonlyMap<unknown, unknown>);
    if (kind === 'Set') return this.#copySet(value as ReadonlySet<unknown>);
    if (kind === 'Error') return this.#copyError(value as Error);
    return this.#keep(value, copyLeaf(value, kind));
  }

  #copyMembers(object: Record<string, unknown>): object {
    const copied: Record<string, unknown> = this.#keep(object, {});
    for (const name of Object.keys(object)) {
      if (!isWellFormed(name)) throw this.#unsupported('a name with half a surrogate pair');
      const stored = escapeName(name);
      if (Buffer.byteLength(stored) > nameBytesMax) {
        throw this.#unsupported(`a name of ${Buffer.byteLength(stored)} bytes; names have at most ${nameBytesMax}`);
      }
      if (stored !== name) this.bytesOnly = false;
      copied[stored] = this.#step(member(name), object[name]);
    }
    return copied;
  }

  #copyElements(array: readonly unknown[]): object {
    const copied: unknown[] = this.#keep(array, []);
    for (let index = 0; index < array.length; index += 1) copied.push(this.#step(`[${index}]`, array[index]));
    return copied;
  }

  #copyMap(map: ReadonlyMap<unknown, unknown>): object {
    const copied: Map<unknown, unknown> = this.#keep(map, new Map());
    for (const [key, value] of map) {
      const at = copied.size;
      copied.set(this.#step(`.keys()[${at}]`, key), this.#step(`.values()[${at}]`, value));
    }
    return copied;
  }

  #copySet(set: ReadonlySet<unknown>): object {
    const copied: Set<unknown> = this.#keep(set, new Set());
    for (const value of set) copied.add(this.#step(`.values()[${copied.size}]`, value));
    return copied;
  }

  #copyError(error: Error): object {
    const copied: Error = this.#keep(error, new Error(error.message));
    copied.name = error.name;
    if (error.cause !== undefined) copied.cause = this.#step('.cause', error.cause);
    return copied;
  }

  #step(way: string, value: unknown): unknown {
    if (typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol') return this.copy(value);
    this.#path.push(way);
    const copied = this.copy(value);
    this.#path.pop();
    return copied;
  }

  #keep<Copy extends object>(value: object, copied: Copy): Copy {
    this.#copies.set(value, copied);
    return copied;
  }

  #unsupported(reason: string, cause?: unknown): UnsupportedValueError {
    return new UnsupportedValueError(this.#path.join(''), reason, cause);
  }
}

function copyLeaf(value: object, kind: string): object {
  switch (kind) {
    case 'Date':
      return new Date((value as Date).getTime());
    case 'RegExp': {
      const { source, flags, lastIndex } = value as RegExp;
      return Object.assign(new RegExp(source, flags), { lastIndex });
    }
    case 'URL':
      return new URL((value as URL).href);
    case 'URLSearchParams':
      return new URLSearchParams((value as URLSearchParams).toString());
    case 'ArrayBuffer':
      return (value as ArrayBuffer).slice(0);
    case 'DataView': {
      const { buffer, byteOffset, byteLength } = value as DataView<ArrayBuffer>;
      return new DataView(buffer.slice(byteOffset, byteOffset + byteLength));
    }
    default:
      // `slice` of a Buffer is a view, so take the one of the typed arrays; it makes an array of the same class.
      return isBytes(value) ? new Uint8Array(value) : (value as Float64Array).slice();
  }
}

/** Whether `value` is a Uint8Array, a Buffer among them. */
export function isBytes(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && (value as Uint8Array)[Symbol.toStringTag] === 'Uint8Array';
}

/** The step to a member of that name, as one would write it in code. */
export function member(name: string): string {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}
