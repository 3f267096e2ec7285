/** Looks at the group's items again and again: no epoch and no position may ever go back. */
import { setTimeout as sleep } from 'node:timers/promises';
import { compareSequences, type GroupShardStatus, type ShardPosition } from '../../../lib/streams/index.js';
import type { Stage } from './stage.js';

const lookMs = 150;

export class Observer {
  readonly findings: string[] = [];
  readonly #seen = new Map<string, GroupShardStatus>();
  readonly #stopped = new AbortController();
  readonly #watching: Promise<void>;
  looks = 0;

  constructor(stage: Stage) {
    this.#watching = this.#watch(stage);
  }

  /** By shard, as it was seen last. */
  get shards(): ReadonlyMap<string, GroupShardStatus> {
    return this.#seen;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#watching;
  }

  async #watch(stage: Stage): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      // An engine that is down is not asked in vain.
      const status = await stage.status().catch(() => undefined);
      for (const shard of status?.shards ?? []) this.#look(shard);
      this.looks += 1;
      await sleep(lookMs);
    }
  }

  #look(shard: GroupShardStatus): void {
    const { shardId, epoch, position } = shard;
    const before = this.#seen.get(shardId);
    this.#seen.set(shardId, shard);
    if (before === undefined) return;
    if (epoch < before.epoch) this.findings.push(`${shardId}: epoch ${epoch} was seen after ${before.epoch}`);
    if (isBehind(position, before.position)) {
      this.findings.push(
        `${shardId}: position ${JSON.stringify(position)} was seen after ${JSON.stringify(before.position)}`,
      );
    }
  }
}

function isBehind(position: ShardPosition, before: ShardPosition): boolean {
  if (before === 'end') return position !== 'end';
  if (position === 'end' || typeof before !== 'object' || !('after' in before)) return false;
  return typeof position !== 'object' || !('after' in position) || compareSequences(position.after, before.after) < 0;
}
