/**
 * Atoms: values that many processes share, each one DynamoDB item, changed only by compare-and-swap, exactly once.
 *
 * @module
 */
export { AtomEntry } from './atom-entry.js';
export type { AtomOptions, AtomTableBaseOptions, AtomTableOptions, CompositeKey } from './atom-options.js';
export { AtomReader } from './atom-reader.js';
export { AtomSnapshot, type SnapshotFacts } from './atom-snapshot.js';
export { AtomTable } from './atom-table.js';
export { BatchError, type BatchReport } from './batch-errors.js';
export type {
  CallOptions,
  DerefOptions,
  SwapContext,
  SwapOnceOptions,
  SwapOptions,
  SwapOrElseOptions,
  TrySwapResult,
} from './call-options.js';
export type { Consistency } from './cell.js';
export { CommuteError, type CommuteReason } from './commute-errors.js';
export type { CommuteChanges } from './commute-types.js';
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
} from './diagnostics.js';
export type { KeysOptions, ScanOptions } from './enumerate.js';
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
export { Cursor, type Focus, type PartCursor } from './focus.js';
export type { Found, GetManyOptions } from './get-many.js';
export type { RetryOptions } from './ground.js';
export type { IndexCondition, IndexValue, SortCondition } from './index-condition.js';
export type { QueryOptions } from './index-query.js';
export { ItemAtom } from './item-atom.js';
export { type AttributeNames, attributeNamesDefault } from './item-format.js';
export type { Large, LargeLimits } from './large.js';
export type { LogFacts, Logger } from './logger.js';
export type { PlainKey } from './many-keys.js';
export type { Lens, PartAt, StepOf, WayIn } from './part-types.js';
export type { PartsSwept, SkippedAtom, SweepPartsOptions } from './parts-sweep.js';
export type { DeleteManyOptions, PutEntry, PutManyOptions } from './put-many.js';
export type { Settled, SettleOptions, UnknownReason } from './settlement.js';
export type { SweepOptions, SweepProgress } from './sweep.js';
export type { CloseOptions, SettledOptions } from './table-life.js';
export type { CreateOptions, TableReport, VerifyOptions } from './table-setup.js';
export type { Transaction, TransactOptions } from './transaction.js';
export {
  EngineLacksTransactionsError,
  OpIdReusedError,
  ReceiptsFullError,
  type RefusedAction,
  TransactionRefusedError,
  TransactionTooLargeError,
} from './transaction-errors.js';
export type { IndexFunction } from './value-rules.js';
export { Walk } from './walk.js';
export type { WatchPollOptions } from './watch-ladder.js';
export type {
  WatchChange,
  WatchListener,
  WatchSource,
  WatchSubscription,
  WatchTarget,
} from './watch-source.js';
export type { AtomWatch } from './watchers.js';
export type { TableWatchOptions, WaitForOptions, WatchOptions } from './watches.js';
export { type PutIfAbsentAnswer, type ReadOnceOptions, WriteOnceItems, type WriteOnceOptions } from './write-once.js';
