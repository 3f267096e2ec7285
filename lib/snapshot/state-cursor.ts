/**
 * Members of opened containers, one after the other, without a copy of the container.
 *
 *   object      name, value, name, value, …       Map      key, value, key, value, …
 *   array       elements and runs of holes        Set      members
 *   Error       name, message, and cause if there is one
 *
 * A cursor also says where it is, in the words of an error.
 */
import { kindOf, pathStep } from '../codec/index.js';
import { Hole } from './state-text.js';

/** The answer of a cursor that is through. */
export const done: unique symbol = Symbol('done');

/** Walks through the members of one container. */
export interface Cursor {
  /** The next member, or {@link done}. */
  next(): unknown;
  /** The step to the member that was answered last. */
  step(): string;
}

/** Sorts of opened containers; part of the format. */
export type ContainerKind = 'object' | 'null' | 'array' | 'Map' | 'Set' | 'Error';

/** The sort of container and its cursor; `undefined` for a leaf. Throws what `refuse` makes for what cannot be kept. */
export function openContainer(
  object: object,
  refuse: (reason: string, step?: string) => Error,
): { readonly kind: ContainerKind; readonly cursor: Cursor } | undefined {
  const prototype = Object.getPrototypeOf(object) as object | null;
  const requireKind = (probe: object) => {
    const kind = kindOf(probe);
    if (typeof kind === 'string') return kind;
    throw refuse(kind.reason, kind.name === undefined ? undefined : pathStep(kind.name));
  };
  // Of large ones, what is asked about is an empty one of the same class.
  if (Array.isArray(object)) {
    requireKind(Object.setPrototypeOf([], prototype) as object);
    return { kind: 'array', cursor: new ArrayCursor(object) };
  }
  if (prototype === null || prototype === Object.prototype || kindOf(Object.create(prototype) as object) === 'object') {
    const names = Object.keys(object);
    const bare =
      Object.getOwnPropertyNames(object).length === names.length && Object.getOwnPropertySymbols(object).length === 0;
    if (!bare) requireKind(object);
    return {
      kind: prototype === null ? 'null' : 'object',
      cursor: new ObjectCursor(object as Readonly<Record<string, unknown>>, names),
    };
  }
  switch (requireKind(object)) {
    case 'Map':
      return { kind: 'Map', cursor: new MapCursor(object as ReadonlyMap<unknown, unknown>) };
    case 'Set':
      return { kind: 'Set', cursor: new SetCursor(object as ReadonlySet<unknown>) };
    case 'Error': {
      const { name, message, cause } = object as Error;
      return { kind: 'Error', cursor: new ErrorCursor(cause === undefined ? [name, message] : [name, message, cause]) };
    }
    default:
      return undefined;
  }
}

/** A single value, as the root of a walk has it. */
export class RootCursor implements Cursor {
  #value: unknown;

  constructor(value: unknown) {
    this.#value = value;
  }

  next(): unknown {
    const value = this.#value;
    this.#value = done;
    return value;
  }

  step(): string {
    return 'state';
  }
}

class ArrayCursor implements Cursor {
  readonly #array: readonly unknown[];
  #next = 0;
  /** Indexes that exist, from the first hole on. */
  #indexes: readonly string[] | undefined;
  #at = 0;

  constructor(array: readonly unknown[]) {
    this.#array = array;
  }

  next(): unknown {
    const array = this.#array;
    if (this.#next >= array.length) return done;
    const member = array[this.#next];
    if (member === undefined && !(this.#next in array)) return this.#hole();
    this.#next += 1;
    return member;
  }

  step(): string {
    return `[${this.#next - 1}]`;
  }

  #hole(): Hole {
    const from = this.#next;
    this.#indexes ??= Object.keys(this.#array);
    while (this.#at < this.#indexes.length && Number(this.#indexes[this.#at]) <= from) this.#at += 1;
    const next = Number(this.#indexes[this.#at]);
    // Behind the last index there is nothing, or a name.
    this.#next = next < this.#array.length ? next : this.#array.length;
    return new Hole(this.#next - from);
  }
}

class ObjectCursor implements Cursor {
  readonly #object: Readonly<Record<string, unknown>>;
  readonly #names: readonly string[];
  #next = 0;

  constructor(object: Readonly<Record<string, unknown>>, names: readonly string[]) {
    this.#object = object;
    this.#names = names;
  }

  next(): unknown {
    const at = this.#next;
    if (at >= this.#names.length * 2) return done;
    this.#next = at + 1;
    const name = this.#names[at >> 1] as string;
    return at % 2 === 0 ? name : this.#object[name];
  }

  step(): string {
    return pathStep(this.#names[(this.#next - 1) >> 1] as string);
  }
}

class MapCursor implements Cursor {
  readonly #entries: Iterator<[unknown, unknown]>;
  #value: unknown = done;
  #count = 0;

  constructor(map: ReadonlyMap<unknown, unknown>) {
    this.#entries = Map.prototype.entries.call(map);
  }

  next(): unknown {
    if (this.#value !== done) {
      const value = this.#value;
      this.#value = done;
      return value;
    }
    const { done: through, value: entry } = this.#entries.next();
    if (through === true) return done;
    this.#count += 1;
    this.#value = entry[1];
    return entry[0];
  }

  step(): string {
    return `.${this.#value === done ? 'values' : 'keys'}()[${this.#count - 1}]`;
  }
}

class SetCursor implements Cursor {
  readonly #members: Iterator<unknown>;
  #count = 0;

  constructor(set: ReadonlySet<unknown>) {
    this.#members = Set.prototype.values.call(set);
  }

  next(): unknown {
    const { done: through, value } = this.#members.next();
    if (through === true) return done;
    this.#count += 1;
    return value;
  }

  step(): string {
    return `.values()[${this.#count - 1}]`;
  }
}

class ErrorCursor implements Cursor {
  readonly #fields: readonly unknown[];
  #next = 0;

  constructor(fields: readonly unknown[]) {
    this.#fields = fields;
  }

  next(): unknown {
    if (this.#next >= this.#fields.length) return done;
    this.#next += 1;
    return this.#fields[this.#next - 1];
  }

  step(): string {
    return ['.name', '.message', '.cause'][this.#next - 1] as string;
  }
}
