/**
 * Where a change falls in the stored form of a value: in attribute `d`, among the notes of attribute `t`.
 *
 * What has notes on it, or lies inside of something that has, is stored in another form than it looks; the store cannot change that
 * for us. Notes elsewhere do not matter, as long as they stay what they are. Pure.
 */
import { type AttributeValue, type Encoded, escapeName, type Held, type Note, notesOf } from '../../codec/index.js';
import type { Place } from './commute.js';

/** What stands at a place. */
export type Found =
  | { readonly kind: 'there'; readonly value: AttributeValue }
  /** The name at `depth` is missing in a map that is there. */
  | { readonly kind: 'missing'; readonly depth: number }
  /** Something on the way is no map. */
  | { readonly kind: 'blocked' };

/** The form of a value, and its notes. */
export class StoredForm {
  readonly data: AttributeValue;
  readonly annotations: string | undefined;
  readonly #notes: readonly Note[];

  constructor({ data, annotations }: Encoded) {
    this.data = data;
    this.annotations = annotations;
    this.#notes = annotations === undefined ? [] : notesOf(annotations);
  }

  /** The names under which a place is stored: values with notes escape some. */
  stored(place: Place): Place {
    return this.annotations === undefined ? place : place.map(escapeName);
  }

  /** What stands at a place, given by its stored names. */
  find(place: Place): Found {
    let at = this.data;
    for (const [depth, name] of place.entries()) {
      if (!('M' in at)) return { kind: 'blocked' };
      const next = Object.hasOwn(at.M, name) ? at.M[name] : undefined;
      if (next === undefined) return { kind: 'missing', depth };
      at = next;
    }
    return { kind: 'there', value: at };
  }

  /** Whether there are notes on the way to a place. */
  isVeiled(place: Place): boolean {
    return this.#notes.some(({ path }) => path.length < place.length && startsWith(place, path));
  }

  /** Notes on a place itself. */
  notesAt(place: Place): readonly string[] {
    return this.#notes
      .filter(({ path }) => path.length === place.length && startsWith(path, place))
      .map(({ says }) => says);
  }

  /** Whether there are notes on what is inside of what stands at a place. */
  hasNotesWithin(place: Place): boolean {
    return this.#notes.some(({ path }) => path.length > place.length && startsWith(path, place));
  }

  /** Whether both have the same notes, in whatever order. */
  hasNotesOf(other: StoredForm): boolean {
    if (this.annotations === undefined || other.annotations === undefined) {
      return this.annotations === other.annotations;
    }
    if (this.annotations === other.annotations) return true;
    const texts = (notes: readonly Note[]) => notes.map((note) => JSON.stringify([note.path, note.says])).sort();
    return texts(this.#notes).join('\n') === texts(other.#notes).join('\n');
  }
}

/** Whether there are neither bytes in it nor names that are stored under others. */
export function isOrdinary(value: AttributeValue): boolean {
  if ('B' in value) return false;
  if ('L' in value) return value.L.every(isOrdinary);
  if (!('M' in value)) return true;
  return Object.entries(value.M).every(([name, member]) => escapeName(name) === name && isOrdinary(member));
}

/** The text of a string or a number by which the store tells it from others of its type; `undefined` for all else. */
export function scalarText(value: AttributeValue): string | undefined {
  // Dynalite does not find an empty string in a list.
  if ('S' in value) return value.S === '' ? undefined : `S${value.S}`;
  if ('N' in value) return `N${Number(value.N)}`;
  return undefined;
}

/** The forms of elements by their text; `undefined` when there are others than strings and numbers without notes among them. */
export function scalarsOf(elements: readonly Held[]): ReadonlyMap<string, AttributeValue> | undefined {
  const scalars = new Map<string, AttributeValue>();
  for (const element of elements) {
    const { data, annotations } = element.encode();
    const text = annotations === undefined ? scalarText(data) : undefined;
    if (text === undefined) return undefined;
    scalars.set(text, data);
  }
  return scalars;
}

function startsWith(path: readonly string[], start: readonly string[]): boolean {
  return start.every((name, depth) => path[depth] === name);
}
