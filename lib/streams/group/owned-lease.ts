/** What a member of a group is given when it comes to own a shard: the contract between who owns and who works. */
import type { ItemAtom, Transaction } from '../../atom/index.js';
import type { ShardPosition } from '../position.js';
import type { GroupLeaseLostError } from './group-errors.js';
import type { LeaseState, LeaseWork } from './lease-state.js';

/** Changes to what the worker keeps in a lease: `undefined` removes an entry. */
export type LeasePatch = { readonly [Key in keyof LeaseWork]?: LeaseWork[Key] | undefined };

/**
 * A shard that this member owns, in one epoch.
 *
 * It ends in one of four ways, each once and for ever: `signal` aborts (others may own it, now or soon: deliver nothing more, forget what
 * is not saved), `yielded()` or `end()` resolves, or the member was stopped. A shard that comes back does so as another `OwnedLease`.
 *
 *   granted --- save, save, ... --- end()                     the shard was read to its end
 *                              \--- yielding, yielded()       it is due to another, or the member stops
 *                              \--- signal                    it was lost
 */
export interface OwnedLease {
  readonly shardId: string;
  /** The fencing number: higher than that of every earlier owner. */
  readonly epoch: number;
  /** How far the shard is done, as it is stored. */
  readonly position: ShardPosition;
  /** What the worker has stored beside it. */
  readonly work: LeaseWork;
  /**
   * Aborts when it can no longer be relied on: somebody else has it, no beat was acknowledged in time, or the time to hand it over has
   * passed. Each look at it looks at the clocks first. The reason is a {@link GroupLeaseLostError}.
   */
  readonly signal: AbortSignal;
  /** Aborts when it is to be given up in order: let the handler finish, save, then call `yielded()`. */
  readonly yielding: AbortSignal;
  /** The item itself, for a transaction of the worker's own. */
  readonly atom: ItemAtom<LeaseState>;

  /**
   * Stores how far the shard is done, and what `patch` changes. A position never moves back: an earlier one is ignored.
   *
   * @cost 1 request, 1 write unit.
   * @throws {GroupLeaseLostError} `ERR_GROUP_LEASE_LOST`: nothing was stored, and nothing more may be; what `ItemAtom.swap` throws.
   */
  save(position: ShardPosition, patch?: LeasePatch): Promise<void>;

  /**
   * Stores that the shard was read to its end and all of it is done; creates the leases of its children first. `unknown`: they were not
   * found; the audit looks for them. The owner of the parent is given the children, as far as it has room.
   *
   * @cost 2 requests, 2 write units, and 1 of each for each child.
   * @throws as {@link OwnedLease.save}.
   */
  end(children: readonly string[] | 'unknown'): Promise<void>;

  /**
   * Gives it to whom it is due, at the position that was saved last. Called after `yielding`, when no handler runs any more. When nobody
   * is due it any more, it is granted to this member anew.
   *
   * @cost 1 request, 1 write unit; 1 more to tell others.
   */
  yielded(): Promise<void>;

  /**
   * Moves the position from `expected` to `next` within a transaction, if this lease is still this member's and stands at `expected`; else
   * the transaction fails, and none of it is done.
   *
   * @throws {GroupLeaseLostError} `ERR_GROUP_LEASE_LOST`, out of `transact`.
   */
  inTransaction(tx: Transaction, expected: ShardPosition, next: ShardPosition, patch?: LeasePatch): void;

  /** Told that such a transaction was refused, once that is certain: what the item says ends the lease. */
  refused(error: GroupLeaseLostError): void;

  /** Told after a transaction with `inTransaction` was committed, so that `position` is known. */
  committed(next: ShardPosition, patch?: LeasePatch): void;
}
