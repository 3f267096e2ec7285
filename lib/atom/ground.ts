/** What all atoms of one table share: where items live, what time it is, who we are. Internal. */
import type { Clock, Engine, Random } from '../engine/index.js';
import type { Events } from './diagnostics/events.js';
import type { AttributeNames } from './item-format.js';
import type { PartStore } from './large/part-store.js';
import type { Pace } from './pace.js';
import type { TableLife } from './table-life.js';

/** How hard and how long an operation tries. All times in milliseconds. */
export interface RetryOptions {
  /**
   * Deadline of one call, from its start. At least one attempt is made.
   * @defaultValue 30000
   */
  readonly timeoutMs?: number;
  /**
   * Longest wait for one answer before the same bytes are sent again; shortened to what the store's round trips suggest.
   * @defaultValue 1000
   */
  readonly attemptTimeoutMs?: number;
  /**
   * First pause after throttling; doubles, with full jitter.
   * @defaultValue 50
   */
  readonly backoffMs?: number;
  /**
   * Longest pause.
   * @defaultValue 1000
   */
  readonly backoffMsMax?: number;
  /**
   * How long a write of unknown outcome is settled in the background after its last caller has gone.
   * @defaultValue 15000
   */
  readonly settleMs?: number;
}

export type Retry = Required<RetryOptions>;

export const retryDefault: Retry = {
  timeoutMs: 30_000,
  attemptTimeoutMs: 1_000,
  backoffMs: 50,
  backoffMsMax: 1_000,
  settleMs: 15_000,
};

/** @throws RangeError for what is no limit. */
export function resolveRetry(base: Retry, options: RetryOptions | undefined): Retry {
  if (options === undefined) return base;
  const retry = { ...base, ...options };
  for (const [name, value] of Object.entries(retry)) {
    if (!(value >= 0)) throw new RangeError(`Cannot set retry: ${name} must be a number of at least 0: ${value}`);
  }
  if (retry.attemptTimeoutMs < 1)
    throw new RangeError(`Cannot set retry: attemptTimeoutMs must be at least 1: ${retry.attemptTimeoutMs}`);
  return retry;
}

/** One per `AtomTable`. */
export interface Ground {
  readonly engine: Engine;
  readonly tableName: () => string;
  readonly names: AttributeNames;
  readonly keyNames: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly pace: Pace;
  readonly events: Events;
  readonly randomBytes: (count: number) => Uint8Array;
  /** 64 random bits: the writer of every token of this table object. */
  readonly writer: string;
  /** The next number of a payload; never restarts, never repeats. */
  readonly nextSeq: () => number;
  /** A fresh incarnation: 96 random bits. */
  readonly newIncarnation: () => string;
  /** Writers of one generation of evidence. */
  readonly generationWritersMax: number;
  /** Whether the table is open, and what is under way in it. */
  readonly life: TableLife;
  /** The parts of large values. */
  readonly parts: PartStore;
  /** How long a receipt of a call with an `opId` is promised to be kept. */
  readonly receiptMs: number;
  /** Receipts that an item keeps at most, where they have to lie in the atom's own. */
  readonly receiptsMax: number;
  /** Cells that outlive their handles. */
  readonly kept: Set<unknown>;
  /** How long a tombstone stays. */
  readonly tombstoneMs: number;
}
