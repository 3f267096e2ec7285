/**
 * A way into a value, one step after the other: property names, list indexes, keys of a Map. Pure.
 *
 *   put(whole, [a, b], 1)      whole'            copies of what lies on the way,
 *                              |    \            all else is the very same objects:
 *                              a'    others      frozen ones of ours are not walked again
 *                              |
 *                              b: 1
 *
 * A step looks at own properties only, so `__proto__` and its like are names as any other.
 */
import { types } from 'node:util';
import { pathStep, setOwn } from '../../codec/index.js';

/** The name of a property, the index in a list, or the key of a Map. */
export type PathStep = string | number;

/** Where a path leads, and of which atom, for messages. */
export interface Trail {
  readonly key: string;
  readonly steps: readonly PathStep[];
}

/** What `take` left: the whole without the part, and whether there was one. */
export interface Taken {
  readonly whole: unknown;
  readonly taken: boolean;
}

/** The path as one would write it in code. */
export function pathText(path: readonly PathStep[]): string {
  return path.map((step) => (typeof step === 'number' ? `[${step}]` : pathStep(step))).join('');
}

/** @throws TypeError for what leads nowhere. */
export function requirePath(key: string, path: readonly unknown[]): asserts path is readonly PathStep[] {
  if (path.length === 0) throw new TypeError(`Cannot focus atom ${key}: a path must have steps: none`);
  for (const step of path) {
    if (typeof step === 'string' || (Number.isSafeInteger(step) && (step as number) >= 0)) continue;
    const given = typeof step === 'number' ? String(step) : typeof step;
    throw new TypeError(`Cannot focus atom ${key}: a step must be a property name or a list index: ${given}`);
  }
}

/** The part at the end of the path; `undefined` where there is none. */
export function look(whole: unknown, trail: Trail): unknown {
  let part = whole;
  for (let depth = 0; depth < trail.steps.length; depth += 1) part = child(part, trail, depth);
  return part;
}

/** The whole with another part at the end of the path. Missing parents are made, as objects. */
export function put(whole: unknown, trail: Trail, part: unknown): unknown {
  return putAt(whole, trail, 0, part);
}

/** The whole without what is at the end of the path. */
export function take(whole: unknown, trail: Trail): Taken {
  const { key, steps } = trail;
  const parents = { key, steps: steps.slice(0, -1) };
  const parent = look(whole, parents);
  // Refuses what has no parts.
  const part = child(parent, trail, steps.length - 1);
  const last = steps.at(-1) as PathStep;
  if (parent === undefined || parent === null) return { whole, taken: false };
  const taken = types.isMap(parent) ? parent.has(last) : part !== undefined || Object.hasOwn(parent, last);
  if (!taken) return { whole, taken };
  if (Array.isArray(parent)) {
    const reason = 'that would move the elements behind it, or leave a hole; swap the list that holds it';
    throw new TypeError(`Cannot take ${pathText(steps)} of atom ${key} out of its list: ${reason}`);
  }
  return { whole: put(whole, parents, without(parent, last)), taken };
}

function putAt(whole: unknown, trail: Trail, depth: number, part: unknown): unknown {
  const step = trail.steps[depth];
  if (step === undefined) return part;
  const before = child(whole, trail, depth);
  const after = putAt(before, trail, depth + 1, part);
  if (whole === undefined || whole === null) {
    if (typeof step === 'string') return withProperty({}, step, after);
    const reason = 'is missing, and would be made as an object; store the list first';
    throw new TypeError(unreachable(trail, depth, reason));
  }
  if (Object.is(before, after)) return whole;
  if (types.isMap(whole)) return new Map(whole).set(step, after);
  if (!Array.isArray(whole)) return withProperty({ ...whole }, String(step), after);
  if ((step as number) > whole.length) {
    throw new RangeError(unreachable(trail, depth, `has ${whole.length} elements, and no list has holes`));
  }
  const list = [...whole];
  list[step as number] = after;
  return list;
}

function child(parent: unknown, trail: Trail, depth: number): unknown {
  const step = trail.steps[depth] as PathStep;
  if (parent === undefined || parent === null) return undefined;
  if (types.isMap(parent)) return parent.get(step);
  const isList = Array.isArray(parent);
  if (isList ? typeof step === 'number' : isObject(parent)) {
    return Object.hasOwn(parent, step) ? (parent as Record<PathStep, unknown>)[step] : undefined;
  }
  const found = isList ? 'is a list, which has indexes only' : `is ${sortOf(parent)}, which has no parts`;
  throw new TypeError(unreachable(trail, depth, `${found}; take another path, or a lens`));
}

/** Why the step at `depth` can't be made, by what is to be said of the part before it. */
function unreachable({ key, steps }: Trail, depth: number, reason: string): string {
  const before = depth === 0 ? 'the value' : pathText(steps.slice(0, depth));
  return `Cannot reach ${pathText(steps)} of atom ${key}: ${before} ${reason}`;
}

function without(parent: object, step: PathStep): object {
  if (!types.isMap(parent)) return Object.fromEntries(Object.entries(parent).filter(([name]) => name !== String(step)));
  const map = new Map(parent);
  map.delete(step);
  return map;
}

function withProperty(object: object, name: string, value: unknown): object {
  setOwn(object, name, value);
  return object;
}

function isObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function sortOf(value: unknown): string {
  if (typeof value !== 'object') return `a ${typeof value}`;
  const maker: unknown = (value as { constructor?: { name?: unknown } }).constructor?.name;
  return typeof maker === 'string' && maker !== '' ? `of class ${maker}` : 'an object of another kind';
}
