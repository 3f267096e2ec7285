/** Options of the memory engine, and the limits that it starts from. */
import type { Item } from '../codec/index.js';
import type { Clock } from './clock.js';
import * as limits from './limits.js';
import type { TransactionLimits } from './memory-transaction.js';
import type { Random } from './random.js';

/** Limits of the service that a test may lower. */
export interface MemoryLimits extends TransactionLimits {
  readonly itemBytesMax: number;
  readonly pageBytesMax: number;
  readonly batchGetBytesMax: number;
}

/** One change of one item, as a stream of changes would tell it. */
export interface Commit {
  readonly table: string;
  readonly key: Item;
  readonly before: Item | undefined;
  readonly after: Item | undefined;
  /** By the engine's own deletion of an expired item. */
  readonly expired: boolean;
}

/** Options of `MemoryEngine`. */
export interface MemoryEngineOptions {
  /** @defaultValue the system's clock */
  readonly clock?: Clock;
  /**
   * Seed of all that is random here.
   * @defaultValue 0
   */
  readonly seed?: number;
  /** How long one call takes, there and back, in milliseconds of the clock. Absent: no time at all. */
  readonly latency?: () => number;
  /** How many images ago an eventually consistent `get` or `batchGet` sees an item, 0 being now. Absent: always now. */
  readonly staleness?: (random: Random) => number;
  /**
   * Whether a failed condition brings the item along. `false` is how dynalite behaves.
   * @defaultValue true
   */
  readonly images?: boolean;
  /**
   * Whether there are transactions.
   * @defaultValue true
   */
  readonly transactions?: boolean;
  /** Lower limits than the service's. */
  readonly limits?: Partial<MemoryLimits>;
  /** Told of each change, in order, before the writer has its answer. */
  readonly onCommit?: (commit: Commit) => void;
}

/** Old images of an item that stale reads can see. */
export const historyMax = 8;
/** The service's own limits. */
export const memoryLimits: MemoryLimits = {
  itemBytesMax: limits.itemBytesMax,
  pageBytesMax: limits.pageBytesMax,
  transactionActionsMax: limits.transactionActionsMax,
  transactionBytesMax: limits.transactionBytesMax,
  batchGetBytesMax: 16 * 1_024 * 1_024,
};
