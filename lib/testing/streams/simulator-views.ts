/** What is true of a simulation, for assertions: shards as they are, and what was asked of them. */
import type { SimulatedShard } from './simulated-shard.js';
import type { StreamViolation } from './traffic.js';

/** A shard as it truly is, whatever listings say. */
export interface ShardView {
  readonly shardId: string;
  readonly parentId: string | undefined;
  readonly childIds: readonly string[];
  readonly firstSequence: string;
  /** Present: closed. */
  readonly lastSequence: string | undefined;
  readonly openedAtMs: number;
  readonly closedAtMs: number | undefined;
  /** Nothing of it can be read from then on. */
  readonly goneAtMs: number | undefined;
  /** Records that were written to it. */
  readonly written: number;
  /** Those of them that are not trimmed. */
  readonly kept: number;
}

/** What was asked of one shard. */
export interface ShardTrafficView {
  readonly shardId: string;
  /** GetRecords, refused ones among them. */
  readonly reads: number;
  readonly emptyReads: number;
  readonly throttled: number;
  readonly iterators: number;
  readonly records: number;
  /** The most GetRecords within any second. */
  readonly readsPerSecondMax: number;
  /** All that ever read it. */
  readonly readers: readonly string[];
  /** The most that read it at a time. */
  readonly readersAtOnceMax: number;
}

/** What was asked of all streams. */
export interface StreamTraffic {
  readonly describesPerSecondMax: number;
  readonly shards: readonly ShardTrafficView[];
  /** What the service would not have allowed: the first hundred. */
  readonly violations: readonly StreamViolation[];
  readonly violationsCount: number;
}

/** A shard as it is. */
export function viewOf({ shardId, parentId, children, firstSequence, end, times, log }: SimulatedShard): ShardView {
  return {
    ...{ shardId, parentId, childIds: children, firstSequence, lastSequence: end?.lastSequence },
    ...{ openedAtMs: times.openedAtMs, closedAtMs: end?.closedAtMs, goneAtMs: end?.goneAtMs },
    ...{ written: log.endIndex, kept: log.endIndex - log.firstIndex },
  };
}

/** What was asked of a shard. */
export function trafficOf({ shardId, traffic }: SimulatedShard): ShardTrafficView {
  const { reads, emptyReads, throttled, iterators, records, readersAtOnceMax } = traffic;
  return {
    ...{ shardId, reads, emptyReads, throttled, iterators, records, readersAtOnceMax },
    readsPerSecondMax: traffic.asked.perSecondMax,
    readers: [...traffic.readers.keys()],
  };
}
