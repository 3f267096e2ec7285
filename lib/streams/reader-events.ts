/** What a reader tells of itself. Nobody ever waits for whoever listens. */
import type { Gap } from './errors.js';
import type { SchedulerEvent } from './scheduler.js';

/** One thing that happened in a reader. */
export type ReaderEvent =
  /** The shards are known, and where each is begun. */
  | { readonly type: 'started'; readonly stream: string; readonly shards: number }
  /** A shard is read from now on. */
  | { readonly type: 'shard-open'; readonly shardId: string }
  /** A shard was read to its end, and all of it is done. */
  | { readonly type: 'shard-end'; readonly shardId: string }
  /** Records may be missing; told before anything after them is delivered. */
  | { readonly type: 'gap'; readonly gap: Gap }
  /** All shards are at their tips, or are no longer. */
  | { readonly type: 'caught-up'; readonly isCaughtUp: boolean }
  /** How far it is was stored. */
  | { readonly type: 'saved' }
  /** Storing it failed, and is tried again. */
  | { readonly type: 'save-retry'; readonly error: unknown; readonly waitMs: number }
  /** Looking for shards failed, and is tried again. */
  | { readonly type: 'listing-retry'; readonly error: unknown; readonly waitMs: number }
  | SchedulerEvent;
