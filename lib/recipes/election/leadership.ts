import type { CallOptions } from '../../atom/index.js';
import type { Granted, LockClaims } from '../lock/lock-claims.js';
import { LockGrant } from '../lock/lock-grant.js';
import { NotLeaderError } from './election-errors.js';
import { type ElectionState, leaderOf, proclaimed } from './election-state.js';

/**
 * One term of one leader. `await using` resigns.
 *
 * It lasts until it is resigned or the session's lease ends; `isLeader` knows of both at once.
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
