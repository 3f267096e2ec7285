/**
 * The stored form of a value as bytes, for layers that seal bytes.
 *
 *   head      kind (1: 0 text, 1 bytes, 2 native), length of the codec's name (1, 0 = none), the name
 *   content   the text as UTF-8; the bytes as they are; for native attributes JSON text of [data, annotations?]
 *
 * Head and content are apart, so that a large content is never copied only to put a few bytes before it. Bytes at the top of a
 * value stay bytes. Native attributes are the rare case, a value from before there was a layer; bytes in them become base64.
 *
 * Invariant: `formFrom(head, content)` of what `headOf` and `contentOf` made is equal to the form, or the form was refused.
 */
import { isUtf8 } from 'node:buffer';
import type { AttributeValue } from './attribute.js';
import { isBytes } from './copy.js';
import { UnsupportedValueError } from './errors.js';
import type { Encoded } from './held.js';
import { setOwn } from './names.js';
import { isWellFormed } from './plain.js';

/** Bytes of one form, at most: 64 MB. The largest value that an atom holds. */
export const formBytesMax: number = 64 * 1_024 * 1_024;

const kinds = { text: 0, bytes: 1, native: 2 } as const;
/** The service takes 32 levels. */
const nestingMax = 40;
const nameBytesMax = 255;
const fixedBytes = 2;

/** What stands before the content: kind and codec. */
export function headOf({ data, codec = '' }: Encoded): Uint8Array {
  const name = Buffer.from(codec);
  if (name.length > nameBytesMax) {
    throw new UnsupportedValueError(
      'value',
      `the name of its codec has ${name.length} bytes, of at most ${nameBytesMax}`,
    );
  }
  const kind = codec === '' ? kinds.native : 'S' in data ? kinds.text : 'B' in data ? kinds.bytes : kinds.native;
  return Buffer.concat([Buffer.of(kind, name.length), name]);
}

/** The content: a view where the form is bytes. */
export function contentOf({ data, codec = '', annotations }: Encoded): Uint8Array {
  if (codec !== '' && 'B' in data) return data.B;
  if (codec === '' || !('S' in data)) {
    return Buffer.from(JSON.stringify(annotations === undefined ? [data] : [data, annotations], bytesAsText));
  }
  if (!isWellFormed(data.S)) {
    throw new UnsupportedValueError('value', `half of a surrogate pair in what codec ${JSON.stringify(codec)} makes`);
  }
  return Buffer.from(data.S);
}

/** Bytes of the head with which `bytes` begin. */
export function headBytes(bytes: Uint8Array): number {
  return fixedBytes + (bytes[1] ?? 0);
}

/** The form again. Throws a plain error for what is none. */
export function formFrom(head: Uint8Array, content: Uint8Array): Encoded {
  if (head.length < fixedBytes || head.length !== headBytes(head)) throw new Error('a head that ends early');
  const codec = textOf(head.subarray(fixedBytes));
  switch (head[0]) {
    case kinds.text:
      if (codec !== '') return { data: { S: textOf(content) }, codec };
      break;
    case kinds.bytes:
      if (codec !== '') return { data: { B: content }, codec };
      break;
    case kinds.native:
      return nativeFrom(JSON.parse(textOf(content)), codec);
  }
  throw new Error('a form of an unknown kind');
}

function nativeFrom(parsed: unknown, codec: string): Encoded {
  if (!Array.isArray(parsed) || parsed.length < 1 || parsed.length > 2) throw new Error('no native form');
  const data = attributeFrom(parsed[0], 0);
  const annotations: unknown = parsed[1];
  if (annotations !== undefined && typeof annotations !== 'string') throw new Error('annotations that are no text');
  return { data, ...(annotations !== undefined && { annotations }), ...(codec !== '' && { codec }) };
}

/** For `JSON.stringify`: bytes as base64. `B` and `BS` tell them from text. */
function bytesAsText(_name: string, value: unknown): unknown {
  return isBytes(value) ? base64Of(value) : value;
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** Gives bytes back and bounds the nesting; whether the rest is an attribute is for its reader to see. */
function attributeFrom(json: unknown, depth: number): AttributeValue {
  if (depth > nestingMax) throw new Error('nested too deep');
  const members = Object.entries(objectFrom(json));
  const [type, content] = members[0] ?? [];
  if (members.length !== 1) throw new Error('no attribute');
  if (type === 'B') return { B: bytesFrom(content) };
  if (type === 'BS') return { BS: listFrom(content).map(bytesFrom) };
  if (type === 'L') return { L: listFrom(content).map((element) => attributeFrom(element, depth + 1)) };
  if (type !== 'M') return json as AttributeValue;
  const map = {};
  for (const [name, member] of Object.entries(objectFrom(content))) setOwn(map, name, attributeFrom(member, depth + 1));
  return { M: map };
}

function objectFrom(json: unknown): object {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new Error('no object');
  return json;
}

function listFrom(json: unknown): readonly unknown[] {
  if (!Array.isArray(json)) throw new Error('no list');
  return json;
}

function bytesFrom(text: unknown): Uint8Array {
  if (typeof text !== 'string') throw new Error('no bytes');
  return new Uint8Array(Buffer.from(text, 'base64'));
}

function textOf(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw new Error('text that is not UTF-8');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}
