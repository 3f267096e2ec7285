/**
 * Where a prevalent system lives: the port between the system and its storages.
 *
 * A storage gives one ordered log and a place for snapshots. What the system relies on:
 * - `append` puts a batch into the log exactly once, after the consumer was given every commit before it, and tells its fate.
 * - The consumer gets all commits of the log in order, each once, those that were made here by `adopt` instead.
 * - A snapshot is published whole or not at all, and nothing that one wants is removed before another one covers it.
 */

import type { SealingCodec } from '../codec/index.js';
import type { Clock } from '../engine/index.js';
import type { Appended, Batch, CursorFacts, HoldOptions, PreparedBody, ReadCommit } from '../journal/index.js';
import type { JournalRetention, SnapshotRetention } from '../snapshot/index.js';

/** Opens logs; made by `atomStorage`, `fileStorage`, `s3Storage` or `transientStorage`. */
export interface Storage {
  /** The system's name, for messages. */
  readonly name: string;
  /** The clock of the place, unless the system is given another. */
  readonly clock: Clock;
  /**
   * Whether its logs put all that they store through `LogRequest.codec`. One that does not say so is refused where there is a codec.
   * @defaultValue false
   */
  readonly seals?: boolean | undefined;
  /** Sends nothing. */
  open(request: LogRequest): Log;
}

/** What a log is opened with. */
export interface LogRequest {
  readonly consumer: LogConsumer;
  /** The application's name for what its events and its state mean. */
  readonly format: string;
  readonly clock: Clock;
  readonly retention: Retention;
  /** Whether nothing at all may be written. */
  readonly readOnly: boolean;
  /** What all that is stored goes through: events, snapshots, and what tells of them. @defaultValue nothing */
  readonly codec?: SealingCodec | undefined;
  /** Told of failures that nobody waits for. */
  readonly onWarning: (error: unknown) => void;
}

/** What is kept. */
export interface Retention extends SnapshotRetention {
  /**
   * How much of the journal `prune` leaves.
   * @defaultValue 'oldest-kept'
   */
  readonly journal?: JournalRetention;
}

/** What a log is folded into. */
export interface LogConsumer {
  /** Takes the next commit. Synchronous; when it throws, nothing was taken. */
  apply(read: ReadCommit): void;
  /**
   * Takes the next commits together, which costs less than one by one. `false`: none of them was taken, and they are to be given one
   * by one; so what is wrong with one of them is told with it. Synchronous; throws nothing.
   */
  applyAll?(reads: readonly ReadCommit[]): boolean;
  /** What a snapshot is to hold; an immutable value, as of the last commit taken. */
  capture(): unknown;
  /**
   * Whether somebody waits for an event to be handled. A snapshot is written in smaller shares of the time then.
   * @defaultValue nobody ever
   */
  isBusy?(): boolean;
  /** Takes what `capture` gave once; `undefined` = begin from nothing. */
  restore(captured: unknown, at: { readonly seq: number; readonly time: number }): void;
}

/** A snapshot that is kept. */
export interface SnapshotInfo {
  readonly id: string;
  /** Events in it. */
  readonly seq: number;
  /** Time of the last commit in it, epoch milliseconds. */
  readonly time: number;
  /** Stored bytes. */
  readonly bytes: number;
  readonly parts: number;
  /** Canonical digest of what it holds: another one for another state. */
  readonly digest: string;
}

export interface PruneReport {
  /** Snapshots that are kept. */
  readonly kept: number;
  readonly snapshotsRemoved: number;
  readonly pagesRemoved: number;
  readonly bodiesRemoved: number;
}

/** What a log begins with instead of nothing: a state, as if all before it had been pruned. */
export interface LogBase {
  /** What `LogConsumer.capture` gave once. */
  readonly captured: unknown;
  /** Number of the last event in it, at least 1. */
  readonly seq: number;
  /** Time of the last commit in it, epoch milliseconds. */
  readonly time: number;
}

/** A commit as a log gives it. */
export interface LoggedCommit extends ReadCommit {
  /**
   * Whether nobody can tell from here if it counts, as nothing comes after it: it may be on its way, or its writer may have died. Whoever
   * opens the log to write settles that. Only the newest commit, and only of who reads, can be in doubt.
   * @defaultValue false
   */
  readonly isInDoubt?: boolean | undefined;
}

/** From where to replay, for a look at the past. */
export interface PastStart {
  /** What the snapshot holds; `undefined` = from nothing. */
  readonly captured: unknown;
  readonly at: CursorFacts;
  /** The commits after it. */
  commits(): AsyncGenerator<ReadCommit>;
}

export interface SnapshotRequest {
  /** Only if nobody else is at it. */
  readonly due: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** A log that is open. */
export interface Log {
  /** Name of this instance, unlike that of any other. */
  readonly instance: string;
  /** Number of the newest event that was folded, or is in the head that is being folded to. */
  readonly seqWanted: number;
  /** Loads the newest snapshot that can be read, and folds up to the head. */
  recover(signal?: AbortSignal): Promise<void>;
  catchUp(consistency: 'strong' | 'eventual', signal?: AbortSignal): Promise<void>;
  /** Whether events with this text are appended as they are; if not, `prepare` comes first. */
  fitsHead(text: string): boolean;
  /** @throws when one commit may not have so many bytes of events. */
  requireSize(bytes: number): void;
  /** Bytes of the events of one commit, at most. */
  readonly appendBytesMax: number;
  prepare(text: string): Promise<PreparedBody>;
  append(batch: Batch, body?: PreparedBody): Promise<Appended>;
  /**
   * Gives a log in which there is no event yet the state that it begins with, as a snapshot that covers all before it. It needs no
   * `recover` before it, and the consumer is restored from the base at the next `catchUp` or `append` if not at once. As long as it is
   * not done, nobody appends to the log; when it was cut short it is called again, with the same base.
   *
   * From the moment on at which others can open the log, who began it holds it, as by `hold({ isMigration: true })`: what is to come
   * after the state may not be there yet.
   *
   * @throws {LogNotEmptyError} `ERR_LOG_NOT_EMPTY` when there is an event in the log, or a state that it has begun with.
   */
  begin(base: LogBase, signal?: AbortSignal): Promise<void>;
  hold(options: HoldOptions): Promise<void>;
  release(): Promise<void>;
  /** With `due`, only if nobody else is at it or was; `undefined` then. */
  snapshot(request: SnapshotRequest): Promise<SnapshotInfo | undefined>;
  /** Those that are kept, the oldest first. */
  snapshots(signal?: AbortSignal): Promise<readonly SnapshotInfo[]>;
  prune(signal?: AbortSignal): Promise<PruneReport>;
  /** Commits with events from `from` on, up to the newest. */
  read(from: number, signal?: AbortSignal): AsyncGenerator<LoggedCommit>;
  pastStart(target: PastTarget, signal?: AbortSignal): Promise<PastStart>;
  /** Waits for what is under way. */
  close(): Promise<void>;
  /** Gives up on what is under way; its outcome is told as unknown, or by `reason` itself where nothing was sent. */
  stop(reason: unknown): void;
}

/** A moment of the past: after an event, or at a time (epoch milliseconds). */
export type PastTarget =
  | { readonly seq: number; readonly time?: never }
  | { readonly time: number; readonly seq?: never };
