/**
 * Commits as text, and text as compressed bytes: what the tail of a head and a page hold.
 *
 *   [place, seq, time, [writers]]           where the first commit begins, and the names
 *   [writer, n, n - prev, time - before, count, {more}?]
 *   {"event":1}                             count lines, when the events are not in a body
 *   {"event":2}
 *   [writer, …]                             the next commit
 *
 * An event is one line of JSON text, kept to the letter, since digests are taken of it. What is rare stands in `more`.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { BodyRef, Commit, Mark } from './commit.js';

/** Rare members of a commit, by short names: body, skip, retires, handler version, state digest, marks. */
interface More {
  readonly b?: readonly [parts: number, bytes: number, digest: string];
  readonly s?: readonly number[];
  readonly r?: 1;
  readonly h?: string;
  readonly d?: string;
  readonly m?: readonly (readonly [id: string, at: number, count: number])[];
}

const stored = 0;
const deflated = 1;
/** Tails have a few KB: a window of 4 KB is enough, and takes a tenth of the memory to set up. */
const smallWindow = { windowBits: 12, memLevel: 6 } as const;
/** Text that a page or a tail may inflate to at most; a bomb is refused. */
export const textBytesMax: number = 64 * 1_024 * 1_024;

/** Compresses `text`, or leaves it as it is when that is shorter. The first byte tells. */
export function pack(text: string): Uint8Array {
  const plain = Buffer.from(text);
  return shorterOf(plain, deflateRawSync(plain, smallWindow));
}

/** The shorter one of a text and what it was deflated to, marked as what it is. */
export function shorterOf(plain: Uint8Array, packed: Uint8Array): Uint8Array {
  const [how, bytes] = packed.length < plain.length ? [deflated, packed] : [stored, plain];
  return Buffer.concat([Buffer.of(how), bytes]);
}

/** The text of packed bytes. Throws when they are none. */
export function unpack(bytes: Uint8Array): string {
  const content = bytes.subarray(1);
  if (bytes[0] === stored) return textOf(content);
  if (bytes[0] !== deflated) throw new Error('packed in a way that is not known here');
  return textOf(inflateRawSync(content, { maxOutputLength: textBytesMax }));
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}

export function encodeCommits(commits: readonly Commit[]): Uint8Array {
  return commits.length === 0 ? new Uint8Array() : pack(textOfCommits(commits));
}

/** The text of at least one commit. */
export function textOfCommits(commits: readonly Commit[]): string {
  const start = commits[0] as Commit;
  const writers = [...new Set(commits.map(({ writer }) => writer))];
  const lines = [JSON.stringify([start.place, start.first, start.time, writers])];
  let before = start.time;
  for (const commit of commits) {
    const { writer, n, prev, time, count, text } = commit;
    const facts: unknown[] = [writers.indexOf(writer), n, n - prev, time - before, count];
    const more = moreOf(commit);
    if (more !== undefined) facts.push(more);
    lines.push(JSON.stringify(facts));
    if (text !== '') lines.push(text);
    before = time;
  }
  return lines.join('\n');
}

function moreOf({ body, skip, retires, handlerVersion, stateDigest, marks }: Commit): More | undefined {
  const more: More = {
    ...(body !== undefined && { b: [body.parts, body.bytes, body.digest] as const }),
    ...(skip.length > 0 && { s: skip }),
    ...(retires && { r: 1 as const }),
    ...(handlerVersion !== undefined && { h: handlerVersion }),
    ...(stateDigest !== undefined && { d: stateDigest }),
    ...(marks.length > 0 && { m: marks.map(({ id, at, count }) => [id, at, count] as const) }),
  };
  return Object.keys(more).length === 0 ? undefined : more;
}

/** Throws when `bytes` are not what {@link encodeCommits} makes. */
export function decodeCommits(bytes: Uint8Array): readonly Commit[] {
  return bytes.byteLength === 0 ? [] : commitsOfText(unpack(bytes));
}

/** Throws when `packed` is not what {@link textOfCommits} makes. */
export function commitsOfText(packed: string): readonly Commit[] {
  const lines = packed.split('\n');
  const [place, first, time, writers] = JSON.parse(lines[0] as string) as [number, number, number, string[]];
  requireIntegers(place, first, time);
  const commits: Commit[] = [];
  let [seq, before] = [first, time];
  for (let line = 1; line < lines.length; ) {
    const facts = JSON.parse(lines[line] as string) as [number, number, number, number, number, More?];
    const [writer, n, step, later, count, more] = facts;
    requireIntegers(writer, n, step, later, count);
    const name = writers[writer];
    const linesOfText = more?.b === undefined ? count : 0;
    const end = line + 1 + linesOfText;
    if (name === undefined || end > lines.length) throw new Error('commits that end too early');
    before += later;
    commits.push({
      place: place + commits.length,
      first: seq,
      count,
      time: before,
      writer: name,
      n,
      prev: n - step,
      text: linesOfText === 1 ? (lines[line + 1] as string) : lines.slice(line + 1, end).join('\n'),
      body: bodyOf(more?.b),
      skip: more?.s ?? noSkip,
      retires: more?.r === 1,
      handlerVersion: more?.h,
      stateDigest: more?.d,
      marks: marksOf(more?.m),
    });
    seq += count;
    line = end;
  }
  return commits;
}

const noMarks: readonly Mark[] = [];
const noSkip: readonly number[] = [];

function marksOf(facts: More['m']): readonly Mark[] {
  if (facts === undefined) return noMarks;
  return facts.map(([id, at, count]) => {
    requireIntegers(at, count);
    if (typeof id !== 'string') throw new Error('a mark without a name');
    return { id, at, count };
  });
}

function bodyOf(facts: More['b']): BodyRef | undefined {
  if (facts === undefined) return undefined;
  const [parts, bytes, digest] = facts;
  requireIntegers(parts, bytes);
  return { parts, bytes, digest };
}

function requireIntegers(...values: readonly unknown[]): void {
  for (const value of values) {
    if (!Number.isSafeInteger(value) || (value as number) < 0) throw new Error('facts that are no whole numbers');
  }
}
