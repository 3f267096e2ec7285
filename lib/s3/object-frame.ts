/**
 * The frame of every object: a body that was cut short, altered or written by something else is found, whatever the client's
 * settings for checksums.
 *
 *   magic (4)  format (1)  length of content (4)  CRC-32 over format, length and content (4)  content
 */
import { crc32 } from 'node:zlib';

const magic = Buffer.from('ljs3');
const format = 1;
const headBytes: number = magic.length + 1 + 4;

/** Bytes that a frame adds to a content. */
export const frameBytes: number = headBytes + 4;

/** What stands in an object; or what is wrong with it. */
export type Unframed =
  | { readonly content: Uint8Array }
  | { readonly reason: 'damaged' | 'foreign' | 'newer-format'; readonly detail: string };

/** An object's body. */
export function frameObject(content: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(frameBytes + content.length);
  magic.copy(framed);
  framed.writeUInt8(format, magic.length);
  framed.writeUInt32LE(content.length, magic.length + 1);
  framed.set(content, frameBytes);
  framed.writeUInt32LE(sumOf(framed), headBytes);
  return framed;
}

/** The content of an object, without a copy. */
export function unframeObject(body: Uint8Array): Unframed {
  const framed = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const isOurs = magic.equals(framed.subarray(0, magic.length));
  if (!isOurs) {
    const isCut = framed.length < magic.length && magic.subarray(0, framed.length).equals(framed);
    return { reason: isCut ? 'damaged' : 'foreign', detail: 'it does not begin as an object of ours does' };
  }
  if (framed.length < frameBytes) return { reason: 'damaged', detail: `it has ${framed.length} bytes` };
  const found = framed.readUInt8(magic.length);
  if (found > format) return { reason: 'newer-format', detail: `format is ${found}, this release knows ${format}` };
  const length = framed.readUInt32LE(magic.length + 1);
  if (framed.length !== frameBytes + length) {
    return { reason: 'damaged', detail: `it has ${framed.length} bytes, not ${frameBytes + length}` };
  }
  if (framed.readUInt32LE(headBytes) !== sumOf(framed)) return { reason: 'damaged', detail: 'its checksum is wrong' };
  return { content: framed.subarray(frameBytes) };
}

/** Over all but the magic and the sum itself. */
function sumOf(framed: Buffer): number {
  return crc32(framed.subarray(frameBytes), crc32(framed.subarray(magic.length, headBytes)));
}
