/** What a forest is told, and what it tells. */

import { retentionMs } from './limits.js';
import type { ShardPosition, StreamPosition } from './position.js';

/** The times that a forest judges by; simulations scale them. */
export interface ForestTimes {
  /** How long the service keeps records. @defaultValue 24 h */
  readonly retentionMs: number;
  /** How long a closed shard without a child is doubted. @defaultValue 25 h */
  readonly doubtMs: number;
  /** How long a finished shard is remembered. @defaultValue 48 h */
  readonly tombstoneMs: number;
  /** How far the clocks of this machine and of the service may be apart. @defaultValue 5 min */
  readonly skewMs: number;
  /** How long listings may be late. @defaultValue 60 s */
  readonly lagMs: number;
}

/** Options of {@link ShardForest}. */
export interface ShardForestOptions {
  /** For messages. */
  readonly stream: string;
  readonly from: StreamPosition;
  /** When the reader began, in epoch milliseconds, before the first listing was asked for. */
  readonly startedAtMs: number;
  readonly times?: Partial<ForestTimes> | undefined;
}

/** What was observed, beside the shards. */
export interface Observation {
  /** These are all pages of a listing. `false`: some of them, or the children of one shard. */
  readonly complete: boolean;
  /** When it was asked for, in epoch milliseconds. */
  readonly nowMs: number;
  /** The stream is disabled: a closed shard without children has none. */
  readonly isDisabled?: boolean | undefined;
}

/** A shard to be started. */
export interface ShardToStart {
  readonly shardId: string;
  /** Where it stands; what a token says of it until something of it was read. */
  readonly start: ShardPosition;
  /** Its tip will do: `start` is the moment of a start that is now. `latestSince` without it is read from the oldest record on. */
  readonly atTip: boolean;
  /** Somebody counts on what it holds from there on: what is missing of it is a gap. */
  readonly isContinuation: boolean;
}

/** What somebody else has found out of a shard: a group's lease. */
export interface KnownShard {
  readonly shardId: string;
  readonly parentId?: string | undefined;
  readonly children?: readonly string[] | undefined;
  readonly position: ShardPosition;
}

/** A shard as the forest sees it. */
export interface ShardView {
  readonly shardId: string;
  readonly parentId: string | undefined;
  readonly children: readonly string[];
  /** Where it stands, or will be started. */
  readonly position: ShardPosition;
  readonly state: 'waiting' | 'ready' | 'started' | 'finished';
  /** It lies before the start and was never read. */
  readonly isSkipped: boolean;
  /** The newest complete listing showed it. */
  readonly isListed: boolean;
}

const hourMs = 3_600_000;
export const forestTimesDefault: ForestTimes = {
  retentionMs,
  doubtMs: 25 * hourMs,
  tombstoneMs: 48 * hourMs,
  skewMs: 5 * 60_000,
  lagMs: 60_000,
};
