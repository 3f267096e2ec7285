/** What somebody gives as a place to begin: checked before anything is sent, for what is none would be read as some other place. */
import type { ShardPosition, StreamPosition } from './position.js';
import { isShardPosition, requireToken } from './token.js';

/** All of them, for messages. */
const positionsKnown = "'trim-horizon', 'latest', { since }, { after }, { at } or a token";

const sequencePattern = /^\d{1,40}$/;

/**
 * @param what begins the message, and ends with the name of the option: `Cannot read a stream: from`
 * @throws TypeError for what is no position; {@link TokenError} `ERR_STREAM_TOKEN`: `damaged`, `newer-format`
 */
export function requirePosition(what: string, given: unknown): asserts given is StreamPosition {
  if (given === undefined) throw new TypeError(`${what} must be given: ${positionsKnown}`);
  if (given === 'trim-horizon' || given === 'latest') return;
  if (typeof given !== 'object' || given === null) {
    const text = String(given);
    const remedy = text.startsWith('{') ? '; give the text of a token to decodeToken first' : '';
    throw new TypeError(`${what} must be ${positionsKnown}: ${text.slice(0, 40)}${remedy}`);
  }
  if ('shards' in given || 'stream' in given) {
    requireToken(given);
    return;
  }
  const [[name, value] = [], ...others] = Object.entries(given);
  if (others.length > 0 || !(name === 'since' || name === 'after' || name === 'at')) {
    const remedy = given instanceof Date ? 'a Date; give { since: date }' : JSON.stringify(given).slice(0, 40);
    throw new TypeError(`${what} must be ${positionsKnown}: ${remedy}`);
  }
  if (name === 'since' && !(value instanceof Date && Number.isFinite(value.getTime()))) {
    throw new TypeError(`${what}.since must be a valid Date: ${String(value)}`);
  }
  if (name !== 'since' && !(typeof value === 'string' && sequencePattern.test(value))) {
    throw new TypeError(`${what}.${name} must be a sequence number as text, of 1 to 40 digits: ${String(value)}`);
  }
}

/**
 * The same, in one shard.
 *
 * @throws TypeError for what is none.
 */
export function requireShardPosition(what: string, given: unknown): asserts given is ShardPosition | 'latest' {
  if (given === 'latest' || isShardPosition(given)) return;
  throw new TypeError(
    `${what} must be 'trim-horizon', 'latest', 'end', { after }, { at } or { latestSince }: ${String(JSON.stringify(given)).slice(0, 40)}`,
  );
}
