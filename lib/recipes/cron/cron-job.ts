/**
 * Work that is due at fixed times, done by one of many processes, and again by another when that one dies.
 *
 *   slot 12:00   A: owner, works ... dies       the item says: 11:59 is done, A works under token 7
 *                B: waits ..................... A's session is over: B works under token 8 -> 12:00 is done
 *
 * A slot is done when whoever owns the item says so in it, and only an owner can: a process that has lost its lease may have broken off
 * its work, so its word counts no more. Until then the slot is to be had again. So it is done at least once; twice, if its worker was
 * only slow.
 *
 * Those who lose a slot wait without a ticket, by reads alone: when it is done there is nothing left to have.
 */
import type { AtomTable } from '../../atom/index.js';
import { isLeydenError } from '../../errors.js';
import { LockClaims } from '../lock/lock-claims.js';
import { LockGrant } from '../lock/lock-grant.js';
import { claimTermsOf } from '../lock/lock-options.js';
import type { LockState } from '../lock/lock-state.js';
import { RecipeItem, requireCount, requireFunction, tableOf } from '../recipe-item.js';
import type { Session } from '../session/session.js';
import { type RunEveryOptions, type RunOnce, requireRun, requireSlotAt, type SlotOptions, Slots } from './slots.js';

interface CronJobState extends LockState {
  readonly kind: 'cron-job';
  /** Beginning of the last slot that was done, in epoch milliseconds. */
  readonly doneAt: number;
}

const nothingDone: CronJobState = { kind: 'cron-job', fence: 0, owner: null, queue: [], doneAt: -1 };

/** Those who wait look at the session of the worker so often, and at the item once in a second. */
const retryMs = 5_000;
const pollMsMax = 1_000;

/** Options of {@link CronJob}. */
export interface CronJobOptions extends SlotOptions {
  /**
   * How long after its beginning a slot may be begun, or begun again. To be done again when its worker dies, a slot needs longer than that
   * one works, the `leaseMs` of its session, and 5 s.
   * @defaultValue `everyMs`
   */
  readonly retryWithinMs?: number;
  /** What it is, in your words; stands in the item, for people. At most 256 bytes. */
  readonly purpose?: string;
}

/** What the function of a job is given. */
export interface CronWork {
  /** Beginning of the slot, in epoch milliseconds. */
  readonly slotAt: number;
  /** The fencing token: larger than that of every run before. */
  readonly token: bigint;
  /** Aborts when the work may be somebody else's. */
  readonly signal: AbortSignal;
}

/**
 * One process in each slot, and another one if that dies.
 *
 * **Guarantee.** A slot is done once at least, if some process that calls for it lives, and its function succeeds, within `retryWithinMs`;
 * and a slot that is known to be done is not begun again. While one works, no other does, as long as the clocks of two machines differ in
 * rate by less than a fifth. Each process tries a slot once.
 *
 * **It can not** keep a slot from being done twice: a process may die between the end of its work and the word that it is done, or be only
 * slow. Make the work idempotent by its slot, or give its token to what it writes. As with `CronSlot`, a clock that is ahead takes slots
 * early. And it goes forward only: once a later slot is done, by a clock that is ahead or because `retryWithinMs` is longer than a slot,
 * none before it is begun again.
 *
 * **If the process dies**, the next one begins after `leaseMs` of the dead one's session, and at most 5 s. If the function throws,
 * those who wait try at once. If an answer is lost, it is settled; where it can't be, the slot counts as not done.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { CronJob, openSession } from 'leyden-jar/recipes';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * await using session = await openSession(table);
 * const cleanup = new CronJob(session, 'cleanup', { everyMs: 3_600_000 });
 * const fails = cleanup.runOnce(() => Promise.reject(new Error('no')));
 * await fails.catch(({ message }) => console.log(message)); // => no
 * const again = await cleanup.runOnce(({ token }) => `done under token ${token}`);
 * console.log(again.ran && again.result); // => done under token 2
 * console.log((await cleanup.runOnce(() => 'twice?')).ran); // => false
 * ```
 */
export class CronJob {
  readonly #item: RecipeItem<CronJobState>;
  readonly #claims: LockClaims<CronJobState>;
  readonly #slots: Slots;
  readonly #table: AtomTable;
  readonly #retryWithinMs: number;

  /** Sends nothing. @throws TypeError, RangeError for wrong arguments. */
  constructor(session: Session, name: string, options: CronJobOptions) {
    this.#table = tableOf('cron-job', session);
    this.#slots = new Slots(this.#table.sources.clock, options);
    const { retryWithinMs = options.everyMs, purpose } = options;
    requireCount('open a cron job', 'retryWithinMs', retryWithinMs);
    this.#retryWithinMs = retryWithinMs;
    this.#item = new RecipeItem(this.#table, name, nothingDone);
    const terms = purpose === undefined ? {} : { purpose };
    this.#claims = new LockClaims(session, this.#item, claimTermsOf(this.#item.subject, terms));
  }

