import type { CallOptions, Transaction } from '../../atom/index.js';
import {
  type FenceAttribute,
  type FenceCondition,
  type FenceConditionOptions,
  fenceCondition,
} from '../fence/fence-condition.js';
import type { Granted, LockClaims } from '../lock/lock-claims.js';
import { LockGrant } from '../lock/lock-grant.js';
import { NotLeaderError } from './election-errors.js';
import { type ElectionState, leaderOf, proclaimed } from './election-state.js';

/**
 * One term of one leader. `await using` resigns.
 *
 * It lasts until it is resigned, the session's lease ends, or it is taken away (by a process that saw the lease end, or by hand). The first two
 * are known to `isLeader` at once; the last at the next `proclaim()`, `extend()` or transaction with `check(tx)`.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { Election, openSession } from 'leyden-jar/recipes';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * await using session = await openSession(table);
 * const election = new Election<string>(session, 'scheduler');
 * {
 *   await using leadership = await election.campaign('starting', { waitMs: 5_000 });
 *   await leadership.proclaim('ready');
 *   console.log(leadership.term, (await election.leader())?.value); // => 1n ready
 * }
 * console.log(await election.leader()); // => undefined
 * ```
 */
export class Leadership<V = unknown> implements AsyncDisposable {
  /** Larger than that of every leader before; the fencing token of what this leader writes elsewhere. */
  readonly term: bigint;
  /** The name of the election. */
  readonly name: string;
  /** The kind of the recipe: terms have nothing to do with the tokens of a lock. */
  readonly kind: string;
  /** Aborts when it is lost, before others can lead; each look at it looks at the clocks first. The reason is the error. */
  readonly signal: AbortSignal;
  readonly #claims: LockClaims<ElectionState<V>>;
  readonly #nonce: string;
  readonly #grant: LockGrant<ElectionState<V>>;

  /** @internal Made by `Election`. */
  constructor(claims: LockClaims<ElectionState<V>>, granted: Granted<ElectionState<V>>) {
    this.#claims = claims;
    this.#nonce = granted.claim.nonce;
    this.#grant = new LockGrant(claims, granted);
    this.term = this.#grant.token;
    this.name = this.#grant.name;
    this.kind = this.#grant.kind;
    this.signal = this.#grant.signal;
  }

  /** The fencing token, under the name that locks have for it: the term. */
  get token(): bigint {
    return this.term;
  }

  /** Whether this process may still act as the leader. Looks at the clocks; costs nothing. */
  get isLeader(): boolean {
    return this.#grant.isHeld;
  }

  /** Why it was lost; `undefined` while it lasts, and after it was resigned. */
  get loss(): Error | undefined {
    return this.#grant.loss;
  }

  /**
   * Throws unless {@link Leadership.isLeader}. Costs nothing.
   *
   * @throws {NotLeaderError} `ERR_NOT_LEADER`, with the loss as its `cause`.
   */
  assertLeader(): void {
    if (!this.isLeader) throw this.#notLeader(this.#claims.item.peek());
  }

  /** As {@link Leadership.assertLeader}: so a `FencedAtom` takes a leadership for a fence. */
  assertHeld(): void {
    this.assertLeader();
  }

  /**
   * Changes the value of this term, for all who observe; without a value, removes it. It is accepted only while the item names this
   * very leadership, so no observer ever sees in one term what the leader of another one said. When it returns it was accepted, once.
   *
   * If the process dies, it was accepted or not. If the answer is lost, that is settled before you are answered.
   *
   * @cost 1 request, 1 write unit per KB of the item.
   * @iam dynamodb:PutItem, dynamodb:GetItem
   * @throws {NotLeaderError} `ERR_NOT_LEADER`: nothing was changed; what `ItemAtom.swap` throws.
   */
  async proclaim(value?: V, options: CallOptions = {}): Promise<void> {
    this.assertLeader();
    const stands = await this.#claims.item.swap((state) => proclaimed(state, this.#nonce, value), options);
    if (!this.#grant.see(stands)) throw this.#notLeader(stands);
  }

  /**
   * Renews the lease now, and makes sure that the item still names this leadership. Resolves when both are known.
   *
   * @cost 2 requests: 1 write unit for the beat, 1 strong read of the item.
   * @iam dynamodb:PutItem, dynamodb:GetItem
   * @throws {NotLeaderError} `ERR_NOT_LEADER`, with the loss (`ERR_LEASE_LOST`) as its `cause`; what `ItemAtom.swap` throws: then it lasts
   * until the lease ends, unless a later call succeeds.
   */
  async extend(): Promise<void> {
    this.assertLeader();
    try {
      await this.#grant.extend();
    } catch (error) {
      this.assertLeader();
      throw error;
    }
  }

  /**
   * Makes a transaction depend on the leadership: it is committed only if at that instant the item still names it. So of what a leader
   * commits this way nothing comes after the next one leads, and the atoms that it writes need no term. Need not be awaited.
   *
   * What is decided is the order of commits; it can not stop what the function does beside them. Who stands for election changes the item
   * and makes the transaction run again.
   *
   * @cost The item is one more atom that is only read: 2 write units per KB of it, and a store that has transactions.
   * @iam dynamodb:ConditionCheckItem, dynamodb:GetItem
   * @throws {NotLeaderError} `ERR_NOT_LEADER`, at once or from the transaction: nothing is written then. TypeError for a transaction of
   * another table.
   *
   * @example
   * ```ts
   * import { AtomTable } from 'leyden-jar';
   * import { MemoryEngine } from 'leyden-jar/engine';
   * import { Election, openSession } from 'leyden-jar/recipes';
   *
   * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
   * await table.create();
   * await using session = await openSession(table);
   * const plan = table.atom<string[]>('plan', { initial: [] });
   * await using leadership = await new Election(session, 'scheduler').campaign();
   * const steps = await table.transact((tx) => {
   *   leadership.check(tx);
   *   return tx.swap(plan, (all) => [...all, 'compact']);
   * });
   * console.log(steps); // => [ 'compact' ]
   * ```
   */
  check(tx: Transaction): Promise<void> {
    this.assertLeader();
    return this.#grant.lookIn(tx, (state) => {
      if (!this.#grant.see(state) || !this.isLeader) throw this.#notLeader(state);
    });
  }

  /**
   * The condition and the attributes that make a write of an item of your own fail once a later leader has written; see
   * `fenceCondition`. Sends nothing.
   *
   * @throws as {@link Leadership.assertLeader}; TypeError for wrong options.
   */
  guard(options: FenceConditionOptions & { readonly client: 'plain' }): FenceCondition<FenceAttribute>;
  guard(options?: FenceConditionOptions): FenceCondition<number | string>;
  guard(options: FenceConditionOptions = {}): FenceCondition<FenceAttribute | number | string> {
    return fenceCondition(this, options);
  }

  /**
   * Ends the term, and hands over to the candidate that waits first; whether it lasted until then. Later calls answer as the first.
   *
   * @cost 1 request, 1 write unit per KB of the item.
   * @iam dynamodb:PutItem, dynamodb:GetItem
   * @throws what `ItemAtom.swap` throws; it is then tried again in the background, as long as the session lasts.
   */
  resign(): Promise<boolean> {
    return this.#grant.release();
  }

  /** As {@link Leadership.resign}, but for errors: it is tried again in the background. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.resign().catch(() => false);
  }

  #notLeader(state: ElectionState<V> | undefined): NotLeaderError<V> {
    const known = state && leaderOf(state);
    const leader = known?.term === this.term ? undefined : known;
    return new NotLeaderError(this.#claims.item.subject, { term: this.term, leader, cause: this.loss });
  }
}
