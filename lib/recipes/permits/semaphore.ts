import { Grant } from '../claims/grant.js';
import { whileHeld } from '../claims/while-held.js';
import { claimTermsOf, type TicketOptions } from '../lock/lock-options.js';
import { RecipeItem, requireCount, tableOf, type WaitOptions } from '../recipe-item.js';
import type { Session } from '../session/session.js';
import { type GrantedPermits, PermitClaims } from './permit-claims.js';
import { noPermits, type PermitClaim, type PermitState, resize } from './permit-state.js';

/** Options of {@link Semaphore}. */
export interface SemaphoreOptions extends Omit<TicketOptions, 'purpose'> {
  /** The capacity, a positive integer. Stands in the item: all who use the semaphore must say the same. */
  readonly permits: number;
}

/** Who holds permits of a semaphore. */
export interface PermitHolder {
  readonly permits: number;
  /** The session under which they are held. */
  readonly session: string;
}

/**
 * Permits that were granted. `await using` releases them.
 *
 * They are held until they are released or the session's lease ends; `isHeld` knows of both at once.
 */
export class SemaphoreGrant extends Grant<PermitState, PermitClaim> {
  /** How many. */
  readonly permits: number;

  /** @internal Made by `Semaphore`. */
  constructor(claims: PermitClaims, granted: GrantedPermits) {
    super(claims, granted, granted.state.fence);
    this.permits = granted.claim.n;
  }
}

/**
 * A number of permits that many processes share; each call takes one, or as many as its work weighs.
 *
 * **Guarantee.** At every version of the item the sum of what is held is at most the capacity, whatever answers are lost: sum and
 * holders change in one update, which the store makes only if there is room. Those who wait are served in the order of their tickets. So a
 * call that wants many permits is not passed over by those that want few: while it waits, later ones wait behind it, though there be
 * permits enough for them.
 *
 * **It can not** keep a process from going on after its lease has ended (see `Lock`). Then, for a while, more may be at work than there
 * are permits. A resource can't tell these by the token as it can with a lock, since holders of older tokens may be there rightly:
 * watch `grant.signal`, and call `grant.assertHeld()` before each step. What is written in a transaction with `grant.check(tx)` is written
 * only while they are held. What the token does tell is order: permits that came back are granted again under a larger one only. It is
 * not reentrant: a call that waits for what its own process holds waits for ever.
 *
 * **If the process dies**, who waits takes its permits after `leaseMs` of silence, counted on the waiter's own clock. If an answer is
 * lost, that is settled: nothing is taken twice, and nothing is given back twice.
 *
 * **The capacity stands in the item.** A call that counts on another one is refused, with both in the error, so that an old process
 * can't let in more than the new ones allow. `resize` changes it for all.
 *
 * At most 1,000 calls hold permits at the same time. Each takes about 60 bytes of the item, and so 1 write unit more for each 17 of
 * them with every update.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { openSession, Semaphore } from 'leyden-jar/recipes';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * await using session = await openSession(table);
 * const connections = new Semaphore(session, 'legacy-database', { permits: 5 });
 * const rows = await connections.withPermits(2, async ({ signal }) => {
 *   signal.throwIfAborted();
 *   console.log(await connections.available()); // => 3
 *   return ['a', 'b'];
 * });
 * console.log(rows.length, await connections.available()); // => 2 5
 * ```
 */
export class Semaphore {
  readonly name: string;
  readonly #claims: PermitClaims;
  #permits: number;

  /** Sends nothing. @throws TypeError, RangeError for a name or option that is none. */
  constructor(session: Session, name: string, options: SemaphoreOptions) {
    const item = new RecipeItem<PermitState>(tableOf('semaphore', session), name, noPermits('semaphore', 0));
    requireCount(`open ${item.subject}`, 'permits', options.permits);
    this.name = name;
    this.#permits = options.permits;
    this.#claims = new PermitClaims(session, item, claimTermsOf(item.subject, options));
  }

  /** The capacity on which this process counts. */
  get permits(): number {
    return this.#permits;
  }

