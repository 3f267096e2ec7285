/**
 * Who waits for the tips of all shards, and which of them they have come to.
 *
 * A shard into which nobody writes is at its tip after some empty pages. One that is written on and on never gives any: there the first
 * record that an iterator saw which was taken at the tip, after the waiting began, is the bound.
 */
import type { ShardFeed } from './feed.js';
import type { StreamsPort } from './port.js';
import type { ShardPosition } from './position.js';
import type { Scheduler } from './scheduler.js';
import { TipProbe } from './tip-probe.js';
import { compareSequences } from './token.js';

/** Where the shards are read. */
export interface TipGround {
  readonly arn: string;
  readonly port: StreamsPort;
  readonly scheduler: Scheduler;
}

/** One who waits. */
export interface Awaited {
  /** What lay before the bound of this shard is done. */
  isPassed(feed: ShardFeed): boolean;
  /** It has given nothing but empty pages since. */
  isAtTip(feed: ShardFeed): boolean;
  /** Nobody waits any more. */
  close(): void;
}

interface Check {
  done(shardId: string, moved: ShardPosition): void;
}

export class AwaitedTips {
  readonly #checks = new Set<Check>();

  get areAwaited(): boolean {
    return this.#checks.size > 0;
  }

  /** Begins to wait; `onChange` when there may be something to look at. */
  await({ arn, port, scheduler }: TipGround, onChange: () => void): Awaited {
    const asked = scheduler.recheck();
    const leaving = new AbortController();
    const probes = new Map<string, TipProbe>();
    const passed = new Set<string>();
    const check: Check = {
      done(shardId, moved) {
        if (typeof moved !== 'object' || !('after' in moved) || passed.has(shardId)) return;
        const probe = probes.get(shardId) ?? new TipProbe({ port, arn, shardId, signal: leaving.signal, onChange });
        probes.set(shardId, probe);
        if (probe.boundary === undefined) probe.ask();
        else if (compareSequences(moved.after, probe.boundary) >= 0) passed.add(shardId);
      },
    };
    this.#checks.add(check);
    return {
      isPassed: ({ shardId }) => passed.has(shardId),
      isAtTip: (feed) => scheduler.isRechecked(feed, asked),
      close: () => {
        this.#checks.delete(check);
        leaving.abort();
      },
    };
  }

  /** More of a shard is done. */
  done(shardId: string, moved: ShardPosition): void {
    for (const check of this.#checks) check.done(shardId, moved);
  }
}
