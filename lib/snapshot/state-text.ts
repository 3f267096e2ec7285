/**
 * Small values as JSON, with tags for what JSON does not know: the writing side. `state-untag.ts` reads it.
 *
 *   new Date(0)          {"~Date":0}                undefined            {"~undefined":0}
 *   new Map([[1, 2]])    {"~Map":[1,2]}             [1, <3 holes>]       [1,{"~hole":3}]
 *   { '~x': 1 }          {"~~x":1}                  plain JSON           itself: the very same objects, not copied
 *
 * A tag is an object with one name that begins with a tilde; a name that is alone and begins so anyway gets one more. So a
 * text is plain if `{"~` is not in it: inside a JSON string that quote would be escaped.
 *
 * The text of a value is a function of the value alone: the same on every machine, whatever stands around it and however its
 * references are shared. The digest of a state is made of these texts. Members are in their own order, which a handler can see
 * and which must therefore be the same after recovery.
 *
 * The one exception, {@link Sharing}, goes to the records and not into the digest: `~def` numbers an object that was met
 * before, `~ref` stands for it from then on.
 */
import { type Kind, kindOf, pathStep, setOwn, UnsupportedValueError } from '../codec/index.js';

/** A run of holes in an array, where an element would be. */
export class Hole {
  readonly count: number;

  constructor(count: number) {
    this.count = count;
  }
}

/** Objects that are written once and then referred to. */
export interface Sharing {
  /** `undefined`: not shared; a number: the reader knows it by that; `'new'`: to be written with its number. */
  find(object: object): number | 'new' | undefined;
  /** The number of an object that was written just now; those inside of it have lower ones. */
  add(object: object): number;
}

/** A value that cannot be kept, on its way up to who knows where it stands. */
class Refused extends Error {
  readonly steps: string[] = [];
}

/**
 * What `JSON.stringify` makes the text of `value` from. Plain values are answered as they are.
 *
 * @param place where the value stands, for errors
 * @throws {UnsupportedValueError} `ERR_UNSUPPORTED_VALUE` with the path, for what could not come back equal
 */
export function toTagged(value: unknown, place: () => string, sharing?: Sharing): unknown {
  try {
    return tag(value, sharing);
  } catch (error) {
    const refused = refusal(error);
    throw new UnsupportedValueError(place() + refused.steps.reverse().join(''), refused.message, refused.cause);
  }
}

/** The elements of an array; a run of holes is one {@link Hole}. The array itself if it has none. */
function withoutHoles(array: readonly unknown[]): readonly unknown[] {
  for (let index = 0; index < array.length; index += 1) {
    if (array[index] === undefined && !(index in array)) return runs(array);
  }
  return array;
}

/** What a leaf is written as: with a tag around it here, as the head of a long leaf elsewhere. */
export function tagOf(object: object, kind: Kind): string {
  return kind === 'typed array' ? (object as Uint8Array)[Symbol.toStringTag] : kind;
}

/** The bytes of an ArrayBuffer or a view of one; not copied. */
export function bytesIn(object: ArrayBuffer | ArrayBufferView): Buffer {
  if (!ArrayBuffer.isView(object)) return Buffer.from(object);
  return Buffer.from(object.buffer, object.byteOffset, object.byteLength);
}

function tag(value: unknown, sharing: Sharing | undefined): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      if (Number.isFinite(value) && !Object.is(value, -0)) return value;
      return { '~number': Object.is(value, -0) ? '-0' : String(value) };
    case 'undefined':
      return { '~undefined': 0 };
    case 'bigint':
      return { '~bigint': String(value) };
    case 'object':
      return value === null ? null : tagObject(value, sharing);
    default:
      throw new Refused(`a ${typeof value} has no stored form`);
  }
}

function tagObject(object: object, sharing: Sharing | undefined): unknown {
  if (object instanceof Hole) return { '~hole': object.count };
  const known = sharing?.find(object);
  if (typeof known === 'number') return { '~ref': known };
  if (known === undefined) return tagKind(object, sharing);
  const content = tagKind(object, sharing);
  return { '~def': [(sharing as Sharing).add(object), content] };
}

function tagKind(object: object, sharing: Sharing | undefined): unknown {
  if (Array.isArray(object)) return tagArray(object, sharing);
  if (isBareObject(object)) return tagMembers(object as Record<string, unknown>, sharing);
  const kind = requireKind(object);
  switch (kind) {
    case 'object':
      return tagMembers(object as Record<string, unknown>, sharing);
    case 'Map':
      return { '~Map': tagEntries(object as ReadonlyMap<unknown, unknown>, sharing) };
    case 'Set': {
      const members: unknown[] = [];
      for (const member of object as ReadonlySet<unknown>) {
        members.push(tagAt(member, sharing, () => `.values()[${members.length}]`));
      }
      return { '~Set': members };
    }
    case 'Error': {
      const { name, message, cause } = object as Error;
      return {
        '~Error': cause === undefined ? [name, message] : [name, message, tagAt(cause, sharing, () => '.cause')],
      };
    }
    default:
      return { [`~${tagOf(object, kind)}`]: leafContent(object, kind) };
  }
}

