/**
 * Streams: what changed in a table, in order, at least once, without silent gaps; alone or as a group of processes.
 *
 * @module
 */
export type * from './change.js';
export {
  type Gap,
  StreamError,
  type StreamErrorReason,
  StreamGapError,
  TokenError,
  type TokenErrorReason,
} from './errors.js';
export type * from './port.js';
export type { ShardPosition, StreamPosition, StreamToken } from './position.js';
export {
  type CreateStreamsClientOptions,
  createStreamsClient,
  type DynamoDBStreamsClientLike,
  SdkStreams,
} from './sdk-port.js';
export type { ImagesNeeded, StreamFacts } from './stream-lookup.js';
export {
  type ResolveOptions,
  TableStream,
  type TableStreamBaseOptions,
  type TableStreamOptions,
} from './table-stream.js';
