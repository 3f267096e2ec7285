/**
 * A volume: the commits of 32 pages once more, in one item, so that old events are read in a few requests and read units.
 *
 *   page 0 … page 31 │ page 32 … page 63 │ page 64 … page 71 │ tail
 *   volume 0         │ volume 1          │                   │            head.volumes = 2
 *
 *   frame( chain after the last commit (16 bytes) | commits as text, compressed as a whole )
 *
 * What trimmed pages hold is fixed, so what a volume says is as well: whoever binds it, however often, puts the same commits.
 * A read is charged by 4 KB of each item, of which a page fills a quarter; and neighbours resemble each other over more than a page.
 *
 * Of 400 events of 180 bytes, with a random id in each, a volume takes 12 to 14 KB: in pages they take 19 to 22, and deflated as a
 * whole 16 to 17. Brotli is chosen since it tells apart the digits of ids from the words around them; quality 10 takes 30 ms of
 * another thread.
 */
import { promisify } from 'node:util';
import { brotliCompress, brotliDecompressSync, constants } from 'node:zlib';
import { commitsOfText, textOfCommits } from './commit-text.js';
import { type FramePlace, frame, unframe } from './frame.js';
import { chainBytes, type Page } from './page.js';

/** Pages of a volume. Part of the format. */
export const volumePages = 32;
/** Text that a volume may have; compressing more would keep a thread for too long. */
const volumeTextBytesMax: number = 4 * 1_024 * 1_024;

const compress = promisify(brotliCompress);

/** `undefined` when the commits are too much for a volume. The compression is done by another thread. */
export async function encodeVolume(place: FramePlace, { commits, chain }: Page): Promise<Uint8Array | undefined> {
  const text = Buffer.from(textOfCommits(commits));
  if (text.byteLength > volumeTextBytesMax) return undefined;
  const params = {
    [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
    [constants.BROTLI_PARAM_QUALITY]: 10,
    [constants.BROTLI_PARAM_SIZE_HINT]: text.byteLength,
  };
  const packed = await compress(text, { params });
  return frame(place, Buffer.concat([Buffer.from(chain, 'base64url'), packed]));
}

/** What an item holds, or what is wrong with it. */
export function decodeVolume(place: FramePlace, bytes: Uint8Array): Page | 'damaged' | 'newer-format' {
  const content = unframe(place, bytes);
  if (typeof content === 'string') return content;
  try {
    const text = brotliDecompressSync(content.subarray(chainBytes), { maxOutputLength: volumeTextBytesMax });
    return {
      commits: commitsOfText(text.toString()),
      chain: Buffer.from(content.subarray(0, chainBytes)).toString('base64url'),
    };
  } catch {
    return 'damaged';
  }
}
