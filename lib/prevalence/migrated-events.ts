/**
 * Events as a migration sees them: one after the other, with all that a replay asks for, and without the commits that they came in.
 *
 * A commit that is larger than the other storage takes is cut, and one that a migration broke off in is told from its middle on; so
 * what is compared, and what the digest is taken over, is each event by itself: number, time, version of the handler, text.
 */
import { createHash, type Hash } from 'node:crypto';
import type { ReadCommit } from '../journal/index.js';

/** Events of one commit that follow each other. */
export interface EventRun {
  readonly first: number;
  readonly lines: readonly string[];
  readonly time: number;
  readonly handlerVersion: string | undefined;
  /** Of the state after the last of them. */
  readonly stateDigest: string | undefined;
}

/** Those events of a commit that come after `seq`; `undefined` for none. */
export function runAfter({ commit, text }: ReadCommit, seq: number): EventRun | undefined {
  const { first, count, skip, time, handlerVersion, stateDigest } = commit;
  if (count === 0 || first + count - 1 <= seq) return undefined;
  const skipped = new Set(skip);
  const lines = text.split('\n').filter((_, index) => !skipped.has(index));
  const known = Math.max(0, seq + 1 - first);
  return { first: first + known, lines: lines.slice(known), time, handlerVersion, stateDigest };
}

/** The run in pieces of at most so many bytes; `undefined` when one event alone has more. */
export function cut(run: EventRun, bytesMax: number): EventRun[] | undefined {
  const { first, lines, stateDigest, ...facts } = run;
  const pieces: EventRun[] = [];
  let [from, bytes] = [0, 0];
  const end = (to: number, digest: string | undefined) =>
    pieces.push({ ...facts, first: first + from, lines: lines.slice(from, to), stateDigest: digest });
  for (const [index, line] of lines.entries()) {
    const lineBytes = Buffer.byteLength(line);
    if (lineBytes > bytesMax) return undefined;
    if (index > from && bytes + 1 + lineBytes > bytesMax) {
      end(index, undefined);
      [from, bytes] = [index, 0];
    }
    bytes += (index > from ? 1 : 0) + lineBytes;
  }
  end(lines.length, stateDigest);
  return pieces;
}

/** A digest over events, whichever commits they are in. */
export class EventDigest {
  readonly #hash: Hash;
  /** Number of the last event in it. */
  seq: number;

  constructor(seq: number, hash: Hash = createHash('sha256')) {
    this.seq = seq;
    this.#hash = hash;
  }

  add({ first, lines, time, handlerVersion, stateDigest }: EventRun): void {
    if (first !== this.seq + 1) throw new Error(`event ${first} does not follow event ${this.seq}`);
    const facts = JSON.stringify([time, handlerVersion ?? null]);
    let text = '';
    for (const line of lines) {
      this.seq += 1;
      text += `${this.seq}${facts}${line}\n`;
    }
    if (stateDigest !== undefined) text += `${JSON.stringify(stateDigest)}\n`;
    this.#hash.update(text);
  }

  /** 43 characters of base64url. */
  text(): string {
    return this.#hash.copy().digest('base64url');
  }
}
