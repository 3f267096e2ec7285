/**
 * The frame of a record: what tells a whole record from anything that a crash, a disk or a person may have put in its place.
 *
 *   marker (4) | checksum (4) | length (4) | checksum of the length (4) | kind (1) | body
 *                               └──────────────── checksum ─────────────────────┘
 *
 * The marker and the seed of the checksums are of one file: records of another file, or of one that had these blocks of the disk before,
 * are none here. The length has a checksum of its own for the one case in which the record's does not fit: if the length is right,
 * it is known where the record ended, and whether anything was written after it.
 *
 * Pure functions of bytes.
 */
import { checksum, checksumOn } from './checksum.js';

/** `header`: the first of each file; `commit`; `end`: the last of a file that was closed. */
export const recordKinds = { header: 0x68, commit: 0x63, end: 0x65 } as const;

export const frameBytes = 16;
/** More than any record has: appends of 32 MB, sealed. */
const recordBytesMax: number = 80 * 1_024 * 1_024;

/** What the records of one file are framed with. */
export interface Framing {
  readonly marker: number;
  readonly seed: number;
}

/** @param prologue what the file begins with; differs from file to file by its random bytes from `saltAt` on */
export function framingOf(prologue: Uint8Array, saltAt: number): Framing {
  return { marker: viewOf(prologue).getUint32(saltAt, true), seed: checksum(prologue) };
}

export function frame({ marker, seed }: Framing, kind: number, body: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(frameBytes + 1 + body.length);
  record.writeUInt32LE(marker, 0);
  record.writeUInt32LE(1 + body.length, 8);
  record.writeUInt32LE(checksumOn(seed, record.subarray(8, 12)), 12);
  record[frameBytes] = kind;
  record.set(body, frameBytes + 1);
  record.writeUInt32LE(checksumOn(seed, record.subarray(8)), 4);
  return record;
}

/** `bad`, or how many bytes the record at `at` has: if those are more than there are, it is not known yet whether it is whole. */
export function recordAt(framing: Framing, bytes: Buffer, at: number, end: number): number | 'bad' {
  if (end - at < frameBytes) return isPrefix(framing, bytes, at, end) ? frameBytes : 'bad';
  if (bytes.readUInt32LE(at) !== framing.marker) return 'bad';
  const total = frameBytes + bytes.readUInt32LE(at + 8);
  if (at + total > end) return lengthAt(framing, bytes, at, end) === undefined ? 'bad' : total;
  if (total <= frameBytes) return 'bad';
  return checksumOn(framing.seed, bytes.subarray(at + 8, at + total)) === bytes.readUInt32LE(at + 4) ? total : 'bad';
}

/** How many bytes the record at `at` has or had, if that much of it can be believed. */
export function lengthAt({ marker, seed }: Framing, bytes: Buffer, at: number, end: number): number | undefined {
  if (end - at < frameBytes || bytes.readUInt32LE(at) !== marker) return undefined;
  const total = frameBytes + bytes.readUInt32LE(at + 8);
  const isRight = checksumOn(seed, bytes.subarray(at + 8, at + 12)) === bytes.readUInt32LE(at + 12);
  return isRight && total > frameBytes && total <= recordBytesMax ? total : undefined;
}

/** The bytes that each record begins with. */
export function markerOf({ marker }: Framing): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(marker);
  return bytes;
}

/** Whether the few bytes that there are may be the beginning of a record. */
function isPrefix({ marker }: Framing, bytes: Buffer, at: number, end: number): boolean {
  return end - at < 4 || bytes.readUInt32LE(at) === marker;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
