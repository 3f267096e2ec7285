/**
 * Events as lines of JSON text, which is what the journal keeps.
 *
 *   {"kind":"paid","amount":5}                 plain JSON: as it is
 *   {"~":{"i":"order-7"},"e":{"kind":"paid"}}  with an idempotency id
 *   {"~":{"f":1},"e":{"json":…,"meta":…}}      more than plain JSON (Date, Map, bigint, …): superjson's form
 *
 * A plain event that has a member `~` itself is wrapped as well, so nothing is mistaken.
 */
import { deepFreeze, type Held, hold, jsonCodec, linesIn, parseLines } from '../codec/index.js';
import type { Commit, ReadCommit } from '../journal/index.js';

/** An event on its way into the journal. */
export interface EventLine<E> {
  /** One line of JSON. */
  readonly text: string;
  readonly bytes: number;
  /** The event, frozen; `undefined` where freezing protects nothing, and each handler gets a copy from `held`. */
  readonly plain: E | undefined;
  readonly held: Held;
}

/** What stands around an event that is not as it is. */
interface Wrap {
  /** The id. */
  readonly i?: string;
  /** In superjson's form. */
  readonly f?: 1;
}

/**
 * Takes a copy of an event.
 *
 * @throws `UnsupportedValueError` `ERR_UNSUPPORTED_VALUE` for what can't be stored without loss.
 */
export function encodeEvent<E>(event: E, id: string | undefined): EventLine<E> {
  const held = hold(event, jsonCodec);
  const plain = held.plain ? (held.hand() as E) : undefined;
  const text = held.plain ? textOf(plain, id) : wrapped({ ...(id !== undefined && { i: id }), f: 1 }, formOf(held));
  return { text, bytes: Buffer.byteLength(text), plain, held };
}

function textOf(plain: unknown, id: string | undefined): string {
  const text = JSON.stringify(plain);
  if (id === undefined && !isWrapped(plain)) return text;
  return wrapped(id === undefined ? {} : { i: id }, text);
}

function formOf(held: Held): string {
  return (held.encode().data as { readonly S: string }).S;
}

function wrapped(wrap: Wrap, text: string): string {
  return `{"~":${JSON.stringify(wrap)},"e":${text}}`;
}

/**
 * Reads the lines of one commit, all at once.
 *
 * @param each called for each line, in order. Not given back as a list: a recovery reads millions.
 * @returns how many lines there were
 */
export function decodeEvents(
  text: string,
  each: (event: unknown, id: string | undefined, index: number) => void,
): number {
  const values = parseLines(text);
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index];
    if (!isWrapped(value)) {
      each(deepFreeze(value), undefined, index);
      continue;
    }
    const { '~': wrap, e } = value as { readonly '~': Wrap; readonly e: unknown };
    each(wrap.f === 1 ? jsonCodec.decode({ S: JSON.stringify(e) }) : deepFreeze(e), wrap.i, index);
  }
  return values.length;
}

/**
 * Reads the lines of several commits, all at once.
 *
 * @throws when a commit has not as many lines as events: then it may be told only by reading them one by one which
 */
export function decodeCommits(
  reads: readonly ReadCommit[],
  each: (event: unknown, id: string | undefined, commit: Commit) => void,
): void {
  const texts: string[] = [];
  let total = 0;
  for (const { commit, text } of reads) {
    if (linesIn(text) !== commit.count) throw new Error('as many lines as events there must be');
    if (commit.count > 0) texts.push(text);
    total += commit.count;
  }
  let next = 0;
  let left = 0;
  let commit: Commit | undefined;
  const lines = decodeEvents(texts.join('\n'), (event, id) => {
    while (left === 0) {
      commit = (reads[next] as ReadCommit).commit;
      next += 1;
      left = commit.count;
    }
    left -= 1;
    each(event, id, commit as Commit);
  });
  if (lines !== total) throw new Error('lines that are not one value each');
}

function isWrapped(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, '~');
}
