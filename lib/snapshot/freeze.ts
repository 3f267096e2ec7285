/**
 * Freezing a state as it is made, so that a handler that changes it is caught at once and every time.
 *
 *   {…state, n: 2}   ->  fresh root, frozen now ── n
 *                                             └─── list ──> frozen before, and remembered: not looked at again
 *
 * What is frozen all the way down is remembered, so a state that shares most of its parts with the one before costs only its
 * new parts. An object that its maker froze himself is walked all the same: its insides may not be frozen.
 *
 *   objects, arrays, errors, RegExp   frozen
 *   Map, Set                          methods that change them are covered by hidden ones that throw
 *   Date, URL, URLSearchParams        the same by a prototype: sixteen setters in each Date would cost 160 bytes and 3 µs
 *   bytes                             the language cannot freeze them; {@link FrozenBytes} finds out about changes
 *
 * Bytes are not refused, because events bring them and a state may keep them; copies for each reader would make a query of the
 * state cost its size. `Map.prototype.set.call(…)` is not caught either: who writes that means it.
 *
 * What has no stored form (functions, symbols, instances of classes) is refused here, with the path, and not first by a
 * snapshot hours later. Hidden members and those under symbols are left to the snapshot: to look for them in each object would
 * take longer than all the rest.
 */
import { types } from 'node:util';
import { crc32 } from 'node:zlib';
import { asRefuser, kindOf, pathStep, UnsupportedValueError } from '../codec/index.js';
import { type MarkSet, markSet } from './mark-set.js';

/** Containers and leaves that are frozen all the way down. */
const deeplyFrozen: MarkSet = markSet();

/**
 * Freezes `state` all the way down, and returns it.
 *
 * Cycles are fine. A second call for the same state costs a look-up.
 *
 * @example
 * ```ts
 * import { freezeState } from 'leyden-jar/snapshot';
 * const state = freezeState({ seats: new Map([['1a', 'ann']]) });
 * try {
 *   state.seats.set('1a', 'bob');
 * } catch (error) {
 *   console.log((error as Error).message); // Cannot set in this Map: it belongs to a state; copy it, and change the copy
 * }
 * ```
 *
 * @param bytes takes note of the bytes in it
 * @throws {UnsupportedValueError} `ERR_UNSUPPORTED_VALUE` with the path, for what a state cannot hold. What was frozen until then
 * stays frozen; a later call sees all of it again.
 */
export function freezeState<State>(state: State, bytes?: FrozenBytes): State {
  if (typeof state === 'object' && state !== null) {
    if (isNewAtTheTop(state)) Object.freeze(state);
    else if (!deeplyFrozen.has(state)) freezeAll(state, bytes);
  } else if (typeof state === 'function' || typeof state === 'symbol') {
    throw new UnsupportedValueError('state', `a ${typeof state} has no stored form`);
  }
  return state;
}

/**
 * Whether all members of a plain object are frozen already: the usual case, and the fast one. Such a root is not remembered:
 * that would take longer than to look at its members once more.
 */
function isNewAtTheTop(state: object): boolean {
  if (Object.getPrototypeOf(state) !== Object.prototype) return false;
  for (const name in state) {
    const member = (state as Record<string, unknown>)[name];
    if (typeof member === 'object') {
      if (member !== null && !deeplyFrozen.has(member)) return false;
    } else if (typeof member === 'function' || typeof member === 'symbol') {
      return false;
    }
  }
  return true;
}

/** Freezes without recursion: a list of a hundred thousand nodes has no more right to a stack than a flat one. */
function freezeAll(root: object, bytes: FrozenBytes | undefined): void {
  const pending: object[] = [root];
  // Remembered as soon as it is on the list, for the sake of cycles; forgotten again if the list is not worked off.
  deeplyFrozen.add(root);
  const visit = (member: unknown): void => {
    if (typeof member === 'object') {
      if (member === null || deeplyFrozen.has(member)) return;
      deeplyFrozen.add(member);
      pending.push(member);
    } else if (typeof member === 'function' || typeof member === 'symbol') {
      throw new UnsupportedValueError(pathTo(member, root), `a ${typeof member} has no stored form`);
    }
  };
  try {
    for (let at = 0; at < pending.length; at += 1) freezeOne(pending[at] as object, root, visit, bytes);
  } catch (error) {
    for (const object of pending) deeplyFrozen.delete(object);
    throw error;
  }
}

