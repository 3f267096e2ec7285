import { RecipeItem, type WaitOptions } from '../recipe-item.js';
import type { Session } from '../session/session.js';
import { Claims } from './claims.js';
import { type Holder, holderOf } from './lock-errors.js';
import { LockGrant } from './lock-grant.js';
import { force, type LockState } from './lock-state.js';

/** Tickets in an item at most, unless said otherwise: about 150 bytes each. */
const queueMaxDefault = 100;

/** Options of {@link Lock}. */
export interface LockOptions {
  /**
   * Calls that may wait with a ticket, and so in order; those beyond it wait for room. Each takes about 150 bytes of the item.
   * @defaultValue 100
   */
  readonly queueMax?: number;
  /**
   * Pause between the end of another's session and the take-over of what it held, in milliseconds: time for requests that it had
   * sent before to arrive. Resources that check the fencing token need none.
   * @defaultValue 0
   */
  readonly graceMs?: number;
  /** What it is held for, in your words; stands in the item, for people. */
  readonly purpose?: string;
}

export class Lock {
  readonly name: string;
  readonly #claims: Claims<LockState>;

  /** Sends nothing. @throws TypeError, RangeError for a name or option that is none. */
  constructor(session: Session, name: string, options: LockOptions = {}) {
    const { queueMax = queueMaxDefault, graceMs = 0, purpose } = options;
    const item = new RecipeItem<LockState>(session.table, name, { kind: 'lock', fence: 0, owner: null, queue: [] });
    if (!(Number.isSafeInteger(queueMax) && queueMax >= 0 && queueMax <= 1_000)) {
      throw new RangeError(`Cannot open ${item.subject}: queueMax must be an integer from 0 to 1000: ${queueMax}`);
    }
    if (!(graceMs >= 0 && graceMs < Number.POSITIVE_INFINITY)) {
      throw new RangeError(`Cannot open ${item.subject}: graceMs must be a number of at least 0: ${graceMs}`);
    }
    this.name = name;
    this.#claims = new Claims(session, item, { queueMax, graceMs, purpose });
  }

  async acquire(options: WaitOptions = {}): Promise<LockGrant> {
    return new LockGrant(this.#claims, await this.#claims.acquire(options));
  }

  async tryAcquire(options: Pick<WaitOptions, 'signal'> = {}): Promise<LockGrant | undefined> {
    const granted = await this.#claims.tryAcquire(options);
    return granted && new LockGrant(this.#claims, granted);
  }

  async withLock<R>(f: (grant: LockGrant) => R | Promise<R>, options: WaitOptions = {}): Promise<R> {
    const grant = await this.acquire(options);
    let result: R;
    try {
      result = await f(grant);
    } catch (error) {
      await grant.release().catch(() => false);
      throw error;
    }
    const lost = grant.loss;
    // An answer that is lost here is settled in the background: the work is done.
    await grant.release().catch(() => false);
    if (lost !== undefined) throw lost;
    return result;
  }

  async holder(): Promise<Holder | undefined> {
    return holderOf(await this.#claims.item.read());
  }

  async forceRelease({ token }: { readonly token: bigint }): Promise<boolean> {
    if (typeof token !== 'bigint') {
      throw new TypeError(`Cannot release lock ${this.name} by force: token must be a bigint: ${typeof token}`);
    }
    const { clock } = this.#claims.session.table.sources;
    return this.#claims.item.swapWith((state) => {
      const next = force(state, Number(token), clock.now());
      return [next, next !== state];
    });
  }
}
