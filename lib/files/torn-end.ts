/**
 * What it means that a file holds no whole record at some place: that it ends there, torn, or that it is damaged. What comes after the
 * place tells the two apart.
 *
 * It is looked for piece by piece, since there may be gigabytes of it.
 */
import { type Framing, frameBytes, lengthAt, markerOf, recordAt } from './record.js';

/** A file that may grow meanwhile. */
export interface GrowingFile {
  readonly framing: Framing;
  /** Bytes read; fewer than fit only at the end. */
  read(into: Uint8Array, position: number): Promise<number>;
  size(): Promise<number>;
}

const pieceBytes: number = 1_024 * 1_024;

/** `torn`: nothing was written behind it; `damaged`: something was; `whole`: it was being written, and is whole now. */
export async function endFrom(offset: number, file: GrowingFile): Promise<'torn' | 'damaged' | 'whole'> {
  for (let isSeen = false; ; isSeen = true) {
    const size = await file.size();
    const length = await believedLength(file, offset);
    if (await isWhole(file, offset, length, size)) return 'whole';
    const isFollowed = offset + (length ?? size) < size || (await hasRecord(file, offset + 1, size));
    if (!isFollowed) return 'torn';
    // What was written before what comes after it was seen must be whole when it is read after that.
    if (isSeen) return 'damaged';
  }
}

/** How long the record there is or was, if that much of it can be believed. */
async function believedLength({ framing, read }: GrowingFile, position: number): Promise<number | undefined> {
  const frame = Buffer.alloc(frameBytes);
  return lengthAt(framing, frame, 0, await read(frame, position));
}

async function isWhole(
  { framing, read }: GrowingFile,
  position: number,
  length: number | undefined,
  end: number,
): Promise<boolean> {
  if (length === undefined || position + length > end) return false;
  const record = Buffer.allocUnsafeSlow(length);
  const have = await read(record, position);
  return have === length && recordAt(framing, record, 0, have) === length;
}

/** Whether a whole record begins between the two. */
async function hasRecord(file: GrowingFile, from: number, to: number): Promise<boolean> {
  const marker = markerOf(file.framing);
  const piece = Buffer.allocUnsafeSlow(Math.max(0, Math.min(pieceBytes, to - from)));
  // A marker may stand where two pieces meet.
  for (let at = from; at + marker.length <= to; at += piece.length - marker.length + 1) {
    const bytes = piece.subarray(0, await file.read(piece, at));
    for (let found = bytes.indexOf(marker); found !== -1; found = bytes.indexOf(marker, found + 1)) {
      if (await isWhole(file, at + found, await believedLength(file, at + found), to)) return true;
    }
  }
  return false;
}
