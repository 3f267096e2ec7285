/** One shard of a simulated stream: where it comes from, what is in it, and when which listing tells of it. Plain facts, no time of its own. */
import type { RecordLog, StoredLog } from './record-log.js';
import type { SequenceLine } from './sequence-line.js';
import { ShardTraffic } from './traffic.js';

/** A range of hashes of partition keys; `to` is not in it. */
export interface HashRange {
  readonly from: number;
  readonly to: number;
}

/** All hashes. */
export const allHashes: HashRange = { from: 0, to: 2 ** 32 };

/** When things become known. */
export interface ShardTimes {
  readonly openedAtMs: number;
  /** It rolls then, unless something else closes it before. */
  readonly rollAtMs: number;
  /** Listings tell of it from then on. */
  readonly listedAtMs: number;
  /** The question for its parent's children tells of it from then on. */
  readonly asChildAtMs: number;
}

/** How a shard ended. */
export interface ShardEnd {
  readonly closedAtMs: number;
  readonly lastSequence: string;
  /** Listings tell of it from then on. */
  readonly listedAtMs: number;
  /** Nothing of it is left from then on. */
  goneAtMs: number;
}

export interface ShardInit {
  /** Of the simulator's shards, in the order of their making. */
  readonly ordinal: number;
  readonly shardId: string;
  readonly parentId: string | undefined;
  readonly range: HashRange;
  readonly line: SequenceLine;
  readonly firstSequence: string;
  readonly log: RecordLog;
  readonly times: ShardTimes;
}

export class SimulatedShard {
  readonly ordinal: number;
  readonly shardId: string;
  readonly parentId: string | undefined;
  readonly range: HashRange;
  readonly line: SequenceLine;
  readonly firstSequence: string;
  readonly log: RecordLog;
  readonly times: ShardTimes;
  readonly traffic: ShardTraffic = new ShardTraffic();
  readonly children: string[] = [];
  end: ShardEnd | undefined;
  /** Writes since `writesSinceMs`, which is at most a second ago. */
  writes = 0;
  writesSinceMs: number = Number.NEGATIVE_INFINITY;

  constructor(init: ShardInit) {
    this.ordinal = init.ordinal;
    this.shardId = init.shardId;
    this.parentId = init.parentId;
    this.range = init.range;
    this.line = init.line;
    this.firstSequence = init.firstSequence;
    this.log = init.log;
    this.times = init.times;
  }

  isGone(nowMs: number): boolean {
    return this.end !== undefined && this.end.goneAtMs <= nowMs;
  }
}

/** The log of a shard that is written to. */
export function writtenLog(shard: SimulatedShard): StoredLog {
  return shard.log as StoredLog;
}
