/**
 * Values that reach the same object twice, as trees.
 *
 *   const a = { self: a, at: d }      ->   shared 1 { self: ref 1, at: d }
 *
 * The first way to an object that has several becomes {@link Shared} with a number, every other way a {@link Ref} to it.
 * The serializer then sees a tree in which each object occurs once, and its own notes on shared references, which go wrong
 * inside Sets, Map keys and errors, are never needed.
 *
 * Numbers are given in the order of sorted names, so that equal values get equal numbers whatever the order of their
 * properties; and they are looked up, not counted, when reading: the store keeps no order of names.
 */
import { errorClassOf } from './kinds.js';
import { setOwn, unescapeName } from './names.js';

/** An object with several ways to it, where the first of them leads. */
export class Shared {
  readonly id: number;
  readonly value: unknown;

  constructor(id: number, value: unknown) {
    this.id = id;
    this.value = value;
  }
}

/** Another way to it. */
export class Ref {
  readonly id: number;

  constructor(id: number) {
    this.id = id;
  }
}

/** Turns a graph, as `copyAll` makes it, into a tree. */
export function untangle(root: unknown, shared: ReadonlySet<object>): unknown {
  const ids = new Map<object, number>();
  const tree = (node: unknown): unknown => {
    if (typeof node !== 'object' || node === null) return node;
    if (!shared.has(node)) return content(node);
    const known = ids.get(node);
    if (known !== undefined) return new Ref(known);
    const id = ids.size + 1;
    ids.set(node, id);
    return new Shared(id, content(node));
  };
  const content = (node: object): unknown => {
    if (Array.isArray(node)) return node.map(tree);
    if (node instanceof Map) return new Map(Array.from(node, ([key, value]) => [tree(key), tree(value)]));
    if (node instanceof Set) return new Set(Array.from(node, tree));
    if (node instanceof Error) {
      const error = new Error(node.message);
      error.name = node.name;
      if (node.cause !== undefined) error.cause = tree(node.cause);
      return error;
    }
    if (Object.getPrototypeOf(node) !== Object.prototype) return node;
    const object: Record<string, unknown> = {};
    for (const name of Object.keys(node).sort()) object[name] = tree((node as Record<string, unknown>)[name]);
    return object;
  };
  return tree(root);
}

/**
 * Undoes `untangle` on what the serializer gave back, un-escapes names and makes errors of their class.
 *
 * Throws a plain error for a reference to nothing. Whether the rest is right is for the caller to check, by encoding it
 * again; here nothing loops and nothing is left half-built for any input.
 */
export function tie(root: unknown): unknown {
  const shared = new Map<number, Shared>();
  collect(root, shared);
  const built = new Map<number, unknown>();
  const make = (node: unknown): unknown => {
    if (typeof node !== 'object' || node === null) return node;
    const target = node instanceof Ref ? shared.get(node.id) : node;
    if (target === undefined) throw new Error('a reference to nothing');
    if (!(target instanceof Shared)) return content(target, () => {});
    if (!built.has(target.id))
      built.set(
        target.id,
        content(target.value, (made) => built.set(target.id, made)),
      );
    return built.get(target.id);
  };
  const content = (node: unknown, register: (made: object) => void): unknown => {
    if (typeof node !== 'object' || node === null) return node;
    if (node instanceof Ref || node instanceof Shared) throw new Error('a reference in the place of an object');
    if (Array.isArray(node)) {
      const array: unknown[] = [];
      register(array);
      for (const element of node) array.push(make(element));
      return array;
    }
    if (node instanceof Map) {
      const map = new Map<unknown, unknown>();
      register(map);
      for (const [key, value] of node) map.set(make(key), make(value));
      return map;
    }
    if (node instanceof Set) {
      const set = new Set<unknown>();
      register(set);
      for (const value of node) set.add(make(value));
      return set;
    }
    if (node instanceof Error) {
      const error = bareError(node.name, node.message);
      register(error);
      if (node.cause !== undefined) setHidden(error, 'cause', make(node.cause));
      return error;
    }
    if (Object.getPrototypeOf(node) !== Object.prototype) return node;
    const object = {};
    register(object);
    for (const name of Object.keys(node)) {
      setOwn(object, unescapeName(name), make((node as Record<string, unknown>)[name]));
    }
    return object;
  };
  return make(root);
}

function collect(node: unknown, shared: Map<number, Shared>): void {
  if (typeof node !== 'object' || node === null) return;
  if (node instanceof Shared) {
    shared.set(node.id, node);
    collect(node.value, shared);
  } else if (node instanceof Map) {
    for (const [key, value] of node) {
      collect(key, shared);
      collect(value, shared);
    }
  } else if (Array.isArray(node) || node instanceof Set) {
    for (const value of node) collect(value, shared);
  } else if (node instanceof Error) {
    collect(node.cause, shared);
  } else if (Object.getPrototypeOf(node) === Object.prototype) {
    for (const value of Object.values(node)) collect(value, shared);
  }
}

/** An error as it was thrown elsewhere: its stack says no place here. */
export function bareError(name: string, message: string, options?: { readonly cause: unknown }): Error {
  const error = new (errorClassOf(name))(message, options);
  if (error.name !== name) error.name = name;
  setHidden(error, 'stack', message === '' ? name : `${name}: ${message}`);
  return error;
}

function setHidden(error: Error, name: string, value: unknown): void {
  Object.defineProperty(error, name, { value, writable: true, configurable: true, enumerable: false });
}
