/**
 * Prevalence: all business state in RAM, changed only by a pure function of journalled events, from any number of instances.
 *
 * @module
 */
export { atomStorage, openAtomLog } from './atom-storage.js';
export type { HandleAnswer, HandleOptions } from './call.js';
export {
  ClosedError,
  HandleDeadlineError,
  HandlerError,
  InvalidEventError,
  LogNotEmptyError,
  LogUnfinishedError,
  OverloadedError,
  PoisonedError,
  ReadOnlyError,
  ReplayError,
  SnapshotError,
  StateDivergedError,
  StateSpoiledError,
} from './errors.js';
export type { FollowOptions } from './follow.js';
export { type EventContext, type Handler, WithResult, withResult } from './handler.js';
export type { AtomStorageOptions } from './log-parts.js';
export { migrate } from './migrate.js';
export { MigrateError, type MigrateReason } from './migrate-error.js';
export type { MigrateOptions, MigrateProgress, MigrateReport } from './migrate-options.js';
export type { Mode, PrevaylerOptions, Progress } from './options.js';
export type { PastState } from './past.js';
export { type ChangesFrom, openPrevayler, Prevayler, type WaitOptions } from './prevayler.js';
export type { Change, Upcast } from './replica.js';
export { explainSealed, SealedError, type SealedReason } from './sealed-error.js';
export { sealedStorage } from './sealed-storage.js';
export type { AutomaticSnapshots } from './snapshot-keeper.js';
export type {
  Log,
  LogBase,
  LogConsumer,
  LoggedCommit,
  LogRequest,
  PastStart,
  PastTarget,
  PruneReport,
  Retention,
  SnapshotInfo,
  SnapshotRequest,
  Storage,
} from './storage.js';
export type { PrevaylerStats } from './system.js';
export { transientStorage } from './transient-storage.js';
