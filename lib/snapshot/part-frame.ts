/**
 * The frame of a part: what tells it from every other part that was ever written.
 *
 *   magic (8)  format (1)  length of id (1)  id  number (4)  length of content (4)  content  SHA-256, first 16 bytes
 *
 * The checksum is over all before it. So a part that was cut, swapped with another, or put under another id is found, and not
 * only one with a flipped bit.
 */
import { createHash } from 'node:crypto';
import { SnapshotDamagedError } from './errors.js';

/** Characters of an id, at most. */
export const idLengthMax = 64;
/** Parts of one snapshot, at most: its number has four bytes, and this many are more than any store wants. */
export const partsMax = 9_999_999;

const magic = Buffer.from('ljpart\r\n');
const format = 1;
const sumBytes = 16;
/** Bytes that a frame adds to a content, with the longest id. */
export const frameBytesMax: number = magic.length + 2 + idLengthMax + 8 + sumBytes;

/** @throws RangeError for what cannot be an id. */
export function requireId(id: string): void {
  if (/^[\w.-]+$/.test(id) && id.length <= idLengthMax) return;
  throw new RangeError(
    `Cannot use ${JSON.stringify(id.slice(0, 100))} as the id of a snapshot: ids have 1 to ${idLengthMax} of A-Z a-z 0-9 _ . -`,
  );
}

/** A framed part. */
export function framePart(id: string, part: number, content: Uint8Array): Uint8Array {
  const head = headOf(id, part, content.length);
  const framed = new Uint8Array(head.length + content.length + sumBytes);
  framed.set(head);
  framed.set(content, head.length);
  framed.set(sumOf(framed), framed.length - sumBytes);
  return framed;
}

/**
 * The content of a part, if it is that part to the last bit.
 *
 * @throws {SnapshotDamagedError} `ERR_SNAPSHOT_DAMAGED`: `damaged`, `foreign`, `newer-format`
 */
export function contentOfPart(id: string, part: number, framed: Uint8Array): Uint8Array {
  const damaged = (reason: 'damaged' | 'foreign' | 'newer-format', detail: string) =>
    new SnapshotDamagedError(reason, detail, { id, part });
  if (!magic.equals(framed.subarray(0, magic.length))) {
    const whole = framed.length >= magic.length + sumBytes;
    throw damaged(whole ? 'foreign' : 'damaged', 'it does not begin as a part does');
  }
  const found = framed[magic.length];
  if (found !== undefined && found > format) {
    throw damaged('newer-format', `format is ${found}, this release knows ${format}`);
  }
  const bytes = Buffer.from(framed.buffer, framed.byteOffset, framed.byteLength);
  const headLength = magic.length + 2 + Buffer.byteLength(id) + 8;
  const length = framed.length - headLength - sumBytes;
  const isIt =
    length >= 0 &&
    bytes.subarray(0, headLength).equals(headOf(id, part, length)) &&
    bytes.subarray(-sumBytes).equals(sumOf(framed));
  if (!isIt) throw damaged('damaged', 'it is not this part as it was written');
  return framed.subarray(headLength, headLength + length);
}

function headOf(id: string, part: number, length: number): Buffer {
  const numbers = Buffer.alloc(8);
  numbers.writeUInt32LE(part);
  numbers.writeUInt32LE(length, 4);
  const text = Buffer.from(id);
  return Buffer.concat([magic, Buffer.of(format, text.length), text, numbers]);
}

/** Over all but the last bytes, where it stands. */
function sumOf(framed: Uint8Array): Buffer {
  return createHash('sha256').update(framed.subarray(0, -sumBytes)).digest().subarray(0, sumBytes);
}
