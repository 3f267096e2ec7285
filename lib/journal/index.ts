/**
 * Journals: append-only logs whose head is an atom, for any number of writers.
 *
 * @module
 */
export type { Appended, Base, Batch, Draft, PreparedBody } from './batch.js';
export { chainAfter } from './chain.js';
export type { BodyRef, Commit, Mark } from './commit.js';
export { Cursor, type CursorFacts, cursorAtStart } from './cursor.js';
export {
  AppendTooLargeError,
  AppendUnknownError,
  type GapReason,
  JournalClosedError,
  JournalCompactedError,
  JournalFormatError,
  JournalGapError,
  NotWriterError,
} from './errors.js';
export type { Consumer } from './follower.js';
export { emptyHead, type Head, type Holder, noChain } from './head.js';
export { headOptions, requireHead } from './heads.js';
export { Journal, type JournalOptions } from './journal.js';
export { journalKeys } from './keys.js';
export type { Position } from './protocol.js';
export type { ReadCommit, ReadFrom } from './reader.js';
export { type HoldOptions, isMigrating, migrationHolds, Right } from './right.js';
export type { Floor } from './spiller.js';
export type { SweepRange, SweepReport } from './sweeper.js';
export { appendTogether, type TogetherEntry, type TogetherOptions } from './together.js';
export { settledBy, WaitingCall, type WaitingFacts } from './waiting-call.js';
