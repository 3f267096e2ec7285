/**
 * Atoms: values that many processes share, each one DynamoDB item, changed only by compare-and-swap, exactly once.
 *
 * @module
 */

export type { AtomOptions, AtomTableBaseOptions, AtomTableOptions, CompositeKey } from './atom-options.js';
export { AtomReader } from './atom-reader.js';
export { AtomSnapshot, type SnapshotFacts } from './atom-snapshot.js';
export { AtomTable } from './atom-table.js';
export type {
  CallOptions,
  CommuteOptions,
  CommuteWhenOptions,
  DerefOptions,
  SwapContext,
  SwapOnceOptions,
  SwapOptions,
  SwapOrElseOptions,
  TrySwapResult,
} from './call-options.js';
export type { Consistency } from './cell.js';
export { CommuteError, type CommuteReason } from './commute/commute-errors.js';
export type { CommuteChanges, CommuteCondition, CommuteResult } from './commute/commute-types.js';
export {
  type CommitEvent,
  type ConflictEvent,
  diagnosticsChannels,
  type OperationChannel,
  type OperationEvent,
  type OperationOutcome,
  type PartsEvent,
  type RetryEvent,
  type SettleEvent,
  type TableEvent,
  type UnknownEvent,
} from './diagnostics/diagnostics.js';
export type { LogFacts, Logger } from './diagnostics/logger.js';
export {
  ContentionError,
  DeadlineError,
  type EffortFacts,
  InvalidValueError,
  ItemTooLargeError,
  OptionsDifferError,
  ReentrantError,
  TableClosedError,
  TableError,
  UnknownOutcomeError,
} from './errors.js';
export { Cursor, type Focus, type PartCursor } from './focus/focus.js';
export type { Lens, PartAt, StepOf, WayIn } from './focus/part-types.js';
export type { RetryOptions } from './ground.js';
export { ItemAtom } from './item-atom.js';
export { type AttributeNames, attributeNamesDefault } from './item-format.js';
export type { Large, LargeLimits } from './large/large.js';
export type { PartsSwept, SkippedAtom, SweepPartsOptions } from './large/parts-sweep.js';
export { AtomEntry } from './many/atom-entry.js';
export { type AtomImage, AtomImages, valueGone } from './many/atom-images.js';
export { BatchError, type BatchReport } from './many/batch-errors.js';
export { keyTextOf } from './many/cells.js';
export type { KeySelection, KeysOptions, ScanOptions, Standing } from './many/enumerate.js';
export type { Found, GetManyOptions } from './many/get-many.js';
export type { IndexCondition, IndexValue, SortCondition } from './many/index-condition.js';
export type { QueryOptions } from './many/index-query.js';
export type { PlainKey } from './many/many-keys.js';
export type { DeleteManyOptions, PutEntry, PutManyOptions } from './many/put-many.js';
export type { SweepOptions, SweepProgress } from './many/sweep.js';
export { Walk } from './many/walk.js';
export type { Settled, SettleOptions, UnknownReason } from './settlement.js';
export type { CloseOptions, SettledOptions } from './table-life.js';
export type { CreateOptions, TableReport, VerifyOptions } from './table-setup.js';
export type {
  AnyAtom,
  ChangeOf,
  ChangeWithOf,
  StoredIn,
  Transaction,
  TransactOptions,
} from './transact/transaction.js';
export {
  EngineLacksTransactionsError,
  OpIdReusedError,
  ReceiptsFullError,
  type RefusedAction,
  TransactionRefusedError,
  TransactionTooLargeError,
} from './transact/transaction-errors.js';
export type { IndexFunction } from './value-rules.js';
export type { WatchPollOptions } from './watch/watch-ladder.js';
export type {
  WatchChange,
  WatchListener,
  WatchSource,
  WatchSubscription,
  WatchTarget,
} from './watch/watch-source.js';
export type { AtomWatch } from './watch/watchers.js';
export type { TableWatchOptions, WaitForOptions, WatchOptions } from './watch/watches.js';
export { type PutIfAbsentAnswer, type ReadOnceOptions, WriteOnceItems, type WriteOnceOptions } from './write-once.js';