function leafContent(object: object, kind: Kind): unknown {
  switch (kind) {
    case 'Date': {
      const time = (object as Date).getTime();
      return Number.isNaN(time) ? null : time;
    }
    case 'RegExp': {
      const { source, flags, lastIndex } = object as RegExp;
      return [source, flags, lastIndex];
    }
    case 'URL':
    case 'URLSearchParams':
      return String(object);
    default:
      return bytesIn(object as ArrayBuffer).toString('base64');
  }
}

function tagArray(array: readonly unknown[], sharing: Sharing | undefined): unknown {
  const elements = withoutHoles(array);
  requireBareArray(array);
  let tagged = elements === array ? undefined : (elements as unknown[]);
  for (let index = 0; index < elements.length; index += 1) {
    const member = elements[index];
    const kept = typeof member === 'string' ? member : tagAt(member, sharing, () => `[${index}]`);
    if (kept === member) continue;
    tagged ??= elements.slice();
    tagged[index] = kept;
  }
  return tagged ?? array;
}

function tagEntries(map: ReadonlyMap<unknown, unknown>, sharing: Sharing | undefined): unknown[] {
  const list: unknown[] = [];
  for (const [key, member] of map) {
    const at = list.length / 2;
    list.push(tagAt(key, sharing, () => `.keys()[${at}]`));
    list.push(tagAt(member, sharing, () => `.values()[${at}]`));
  }
  return list;
}

function tagMembers(object: Record<string, unknown>, sharing: Sharing | undefined): unknown {
  const names = Object.keys(object);
  const first = names[0];
  let tagged: Record<string, unknown> | undefined;
  if (names.length === 1 && first !== undefined && first.startsWith('~')) {
    tagged = { [`~${first}`]: tagAt(object[first], sharing, () => pathStep(first)) };
  } else {
    for (const name of names) {
      const member = object[name];
      const kept = typeof member === 'string' ? member : tagAt(member, sharing, () => pathStep(name));
      if (kept === member) continue;
      tagged ??= { ...object };
      setOwn(tagged, name, kept);
    }
  }
  return Object.getPrototypeOf(object) === null ? { '~null': tagged ?? object } : (tagged ?? object);
}

function tagAt(member: unknown, sharing: Sharing | undefined, step: () => string): unknown {
  try {
    return tag(member, sharing);
  } catch (error) {
    const refused = refusal(error);
    refused.steps.push(step());
    throw refused;
  }
}

/** An object of this realm without hidden members or members under symbols: far most of them, told without their details. */
function isBareObject(object: object): boolean {
  return (
    Object.getPrototypeOf(object) === Object.prototype &&
    Object.getOwnPropertyNames(object).length === Object.keys(object).length &&
    Object.getOwnPropertySymbols(object).length === 0
  );
}

/** A getter's or a proxy's own error becomes the cause of a refusal. */
function refusal(error: unknown): Refused {
  return error instanceof Refused ? error : new Refused('reading it failed', { cause: error });
}

function requireKind(object: object): Kind {
  const kind = kindOf(object);
  if (typeof kind === 'string') return kind;
  const refused = new Refused(kind.reason);
  if (kind.name !== undefined) refused.steps.push(pathStep(kind.name));
  throw refused;
}

/** Throws for an array of a class, or with properties beside its elements. Holes are no matter. */
function requireBareArray(array: readonly unknown[]): void {
  const prototype = Object.getPrototypeOf(array) as object | null;
  if (prototype !== Array.prototype) requireKind(Object.setPrototypeOf([], prototype) as object);
  const last = Object.keys(array).at(-1);
  const isIndex = last === undefined || (/^\d+$/.test(last) && Number(last) < array.length);
  if (isIndex && Object.getOwnPropertySymbols(array).length === 0) return;
  const refused = new Refused('a property beside the elements would be lost');
  if (!isIndex) refused.steps.push(pathStep(last));
  throw refused;
}

/** Elements and runs of holes, by the indexes that exist: an array of a billion holes takes no longer than one without. */
function runs(array: readonly unknown[]): unknown[] {
  const list: unknown[] = [];
  let next = 0;
  const skipTo = (index: number) => {
    if (index > next) list.push(new Hole(index - next));
    next = index + 1;
  };
  for (const name of Object.keys(array)) {
    if (!/^\d+$/.test(name) || Number(name) >= array.length) break;
    skipTo(Number(name));
    list.push(array[Number(name)]);
  }
  skipTo(array.length);
  return list;
}
