/**
 * How a value becomes one attribute, when DynamoDB's native types are not wanted.
 *
 * The default (no codec) stores a value natively with superjson's notes beside it. A codec takes the whole way over and is
 * named in the item, so that a reader knows what it has before it. Names without a colon are this library's.
 */
import type { AttributeValue } from './attribute.js';
import { isBytes, nestingMaxOfText } from './copy.js';
import { copyPlain, freezeParsed, type Json, notPlain } from './plain.js';
import { type Form, fromForm, sameForm, toForm } from './super-json.js';

/** Values to one attribute and back. Pure, synchronous, and deterministic in what `decode` returns. */
export interface ValueCodec {
  /** Stored with each value; a value under another name is not decoded. */
  readonly name: string;
  /**
   * `true` promises that `decode(encode(value))` equals `value` for every value that needs no codec. Then plain values are
   * handed out frozen and shared, without a `decode` for each hand-out.
   * @defaultValue false: every hand-out is decoded anew, and the codec alone decides what it takes
   */
  readonly transparent?: boolean | undefined;
  /** The stored form. Throws for what it does not take. */
  encode(value: unknown): AttributeValue;
  /** A fresh value. Throws for what `encode` did not make. */
  decode(data: AttributeValue): unknown;
}

/**
 * Stores a value as one string: superjson's text.
 *
 * For values nested deeper than DynamoDB's lists and maps may be (up to 500 levels), and for other programs that read
 * superjson. Expressions and indexes do not reach into it.
 *
 * @example
 * ```ts
 * import { jsonCodec } from 'leyden-jar/codec';
 * console.log(jsonCodec.encode({ n: 1 })); // { S: '{"json":{"n":1}}' }
 * ```
 */
export const jsonCodec: ValueCodec = {
  name: 'json',
  transparent: true,
  encode: (value) => {
    const plain = copyPlain(value, nestingMaxOfText);
    // Plain JSON needs no replacer, without which it is text in half the time.
    return { S: plain === notPlain ? textOf(toForm(value, false)) : JSON.stringify({ json: plain }) };
  },
  decode: (data) => {
    if (!('S' in data) || typeof data.S !== 'string') throw new Error('text is missing');
    return valueIn(data.S);
  },
};

function textOf({ json, meta }: Form): string {
  return JSON.stringify({ json, meta }, (_name, value: unknown) =>
    isBytes(value) ? Buffer.from(value).toString('base64') : value,
  );
}

function valueIn(text: string): unknown {
  const parsed = JSON.parse(text) as { json?: Json; meta?: Json } | null;
  if (typeof parsed !== 'object' || parsed === null || parsed.json === undefined) throw new Error('no json in it');
  const { json, meta, ...rest } = parsed;
  if (Object.keys(rest).length > 0) throw new Error('more in it than json and meta');
  if (meta === undefined) {
    const plain = freezeParsed(json, nestingMaxOfText);
    if (plain === notPlain) throw new Error('something in it that is never written');
    return plain;
  }
  const value = fromForm({ json, meta });
  const again = JSON.parse(textOf(toForm(value, false))) as { json: Json; meta: Json };
  if (!sameForm({ json, meta }, again)) throw new Error('notes that do not fit the json');
  return value;
}
