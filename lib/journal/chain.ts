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
import { hash } from 'node:crypto';
import type { Commit } from './commit.js';

const digestBytes = 16;

/** Digest of the text of a body: 22 characters of base64url. */
export function textDigest(text: string): string {
  return digestOf(text);
}

/** The chain after `commit`. One string and one call of the hash: a reader does this for each commit that there ever was. */
export function chainAfter(chain: string, commit: Commit): string {
  return digestOf(`${chain}${factsOf(commit)}${commit.text}`);
}

/** What a commit says of itself, as JSON. */
function factsOf({ place, first, count, time, writer, n, prev, ...commit }: Commit): string {
  const { body, skip, retires, handlerVersion, stateDigest, marks } = commit;
  const ids = marks.length === 0 ? '' : `,${JSON.stringify(marks.map(({ id, at, count: of }) => [id, at, of]))}`;
  const refused = skip.length === 0 ? '[]' : JSON.stringify(skip);
  const numbers = `${place},${first},${count},${time},${JSON.stringify(writer)},${n},${prev}`;
  return `[${numbers},${textOf(body?.digest)},${refused},${retires},${textOf(handlerVersion)},${textOf(stateDigest)}${ids}]`;
}

function textOf(value: string | undefined): string {
  return value === undefined ? 'null' : JSON.stringify(value);
}

/** The first 16 bytes of the SHA-256. */
function digestOf(text: string): string {
  return hash('sha256', text, 'buffer').subarray(0, digestBytes).toString('base64url');
}
