/**
 * Changes made of a value, here: what a swap does that stands in for a commute, and what the store is expected to do.
 *
 * What lies beside the way to a place stays the very same object. Pure.
 */
import { types } from 'node:util';
import { type Held, hold, setOwn } from '../../codec/index.js';
import { addNumbers } from '../../engine/index.js';
import { pathText } from '../focus/part-path.js';
import { type Change, isObject, type Place } from './commute.js';
import { CommuteError, type CommuteReason } from './commute-errors.js';

/**
 * The value after `changes`; the same value when there was nothing to do. `undefined` stands for no value.
 *
 * @throws {CommuteError} `ERR_COMMUTE`
 */
export function applyChanges(key: string, value: unknown, changes: readonly Change[]): unknown {
  let after = value;
  for (const change of changes) after = new Applier(key, change).at(after, 0);
  return after;
}

/** What to make of a place: a value, `undefined` where there is nothing and stays nothing. */
class Applier {
  readonly #key: string;
  readonly #change: Change;

  constructor(key: string, change: Change) {
    this.#key = key;
    this.#change = change;
  }

  at(value: unknown, depth: number): unknown {
    const { path, verb } = this.#change;
    const name = path[depth];
    if (name === undefined) return this.#made(value);
    const takesAway = verb === 'remove' || verb === 'difference';
    if (!isObject(value)) {
      if (takesAway) return value;
      if (value !== undefined) throw this.#error('no-object', path.slice(0, depth));
      const made = this.at(undefined, depth + 1);
      return made === undefined ? undefined : withMember({}, name, made);
    }
    const isThere = Object.hasOwn(value, name);
    if (verb === 'remove' && depth === path.length - 1) return isThere ? withoutMember(value, name) : value;
    const before = isThere ? (value as Record<string, unknown>)[name] : undefined;
    const after = this.at(before, depth + 1);
    return Object.is(before, after) ? value : withMember({ ...value }, name, after);
  }

  #made(current: unknown): unknown {
    const change = this.#change;
    switch (change.verb) {
      case 'add':
        return this.#sum(current, change.delta);
      case 'append':
        if (current !== undefined && !Array.isArray(current)) throw this.#error('not-a-list');
        return [...((current as readonly unknown[] | undefined) ?? []), ...change.elements.map((one) => one.hand())];
      case 'union':
        return this.#union(current, change.elements, change.asSet);
      case 'difference': {
        if (current === undefined) return undefined;
        const gone = new Members(change.elements.map((one) => one.hand()));
        const members = this.#membersOf(current);
        const left = members.filter((one) => !gone.has(one));
        return left.length === members.length ? current : likewise(current, left);
      }
      case 'setIfAbsent':
        return current === undefined ? change.value.hand() : current;
      case 'remove':
        return undefined;
    }
  }

  #sum(current: unknown, delta: number | bigint): number | bigint {
    if (current === undefined) return delta;
    if (typeof current === 'bigint' && typeof delta === 'bigint') return current + delta;
    if (typeof current !== 'number' || typeof delta !== 'number') throw this.#error('not-a-number');
    const sum = sumOf(current, delta);
    if (!(Math.abs(sum) <= Number.MAX_SAFE_INTEGER)) throw this.#error('unsafe-number');
    return sum;
  }

  #union(current: unknown, added: readonly Held[], asSet: boolean): unknown {
    const members = current === undefined ? [] : [...this.#membersOf(current)];
    const known = new Members(members);
    const before = members.length;
    for (const one of added) {
      const member = one.hand();
      if (known.has(member)) continue;
      known.add(member);
      members.push(member);
    }
    if (members.length === before) return current;
    return current === undefined ? (asSet ? new Set(members) : members) : likewise(current, members);
  }

  #membersOf(current: unknown): readonly unknown[] {
    if (Array.isArray(current)) return current;
    if (types.isSet(current)) return [...current];
    throw this.#error('not-a-list');
  }

  #error(reason: CommuteReason, path: Place = this.#change.path): CommuteError {
    return new CommuteError(this.#key, this.#change.verb, pathText(path), reason);
  }
}

/** What is in a Set, or in a list taken as one: equal is what is stored alike, and 0 is -0. */
class Members {
  readonly #scalars = new Set<unknown>();
  readonly #others: Held[] = [];

  constructor(members: Iterable<unknown>) {
    for (const one of members) this.add(one);
  }

  add(member: unknown): void {
    if (isScalar(member)) this.#scalars.add(member);
    else this.#others.push(hold(member));
  }

  has(member: unknown): boolean {
    if (isScalar(member)) return this.#scalars.has(member);
    if (this.#others.length === 0) return false;
    const held = hold(member);
    return this.#others.some((one) => one.equals(held));
  }
}

function isScalar(value: unknown): boolean {
  return typeof value !== 'object' || value === null;
}

/** A sum as people make it, which is the store's too: of the decimals that the two numbers are written as. */
export function sumOf(left: number, right: number): number {
  const plain = left + right;
  if (Number.isInteger(left) && Number.isInteger(right)) return plain;
  if (!(Math.abs(left) <= Number.MAX_SAFE_INTEGER)) return plain;
  try {
    return Number(addNumbers(String(left), String(right), 1));
  } catch {
    // More digits than the store keeps.
    return plain;
  }
}

function withoutMember(object: object, gone: string): object {
  const { [gone]: _, ...rest } = object as Record<string, unknown>;
  return rest;
}

function withMember(copy: object, name: string, value: unknown): object {
  setOwn(copy, name, value);
  return copy;
}

function likewise(current: unknown, members: readonly unknown[]): unknown {
  return Array.isArray(current) ? members : new Set(members);
}
