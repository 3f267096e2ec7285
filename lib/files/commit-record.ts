/**
 * A commit as the body of a record: a line of facts, and the events, one a line, as text.
 *
 *   [place, first, count, time, writer, n, chain, {more}?]
 *   {"event":1}
 *   {"event":2}
 *
 * So `less` shows a journal. What is rare stands in `more`.
 */
import type { Commit, Holder, Mark, ReadCommit } from '../journal/index.js';

/** Who alone may write, and by which take-over. */
export interface Holds {
  readonly epoch: number;
  readonly holder: Holder | undefined;
}

/** A commit that was read. */
export interface DecodedCommit {
  readonly read: ReadCommit;
  /** Present where it changes who may write. */
  readonly holds: Holds | undefined;
}

/** By short names: handler version, state digest, marks, holder. */
interface More {
  readonly h?: string;
  readonly d?: string;
  readonly m?: readonly (readonly [id: string, at: number, count: number])[];
  readonly o?: readonly [epoch: number, writer?: string, since?: number];
}

type Facts = readonly [number, number, number, number, string, number, string, More?];

const none: readonly never[] = [];

export function encodeCommit(commit: Commit, chain: string, holds: Holds | undefined): Buffer {
  const { place, first, count, time, writer, n, text } = commit;
  const more = moreOf(commit, holds);
  const facts: unknown[] = [place, first, count, time, writer, n, chain];
  if (more !== undefined) facts.push(more);
  const line = JSON.stringify(facts);
  return Buffer.from(text === '' ? line : `${line}\n${text}`);
}

function moreOf({ handlerVersion, stateDigest, marks }: Commit, holds: Holds | undefined): More | undefined {
  if (handlerVersion === undefined && stateDigest === undefined && marks.length === 0 && holds === undefined) {
    return undefined;
  }
  return {
    ...(handlerVersion !== undefined && { h: handlerVersion }),
    ...(stateDigest !== undefined && { d: stateDigest }),
    ...(marks.length > 0 && { m: marks.map(({ id, at, count }) => [id, at, count] as const) }),
    ...(holds !== undefined && { o: holdFacts(holds) }),
  };
}

function holdFacts({ epoch, holder }: Holds): NonNullable<More['o']> {
  return holder === undefined ? [epoch] : [epoch, holder.writer, holder.since];
}

/** Throws when it is not what {@link encodeCommit} makes. */
export function decodeCommit(body: string): DecodedCommit {
  const end = body.indexOf('\n');
  const facts = JSON.parse(end === -1 ? body : body.slice(0, end)) as Facts;
  const text = end === -1 ? '' : body.slice(end + 1);
  const [place, first, count, time, writer, n, chain, more] = facts;
  const isRight =
    isWhole(place) && isWhole(first) && isWhole(count) && isWhole(time) && isWhole(n) && typeof writer === 'string';
  if (!isRight || typeof chain !== 'string') throw new Error('facts that are none of a commit');
  const commit: Commit = {
    place,
    first,
    count,
    time,
    writer,
    n,
    prev: n - 1,
    text,
    body: undefined,
    skip: none,
    marks: more?.m === undefined ? none : marksOf(more.m),
    retires: false,
    handlerVersion: more?.h,
    stateDigest: more?.d,
  };
  return { read: { commit, text, chain }, holds: more?.o && holdsOf(more.o) };
}

function isWhole(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function marksOf(facts: NonNullable<More['m']>): readonly Mark[] {
  return facts.map(([id, at, count]) => ({ id, at, count }));
}

function holdsOf([epoch, writer, since = 0]: NonNullable<More['o']>): Holds {
  return { epoch, holder: writer === undefined ? undefined : { writer, since } };
}
