/**
 * The digest chain: each commit's digest is taken over the one before and over all that this commit says.
 *
 *   chain(k) = SHA-256(chain(k - 1), place, first, count, time, writer, …, events)      the first 16 bytes
 *
 * The head holds the newest, each page that of its last commit, each snapshot that of its place. So two readers who have the
 * same chain have read the same events in the same order, and a reader who is handed a wrong page, in whatever
 * way it is wrong, does not arrive at the head's chain. It finds damage and divergence; against somebody who can write to the
 * table it is no protection, since the chain could be made anew.
 */
import { createHash } from 'node:crypto';
import type { Commit } from './commit.js';

const digestBytes = 16;

/** Digest of the text of a body: 22 characters of base64url. */
export function textDigest(text: string): string {
  return createHash('sha256').update(text).digest().subarray(0, digestBytes).toString('base64url');
}

/** The chain after `commit`. */
export function chainAfter(chain: string, commit: Commit): string {
  const { place, first, count, time, writer, n, prev, text, body, skip, retires } = commit;
  const { handlerVersion = null, stateDigest = null, marks } = commit;
  const facts = [place, first, count, time, writer, n, prev, body?.digest ?? null, skip, retires];
  return createHash('sha256')
    .update(chain)
    .update(
      JSON.stringify([
        ...facts,
        handlerVersion,
        stateDigest,
        ...(marks.length > 0 ? [marks.map(({ id, at, count: of }) => [id, at, of])] : []),
      ]),
    )
    .update(text)
    .digest()
    .subarray(0, digestBytes)
    .toString('base64url');
}