function freezeOne(
  object: object,
  root: object,
  visit: (member: unknown) => void,
  bytes: FrozenBytes | undefined,
): void {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype === Object.prototype || prototype === null) {
    for (const name in object) visit((object as Record<string, unknown>)[name]);
    Object.freeze(object);
  } else if (prototype === Array.prototype) {
    freezeArray(object as unknown[], visit);
  } else {
    freezeOther(object, root, visit, bytes);
  }
}

function freezeArray(array: readonly unknown[], visit: (member: unknown) => void): void {
  for (let index = 0; index < array.length; index += 1) {
    const member = array[index];
    if (member === undefined && !(index in array)) {
      // From the first hole on by the indexes that exist: there may be a billion holes.
      for (const name of Object.keys(array)) visit(array[name as never]);
      break;
    }
    visit(member);
  }
  Object.freeze(array);
}

function freezeOther(
  object: object,
  root: object,
  visit: (member: unknown) => void,
  bytes: FrozenBytes | undefined,
): void {
  // Of an array, what is asked about is an empty one of the same class: holes are no matter.
  const kind = kindOf(
    Array.isArray(object) ? (Object.setPrototypeOf([], Object.getPrototypeOf(object)) as object) : object,
  );
  switch (kind) {
    case 'object':
      for (const name in object) visit((object as Record<string, unknown>)[name]);
      break;
    case 'array':
      freezeArray(object as readonly unknown[], visit);
      break;
    case 'Map':
      for (const [key, member] of object as ReadonlyMap<unknown, unknown>) {
        visit(key);
        visit(member);
      }
      if (mayCover(object, root, kind)) Object.defineProperties(object, mapCover);
      break;
    case 'Set':
      for (const member of object as ReadonlySet<unknown>) visit(member);
      if (mayCover(object, root, kind)) Object.defineProperties(object, setCover);
      break;
    case 'Date':
      if (mayCover(object, root, kind)) Object.setPrototypeOf(object, frozenDate);
      break;
    case 'URL':
      // Its search parameters are an object of their own, and change it.
      visit((object as URL).searchParams);
      if (mayCover(object, root, kind)) Object.setPrototypeOf(object, frozenUrl);
      break;
    case 'URLSearchParams':
      if (mayCover(object, root, kind)) Object.setPrototypeOf(object, frozenSearchParams);
      break;
    case 'Error':
      visit((object as Error).cause);
      break;
    case 'RegExp':
      break;
    case 'ArrayBuffer':
    case 'DataView':
    case 'typed array':
      bytes?.remember(object as ArrayBuffer | ArrayBufferView);
      return;
    default:
      throw new UnsupportedValueError(pathTo(object, root), kind.reason);
  }
  Object.freeze(object);
}

/** Maps, Sets, Dates, … whose methods throw. Once covered they stay so, whatever becomes of the state around them. */
const covered: MarkSet = markSet();

/** Whether `object` is still to be covered. Nothing can be in what its maker made fast, whose methods go on changing it. */
function mayCover(object: object, root: object, kind: string): boolean {
  if (covered.has(object)) return false;
  if (!Object.isExtensible(object)) {
    const reason = `freezing a ${kind} does not keep it from being changed, but from being protected; leave it as it is`;
    throw new UnsupportedValueError(pathTo(object, root), reason);
  }
  covered.add(object);
  return true;
}

/**
 * Remembers bytes, and tells whether they were changed since.
 *
 * A look costs about 0.5 ms per MB. It keeps nothing alive.
 */
export class FrozenBytes {
  #entries: { readonly object: WeakRef<ArrayBuffer | ArrayBufferView>; readonly sum: number }[] = [];

