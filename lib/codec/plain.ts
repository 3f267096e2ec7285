/**
 * The fast way: plain JSON, copied once into frozen objects of our own.
 *
 *   {…v, n: 2}     ->  fresh frozen root ── n: 2
 *                                      └─── list ──> the very subtree of v: ours already, taken as it is
 *
 * Plain is what DynamoDB's native types hold exactly: objects without a class, dense arrays, well-formed strings,
 * booleans, `null`, and finite numbers in range except -0. {@link copyPlain} answers {@link notPlain} for anything else,
 * and never half-way: what it returns is deeply frozen, and shares nothing with the caller that anyone could still change.
 *
 * A container that is frozen all the way down is taken as it is. Large ones of ours are remembered with their size, so that
 * they need no walk, and so that a value that holds itself a thousand times over by shared references is noticed by
 * arithmetic. Small ones are walked again, which costs less than remembering them.
 *
 * A cycle ends at the depth bound, as `notPlain`; the thorough way (`copy.ts`) knows cycles.
 */

import { types } from 'node:util';

/** JSON as this folder sees it. In forms that are not plain, bytes are leaves too. */
export type Json = string | number | boolean | null | Uint8Array | readonly Json[] | { readonly [name: string]: Json };

/** The answer of {@link copyPlain} for a value that has more than plain JSON in it. */
export const notPlain: unique symbol = Symbol('not plain');

/** Nodes of one plain value that are walked without a thought for shared references. */
const nodesMaxQuick = 500_000;
/** Nodes of one plain value. A value with more goes the thorough way, which takes shared references for what they are. */
const nodesMaxLarge = 32_000_000;
/** Ours of fewer nodes are not remembered. */
const nodesRemembered = 16;
/** Bytes of one nested name ("Constraints in Amazon DynamoDB": names are up to 64 KB). */
export const nameBytesMax = 65_535;
/** Decimal exponents that a DynamoDB number can have: 1E-130 to 9.99…E+125. */
const numberMax = 1e126;
const numberMin = 1e-130;

interface Extent {
  readonly nodes: number;
  readonly depth: number;
}

/** Frozen trees, by their root, each with its extent. */
const ours = new WeakMap<object, Extent>();

/** Counts of the walk that is going on; walks do not nest, they are synchronous and call nothing of the caller's but getters of a proxy. */
interface Walk {
  nodes: number;
  /** Deepest level reached, the root's children being level 1. */
  deepest: number;
  readonly depthMax: number;
  readonly nodesMax: number;
  /** Containers that were met, in a walk that minds shared references. */
  readonly seen: Set<object> | undefined;
  /** Nodes below containers that were met before. */
  repeated: number;
}

/** Whether DynamoDB's number holds `value` exactly. -0 is not among them. */
export function isPlainNumber(value: number): boolean {
  if (value === 0) return !Object.is(value, -0);
  const magnitude = Math.abs(value);
  return magnitude < numberMax && magnitude >= numberMin;
}

/** Whether UTF-8 holds `text` exactly: no half of a surrogate pair stands alone. */
export function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed();
}

/** Whether a name may stand in a native map as it is. See `names.ts` for the others. */
export function isPlainName(name: string): boolean {
  if (name === '' || name === '__proto__' || !isWellFormed(name)) return false;
  // A unit of UTF-16 takes up to three bytes of UTF-8.
  return name.length <= nameBytesMax / 3 || Buffer.byteLength(name) <= nameBytesMax;
}

/**
 * Copies plain JSON into deeply frozen objects of ours.
 *
 * @param depthMax containers that may nest
 * @returns `notPlain` when `value` holds, anywhere, what is not plain JSON. A proxy's own error passes through.
 */
export function copyPlain(value: unknown, depthMax: number): Json | typeof notPlain {
  const quick: Walk = { nodes: 0, deepest: 0, depthMax, nodesMax: nodesMaxQuick, seen: undefined, repeated: 0 };
  const copied = copy(value, 0, quick);
  if (copied !== notPlain || quick.nodes <= nodesMaxQuick) return copied;
  // Large, or small and held a thousand times over by itself: only a walk that remembers where it was can tell.
  return copy(value, 0, { ...quick, nodes: 0, deepest: 0, nodesMax: nodesMaxLarge, seen: new Set() });
}

function copy(value: unknown, depth: number, walk: Walk): Json | typeof notPlain {
  switch (typeof value) {
    case 'string':
      return isWellFormed(value) ? value : notPlain;
    case 'number':
      return isPlainNumber(value) ? value : notPlain;
    case 'boolean':
      return value;
    case 'object':
      if (value === null) return null;
      return copyContainer(value, depth + 1, walk);
    default:
      return notPlain;
  }
}

function copyContainer(value: object, depth: number, walk: Walk): Json | typeof notPlain {
  if (walk.seen === undefined) return copyInto(value, depth, walk);
  if (!walk.seen.has(value)) {
    walk.seen.add(value);
    return copyInto(value, depth, walk);
  }
  const { nodes, repeated } = walk;
  const copied = copyInto(value, depth, walk);
  walk.repeated = repeated + walk.nodes - nodes;
  // As many copies as there is of the rest are taken, for the sake of a constant here and there.
  return walk.repeated > nodesMaxQuick + (walk.nodes - walk.repeated) ? notPlain : copied;
}

