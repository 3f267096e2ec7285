/**
 * What was handed out of each shard and what of it is done. Pure.
 *
 * Batches may be done in any order; a shard is done up to the end of the longest run of batches, from its first one on, of which none is
 * missing. Only that may be stored: a position behind unfinished work would lose it if the process died.
 */
import type { ShardPosition } from './position.js';

interface Handed {
  readonly position: ShardPosition;
  isDone: boolean;
}

export class Outstanding {
  readonly #shards = new Map<string, Handed[]>();

  /** Notes what was handed out next of a shard; returns what says that it is done. That returns the new position, if it moved. */
  handOut(shardId: string, position: ShardPosition): () => ShardPosition | undefined {
    const handed: Handed = { position, isDone: false };
    const queue = this.#shards.get(shardId);
    if (queue === undefined) this.#shards.set(shardId, [handed]);
    else queue.push(handed);
    return () => {
      if (handed.isDone) return undefined;
      handed.isDone = true;
      return this.#advance(shardId);
    };
  }

  /** Where a reader stands that has done all that was handed out. */
  positions(): Record<string, ShardPosition> {
    const positions: Record<string, ShardPosition> = {};
    for (const [shardId, queue] of this.#shards) {
      const last = queue.at(-1);
      if (last !== undefined) positions[shardId] = last.position;
    }
    return positions;
  }

  /** Whether the end of a shard is handed out and not done: its children wait for that. */
  get holdsEnd(): boolean {
    for (const queue of this.#shards.values()) if (queue.at(-1)?.position === 'end') return true;
    return false;
  }

  /** Whether something of this shard is. */
  has(shardId: string): boolean {
    return this.#shards.has(shardId);
  }

  #advance(shardId: string): ShardPosition | undefined {
    const queue = this.#shards.get(shardId) ?? [];
    let moved: ShardPosition | undefined;
    while (queue[0]?.isDone) moved = queue.shift()?.position;
    if (queue.length === 0) this.#shards.delete(shardId);
    return moved;
  }
}
