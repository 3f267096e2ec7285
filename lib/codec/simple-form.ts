/**
 * The short way from a form to its value, for what most values beyond plain JSON have: dates, `undefined`, bigints, and Sets and Maps of
 * texts, numbers, booleans and `null`.
 *
 * The long way lets superjson decode, encodes the result and compares, at ten times the time. Here each note is checked by itself: a text
 * that is the ISO form of its own date would be written so again, and a list without doubles is the list of its Set. Whatever is not known to be a
 * fixed point (notes within notes, shared references, escaped names, bytes) is {@link notSimple}, and goes the long way.
 *
 * Invariant: what is returned is what `fromForm` returns, and `toForm` makes the same form of it.
 */
import { setOwn } from './names.js';
import type { Json } from './plain.js';
import type { Form } from './super-json.js';

/** The answer for a form that has to go the long way. */
export const notSimple: unique symbol = Symbol('not simple');

type JsonObject = { readonly [name: string]: Json };
type Container = Record<string, unknown> | unknown[];

/** Makes the noted value of what is stored. */
const makers: Readonly<Record<string, (stored: unknown) => unknown>> = Object.assign(Object.create(null), {
  Date: dateOf,
  undefined: (stored: unknown) => (stored === null ? undefined : notSimple),
  bigint: (stored: unknown) => (typeof stored === 'string' && decimal.test(stored) ? BigInt(stored) : notSimple),
  set: setOf,
  map: mapOf,
});

const decimal = /^(?:0|-?[1-9]\d*)$/;
/** Such names are stored escaped, or are an escape. */
const special = /^(?:~.*|constructor|prototype)$/s;

/** @param form whose JSON was read from native attributes, or made by `toForm` */
export function simpleValue({ json, meta }: Form): unknown {
  const notes = notesOf(meta);
  if (notes === undefined || typeof json !== 'object' || json === null) return notSimple;
  const root = copied(json);
  if (root === notSimple) return notSimple;
  const paths = Object.keys(notes);
  if (paths.length === 0) return notSimple;
  for (const path of paths) if (!apply(root as Container, path, notes[path] as Json)) return notSimple;
  return root;
}

/** Notes by path; none of them has others below it. */
function notesOf(meta: Json | undefined): JsonObject | undefined {
  const { values, v, ...rest } = (meta ?? {}) as JsonObject;
  if (v !== 1 || typeof values !== 'object' || values === null || Array.isArray(values)) return undefined;
  for (const _ in rest) return undefined;
  return values as JsonObject;
}

/** Whether a note could be acted on. A place below one that was is none. */
function apply(root: Container, path: string, note: Json): boolean {
  if (!Array.isArray(note) || note.length !== 1 || path.includes('\\')) return false;
  const make = typeof note[0] === 'string' ? makers[note[0]] : undefined;
  if (make === undefined) return false;
  const segments = path.split('.');
  const last = segments.pop() as string;
  let at: unknown = root;
  for (const segment of segments) {
    if (!has(at, segment)) return false;
    at = at[segment];
  }
  if (!has(at, last)) return false;
  const made = make(at[last]);
  if (made === notSimple) return false;
  at[last] = made;
  return true;
}

function has(at: unknown, name: string): at is Record<string, unknown> {
  if (typeof at !== 'object' || at === null) return false;
  if (Array.isArray(at))
    return String(Number(name)) === name && Number.isInteger(Number(name)) && Object.hasOwn(at, name);
  return Object.getPrototypeOf(at) === Object.prototype && Object.hasOwn(at, name);
}

function copied(json: Json): unknown {
  if (typeof json !== 'object' || json === null) return json;
  if (Array.isArray(json)) {
    const list: unknown[] = [];
    for (const element of json) {
      const made = copied(element as Json);
      if (made === notSimple) return notSimple;
      list.push(made);
    }
    return list;
  }
  if (ArrayBuffer.isView(json)) return notSimple;
  const object = {};
  for (const name of Object.keys(json)) {
    if (special.test(name)) return notSimple;
    const made = copied((json as JsonObject)[name] as Json);
    if (made === notSimple) return notSimple;
    setOwn(object, name, made);
  }
  return object;
}

function dateOf(stored: unknown): Date | typeof notSimple {
  if (typeof stored !== 'string') return notSimple;
  const date = new Date(stored);
  return !Number.isNaN(date.getTime()) && date.toISOString() === stored ? date : notSimple;
}

function setOf(stored: unknown): Set<unknown> | typeof notSimple {
  if (!Array.isArray(stored) || !stored.every(isLeaf)) return notSimple;
  const set = new Set(stored);
  return set.size === stored.length ? set : notSimple;
}

function mapOf(stored: unknown): Map<unknown, unknown> | typeof notSimple {
  if (!Array.isArray(stored)) return notSimple;
  const isEntry = (entry: unknown) => Array.isArray(entry) && entry.length === 2 && entry.every(isLeaf);
  if (!stored.every(isEntry)) return notSimple;
  const map = new Map(stored as [unknown, unknown][]);
  return map.size === stored.length ? map : notSimple;
}

/** JSON that holds nothing, not even `undefined` or a bigint that a note has made. */
function isLeaf(value: unknown): boolean {
  return value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}
