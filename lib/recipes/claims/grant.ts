import type { ItemAtom, Transaction } from '../../atom/index.js';
import { watchfulSignal } from '../../engine/index.js';
import type { RecipeState } from '../recipe-item.js';
import { LeaseLostError, lossOf } from '../session/session-errors.js';
import type { Claim } from './claim-steps.js';
import type { Claims, Granted } from './claims.js';

/**
 * Something that was granted, whatever the recipe. `await using` releases it.
 *
 * It is held until it is released, its session's lease ends, or it is taken by force. The first two are known to `isHeld` at once; the
 * last at the next `extend()`.
 */
export class Grant<S extends RecipeState, C extends Claim = Claim> implements AsyncDisposable {
  /** The fencing token. What was taken from its holder is granted to others under a larger one only. */
  readonly token: bigint;
  /** The name of the recipe. */
  readonly name: string;
  /** The kind of the recipe, `lock` for one: tokens of another kind have nothing to do with this one. */
  readonly kind: string;
  /** Aborts when it is lost, before others can have it; each look at it looks at the clocks first. The reason is the error. */
  readonly signal: AbortSignal;
  readonly #claims: Claims<S, C>;
  readonly #granted: Granted<S, C>;
  readonly #controller = new AbortController();
  /** Hears of the lease's end no longer. */
  #leave: () => void = () => {};
  #loss: Error | undefined;
  #releasing: Promise<boolean> | undefined;

  /** @internal Made by the recipe. `token` is that of the state that was granted. */
  constructor(claims: Claims<S, C>, granted: Granted<S, C>, token: number) {
    this.#claims = claims;
    this.#granted = granted;
    this.token = BigInt(token);
    this.name = claims.item.name;
    this.kind = claims.item.kind;
    this.#leave = granted.lease.onEnd((error) => this.#lose(error));
    this.signal = watchfulSignal(this.#controller, () => void this.loss);
  }

  /** Whether it may be relied on now. Looks at the clocks; costs nothing. */
  get isHeld(): boolean {
    return this.#releasing === undefined && this.loss === undefined;
  }

  /** Why it is lost; `undefined` while it is held, and after it was released. */
  get loss(): Error | undefined {
    // Others may hear of the lease's end before this grant does.
    const { end } = this.#granted.lease;
    if (end !== undefined) this.#lose(end);
    return this.#loss;
  }

  /**
   * @internal What is thrown once something that was done under it has ended, if it was lost before: nobody can tell what others did
   * at the same time.
   */
  get lossAfterwards(): Error | undefined {
    const { loss } = this;
    return loss && lossOf(loss, this.#claims.item.subject, { token: this.token, outcome: 'unknown' });
  }

  /**
   * Throws unless {@link Grant.isHeld}. Costs nothing.
   *
   * @throws {LeaseLostError} `ERR_LEASE_LOST`, `SessionClosedError` `ERR_SESSION_CLOSED`; TypeError after it was released.
   */
  assertHeld(): void {
    const { loss } = this;
    if (loss !== undefined) throw loss;
    if (this.#releasing !== undefined) {
      throw new TypeError(`Cannot rely on ${this.#claims.item.subject}: it was released by this process`);
    }
  }

  /**
   * Renews the lease now, and makes sure that nobody has taken it by force. Resolves when both are known.
   *
   * @cost 2 requests: 1 write unit for the beat, 1 strong read of the item.
   * @throws {LeaseLostError} `ERR_LEASE_LOST`; what `ItemAtom.swap` throws: then it is held until the lease ends, unless a later call succeeds.
   */
  async extend(): Promise<void> {
    this.assertHeld();
    const [state] = await Promise.all([this.#claims.item.read(), this.#granted.lease.beat()]);
    this.see(state);
    this.assertHeld();
  }

  /** @internal Whether its item, as it stands, says that it is held; if not, it is lost. */
  see(state: S): boolean {
    const { lease, claim } = this.#granted;
    if (this.#claims.standingOf(state, claim.nonce) === 'owner') return true;
    const facts = { reason: 'taken', session: lease.id, leaseMs: lease.leaseMs, token: this.token } as const;
    this.#lose(new LeaseLostError(this.#claims.item.subject, facts));
    return false;
  }

  /**
   * Makes a transaction depend on the grant: it is committed only if at that instant the item still says that it is held. So of what a
   * holder commits this way nothing comes after it was taken away, and the atoms that it writes need no token. Need not be awaited.
   *
   * What is decided is the order of commits; it can not stop what the function does beside them. Who queues for it changes the item
   * and makes the transaction run again.
   *
   * @cost The item is one more atom that is only read: 2 write units per KB of it, and a store that has transactions.
   * @iam dynamodb:ConditionCheckItem, dynamodb:GetItem
   * @throws as {@link Grant.assertHeld}, at once or from the transaction: nothing is written then. TypeError for a transaction of
   * another table.
   *
   * @example
   * ```ts
   * import { AtomTable } from 'leyden-jar';
   * import { MemoryEngine } from 'leyden-jar/engine';
   * import { Lock, openSession } from 'leyden-jar/recipes';
   *
   * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
   * await table.create();
   * await using session = await openSession(table);
   * const lock = new Lock(session, 'invoices');
   * const total = table.atom<number>('total', { initial: 0 });
   * const add = (n: number) => lock.withLock((grant) => table.transact((tx) => {
   *   grant.check(tx);
   *   return tx.swap(total, (sum) => sum + n);
   * }));
   * console.log(await add(5), await add(1)); // => 5 6
   * ```
   */
  check(tx: Transaction): Promise<void> {
    this.assertHeld();
    return this.lookIn(tx, (state) => {
      this.see(state);
      this.assertHeld();
    });
  }

  /** @internal Shows `look` the item as a transaction has it; what that throws ends the transaction. */
  lookIn(tx: Transaction, look: (state: S) => void): Promise<void> {
    const { item } = this.#claims;
    // A swap that changes nothing: as one of the transaction's own calls it fails it also when nobody awaits it.
    return tx.swapWith(item.atom as unknown as ItemAtom<RecipeState, RecipeState>, (stored) => {
      look(item.mine(stored as S));
      return [stored, undefined];
    });
  }

  /**
   * Gives it up, and hands it to whoever waits first; whether it was held until then. Never frees what another holds. Later calls answer
   * as the first.
   *
   * @cost Warm: 1 request, 1 write unit per KB of the item.
   * @throws what `ItemAtom.swap` throws; the release is then tried again in the background, as long as the session lasts.
   */
  release(): Promise<boolean> {
    const wasHeld = this.loss === undefined;
    this.#leave();
    this.#releasing ??= this.#claims.release(this.#granted.claim.nonce).then((was) => was && wasHeld);
    return this.#releasing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release().catch(() => false);
  }

  #lose(error: Error): void {
    if (this.#loss !== undefined || this.#releasing !== undefined) return;
    this.#loss = lossOf(error, this.#claims.item.subject, { token: this.token });
    this.#leave();
    this.#controller.abort(this.#loss);
  }
}
