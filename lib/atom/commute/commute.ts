/**
 * Changes that never conflict: what a caller of `commute` asks for, taken in and checked.
 *
 *   { add: { stats: { views: 2 } } }   ->   add 2 at [stats, views]
 *
 * Each change is one verb, one place and our own copy of what it is made with. How it is made is told twice, and both must
 * agree: `commute-apply.ts` makes it of a value, `commute-expression.ts` has the store make it of the item.
 */
import { type Held, hold, nativeNestingMax } from '../../codec/index.js';
import { pathText } from '../focus/part-path.js';

/** The verbs, in the order in which they are documented. */
const verbs = ['add', 'append', 'union', 'difference', 'setIfAbsent', 'remove'] as const;

/** What a change does. */
type Verb = (typeof verbs)[number];

/** A place: property names, from the outside in. */
export type Place = readonly string[];

/** One change at one place. */
export type Change =
  | { readonly verb: 'add'; readonly path: Place; readonly delta: number | bigint }
  | { readonly verb: 'append'; readonly path: Place; readonly elements: readonly Held[] }
  /** `asSet`: what is missing is made as a Set. */
  | {
      readonly verb: 'union' | 'difference';
      readonly path: Place;
      readonly elements: readonly Held[];
      readonly asSet: boolean;
    }
  | { readonly verb: 'setIfAbsent'; readonly path: Place; readonly value: Held }
  | { readonly verb: 'remove'; readonly path: Place };

/** Places that were named, and whether another one may be named beside them. */
export class Places {
  readonly #named = new Set<string>();
  readonly #above = new Set<string>();

  /** `same`: named before; `overlaps`: one lies within the other. */
  name(path: Place): 'new' | 'same' | 'overlaps' {
    const text = JSON.stringify(path);
    if (this.#named.has(text)) return 'same';
    if (this.#above.has(text)) return 'overlaps';
    const parents = path.map((_, depth) => JSON.stringify(path.slice(0, depth)));
    if (parents.some((parent) => this.#named.has(parent))) return 'overlaps';
    this.#named.add(text);
    for (const parent of parents) this.#above.add(parent);
    return 'new';
  }
}

/**
 * Takes in what a caller asks for. Its owner may change it afterwards.
 *
 * @throws TypeError for what is no change; `UnsupportedValueError` for what cannot be stored.
 */
export function readChanges(key: string, asked: unknown): readonly Change[] {
  const reader = new Reader(key);
  if (!isObject(asked)) throw reader.wrong('changes', [], 'must be an object such as { add: … }', asked);
  for (const name of Object.keys(asked)) {
    const verb = verbs.find((one) => one === name);
    if (verb === undefined) throw reader.wrong(name, [], `must be one of ${verbs.join(', ')}`, name);
    const given = (asked as Record<string, unknown>)[name];
    if (given === undefined) continue;
    if (verb === 'remove' && Array.isArray(given)) reader.readPaths(given);
    else reader.read(verb, given, []);
  }
  return reader.changes;
}

class Reader {
  readonly changes: Change[] = [];
  readonly #key: string;
  readonly #places = new Places();

  constructor(key: string) {
    this.#key = key;
  }

  read(verb: Verb, given: unknown, path: Place): void {
    if (isObject(given) && (verb !== 'setIfAbsent' || path.length === 0 || Object.keys(given).length > 0)) {
      if (path.length >= nativeNestingMax) {
        throw this.wrong(verb, path, `must not be nested deeper than ${nativeNestingMax} levels`, given);
      }
      for (const name of Object.keys(given)) {
        const member = (given as Record<string, unknown>)[name];
        if (member !== undefined) this.read(verb, member, [...path, name]);
      }
    } else this.#take(this.#changeOf(verb, given, path));
  }

  readPaths(paths: readonly unknown[]): void {
    for (const path of paths) {
      if (!Array.isArray(path) || !path.every((name) => typeof name === 'string')) {
        throw this.wrong('remove', [], 'must be given paths, which are lists of property names', path);
      }
      this.#take(this.#changeOf('remove', true, [...path]));
    }
  }

  #changeOf(verb: Verb, given: unknown, path: Place): Change {
    switch (verb) {
      case 'add':
        if (typeof given === 'bigint') return { verb, path, delta: given };
        if (typeof given !== 'number' || !(Math.abs(given) <= Number.MAX_SAFE_INTEGER)) {
          throw this.wrong(verb, path, 'must be a number within the safe integers, or a bigint', given);
        }
        return { verb, path, delta: given + 0 };
      case 'append':
        if (!Array.isArray(given)) throw this.wrong(verb, path, 'must be a list', given);
        return { verb, path, elements: held(given) };
      case 'union':
      case 'difference':
        if (!Array.isArray(given) && !(given instanceof Set)) {
          throw this.wrong(verb, path, 'must be a list or a Set', given);
        }
        return { verb, path, elements: held([...given]), asSet: given instanceof Set };
      case 'setIfAbsent':
        return { verb, path, value: hold(given) };
      case 'remove':
        if (given !== true) throw this.wrong(verb, path, 'must be true', given);
        if (path.length === 0) throw this.wrong(verb, path, 'must name a property; use delete() for the value', given);
        return { verb, path };
    }
  }

  #take(change: Change): void {
    if (this.#places.name(change.path) === 'new') {
      // Nothing to put in or to take out is nothing to do, whatever is there.
      if (!('elements' in change) || change.elements.length > 0) this.changes.push(change);
    } else throw this.wrong(change.verb, change.path, 'must not be within another place of the same call', change.verb);
  }

  wrong(verb: string, path: Place, rule: string, given: unknown): TypeError {
    return wrongArgument(this.#key, `${verb}${pathText(path)}`, rule, given);
  }
}

/** What is thrown for an argument that breaks a rule. */
export function wrongArgument(key: string, what: string, rule: string, given: unknown): TypeError {
  const shown = typeof given === 'object' ? (given === null ? 'null' : 'an object') : String(given);
  return new TypeError(`Cannot commute atom ${key}: ${what} ${rule}: ${shown}`);
}

/** Copies of our own, one by one, as they are compared and stored. */
function held(given: readonly unknown[]): readonly Held[] {
  return given.map((element) => hold(element));
}

/** Whether names lead into it. */
export function isObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