  /** Beginning of the slot that it is, in epoch milliseconds by the own clock. */
  slotAt(): number {
    return this.#slots.now();
  }

  /**
   * Runs `f` unless the slot is done. While another process works on it, waits: until that says that it is done, dies or fails, or
   * `retryWithinMs` is over. What `f` throws reaches you unchanged.
   *
   * `slotAt`: the beginning of the slot, for times that do not lie evenly; by default the slot that it is by the own clock.
   *
   * @cost Done by this process: 3 requests, 3 write units; the first time 1 read more, and those of the session. Waiting: 2 reads, then half
   * a read unit a second. Known to be done: nothing.
   * @iam dynamodb:PutItem, dynamodb:GetItem, dynamodb:BatchGetItem
   * @throws {LeaseLostError} `ERR_LEASE_LOST` when the work ended after the lease had; `SessionClosedError` `ERR_SESSION_CLOSED`,
   * {@link RecipeKindError} `ERR_RECIPE_KIND`; what `ItemAtom.swap` throws; what `f` throws; `signal.reason`.
   */
  async runOnce<R>(
    f: (work: CronWork) => R | Promise<R>,
    options: { readonly slotAt?: number; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<RunOnce<R>> {
    const { slotAt = this.slotAt(), signal } = options;
    requireFunction(`run ${this.#item.subject}`, f);
    requireSlotAt(`run ${this.#item.subject}`, slotAt);
    const isDone = ({ doneAt }: CronJobState) => doneAt >= slotAt;
    let known = this.#item.peek();
    while (this.#leftMs(slotAt) > 0) {
      signal?.throwIfAborted();
      if (known !== undefined && isDone(known)) break;
      const granted = await this.#claims.tryAcquire({ signal });
      if (granted !== undefined) {
        const grant = new LockGrant(this.#claims, granted);
        try {
          if (isDone(granted.state)) break;
          const result = await f({ slotAt, token: grant.token, signal: grant.signal });
          await this.#finish(grant, granted.claim.nonce, slotAt);
          return { ran: true, slotAt, result };
        } finally {
          // An answer that is lost here is settled in the background.
          await grant.release().catch(() => false);
        }
      }
      known = await this.#wait((state) => isDone(state) || state.owner === null, slotAt, signal);
    }
    return { ran: false, slotAt };
  }

  /**
   * At the beginning of each slot from the next one on: runs `f` as {@link CronJob.runOnce} does. Resolves once `signal` has aborted. Where
   * a slot begins while the one before is still worked on, or waited for, it is begun as soon as that has ended. Of several such only
   * the newest is.
   *
   * @cost As {@link CronJob.runOnce}, in each slot, in each process.
   * @iam As {@link CronJob.runOnce}.
   * @throws What `onError` throws; else nothing: errors of a slot go to `onError`.
   */
  async runEvery(f: (work: CronWork) => unknown, options: RunEveryOptions): Promise<void> {
    requireRun(`run ${this.#item.subject}`, f, options);
    return this.#slots.runEach((slotAt) => this.runOnce(f, { slotAt, signal: options.signal }), options, {
      joinsLate: true,
    });
  }

  #leftMs(slotAt: number): number {
    return slotAt + this.#retryWithinMs - this.#table.sources.clock.now();
  }

  /** Says that the slot is done, if it is still for this process to say. */
  async #finish(grant: LockGrant<CronJobState>, nonce: string, slotAt: number): Promise<void> {
    if (grant.lossAfterwards !== undefined) throw grant.lossAfterwards;
    const state = await this.#item.swap((now) =>
      this.#claims.standingOf(now, nonce) === 'owner' ? { ...now, doneAt: Math.max(now.doneAt, slotAt) } : now,
    );
    if (!grant.see(state)) throw grant.lossAfterwards;
  }

  /** Waits for such a state, or until it is time to look after the worker; gives the state that there is then. */
  async #wait(
    isOver: (state: CronJobState) => boolean,
    slotAt: number,
    signal: AbortSignal | undefined,
  ): Promise<CronJobState> {
    const timeoutMs = Math.max(0, Math.min(retryMs, this.#leftMs(slotAt)));
    try {
      return await this.#item.atom.waitFor(isOver, { timeoutMs, signal, pollMsMax });
    } catch (error) {
      if (!isLeydenError(error, 'ERR_DEADLINE')) throw error;
    }
    return this.#item.read({ signal });
  }
}
