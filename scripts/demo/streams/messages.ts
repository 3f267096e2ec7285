/** What the parent and the processes of the group say to each other. Plain data. */
import type { CreateClientOptions } from '../../../lib/index.js';

/** What a consumer is told, first of all. */
export interface ConsumerJob {
  readonly consumer: string;
  readonly run: string;
  readonly client: CreateClientOptions;
  /** The table that is watched. */
  readonly tableName: string;
  /** The table of the group, and of the view. */
  readonly groupTableName: string;
  /** As how many shards the only one is shown; absent: the stream as it is. */
  readonly shards: number | undefined;
  readonly leaseMs: number;
  /** Leave one change out. */
  readonly falsify: boolean;
}

/** What it is told later. */
export interface Stop {
  readonly kind: 'stop';
}

/** What it tells. */
export type ConsumerReport =
  | { readonly kind: 'ready' }
  | { readonly kind: 'joined' }
  /** It owns the shard, and reads it. */
  | { readonly kind: 'reads'; readonly shardId: string }
  /** It does so no longer. */
  | { readonly kind: 'left'; readonly shardId: string }
  /** The handler has these records, by their numbers. */
  | { readonly kind: 'delivered'; readonly shardId: string; readonly records: readonly string[] }
  /** They are in the view; for each of them, how long after it was written. */
  | { readonly kind: 'counted'; readonly lagsMs: readonly number[] }
  | { readonly kind: 'finished'; readonly requests: number; readonly reads: number }
  | { readonly kind: 'failed'; readonly message: string };
