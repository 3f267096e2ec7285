/**
 * The wrapping of what a journal stores beside its head: whose it is, what it is, and a digest over both and the content.
 *
 *   'LJ' | format | kind | content … | SHA-256(journal, key, all before), the first 16 bytes
 *
 * The key is in the digest, so an item that was put in the place of another is found as surely as a flipped bit. The
 * journal's id is, so what was left behind by a deleted journal of the same name is not taken for the new one's.
 */
import { createHash } from 'node:crypto';
import { journalFormat } from './head.js';

const magic = Buffer.from('LJ');
const headerBytes = 4;
const digestBytes = 16;

/** Bytes that the wrapping takes. */
export const frameBytes: number = headerBytes + digestBytes;

const kinds = { page: 1, body: 2, volume: 3 } as const;

function digestOf(place: FramePlace, bytes: Uint8Array): Buffer {
  const { journalId, key } = place;
  return createHash('sha256').update(`${journalId}\n${key}\n`).update(bytes).digest().subarray(0, digestBytes);
}

/** Where a frame belongs. */
export interface FramePlace {
  readonly kind: keyof typeof kinds;
  readonly journalId: string;
  readonly key: string;
}

export function frame(place: FramePlace, content: Uint8Array): Uint8Array {
  const body = Buffer.concat([magic, Buffer.of(journalFormat, kinds[place.kind]), content]);
  return Buffer.concat([body, digestOf(place, body)]);
}

/** The content of a frame; `damaged` when it is not this one, `newer-format` when a later release wrote it. */
export function unframe(place: FramePlace, bytes: Uint8Array): Uint8Array | 'damaged' | 'newer-format' {
  if (bytes.byteLength < frameBytes || !magic.equals(bytes.subarray(0, magic.length))) return 'damaged';
  const end = bytes.byteLength - digestBytes;
  if (!digestOf(place, bytes.subarray(0, end)).equals(bytes.subarray(end))) return 'damaged';
  if ((bytes[2] as number) > journalFormat) return 'newer-format';
  if (bytes[3] !== kinds[place.kind]) return 'damaged';
  return bytes.subarray(headerBytes, end);
}
