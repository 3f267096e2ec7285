/**
 * Conditions of a commute: what a caller asks for by `when`, taken in and checked, and whether a value satisfies it.
 *
 *   { atMost: { used: 4 }, absent: { holders: { me: true } } }   ->   used <= 4, nothing at [holders, me]
 *
 * A condition looks at own properties of objects alone: in a list, a Set or a Date there are no places, so nothing stands there. It
 * never is an error of the value: what is of another type does not satisfy it. `condition-expression.ts` asks the store the same.
 */
import { nativeNestingMax } from '../../codec/index.js';
import { pathText } from '../focus/part-path.js';
import { isObject, type Place, wrongArgument } from './commute.js';

/** What is asked of a place, in the order in which it is documented. */
const tests = ['is', 'atMost', 'atLeast', 'absent', 'present'] as const;

type Test = (typeof tests)[number];

/** What has no parts and equals what looks alike. */
type Scalar = string | number | boolean | bigint | null;

/** One condition at one place. */
export type Clause =
  | { readonly test: 'is'; readonly path: Place; readonly operand: Scalar }
  | { readonly test: 'atMost' | 'atLeast'; readonly path: Place; readonly bound: number | bigint }
  | { readonly test: 'absent' | 'present'; readonly path: Place };

/**
 * Takes in what a caller asks for. A condition that is left out by mistake would be none, so `undefined` is refused, and so is what
 * names no place.
 *
 * @throws TypeError for what is no condition
 */
export function readConditions(key: string, asked: unknown): readonly Clause[] {
  const reader = new Reader(key);
  if (!isObject(asked)) throw reader.wrong('when', [], 'must be an object such as { atMost: … }', asked);
  for (const name of Object.keys(asked)) {
    const test = tests.find((one) => one === name);
    if (test === undefined) throw reader.wrong('when', [], `must be of ${tests.join(', ')}`, name);
    reader.read(test, (asked as Record<string, unknown>)[name], []);
  }
  if (reader.clauses.length === 0) throw reader.wrong('when', [], 'must have a condition', asked);
  return reader.clauses;
}

/** Whether a value satisfies all of them; `undefined` stands for no value. */
export function satisfies(value: unknown, clauses: readonly Clause[]): boolean {
  return clauses.every((clause) => holdsOf(valueAt(value, clause.path), clause));
}

function holdsOf(found: unknown, clause: Clause): boolean {
  switch (clause.test) {
    case 'is':
      return found === clause.operand;
    case 'atMost':
    case 'atLeast': {
      const { test, bound } = clause;
      const zero = typeof bound === 'bigint' ? 0n : 0;
      const number = found === undefined ? zero : found;
      if (typeof number !== typeof bound) return false;
      return test === 'atMost' ? (number as typeof bound) <= bound : (number as typeof bound) >= bound;
    }
    case 'absent':
      return found === undefined;
    case 'present':
      return found !== undefined;
  }
}

function valueAt(value: unknown, path: Place): unknown {
  let found = value;
  for (const name of path) {
    if (!isObject(found) || !Object.hasOwn(found, name)) return undefined;
    found = (found as Record<string, unknown>)[name];
  }
  return found;
}

class Reader {
  readonly clauses: Clause[] = [];
  readonly #key: string;

  constructor(key: string) {
    this.#key = key;
  }

  read(test: Test, given: unknown, path: Place): void {
    if (!isObject(given)) {
      this.clauses.push(this.#clauseOf(test, given, path));
      return;
    }
    const names = Object.keys(given);
    if (names.length === 0) throw this.wrong(test, path, 'must name a place', given);
    if (path.length >= nativeNestingMax) {
      throw this.wrong(test, path, `must not be nested deeper than ${nativeNestingMax} levels`, given);
    }
    for (const name of names) this.read(test, (given as Record<string, unknown>)[name], [...path, name]);
  }

  #clauseOf(test: Test, given: unknown, path: Place): Clause {
    switch (test) {
      case 'is':
        if (!isScalar(given))
          throw this.wrong(test, path, 'must be a text, a finite number, a boolean, a bigint or null', given);
        // 0 is -0.
        return { test, path, operand: typeof given === 'number' ? given + 0 : given };
      case 'atMost':
      case 'atLeast':
        if (typeof given === 'bigint') return { test, path, bound: given };
        if (typeof given !== 'number' || !(Math.abs(given) <= Number.MAX_SAFE_INTEGER)) {
          throw this.wrong(test, path, 'must be a number within the safe integers, or a bigint', given);
        }
        return { test, path, bound: given + 0 };
      case 'absent':
      case 'present':
        if (given !== true) throw this.wrong(test, path, 'must be true', given);
        return { test, path };
    }
  }

  wrong(test: string, path: Place, rule: string, given: unknown): TypeError {
    return wrongArgument(this.#key, `${test}${pathText(path)}`, rule, given);
  }
}

function isScalar(value: unknown): value is Scalar {
  if (typeof value === 'number') return Number.isFinite(value);
  return value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint';
}
