/**
 * A value that is ours: what an atom keeps between requests.
 *
 *   hold(caller's value) ──> Held ──> hand()      to callers: frozen and shared, or a fresh copy each time
 *   heldFrom(item) ────────>      └─> encode()    to the item
 *
 * No object of a caller's is ever inside, and nothing that is handed out leads back in: plain JSON is deeply frozen, and
 * whatever freezing does not protect (Map, Set, Date, bytes, …) is decoded anew for each hand-out, from the same form that
 * other processes read. So a swap sees here exactly what it would see there.
 *
 * Invariant: `heldFrom(held.encode(), …)` equals `held`.
 */
import type { AttributeValue } from './attribute.js';
import { compactCodec } from './compact.js';
import { nestingMaxOfText } from './copy.js';
import { DecodeError, UnsupportedValueError } from './errors.js';
import { fromNative, nativeNestingMax, toNative } from './native.js';
import { notesText } from './notes.js';
import { copyPlain, type Json, notPlain } from './plain.js';
import { notSimple, simpleValue } from './simple-form.js';
import { type Form, fromForm, sameForm, sameJson, toForm } from './super-json.js';
import { jsonCodec, type ValueCodec } from './value-codec.js';

/** Read whatever codec is asked for. */
const ours: readonly ValueCodec[] = [jsonCodec, compactCodec];

/** The stored form of one value: attributes `d`, `t` and `c` of an item. */
export interface Encoded {
  readonly data: AttributeValue;
  /** Notes of superjson on a native value that is more than plain JSON. */
  readonly annotations?: string;
  /** Name of the codec; absent for the native form. */
  readonly codec?: string;
}

/** A value of our own. */
export interface Held {
  /** `true`: {@link Held.hand} returns one deeply frozen value, always the same. `false`: a fresh copy at each call. */
  readonly plain: boolean;
  /** The value, for a caller to keep. */
  hand(): unknown;
  /** Its stored form; worked out once. */
  encode(): Encoded;
  /**
   * Whether both have the same stored form; the order of properties does not count, that of Map entries and Set members
   * does. References that are shared inside a plain value do not count either.
   */
  equals(other: Held): boolean;
}

/**
 * Takes a copy of `value` into our keeping.
 *
 * Equal after a round trip, or refused: see the README of this folder for what is taken. A subtree that was handed out as
 * plain before is taken as it is, without a walk.
 *
 * @param codec the stored form to use; native without it
 * @throws {UnsupportedValueError} `ERR_UNSUPPORTED_VALUE` with the path to what has no faithful stored form
 *
 * @example
 * ```ts
 * import { hold } from 'leyden-jar/codec';
 * const held = hold({ n: 1 });
 * console.log(held.encode().data); // { M: { n: { N: '1' } } }
 * ```
 */
export function hold(value: unknown, codec?: ValueCodec): Held {
  if (value === undefined) throw new UnsupportedValueError('value', 'undefined stands for no value at all; use null');
  if (codec !== undefined && codec.transparent !== true) return new CodecHeld(codec, encodeBy(codec, value));
  let plain: Json | typeof notPlain;
  try {
    plain = copyPlain(value, codec === undefined ? nativeNestingMax : nestingMaxOfText);
  } catch (error) {
    throw new UnsupportedValueError('value', 'reading it failed', error);
  }
  if (plain !== notPlain) return new PlainHeld(plain, codec);
  const form = toForm(value, codec === undefined);
  return new FormHeld(form, codec, codec === undefined ? encodeForm(form) : undefined);
}

/**
 * Reads a value from its stored form.
 *
 * @param key named in errors
 * @param codec the codec that may have written it. Native values and those of `jsonCodec` and `compactCodec` are read
 * without it.
 * @throws {DecodeError} `ERR_DECODE`: `damaged` when it is not what any value encodes to, `foreign` when another codec
 * wrote it
 */
export function heldFrom(encoded: Encoded, key: string, codec?: ValueCodec): Held {
  const { data, annotations } = encoded;
  if (encoded.codec === undefined) return heldFromNative(encoded, key);
  const reader = encoded.codec === codec?.name ? codec : ours.find(({ name }) => name === encoded.codec);
  if (reader === undefined) {
    throw new DecodeError(key, 'foreign', `written by codec ${JSON.stringify(encoded.codec)}, which is not at hand`);
  }
  if (annotations !== undefined) throw new DecodeError(key, 'damaged', 'notes of the native form beside a codec');
  const value = decodeBy(reader, data, key);
  if (reader.transparent !== true) return new CodecHeld(reader, encoded);
  try {
    const plain = copyPlain(value, nestingMaxOfText);
    return plain === notPlain
      ? new FormHeld(toForm(value, false), reader, encoded)
      : new PlainHeld(plain, reader, encoded);
  } catch {
    throw new DecodeError(key, 'damaged', `not what codec ${JSON.stringify(reader.name)} writes`);
  }
}

