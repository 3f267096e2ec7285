/**
 * Snapshots of a state: stored in parts, named by one pointer, thinned out, made when they are due.
 *
 * @module
 */

export { deleteParts } from './delete-parts.js';
export { type SnapshotDamage, SnapshotDamagedError, type SnapshotPlace } from './errors.js';
export { FrozenBytes, freezeState } from './freeze.js';
export { itemSnapshotStore } from './item-store.js';
export type { PaceOptions } from './pace.js';
export { type PruneChoices, type ReaderToRegister, SnapshotPointer, type SnapshotPointerOptions } from './pointer.js';
export { SnapshotPointerError, type SnapshotPointerReason } from './pointer-errors.js';
export { afterTrouble, type PageStart, type Unnamed, type Wanted } from './pointer-rules.js';
export type { Making, RegisteredReader, SnapEntry, SnapValue } from './pointer-value.js';
export {
  type JournalRetention,
  journalBound,
  type PageEnd,
  requireJournalRetention,
  requireSnapshotRetention,
  retainedIds,
  type SnapshotRetention,
} from './retention.js';
export { type SnapshotProgress, SnapshotSchedule, type SnapshotScheduleOptions } from './schedule.js';
export { type PartsOf, sealedSnapshotStore } from './sealed-store.js';
export { type ReadSnapshotOptions, readSnapshot } from './snapshot-reader.js';
export { type WriteSnapshotOptions, type WrittenSnapshot, writeSnapshot } from './snapshot-writer.js';
export { type DecodedState, decodeState } from './state-decoder.js';
export {
  digestState,
  digestStateNow,
  type EncodedState,
  type EncodeStateOptions,
  encodeState,
} from './state-encoder.js';
export type { SnapshotStore, StoreOptions } from './store.js';
