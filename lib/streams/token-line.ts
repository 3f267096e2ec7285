/**
 * Where a reader stood at each of its batches, at next to no cost for a batch: a token of a thousand shards costs a millisecond, and
 * most tokens are asked for by nobody.
 *
 *   base (all positions) ──move──> ──move──> ──move──>      a batch remembers base and count of moves; its token is made when asked for
 *
 * Moves are kept until they are as many as the base has positions; then the next batch takes a new base. So what is kept is bounded, and
 * goes with the batches that know of it.
 */
import type { ShardPosition, TokenPosition } from './position.js';

type Positions = Readonly<Record<string, TokenPosition>>;

interface Stretch {
  readonly base: Positions;
  readonly moves: (readonly [shardId: string, position: ShardPosition])[];
  readonly movesMax: number;
}

const movesMaxLeast = 16;

export class TokenLine {
  readonly #all: () => Positions;
  #stretch: Stretch | undefined;

  /** @param all tells all positions: what is handed out counts as done. */
  constructor(all: () => Positions) {
    this.#all = all;
  }

  /** Something else than a position has changed: a shard came or went. */
  changed(): void {
    this.#stretch = undefined;
  }

  /** Notes what was handed out of a shard; returns what tells all positions as they are now. */
  handedOut(shardId: string, position: ShardPosition): () => Record<string, TokenPosition> {
    const stretch = this.#moved(shardId, position);
    const count = stretch.moves.length;
    return () => ({ ...stretch.base, ...Object.fromEntries(stretch.moves.slice(0, count)) });
  }

  #moved(shardId: string, position: ShardPosition): Stretch {
    const known = this.#stretch;
    if (known !== undefined && known.moves.length < known.movesMax) {
      known.moves.push([shardId, position]);
      return known;
    }
    const base = this.#all();
    const fresh = { base, moves: [], movesMax: Math.max(movesMaxLeast, Object.keys(base).length) };
    this.#stretch = fresh;
    return fresh;
  }
}