function copyInto(value: object, depth: number, walk: Walk): Json | typeof notPlain {
  const extent = ours.get(value);
  if (extent !== undefined) {
    walk.nodes += extent.nodes;
    if (depth + extent.depth - 1 > walk.deepest) walk.deepest = depth + extent.depth - 1;
    return walk.nodes > walk.nodesMax || walk.deepest > walk.depthMax ? notPlain : (value as Json);
  }
  if (depth > walk.depthMax || walk.nodes > walk.nodesMax) return notPlain;
  const nodesBefore = walk.nodes;
  const deepestBefore = walk.deepest;
  walk.deepest = depth;
  const copied = Array.isArray(value) ? copyArray(value, depth, walk) : copyObject(value, depth, walk);
  if (copied === notPlain) return notPlain;
  const nodes = walk.nodes - nodesBefore;
  if (nodes >= nodesRemembered) ours.set(copied as object, { nodes, depth: walk.deepest - depth + 1 });
  if (walk.deepest < deepestBefore) walk.deepest = deepestBefore;
  return copied;
}

function copyArray(array: readonly unknown[], depth: number, walk: Walk): readonly Json[] | typeof notPlain {
  if (Object.getPrototypeOf(array) !== Array.prototype) return notPlain;
  // Neither holes nor names beside the indexes, as `RegExp.prototype.exec` leaves them.
  const length = array.length;
  if (Object.keys(array).length !== length || Object.getOwnPropertySymbols(array).length > 0) return notPlain;
  walk.nodes += 1 + length;
  const copied = new Array<Json>(length);
  let same = isFixed(array);
  for (let index = 0; index < length; index += 1) {
    const element = array[index];
    const kept = copy(element, depth, walk);
    if (kept === notPlain) return notPlain;
    if (kept !== element) same = false;
    copied[index] = kept;
  }
  return same ? (array as readonly Json[]) : Object.freeze(copied);
}

function copyObject(object: object, depth: number, walk: Walk): Json | typeof notPlain {
  if (Object.getPrototypeOf(object) !== Object.prototype) return notPlain;
  const names = Object.getOwnPropertyNames(object);
  walk.nodes += 1 + names.length;
  if (Object.getOwnPropertySymbols(object).length > 0) return notPlain;
  for (const name of names) {
    const property = Object.getOwnPropertyDescriptor(object, name);
    if (property === undefined || property.get !== undefined || !property.enumerable) return notPlain;
  }
  // The spread copies the shape in one step and reads each property once; what is a container is then replaced. What the
  // walk goes by is the copy: a proxy may have told other names before.
  let copied = (isFixed(object) ? object : freshCopy(object)) as Record<string, unknown>;
  for (const name of Object.keys(copied)) {
    if (!isPlainName(name)) return notPlain;
    const member = copied[name];
    const kept = copy(member, depth, walk);
    if (kept === notPlain) return notPlain;
    if (kept === member) continue;
    if (copied === object) copied = freshCopy(copied);
    copied[name] = kept;
  }
  return (copied === object ? object : Object.freeze(copied)) as Json;
}

/**
 * The same properties in a fresh object, each read once.
 *
 * The prototype is named for V8's sake. An object that begins with a spread gets a hidden class of its own when it is frozen,
 * which takes microseconds and 400 bytes.
 */
function freshCopy(object: object): Record<string, unknown> {
  return { __proto__: Object.prototype, ...object };
}

/** Whether nobody can change the container itself any more. A proxy is not believed: it can still be revoked. */
function isFixed(container: object): boolean {
  return Object.isFrozen(container) && !types.isProxy(container);
}

/**
 * The same for what was just parsed from JSON text and is nobody else's: it is frozen where it lies, in half the time and memory.
 *
 * @returns `notPlain` when it holds what is not plain JSON; then some of it is frozen, and it is of no use any more.
 */
export function freezeParsed(parsed: unknown, depthMax: number): Json | typeof notPlain {
  const walk: Walk = { nodes: 0, deepest: 0, depthMax, nodesMax: nodesMaxLarge, seen: undefined, repeated: 0 };
  return freeze(parsed, 0, walk) ? (parsed as Json) : notPlain;
}

function freeze(value: unknown, depth: number, walk: Walk): boolean {
  if (typeof value === 'string') return isWellFormed(value);
  if (typeof value === 'number') return isPlainNumber(value);
  if (typeof value !== 'object' || value === null) return value === null || typeof value === 'boolean';
  const nodesBefore = walk.nodes;
  const deepestBefore = walk.deepest;
  const level = depth + 1;
  if (level > walk.depthMax) return false;
  walk.deepest = level;
  if (Array.isArray(value)) {
    walk.nodes += 1 + value.length;
    for (const element of value as unknown[]) if (!freeze(element, level, walk)) return false;
  } else {
    const names = Object.keys(value);
    walk.nodes += 1 + names.length;
    for (const name of names) {
      if (!isPlainName(name) || !freeze((value as Record<string, unknown>)[name], level, walk)) return false;
    }
  }
  seal(value, walk.nodes - nodesBefore, walk.deepest - depth);
  if (walk.deepest < deepestBefore) walk.deepest = deepestBefore;
  return true;
}

/** Freezes a container that was just decoded from plain parts of ours, and remembers it. */
export function seal<Container extends object>(container: Container, nodes: number, depth: number): Container {
  if (nodes >= nodesRemembered) ours.set(container, { nodes, depth });
  return Object.freeze(container);
}
