/**
 * Streams: what changed in a table, in order, at least once, without silent gaps; alone or as a group of processes.
 *
 * @module
 */
export { AtomChange, type AtomChangesOptions, atomChanges } from './atom-changes.js';
export { atomCheckpointer } from './atom-checkpointer.js';
export type * from './change.js';
export { type Checkpointer, memoryCheckpointer } from './checkpoint.js';
export type { DiscoveryTimes } from './discovery.js';
export {
  CheckpointConflictError,
  type Gap,
  RecordParseError,
  StreamError,
  type StreamErrorReason,
  StreamGapError,
  TokenError,
  type TokenErrorReason,
} from './errors.js';
export type { Lost } from './event-queue.js';
export { fileCheckpointer } from './file-checkpointer.js';
export type { ForestTimes } from './forest.js';
export { ConsumerGroup, type GroupResetOptions, type GroupRetryShardOptions } from './group/consumer-group.js';
export { GroupFromError, GroupLiveError, GroupTableError } from './group/consumer-group-errors.js';
export type { DeadLetterWhy } from './group/dead-letter.js';
export { type DeadLetter, type DeadLetterFilter, DeadLetters, type RedriveReport } from './group/dead-letters.js';
export type { GroupDelivery } from './group/deliveries.js';
export type { GroupErrorOptions, GroupFailureEnd, GroupRetryOptions } from './group/error-policy.js';
export {
  type DifferingSetting,
  GroupLeaseLostError,
  GroupMemberError,
  type GroupMemberReason,
  GroupSettingsError,
  type LeaseEnd,
} from './group/group-errors.js';
export type { GroupEvent, GroupMetrics } from './group/group-events.js';
export type { ConsumerGroupOptions } from './group/group-options.js';
export type { GroupMemberStatus, GroupShardState, GroupShardStatus, GroupStatus } from './group/group-status.js';
export type {
  GroupBatch,
  GroupHandler,
  GroupTransactOptions,
  HandlerContext,
  PartialSuccess,
} from './group/handler.js';
export type { MemberEvent } from './group/member-events.js';
export type { MembershipOptions } from './group/member-options.js';
export type { WorkEvent } from './group/work-events.js';
export type { OnGroupGap } from './group/work-ground.js';
export { type MirrorOptions, mirror } from './mirror.js';
export type { MirrorEvent } from './mirror-run.js';
export type { Pace, PaceOptions } from './pace.js';
export { raw, type Unmarshalled, type UnmarshalledOptions, unmarshalled } from './parser.js';
export type * from './port.js';
export type { ShardPosition, StreamPosition, StreamToken, TokenPosition } from './position.js';
export type { GapPolicy, ReadOptions } from './read-options.js';
export { StreamReader } from './reader.js';
export type { ReaderEvent } from './reader-events.js';
export type { SchedulerEvent } from './scheduler.js';
export {
  type CreateStreamsClientOptions,
  createStreamsClient,
  type DynamoDBStreamsClientLike,
  SdkStreams,
} from './sdk-port.js';
export type { AgeLimits } from './shard-reader.js';
export type { StreamFacts } from './stream-lookup.js';
export {
  type ResolveOptions,
  TableStream,
  type TableStreamBaseOptions,
  type TableStreamOptions,
} from './table-stream.js';
export { compareSequences, decodeToken, encodeToken } from './token.js';
export { AtomChanges, type ChangesOptions, changes, type ToldChange } from './watch/changes.js';
export type { SeenAtom } from './watch/seen-atoms.js';
export type { SharedReaderState } from './watch/shared-reader.js';
export { StreamWatchSource, type WatchSourceStatus } from './watch/stream-watch-source.js';
export type { WatchHint } from './watch/watch-hint.js';
export type { StreamWatchSourceOptions, WatchVia } from './watch/watch-options.js';
export { AtomsWatch, type WatchPrefixOptions, watchPrefix } from './watch/watch-prefix.js';
