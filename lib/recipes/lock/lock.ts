import { RecipeItem, tableOf, type WaitOptions } from '../recipe-item.js';
import type { Session } from '../session/session.js';
import { Holding } from './holding.js';
import { LockClaims } from './lock-claims.js';
import { type Holder, holderOf, ReentrantLockError } from './lock-errors.js';
import { LockGrant } from './lock-grant.js';
import { claimTermsOf, type LockOptions } from './lock-options.js';
import { force, type LockState } from './lock-state.js';

/**
 * A lock that many processes share. **A lease cannot keep a process from writing after it has ended**: it may be stopped (a garbage
 * collection, a suspended machine, a slow network) between its last look at the lock and its write, and nobody can know. So a
 * lock alone is a good way to avoid double work, and no way to protect data. What protects data is the *fencing token*, a number
 * that grows with each grant: the resource refuses a write that comes with an older one than it has seen. Give `grant` to a
 * `FencedAtom`, or its token to a condition of your own.
 *
 * **Guarantee.** Tokens strictly grow over all grants, in all processes. While `grant.isHeld`, no other grant has been made, as long as
 * the clocks of two machines differ in rate by less than a fifth. Those who wait are served in the order of their tickets.
 *
 * **If the process dies**, who waits takes over after `leaseMs` of the dead one's session, counted on the waiter's own clock from the
 * last sign of life. If an answer is lost, the atom settles it: nobody waits for a claim of their own, and nothing is granted twice.
 *
 * A lock hangs on a session, which is renewed once for all that hangs on it. Its item is never removed: the
 * token must not begin anew. Don't delete it.
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
 * const lock = new Lock(session, 'nightly-report');
 * const pages = await lock.withLock(async ({ token, signal }) => {
 *   signal.throwIfAborted(); // before each step
 *   return `written under token ${token}`;
 * });
 * console.log(pages); // => written under token 1
 * ```
 */
export class Lock {
  readonly name: string;
  readonly session: Session;
  readonly #claims: LockClaims<LockState>;
  readonly #isReentrant: boolean;

  /** Sends nothing. @throws TypeError, RangeError for a name or option that is none. */
  constructor(session: Session, name: string, options: LockOptions = {}) {
    const item = new RecipeItem<LockState>(tableOf('lock', session), name, {
      kind: 'lock',
      fence: 0,
      owner: null,
      queue: [],
    });
    this.name = name;
    this.session = session;
    this.#isReentrant = options.reentrant === true;
    this.#claims = new LockClaims(session, item, claimTermsOf(item.subject, options));
  }

  /**
   * Waits until it is granted; for ever, unless `waitMs` or `signal` says otherwise. A call that gives up leaves no ticket behind.
   *
   * A process of the same session that holds it is waited for like any other.
   *
   * @cost Free and warm: 1 request, 1 write unit per KB of the item. Cold: 1 read more; the first use of a session: 2 more. Waiting: 1
   * write for the ticket, 1 read, then 1 batch read at 0.1 to 1 s for the lock and one for the sessions that are waited for, shared by all who wait in the process; the
   * grant itself is written by whoever releases.
   * @iam dynamodb:GetItem, dynamodb:PutItem, dynamodb:BatchGetItem
   * @throws {LockTimeoutError} `ERR_LOCK_TIMEOUT` after `waitMs`; `signal.reason`; `LeaseLostError` `ERR_LEASE_LOST` when the own session is
   * lost meanwhile; `SessionClosedError` `ERR_SESSION_CLOSED`; `RecipeKindError` `ERR_RECIPE_KIND`; RangeError; what `ItemAtom.swap` throws.
   */
  async acquire(options: WaitOptions = {}): Promise<LockGrant> {
    if (this.#around() !== undefined) throw new ReentrantLockError(this.#claims.item.subject);
    return new LockGrant(this.#claims, await this.#claims.acquire(options));
  }

  /**
   * Takes it if it is free, or if its owner's session is known to be over; `undefined` if somebody holds it. Then the owner's session is observed in the
   * background for its lease and 6 s, so that a process that only ever tries takes over from one that died.
   *
   * @cost Free and warm: 1 request, 1 write unit. Held: 2 strong reads, and 2 reads a lease and 1 more meanwhile.
   * @iam dynamodb:GetItem, dynamodb:PutItem, dynamodb:BatchGetItem
   * @throws as {@link Lock.acquire}, but for the time-out.
   */
  async tryAcquire(options: Pick<WaitOptions, 'signal'> = {}): Promise<LockGrant | undefined> {
    const granted = await this.#claims.tryAcquire(options);
    return granted && new LockGrant(this.#claims, granted);
  }

  /**
   * Runs `f` while holding it, and releases it; returns what `f` returned. When it was lost before `f` had ended, it throws that loss: somebody
   * else may have been at work at the same time. An error of `f` reaches you unchanged.
   *
   * Inside `f`, and in all that it sets going until it has ended, the same lock can't be had once more: that would wait for itself, so it throws
   * `ERR_LOCK_REENTRANT`. With the option `reentrant` a `withLock` inside runs at once, under the same grant, and the last to end releases it.
   *
   * @cost As {@link Lock.acquire} and {@link LockGrant.release}.
   * @iam As {@link Lock.acquire}.
   * @throws {LeaseLostError} `ERR_LEASE_LOST`; {@link ReentrantLockError} `ERR_LOCK_REENTRANT`; what {@link Lock.acquire} throws.
   */
  async withLock<R>(f: (grant: LockGrant) => R | Promise<R>, options: WaitOptions = {}): Promise<R> {
    const around = this.#around();
    if (around !== undefined && !this.#isReentrant) throw new ReentrantLockError(this.#claims.item.subject);
    return (around ?? new Holding(this.session.table, await this.acquire(options))).run(f);
  }

  /**
   * Who holds it, for people and decisions that may be wrong a moment later.
   *
   * @cost 1 strong read.
   * @iam dynamodb:GetItem
   * @throws {RecipeKindError} `ERR_RECIPE_KIND`
   */
  async holder(): Promise<Holder | undefined> {
    return holderOf(await this.#claims.item.read());
  }

  /**
   * Takes it from whoever holds it under `token`, and hands it to the next; whether it was held so. The holder is not told before it
   * looks (`extend`); its writes are refused where the token is checked, once the next holder has written. For people who know that the holder is gone.
   *
   * @cost 1 request, 1 write unit; 1 read more when cold.
   * @iam dynamodb:GetItem, dynamodb:PutItem
   * @throws {RecipeKindError} `ERR_RECIPE_KIND`; TypeError for a token that is no bigint; what `ItemAtom.swap` throws.
   */
  async forceRelease({ token }: { readonly token: bigint }): Promise<boolean> {
    if (typeof token !== 'bigint') {
      throw new TypeError(`Cannot release lock ${this.name} by force: token must be a bigint: ${typeof token}`);
    }
    const { clock } = this.#claims.session.table.sources;
    return this.#claims.item.swapWith((state) => {
      const next = force(state, token, clock.now());
      return [next, next !== state];
    });
  }

  /** The `withLock` of this lock that the caller runs under. */
  #around(): Holding | undefined {
    return Holding.around(this.session.table, this.name);
  }
}