  remember(object: ArrayBuffer | ArrayBufferView): void {
    this.#entries.push({ object: new WeakRef(object), sum: sumOf(object) });
  }

  /** Whether there never were any. */
  get areNone(): boolean {
    return this.#entries.length === 0;
  }

  /** Whether any that are still there were changed in place. */
  haveChanged(): boolean {
    let changed = false;
    this.#entries = this.#entries.filter(({ object, sum }) => {
      const bytes = object.deref();
      if (bytes !== undefined && sumOf(bytes) !== sum) changed = true;
      return bytes !== undefined;
    });
    return changed;
  }
}

function sumOf(object: ArrayBuffer | ArrayBufferView): number {
  if (!ArrayBuffer.isView(object)) return crc32(new Uint8Array(object));
  return crc32(new Uint8Array(object.buffer, object.byteOffset, object.byteLength));
}

function refuser(kind: string, method: string): (...args: never[]) => never {
  return asRefuser(() => {
    throw new TypeError(`Cannot ${method} in this ${kind}: it belongs to a state; copy it, and change the copy`);
  });
}

function coverOf(kind: string, methods: readonly string[]): PropertyDescriptorMap {
  return Object.fromEntries(methods.map((method) => [method, { value: refuser(kind, method) }]));
}

/** A prototype with the methods and setters of `prototype` that change an object covered. Its class stays what it was. */
function frozenPrototype(kind: string, prototype: object, methods: readonly string[]): object {
  const frozen = Object.create(prototype, coverOf(kind, methods)) as object;
  Object.defineProperty(frozen, 'constructor', { value: prototype.constructor });
  for (const [name, { get, set }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (get !== undefined && set !== undefined) {
      Object.defineProperty(frozen, name, { get, set: refuser(kind, `set ${name}`), enumerable: true });
    }
  }
  return Object.freeze(frozen);
}

const mapCover: PropertyDescriptorMap = coverOf('Map', ['set', 'delete', 'clear']);
const setCover: PropertyDescriptorMap = coverOf('Set', ['add', 'delete', 'clear']);
const frozenDate: object = frozenPrototype(
  'Date',
  Date.prototype,
  Object.getOwnPropertyNames(Date.prototype).filter((name) => name.startsWith('set')),
);
const frozenUrl: object = frozenPrototype('URL', URL.prototype, []);
const frozenSearchParams: object = frozenPrototype('URLSearchParams', URLSearchParams.prototype, [
  'append',
  'delete',
  'set',
  'sort',
]);

/** The way from `root` to `culprit`, worked out only when there is something to complain about. */
function pathTo(culprit: unknown, root: object): string {
  const steps = new Map<object, { readonly from: object | undefined; readonly step: string }>([
    [root, { from: undefined, step: 'state' }],
  ]);
  const pathOf = (object: object | undefined): string => {
    const found = object === undefined ? undefined : steps.get(object);
    return found === undefined ? '' : pathOf(found.from) + found.step;
  };
  if (culprit === root) return pathOf(root);
  for (const object of steps.keys()) {
    for (const [step, member] of membersOf(object)) {
      if (member === culprit) return pathOf(object) + step;
      if (typeof member === 'object' && member !== null && !steps.has(member))
        steps.set(member, { from: object, step });
    }
  }
  return 'state';
}

function* membersOf(object: object): Generator<readonly [string, unknown]> {
  if (Array.isArray(object)) {
    for (const name of Object.keys(object)) yield [`[${name}]`, object[Number(name)]];
  } else if (types.isMap(object)) {
    let at = 0;
    for (const [key, member] of object) {
      yield [`.keys()[${at}]`, key];
      yield [`.values()[${at}]`, member];
      at += 1;
    }
  } else if (types.isSet(object)) {
    let at = 0;
    for (const member of object) {
      yield [`.values()[${at}]`, member];
      at += 1;
    }
  } else {
    if (types.isNativeError(object)) yield ['.cause', object.cause];
    for (const name of Object.keys(object)) yield [pathStep(name), (object as Record<string, unknown>)[name]];
  }
}
