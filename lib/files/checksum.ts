/** CRC32C (Castagnoli), which finds every damage of up to three flipped bits, and every run of up to 32, in what the files hold. */
import { crc32c } from '@node-rs/crc32';

/** Of all pieces, as if they were one. */
export function checksum(...pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, piece) => crc32c(piece, sum), 0);
}

/** Of a piece that comes after others, whose checksum is `before`. */
export function checksumOn(before: number, piece: Uint8Array): number {
  return crc32c(piece, before);
}
