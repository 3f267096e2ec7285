/**
 * How a shard of which nothing was read stands in a token: what was promised of it, and whether its parent is known to be done.
 *
 * All of them are begun at their oldest record. So three moments in which nothing was written yet (`latestSince` 0, 1 and 2) say the
 * rest, and whoever reads a token without knowing of them begins there as well.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ShardPosition } from './position.js';

/** What a token says of one shard. */
export interface TokenEntry {
  readonly position: ShardPosition;
  /** What lies before it is done. `false`: its parent has to be looked for. */
  readonly isDecided: boolean;
  /** What is missing of it is a gap. */
  readonly isPromised: boolean;
}

const entries: readonly TokenEntry[] = [
  { position: 'trim-horizon', isDecided: false, isPromised: true },
  { position: 'trim-horizon', isDecided: true, isPromised: false },
  { position: 'trim-horizon', isDecided: false, isPromised: false },
];

export function encodeEntry(entry: TokenEntry): ShardPosition {
  const latestSince = entries.findIndex((known) => isDeepStrictEqual(known, entry));
  return latestSince < 0 ? entry.position : { latestSince };
}

export function decodeEntry(position: ShardPosition): TokenEntry {
  const known = typeof position === 'object' && 'latestSince' in position ? entries[position.latestSince] : undefined;
  return known ?? { position, isDecided: true, isPromised: true };
}
