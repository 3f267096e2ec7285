/** The form beneath compression and encryption: bytes as they are, all else as text. */
import type { AttributeValue } from './attribute.js';
import { isBytes } from './copy.js';
import { jsonCodec, type ValueCodec } from './value-codec.js';

/**
 * Stores a value that is bytes as binary, and any other as the text of {@link jsonCodec}.
 *
 * A third smaller for bytes than text with base64 in it; bytes inside other values still become base64.
 *
 * @example
 * ```ts
 * import { compactCodec } from 'leyden-jar/codec';
 * console.log(compactCodec.encode(new Uint8Array([1, 2]))); // { B: Uint8Array(2) [ 1, 2 ] }
 * console.log(compactCodec.encode({ n: 1 })); // { S: '{"json":{"n":1}}' }
 * ```
 */
export const compactCodec: ValueCodec = {
  name: 'compact',
  transparent: true,
  encode: (value): AttributeValue => (isBytes(value) ? { B: new Uint8Array(value) } : jsonCodec.encode(value)),
  decode: (data) => ('B' in data && isBytes(data.B) ? new Uint8Array(data.B) : jsonCodec.decode(data)),
};
