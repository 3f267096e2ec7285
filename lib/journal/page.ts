/**
 * A page: commits that were moved out of the head's tail, in an item that is written once.
 *
 *   frame( chain after the last commit (16 bytes) | commits as packed text )
 *
 * Page k begins where page k - 1 ended, whoever wrote it, since the tail is trimmed by exactly what page k is known to hold.
 */
import type { Commit } from './commit.js';
import { decodeCommits } from './commit-text.js';
import { type FramePlace, frame, unframe } from './frame.js';
import { tailBytes } from './head.js';

export interface Page {
  readonly commits: readonly Commit[];
  /** The digest chain after the last of them. */
  readonly chain: string;
}

export const chainBytes = 16;

export function encodePage(place: FramePlace, { commits, chain }: Page): Uint8Array {
  return frame(place, Buffer.concat([Buffer.from(chain, 'base64url'), tailBytes(commits)]));
}

/** What an item holds, or what is wrong with it. */
export function decodePage(place: FramePlace, bytes: Uint8Array): Page | 'damaged' | 'newer-format' {
  const content = unframe(place, bytes);
  if (typeof content === 'string') return content;
  try {
    const commits = decodeCommits(content.subarray(chainBytes));
    if (commits.length === 0) return 'damaged';
    return { commits, chain: Buffer.from(content.subarray(0, chainBytes)).toString('base64url') };
  } catch {
    return 'damaged';
  }
}
