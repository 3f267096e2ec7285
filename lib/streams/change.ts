/** What readers deliver: changes in batches, each batch of one shard. */
import type { StreamRecord } from './port.js';
import type { StreamToken } from './position.js';

/** What is known of a record beside what a parser makes of it. */
export interface RecordMeta {
  readonly shardId: string;
  readonly sequenceNumber: string;
  /** Unique in the stream. */
  readonly eventId: string;
  /** Told by the images where they are there: engines differ in their words. */
  readonly event: 'INSERT' | 'MODIFY' | 'REMOVE';
  /** Cut to the second; by DynamoDB Local to the minute. */
  readonly approximateCreationTime: Date;
  readonly sizeBytes: number;
  /** Deleted by time to live. */
  readonly ttl: boolean;
}

/** One record, parsed. */
export interface Change<T> {
  readonly value: T;
  readonly meta: RecordMeta;
}

/** What is asked of the images of a stream. */
export type ImagesNeeded = 'new-image' | 'both-images' | undefined;

/**
 * What makes something of a record. What it throws is a failure of that record. Records for which it returns `undefined` are not
 * delivered: they count as done.
 */
export interface Parser<T> {
  /** Images that it needs; without it any view type will do. */
  readonly needs?: ImagesNeeded;
  parse(record: StreamRecord, meta: RecordMeta): T | undefined | Promise<T | undefined>;
}

/** Changes of one shard, in order. */
export interface Batch<T> {
  readonly shardId: string;
  /** May be empty at the end of a shard. */
  readonly records: readonly Change<T>[];
  /** The last one of its shard. Its children are read once it is committed. */
  readonly shardEnd: boolean;
  /** All shards were at their tips when this was handed out. */
  readonly caughtUp: boolean;
  /** Age of the oldest record in it, by this machine's clock and the record's time, which is cut to the second. */
  readonly ageMs: number;
  /** Where a reader stands that has done all batches up to this one. */
  token(): StreamToken;
  /** Says that it is done. Pulling the next one says so as well. */
  commit(): Promise<void>;
}