function heldFromNative(encoded: Encoded, key: string): Held {
  const { data, annotations } = encoded;
  if (annotations === undefined) {
    const { json, bytes } = fromNative(data, key, true);
    if (!bytes) return new PlainHeld(json, undefined, encoded);
  }
  const { json } = fromNative(data, key, false);
  try {
    const form = { json, meta: annotations === undefined ? undefined : (JSON.parse(annotations) as Json) };
    const simple = simpleValue(form);
    if (simple !== notSimple) return new FormHeld(form, undefined, encoded, simple);
    const value = fromForm(form);
    if (sameForm(form, toForm(value, true))) {
      // What shares more than the plain way walks was written with notes, and may be plain to this release.
      const plain = copyPlain(value, nativeNestingMax);
      return plain === notPlain ? new FormHeld(form, undefined, encoded) : new PlainHeld(plain, undefined, encoded);
    }
  } catch {
    // The error behind it may quote the value; it is not passed on.
  }
  throw new DecodeError(key, 'damaged', 'notes and data that do not fit each other');
}

function encodeForm({ json, meta }: Form): Encoded {
  const data = toNative(json);
  return meta === undefined ? { data } : { data, annotations: notesText(meta) };
}

function encodeBy(codec: ValueCodec, value: unknown): Encoded {
  try {
    return { data: codec.encode(value), codec: codec.name };
  } catch (error) {
    if (error instanceof UnsupportedValueError) throw error;
    throw new UnsupportedValueError('value', `codec ${JSON.stringify(codec.name)} does not take it`, error);
  }
}

function decodeBy(codec: ValueCodec, data: AttributeValue, key: string): unknown {
  try {
    return codec.decode(data);
  } catch (error) {
    // Our own codecs' errors may quote the value.
    const cause = ours.includes(codec) ? undefined : error;
    throw new DecodeError(key, 'damaged', `not what codec ${JSON.stringify(codec.name)} writes`, cause);
  }
}

/** Plain JSON: one frozen value for everybody. */
class PlainHeld implements Held {
  readonly plain: boolean = true;
  readonly json: Json;
  readonly #codec: ValueCodec | undefined;
  #encoded: Encoded | undefined;

  constructor(json: Json, codec: ValueCodec | undefined, encoded?: Encoded) {
    this.json = json;
    this.#codec = codec;
    this.#encoded = encoded;
  }

  hand(): unknown {
    return this.json;
  }

  encode(): Encoded {
    this.#encoded ??= this.#codec === undefined ? { data: toNative(this.json) } : encodeBy(this.#codec, this.json);
    return this.#encoded;
  }

  equals(other: Held): boolean {
    if (other === this) return true;
    if (other instanceof PlainHeld) return sameJson(this.json, other.json);
    return sameHeld(this, other);
  }
}

/** More than plain JSON: kept as its form, decoded for each hand-out. */
class FormHeld implements Held {
  readonly plain: boolean = false;
  readonly form: Form;
  /** Whether the form is for native types, in which bytes among plain JSON need no notes. */
  readonly native: boolean;
  readonly #codec: ValueCodec | undefined;
  #encoded: Encoded | undefined;
  /** Made while reading, and not handed out yet. */
  #fresh: unknown;

  constructor(form: Form, codec: ValueCodec | undefined, encoded?: Encoded, fresh?: unknown) {
    this.#fresh = fresh;
    this.form = form;
    this.native = codec === undefined;
    this.#codec = codec;
    this.#encoded = encoded;
  }

  hand(): unknown {
    const fresh = this.#fresh;
    this.#fresh = undefined;
    if (fresh !== undefined) return fresh;
    const simple = simpleValue(this.form);
    return simple === notSimple ? fromForm(this.form) : simple;
  }

  encode(): Encoded {
    this.#encoded ??= this.#codec === undefined ? encodeForm(this.form) : encodeBy(this.#codec, this.hand());
    return this.#encoded;
  }

  equals(other: Held): boolean {
    return sameHeld(this, other);
  }
}

/** Whatever a codec of the user's made of it. */
class CodecHeld implements Held {
  readonly plain: boolean = false;
  readonly #codec: ValueCodec;
  readonly #encoded: Encoded;

  constructor(codec: ValueCodec, encoded: Encoded) {
    this.#codec = codec;
    this.#encoded = encoded;
  }

  hand(): unknown {
    return this.#codec.decode(this.#encoded.data);
  }

  encode(): Encoded {
    return this.#encoded;
  }

  equals(other: Held): boolean {
    return sameHeld(this, other);
  }
}

/** Equality across classes: by form where there is one, by the codec's output between two of one codec, else by the value. */
function sameHeld(one: Held, other: Held): boolean {
  if (one === other) return true;
  if (one instanceof CodecHeld && other instanceof CodecHeld && one.encode().codec === other.encode().codec) {
    return sameJson(one.encode().data as never, other.encode().data as never);
  }
  if (one instanceof FormHeld && other instanceof FormHeld && one.native === other.native) {
    return sameForm(one.form, other.form);
  }
  const [form, otherForm] = [formOf(one), formOf(other)];
  return form !== undefined && otherForm !== undefined && sameForm(form, otherForm);
}

function formOf(held: Held): Form | undefined {
  if (held instanceof PlainHeld) return { json: held.json, meta: undefined };
  try {
    // Forms for text note bytes that native ones do not; from the value both are made alike.
    return toForm(held.hand(), true);
  } catch {
    return undefined;
  }
}
