/**
 * Tokens as text, and what is refused of a text: what is damaged, of a later format, or of another stream.
 *
 * The text is JSON, for people and for other programs, with a sum over the rest: a position of which one digit is another one is a
 * position as well, and would lose records in silence.
 */
import { createHash } from 'node:crypto';
import { TokenError } from './errors.js';
import type { ShardPosition, StreamToken, TokenPosition } from './position.js';
import { parseStreamArn } from './stream-arn.js';
import { replacedBy } from './stream-lookup.js';

const formatKnown = 1;
const sumLength = 16;
const members = new Set(['v', 'stream', 'shards', 'sum']);

/**
 * A token as text: JSON, the same for the same position.
 *
 * @example
 * ```ts
 * import { decodeToken, encodeToken, type StreamToken } from 'leyden-jar/streams';
 * const stream = 'arn:aws:dynamodb:eu-central-1:123456789012:table/state/stream/2026-01-01T00:00:00.000';
 * const token: StreamToken = { v: 1, stream, shards: { 'shardId-1': { after: '100' } } };
 * console.log(decodeToken(encodeToken(token)).shards); // => { 'shardId-1': { after: '100' } }
 * ```
 */
export function encodeToken(token: StreamToken): string {
  const { v, stream, shards } = token;
  const sorted = Object.fromEntries(Object.entries(shards).sort(([a], [b]) => (a < b ? -1 : 1)));
  const body = { v, stream, shards: sorted };
  return JSON.stringify({ ...body, sum: sumOf(body) });
}

/**
 * Reads what {@link encodeToken} wrote; JSON of a token without its sum is taken as well.
 *
 * @throws {TokenError} `ERR_STREAM_TOKEN`: `damaged`, `newer-format`
 */
export function decodeToken(text: string): StreamToken {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch (error) {
    throw damaged('it is no JSON', error);
  }
  const token = requireToken(read);
  const { sum } = read as { readonly sum?: unknown };
  if (Object.keys(read as object).some((name) => !members.has(name))) throw damaged('it has members that no token has');
  if (sum !== undefined && sum !== sumOf(token)) throw damaged('its sum is another one');
  return token;
}

/**
 * Checks what somebody gives as a token.
 *
 * @throws {TokenError} `ERR_STREAM_TOKEN`: `damaged`, `newer-format`
 */
export function requireToken(given: unknown): StreamToken {
  const { v, stream, shards } = (given ?? {}) as Partial<Record<keyof StreamToken, unknown>>;
  if (typeof v === 'number' && Number.isSafeInteger(v) && v > formatKnown) {
    throw new TokenError(
      'newer-format',
      `it has format ${v}, and this version knows ${formatKnown}; read on with the version that wrote it, or a later one`,
    );
  }
  if (v !== formatKnown) throw damaged('it has no format');
  if (typeof stream !== 'string' || stream === '') throw damaged('it names no stream');
  if (typeof shards !== 'object' || shards === null || Array.isArray(shards)) throw damaged('it has no shards');
  for (const [shardId, position] of Object.entries(shards)) {
    if (shardId === '' || !isTokenPosition(position)) throw damaged(`shard ${shardId} has no position`);
  }
  return { v, stream, shards: shards as StreamToken['shards'] };
}

/**
 * Checks that a token is of this stream.
 *
 * @throws {TokenError} `ERR_STREAM_TOKEN` `other-stream`; {@link StreamError} `ERR_STREAM` `replaced`, when it is of an earlier stream of
 * the same table
 */
export function requireStream(token: StreamToken, arn: string): void {
  if (token.stream === arn) return;
  const [theirs, ours] = [arnOf(token.stream), arnOf(arn)];
  if (theirs !== undefined && theirs.tableArn === ours?.tableArn && theirs.label < ours.label) {
    throw replacedBy(token.stream, arn);
  }
  throw new TokenError(
    'other-stream',
    `it is of ${token.stream}, and what is read is ${arn}; give the reader of each stream its own token or checkpointer`,
  );
}

/** Order of two records of one lineage: negative, zero or positive. Of records of different lineages it says nothing. */
export function compareSequences(a: string, b: string): number {
  const [left, right] = [BigInt(a), BigInt(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Whether this says how far one shard is read. */
export function isShardPosition(position: unknown): position is ShardPosition {
  if (position === 'trim-horizon' || position === 'end') return true;
  if (typeof position !== 'object' || position === null) return false;
  const [[name, value] = [], ...others] = Object.entries(position);
  if (others.length > 0) return false;
  if (name === 'latestSince') return Number.isFinite(value);
  return (name === 'at' || name === 'after') && typeof value === 'string' && /^\d{1,40}$/.test(value);
}

const unreadKinds: ReadonlySet<unknown> = new Set(['undecided', 'unpromised', 'undecided-unpromised']);

function isTokenPosition(position: unknown): position is TokenPosition {
  return isShardPosition(position) || unreadKinds.has((position as { readonly unread?: unknown } | null)?.unread);
}

function sumOf(token: StreamToken): string {
  return createHash('sha256').update(JSON.stringify(token)).digest('hex').slice(0, sumLength);
}

function arnOf(arn: string): ReturnType<typeof parseStreamArn> | undefined {
  try {
    return parseStreamArn(arn);
  } catch {
    return undefined;
  }
}

function damaged(what: string, cause?: unknown): TokenError {
  return new TokenError('damaged', `${what}; take an older one, or read the table anew and begin with 'latest'`, cause);
}
