/** Writing to the last byte, or failing. */
import type { OpenFile } from './file-system.js';

/**
 * Writes all of `bytes`. A system that takes fewer says why when it is asked again.
 *
 * @throws what the file throws; an error with the code `ENOSPC` when it takes nothing and gives no reason
 */
export async function writeAll(file: OpenFile, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const count = await file.write(bytes.subarray(written), position + written);
    if (count === 0) throw Object.assign(new Error('no space left: nothing was written'), { code: 'ENOSPC' });
    written += count;
  }
}
