/**
 * Any value as a document for `JSON.stringify`: what JSON has stays as it is, what it lacks becomes text, a list or an object.
 *
 *     new Date(0) -> "1970-01-01T00:00:00.000Z"     new Map([[1, 2]]) -> [[1, 2]]     new Set([1]) -> [1]     5n -> "5"
 *
 * Not the stored form without its notes: that escapes names such as `constructor`, and sets shared parts apart.
 */
import { types } from 'node:util';
import { jsonCodec } from '../codec/index.js';
import { CommandError } from './exit.js';

/** @throws CommandError for a value that holds itself. */
export function plainDocument(value: unknown, around: readonly object[] = []): unknown {
  if (typeof value !== 'object' || value === null) return isJson(value) ? value : storedText(value);
  if (around.includes(value)) {
    throw new CommandError('ERR_CYCLE', 'The value holds itself, which JSON can not say; print it with --superjson');
  }
  const within = [...around, value];
  const inside = (part: unknown) => plainDocument(part, within);
  if (Array.isArray(value)) return value.map(inside);
  if (types.isSet(value)) return [...value].map(inside);
  if (types.isMap(value)) return [...value].map(inside);
  if (Object.getPrototypeOf(value) !== Object.prototype) return storedText(value);
  // Not by assignment, which `__proto__` would not survive.
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, inside(part)]));
}

function isJson(value: unknown): boolean {
  return value === null || ['string', 'boolean'].includes(typeof value) || Number.isFinite(value);
}

/** Dates, bigints, errors, bytes and all else without parts. */
function storedText(value: unknown): unknown {
  return (JSON.parse((jsonCodec.encode(value) as { readonly S: string }).S) as { readonly json: unknown }).json;
}
