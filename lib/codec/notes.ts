/**
 * superjson's notes on a tree, checked before superjson acts on them.
 *
 *   { "values": { "at": ["Date"], "m": ["map", { "0.1": ["bigint"] }] }, "v": 1 }
 *
 * It acts on any note: it makes up a place that is not there, out to index four billion, and allocates a buffer of any
 * length that is asked for. So a note must be one of ours and on a place that exists. Whether it fits what lies there is
 * found out afterwards, by encoding the result again.
 */
import { isBytes } from './copy.js';
import type { Json } from './plain.js';

/** Every note that is written. */
const known: ReadonlySet<string> = new Set([
  ...['undefined', 'bigint', 'Date', 'Error', 'regexp', 'set', 'map', 'number', 'URL', 'class/shared'],
  ...['ref', 'utf16', 'float64', 'invalid-date', 'regexp', 'URLSearchParams', 'bytes', 'binary'].map(
    (name) => `custom/${name}`,
  ),
]);

type JsonObject = { readonly [name: string]: Json };

/** One note: the way to what it is on, in stored names and indexes, and what it says. */
export interface Note {
  readonly path: readonly string[];
  readonly says: string;
}

/**
 * The notes in attribute `t`, which were written by this library.
 *
 * @example
 * ```ts
 * import { hold, notesOf } from 'leyden-jar/codec';
 * const { annotations = '' } = hold({ tags: new Set(['a']) }).encode();
 * console.log(notesOf(annotations)); // => [ { path: [ 'tags' ], says: 'set' } ]
 * ```
 */
export function notesOf(annotations: string): readonly Note[] {
  const found: Note[] = [];
  const walk = (notes: Json, path: readonly string[]): void => {
    const [note, below = Array.isArray(notes) ? undefined : notes] = Array.isArray(notes) ? notes : [];
    if (note !== undefined) found.push({ path, says: Array.isArray(note) ? note.join('/') : String(note) });
    if (!isObject(below)) return;
    for (const [way, one] of Object.entries(below)) walk(one, [...path, ...segments(way)]);
  };
  const { values } = JSON.parse(annotations) as { readonly values?: Json };
  if (values !== undefined) walk(values, []);
  return found;
}

/** Notes as text, the same for the same notes: the store keeps no order of names, and so neither do those who read and write again. */
export function notesText(meta: Json): string {
  const { values, ...rest } = meta as JsonObject;
  return JSON.stringify(values === undefined ? meta : { values: sorted(values), ...rest });
}

function sorted(notes: Json): Json {
  if (Array.isArray(notes)) return (notes as readonly Json[]).map(sorted);
  if (!isObject(notes)) return notes;
  const ways = Object.keys(notes).sort();
  return Object.fromEntries(ways.map((way) => [way, sorted(notes[way] as Json)]));
}

/** Whether `meta` holds nothing but our notes, on places of `json`. */
export function areOurs(meta: Json, json: Json): boolean {
  return isObject(meta) && (meta.values === undefined || suits(meta.values, json));
}

function suits(notes: Json, place: Json): boolean {
  if (isObject(notes)) return suitBelow(notes, place);
  if (!Array.isArray(notes)) return false;
  const [note, below, ...rest] = notes as readonly Json[];
  const name = Array.isArray(note) ? note.join('/') : note;
  if (typeof name !== 'string' || !known.has(name) || rest.length > 0) return false;
  return below === undefined || (isObject(below) && suitBelow(below, place));
}

function suitBelow(notes: JsonObject, place: Json): boolean {
  return Object.entries(notes).every(([path, note]) => {
    let at: Json | undefined = place;
    for (const segment of segments(path)) at = at === undefined ? undefined : member(at, segment);
    return at !== undefined && suits(note, at);
  });
}

function member(place: Json, segment: string): Json | undefined {
  if (Array.isArray(place))
    return /^(?:0|[1-9]\d{0,9})$/.test(segment) ? (place as readonly Json[])[Number(segment)] : undefined;
  return isObject(place) && Object.hasOwn(place, segment) ? place[segment] : undefined;
}

/** Segments are parted by dots; a backslash goes before a dot or a backslash that is part of a name. */
function segments(path: string): readonly string[] {
  const found = [''];
  for (const [piece] of path.matchAll(/\\.|[^\\]/gsu)) {
    if (piece === '.') found.push('');
    else found[found.length - 1] += piece.length > 1 && piece.startsWith('\\') ? piece.slice(1) : piece;
  }
  return found;
}

function isObject(json: Json | undefined): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json) && !isBytes(json);
}
