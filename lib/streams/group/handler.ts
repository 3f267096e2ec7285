/** What a group's handler is given, and what it may answer. */
import type { Transaction } from '../../atom/index.js';
import type { Change, RecordMeta } from '../change.js';

/** Changes of one shard, in order; with `concurrency` above 1 those of some of its items. Never empty. */
export interface GroupBatch<T> {
  readonly shardId: string;
  readonly records: readonly Change<T>[];
  /** Nothing more is known to wait behind it in this shard. */
  readonly caughtUp: boolean;
  /** Age of the oldest record in it, by this machine's clock and the record's time, which is cut to the second. */
  readonly ageMs: number;
}

/** An answer of a handler that did not get to the end: what stands before this record is done, and this one has failed. */
export interface PartialSuccess {
  /** Its sequence number. */
  readonly failedFrom: string;
}

/** Options of {@link HandlerContext.transact}. */
export interface GroupTransactOptions {
  /**
   * Sequence number of the last record whose effects are in this transaction. With it a batch whose effects are too many for one
   * transaction (99 atoms) is done in several.
   * @defaultValue the last record of the batch
   */
  readonly through?: string;
}

/** What a handler is told beside its batch, and what it can ask for. Of no use any more once the handler has returned. */
export interface HandlerContext {
  readonly shardId: string;
  /** The fencing number: higher than that of every earlier owner of the shard. For sinks that can check it. */
  readonly epoch: number;
  /**
   * Aborts when the shard is lost or has to be given up now, and when the handler has taken longer than `handlerMsMax`. Each look at it
   * looks at the clocks first. What is done after that may be done by another member too, unless it is done by `transact`.
   */
  readonly signal: AbortSignal;
  /** 1 for the first call with this first record, more when calls before it failed. */
  readonly attempt: number;
  /** Age of the oldest record of the shard that is not done; in milliseconds, with the grain of the record's time. */
  lagMs(): number;
  /**
   * Says that the records of this batch up to this one are done, and stores it: they are not delivered again, whatever comes.
   *
   * @param sequenceNumber the last one that is done; default: the whole batch
   * @cost 1 request, 1 write unit.
   * @throws {GroupLeaseLostError} `ERR_GROUP_LEASE_LOST`; RangeError for a record that is not in the batch.
   */
  checkpoint(sequenceNumber?: string): Promise<void>;
  /**
   * Effects that are made exactly once: what `f` does to atoms of the coordination table, and that the records are done, is one
   * transaction under this shard's fencing number. Both happen or neither, whoever crashes, sleeps or takes over meanwhile, and whatever
   * answers get lost. `f` may run several times, and should do nothing else than compute.
   *
   * One that is begun while another one is under way stands behind it, and fails with it. What the handler does not await is waited for
   * before its records count as done; should it fail, the handler has failed.
   *
   * Not with `concurrency` above 1: then records before these may not be done.
   *
   * @cost 1 request; 2 write units per KB of the lease and of each atom that is written.
   * @throws {GroupLeaseLostError} `ERR_GROUP_LEASE_LOST`: nothing happened, and the shard is another's; what `AtomTable.transact` throws
   * otherwise, with nothing done; RangeError when these records are done already; TypeError with `concurrency` above 1.
   */
  transact<R>(f: (tx: Transaction) => R | Promise<R>, options?: GroupTransactOptions): Promise<R>;
  /** A key that names the record for ever, the same whoever delivers it: for sinks that drop what they have seen. */
  idempotencyKey(change: { readonly meta: RecordMeta }): string;
}

/**
 * What works on the changes: awaited; what it throws is a failure of the batch.
 *
 * @returns nothing, or from where on it has failed
 */
export type GroupHandler<T> = (
  batch: GroupBatch<T>,
  context: HandlerContext,
  // biome-ignore lint/suspicious/noConfusingVoidType: a handler that returns nothing is the usual one.
) => PartialSuccess | undefined | void | Promise<PartialSuccess | undefined | void>;
