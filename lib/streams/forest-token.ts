/** How a shard of which nothing was read stands in a token: what was promised of it, and whether its parent is known to be done. */
import type { ShardPosition, TokenPosition } from './position.js';

/** What a token says of one shard. */
export interface TokenEntry {
  readonly position: ShardPosition;
  /** What lies before it is done. `false`: its parent has to be looked for. */
  readonly isDecided: boolean;
  /** What is missing of it is a gap. */
  readonly isPromised: boolean;
}

export function encodeEntry({ position, isDecided, isPromised }: TokenEntry): TokenPosition {
  if (position !== 'trim-horizon' || (isDecided && isPromised)) return position;
  if (isDecided) return { unread: 'unpromised' };
  return { unread: isPromised ? 'undecided' : 'undecided-unpromised' };
}

export function decodeEntry(entry: TokenPosition): TokenEntry {
  if (typeof entry !== 'object' || !('unread' in entry)) return { position: entry, isDecided: true, isPromised: true };
  const { unread } = entry;
  return { position: 'trim-horizon', isDecided: unread === 'unpromised', isPromised: unread === 'undecided' };
}
