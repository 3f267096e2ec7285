/** What happens between a shard and its handler, told to whoever listens. Nobody waits for listeners. */
import type { Gap } from '../errors.js';
import type { LeaseEnd } from './group-errors.js';

/** One event of the work on a shard. */
export type WorkEvent = { readonly shardId: string } & (
  | { readonly type: 'shard-started'; readonly epoch: number }
  /** It was read to its end, and all of it is done. */
  | { readonly type: 'shard-ended'; readonly children: readonly string[] | 'unknown' }
  | { readonly type: 'shard-yielded' }
  | { readonly type: 'shard-lost'; readonly reason: LeaseEnd | 'unknown' }
  /** The handler has done a batch. */
  | {
      readonly type: 'batch';
      readonly records: number;
      readonly bytes: number;
      readonly handlerMs: number;
      readonly attempt: number;
      readonly ageMs: number;
    }
  /** The handler, or for a single record the parser or the filter, has failed. `pauseMs`: it is tried again after that. */
  | {
      readonly type: 'failure';
      readonly error: unknown;
      readonly attempt: number;
      readonly records: number;
      readonly sequenceNumber: string;
      readonly pauseMs: number | undefined;
    }
  /** A batch that has failed for good is halved to find out which record it is. */
  | { readonly type: 'bisect'; readonly records: number }
  /** A handler has not come to an end in `handlerMsMax`. */
  | { readonly type: 'handler-slow'; readonly handlerMs: number; readonly sequenceNumber: string }
  | { readonly type: 'shard-parked'; readonly reason: string; readonly sequenceNumber: string | undefined }
  | { readonly type: 'shard-unparked' }
  | { readonly type: 'key-parked'; readonly sequenceNumber: string }
  | { readonly type: 'key-unparked'; readonly sequenceNumber: string }
  | { readonly type: 'dead-letter'; readonly sequenceNumber: string; readonly error: unknown }
  | { readonly type: 'skipped'; readonly sequenceNumber: string; readonly error: unknown }
  | { readonly type: 'gap'; readonly gap: Gap; readonly action: 'stop' | 'continue' }
  /** How far it is done was stored. */
  | { readonly type: 'saved'; readonly saveMs: number }
  | { readonly type: 'save-failed'; readonly error: unknown }
);

type WithoutShard<Event> = Event extends unknown ? Omit<Event, 'shardId'> : never;

/** An event without the shard that it is of. */
export type OwnWorkEvent = WithoutShard<WorkEvent>;