  /**
   * Waits until `n` permits are granted; for ever, unless `waitMs` or `signal` says otherwise. A call that gives up leaves nothing behind.
   *
   * @cost Free and warm: 1 request, 1 write unit per KB of the item, whoever else takes and gives; calls that come at the same time share it.
   * Cold, as it is the first time, 1 read more; the first use of a session 2 more. Waiting: as `Lock.acquire`.
   * @iam dynamodb:GetItem, dynamodb:PutItem, dynamodb:UpdateItem, dynamodb:BatchGetItem
   * @throws {PermitTimeoutError} `ERR_PERMIT_TIMEOUT` after `waitMs`; {@link SemaphoreFullError} `ERR_SEMAPHORE_FULL`;
   * `RecipeDiffersError` `ERR_RECIPE_DIFFERS` when the capacity is another one; `signal.reason`; `LeaseLostError` `ERR_LEASE_LOST` when
   * the own session is lost meanwhile; `SessionClosedError` `ERR_SESSION_CLOSED`; `RecipeKindError` `ERR_RECIPE_KIND`; RangeError when
   * `n` is no number of permits, or more than there are; what `ItemAtom.swap` throws.
   */
  async acquire(n = 1, options: WaitOptions = {}): Promise<SemaphoreGrant> {
    return new SemaphoreGrant(this.#claims, await this.#claims.acquire(options, this.#asked(n)));
  }

  /**
   * Takes `n` permits if they are free and nobody waits for some, or if those who hold them have sessions that are over; `undefined` if not.
   * Then the sessions of the holders are observed in the background for their leases and 6 s, so that a process that only ever tries
   * takes over from one that died.
   *
   * @cost Free and warm: 1 request, 1 write unit per KB. Not free: 1 strong read, and a batch read of the holders' sessions.
   * @iam dynamodb:GetItem, dynamodb:PutItem, dynamodb:UpdateItem, dynamodb:BatchGetItem
   * @throws as {@link Semaphore.acquire}, but for the time-out.
   */
  async tryAcquire(n = 1, options: Pick<WaitOptions, 'signal'> = {}): Promise<SemaphoreGrant | undefined> {
    const granted = await this.#claims.tryAcquire(options, this.#asked(n));
    return granted && new SemaphoreGrant(this.#claims, granted);
  }

  /**
   * Runs `f` while holding `n` permits, and releases them; returns what `f` returned. When they were lost before `f` had ended, it throws
   * that loss. An error of `f` reaches you unchanged.
   *
   * @cost As {@link Semaphore.acquire} and {@link SemaphoreGrant.release}: 2 requests, warm.
   * @iam As {@link Semaphore.acquire}.
   * @throws {LeaseLostError} `ERR_LEASE_LOST`; what {@link Semaphore.acquire} throws.
   */
  async withPermits<R>(n: number, f: (grant: SemaphoreGrant) => R | Promise<R>, options: WaitOptions = {}): Promise<R> {
    return whileHeld(await this.acquire(n, options), f);
  }

  /**
   * How many permits are free. It may be wrong a moment later, and a call that asks for as many waits if others wait already.
   *
   * @cost 1 strong read.
   * @iam dynamodb:GetItem
   * @throws {RecipeKindError} `ERR_RECIPE_KIND`
   */
  async available(): Promise<number> {
    const { max, used } = await this.#claims.item.read();
    return max === 0 ? this.#permits : Math.max(0, max - used);
  }

  /**
   * Who holds permits, for people and decisions that may be wrong a moment later. The item `session:…` of a session says whose it is.
   *
   * @cost 1 strong read.
   * @iam dynamodb:GetItem
   * @throws {RecipeKindError} `ERR_RECIPE_KIND`
   */
  async holders(): Promise<PermitHolder[]> {
    const { holders } = await this.#claims.item.read();
    return Object.values(holders).map(({ n, session }) => ({ permits: n, session }));
  }

  /**
   * Changes the capacity, for all: processes that were opened with another one are refused from now on. Those who hold permits keep
   * them, so with a smaller capacity the sum may be over it until enough of them are back; none is granted meanwhile. Calls that wait
   * for more permits than there are now are refused.
   *
   * @cost 1 request, 1 write unit per KB of the item; 1 read more when cold.
   * @iam dynamodb:GetItem, dynamodb:PutItem
   * @throws {RecipeKindError} `ERR_RECIPE_KIND`; RangeError when `permits` is no positive integer; what `ItemAtom.swap` throws.
   */
  async resize(permits: number): Promise<void> {
    const { item } = this.#claims;
    requireCount(`resize ${item.subject}`, 'permits', permits);
    await item.swap((state) => resize(state, permits));
    this.#permits = permits;
  }

  /** What a call for `n` permits has beyond other claims. @throws RangeError */
  #asked(n: number): Pick<PermitClaim, 'n' | 'max'> {
    const action = `acquire ${this.#claims.item.subject}`;
    requireCount(action, 'n', n);
    const max = this.#permits;
    if (n > max) throw new RangeError(`Cannot ${action}: n must be at most its capacity of ${max} permits: ${n}`);
    return { n, max };
  }
}
