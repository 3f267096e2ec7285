/** Whether a text can be read in stored bytes: as it stands, or after unpacking what anybody can unpack. */
import { brotliDecompressSync, constants, inflateRawSync } from 'node:zlib';

/** What is packed begins behind a short head, if there is one. */
const startMax = 40;
/** Enough to see what it is. */
const packedBytesMax = 4 * 1_024;
/** Packing does nothing for less. */
const packedBytesMin = 256;

const unpackers: readonly ((packed: Uint8Array) => Uint8Array)[] = [
  (packed) => inflateRawSync(packed, { finishFlush: constants.Z_SYNC_FLUSH }),
  (packed) => brotliDecompressSync(packed, { finishFlush: constants.BROTLI_OPERATION_FLUSH }),
];

export function isReadable(bytes: Uint8Array, text: string): boolean {
  if (Buffer.from(bytes).includes(text)) return true;
  if (bytes.byteLength < packedBytesMin) return false;
  for (let start = 0; start < startMax; start += 1) {
    const packed = bytes.subarray(start, start + packedBytesMax);
    if (unpackers.some((unpack) => unpacked(unpack, packed)?.includes(text))) return true;
  }
  return false;
}

/** `undefined` for what is not packed in this way. */
function unpacked(unpack: (packed: Uint8Array) => Uint8Array, packed: Uint8Array): Buffer | undefined {
  try {
    return Buffer.from(unpack(packed));
  } catch {
    return undefined;
  }
}
