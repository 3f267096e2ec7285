/**
 * Atoms: values that many processes share, each one DynamoDB item, changed only by compare-and-swap, exactly once.
 *
 * @module
 */
export { AtomReader } from './atom-reader.js';
export { AtomSnapshot, type SnapshotFacts } from './atom-snapshot.js';
export {
  type AtomOptions,
  AtomTable,
  type AtomTableBaseOptions,
  type AtomTableOptions,
  type CompositeKey,
} from './atom-table.js';
export type {
  CallOptions,
  DerefOptions,
  SwapContext,
  SwapOptions,
  SwapOrElseOptions,
  TrySwapResult,
} from './call-options.js';
export type { Consistency } from './cell.js';
export {
  ContentionError,
  DeadlineError,
  type EffortFacts,
  InvalidValueError,
  ItemTooLargeError,
  OptionsDifferError,
  ReentrantError,
  TableError,
  UnknownOutcomeError,
} from './errors.js';
export type { RetryOptions } from './ground.js';
export { ItemAtom } from './item-atom.js';
export type { AttributeNames } from './item-format.js';
export type { Settled, SettleOptions, UnknownReason } from './settlement.js';
export type { CreateOptions, TableReport, VerifyOptions } from './table-setup.js';
export type { IndexFunction } from './value-rules.js';
export { type PutIfAbsentAnswer, type ReadOnceOptions, WriteOnceItems, type WriteOnceOptions } from './write-once.js';
