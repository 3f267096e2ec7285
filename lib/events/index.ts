/**
 * Events: a store of event streams, each a journal, with aggregates and views on them.
 *
 * @module
 */
export {
  AggregateType,
  type AggregateTypeOptions,
  type CommandContext,
  type Decision,
  type Truth,
} from './aggregate/aggregate-type.js';
export type { Executed } from './aggregate/command-work.js';
export type { PruneOptions, PruneReport } from './aggregate/prune.js';
export type { Appended } from './append-work.js';
export {
  CategoryOrderError,
  CommandIdReusedError,
  ConflictError,
  EventStoreClosedError,
  PruneRefusedError,
  StreamClosedError,
  StreamPrunedError,
  UnknownEventTypeError,
  UpcastError,
} from './errors.js';
export type { EventInput, EventMetadata, RecordedEvent } from './event.js';
export { EventStore } from './event-store.js';
export type { ExpectedVersion } from './expected-version.js';
export type {
  AppendOptions,
  CallSignal,
  EventStoreOptions,
  ExecuteArguments,
  ExecuteOptions,
  Loaded,
  WriteOptions,
} from './store-options.js';
export type { Closing } from './stream-closing.js';
export type { StreamInfo, StreamsOptions } from './stream-info.js';
export type { EndOptions } from './stream-life.js';
export type { ReadOptions } from './stream-reader.js';
export type { SubscribeOptions } from './stream-subscription.js';
export type { ReadAllOptions, SubscribeAllOptions } from './together/all-streams.js';
export type { CategoryOptions } from './together/categories.js';
export type { CategoryFeed, FeedOptions } from './together/category-feed.js';
export type { PlacedEvent } from './together/read-category.js';
export type { StreamEntry } from './together/stream-entry.js';
export type { StreamsFeedOptions } from './together/streams-feed.js';
export { type TransientEventStoreOptions, transientEventStore } from './transient-event-store.js';
export type { Upcasted, Upcaster, UpcastSubject } from './upcaster.js';
export type { CommitParser, HeadRecord, StreamCommit } from './view/head-parser.js';
export type { Projection } from './view/projection.js';
export type { CommitBatch, Projector } from './view/projector.js';
export type { RebuildOptions, RebuildProgress, Rebuilt } from './view/rebuild.js';
export { type AnyView, View, type ViewOptions } from './view/view.js';
export {
  ProjectionError,
  ViewRebuildingError,
  ViewSourceError,
  ViewStreamsError,
  ViewSwitchedError,
  ViewVersionError,
} from './view/view-errors.js';
export type { ViewLag } from './view/view-lag.js';
export type { ViewEntry, ViewLagOptions, ViewReader, ViewReadOptions } from './view/view-reader.js';
export type { ProjectOptions, RebuildViewOptions } from './view/views.js';
