/**
 * The narrow port to DynamoDB Streams.
 *
 * Everything above this file sends nothing but these three questions and sees nothing but these answers. Behind it stand the AWS SDK
 * (`sdk-port.ts`), a simulator with a seed, and a wrapper that makes shards out of one. All are questions, so an answer that is lost
 * costs a repetition and nothing else; failures reject with the service's error, recognised by its `name` (`refusals.ts`).
 *
 * Records keep the service's own shape, so that a raw record is what Lambda and the SDK would hand out, and reading costs no copy.
 */
import type { Item } from '../codec/index.js';
import type { SendOptions, StreamViewType } from '../engine/index.js';

/** One change of one item, in the shape of the service's `Record`. */
export interface StreamRecord {
  /** Unique in the table's stream: a key for telling repetitions. */
  readonly eventID?: string | undefined;
  /** `INSERT`, `MODIFY`, `REMOVE`; DynamoDB Local has other words for deletions by time to live. */
  readonly eventName?: string | undefined;
  readonly eventSource?: string | undefined;
  readonly eventVersion?: string | undefined;
  readonly awsRegion?: string | undefined;
  readonly dynamodb?:
    | {
        /** Cut to the second; by DynamoDB Local to the minute. */
        readonly ApproximateCreationDateTime?: Date | undefined;
        readonly Keys?: Item | undefined;
        readonly NewImage?: Item | undefined;
        readonly OldImage?: Item | undefined;
        readonly SequenceNumber?: string | undefined;
        readonly SizeBytes?: number | undefined;
        readonly StreamViewType?: string | undefined;
      }
    | undefined;
  /** Present for deletions by time to live. */
  readonly userIdentity?: { readonly PrincipalId?: string | undefined; readonly Type?: string | undefined } | undefined;
}

/** One shard as the stream lists it. A listing is a hint: it may be late, and its pages need not belong to one instant. */
export interface ShardDescription {
  readonly shardId: string;
  readonly parentId?: string | undefined;
  readonly firstSequence?: string | undefined;
  /** Present: closed. Absent: open as far as this listing knows. */
  readonly lastSequence?: string | undefined;
}

/** A page of a stream's description. */
export interface StreamDescription {
  readonly arn: string;
  /** When the stream was enabled, as its ARN says. */
  readonly label: string;
  readonly tableName: string;
  readonly status: 'ENABLING' | 'ENABLED' | 'DISABLING' | 'DISABLED';
  readonly viewType: StreamViewType;
  /** Partition key first. */
  readonly keyNames: readonly string[];
  readonly shards: readonly ShardDescription[];
  /** Where the next page starts; `undefined`: this was the last one. */
  readonly lastShardId?: string | undefined;
}

/** Which part of the shards of a stream is asked for. */
export interface DescribeStreamRequest {
  readonly arn: string;
  /** Goes on after this shard. */
  readonly startAfter?: string | undefined;
  /** Only the children of this closed shard (`ShardFilter` `CHILD_SHARDS`). An empty answer does not mean that there are none. */
  readonly childrenOf?: string | undefined;
  /** 1 to 100. @defaultValue 100 */
  readonly limit?: number | undefined;
}

/** Where an iterator stands at first. */
export type IteratorStart =
  | { readonly type: 'TRIM_HORIZON' | 'LATEST' }
  | { readonly type: 'AT_SEQUENCE_NUMBER' | 'AFTER_SEQUENCE_NUMBER'; readonly sequence: string };

/** Where in a shard an iterator is to stand. */
export interface ShardIteratorRequest {
  readonly arn: string;
  readonly shardId: string;
  readonly start: IteratorStart;
}

/** Which page of records is asked for. */
export interface RecordsRequest {
  readonly arn: string;
  /** For pacing and messages; the iterator alone says what is read. */
  readonly shardId: string;
  readonly iterator: string;
  /** 1 to 1,000. @defaultValue 1,000 */
  readonly limit?: number | undefined;
}

/** A page of a shard. It may be empty long before the end, and the last one (without `nextIterator`) may carry records. */
export interface RecordsPage {
  readonly records: readonly StreamRecord[];
  readonly nextIterator?: string | undefined;
}

/** A stream that a table has or had. */
export interface StreamName {
  readonly arn: string;
  readonly label: string;
  readonly tableName: string;
}

/** What was asked so far. Counts only grow; subtract two readings. */
export interface StreamsSpent {
  readonly describes: number;
  readonly iterators: number;
  /** GetRecords: each is one read request unit of Streams. */
  readonly reads: number;
  readonly records: number;
  readonly throttled: number;
}

/** The port. */
export interface StreamsPort {
  /** A name for messages: `sdk`, `simulator`, … */
  readonly name: string;
  /** The streams of a table, also those that were disabled less than a day ago. */
  streamsOf(tableName: string, options?: SendOptions): Promise<readonly StreamName[]>;
  describe(request: DescribeStreamRequest, options?: SendOptions): Promise<StreamDescription>;
  iterator(request: ShardIteratorRequest, options?: SendOptions): Promise<string>;
  records(request: RecordsRequest, options?: SendOptions): Promise<RecordsPage>;
  spent(): StreamsSpent;
  /** By how much the service's clock is known to be ahead of this machine's. @defaultValue 0 */
  clockOffsetMs?(): number;
}
