import type { Transaction } from '../../atom/index.js';
import { isLeydenError } from '../../errors.js';
import type { Lease } from '../session/lease.js';
import { LeaseLostError } from '../session/session-errors.js';
import type { QueueItems } from './queue-items.js';
import { givenBack } from './queue-state.js';
import type { Found, Seeker } from './seeker.js';

/** Options of {@link Job.nack}. */
export interface NackOptions {
  /**
   * Pause before it is handed out again, in milliseconds, counted by each process from when it sees the job: so never too short, and longer
   * when all workers are started anew meanwhile.
   * @defaultValue 0
   */
  readonly delayMs?: number;
  /** Why, in your words; stands in the item, and in the dead letter. At most 1,000 characters are kept. */
  readonly reason?: string;
}

const reasonMax = 1_000;

/**
 * A job that was handed out. `await using` gives it back unless it was acknowledged.
 *
 * It is this one's until it is settled or the session's lease ends; then it is handed out again, and what this one says of it changes nothing.
 *
 * @experimental
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { openSession } from 'leyden-jar/recipes';
 * import { WorkQueue } from 'leyden-jar/recipes/unstable-work-queue';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * await using session = await openSession(table);
 * const bills = new WorkQueue<number>(session, 'bills');
 * await bills.put(7);
 * await (await bills.take()).nack({ reason: 'the printer is out of paper' });
 *
 * const job = await bills.take();
 * const printed = table.atom<number[]>('printed', { initial: [] });
 * await table.transact(async (tx) => {
 *   await job.ackIn(tx); // fails if somebody else has it by now
 *   tx.swap(printed, (all) => [...all, job.payload]);
 * });
 * console.log(job.deliveries, await printed.deref()); // => 2 [ 7 ]
 * ```
 */
export class Job<P = unknown> implements AsyncDisposable {
  /** Names the job, at random. */
  readonly id: string;
  readonly payload: P;
  /** Jobs of one group are handed out one after the other, in order. */
  readonly group: string | undefined;
  /** 1 for the first time that it is handed out. */
  readonly deliveries: number;
  /** Aborts when the lease is lost, before others can take the job over; each look at it looks at the clocks first. */
  readonly signal: AbortSignal;
  readonly #items: QueueItems<P>;
  readonly #nonce: string;
  readonly #lease: Lease;
  readonly #seeker: Seeker<P>;
  #isSettled = false;
  /** Whether an answer to an earlier `ack` may have been lost. */
  #mayBeDone = false;

  /** @internal Made by `WorkQueue`. */
  constructor(items: QueueItems<P>, { id, nonce, lease, state }: Found<P>, seeker: Seeker<P>) {
    this.id = id;
    this.payload = state.payload as P;
    this.group = state.group;
    this.deliveries = state.deliveries;
    this.signal = lease.signal;
    this.#items = items;
    this.#nonce = nonce;
    this.#lease = lease;
    this.#seeker = seeker;
  }

  /** Whether nobody else can have it yet. Looks at the clocks; costs nothing. */
  get isHeld(): boolean {
    return !this.#isSettled && this.#lease.isLive();
  }

  /**
   * It is done: it is handed out no more. `false` when it was taken over before, and so is handed out (or was) once more.
   *
   * @cost 1 request, 1 write unit per KB of the job.
   * @iam dynamodb:PutItem, dynamodb:GetItem
   * @throws what `AtomTable.transact` throws. Call it again; a job that is not acknowledged is handed out again when the session is over.
   */
  async ack(): Promise<boolean> {
    const { atom } = this.#items.job(this.id);
    const acked = this.#items.table.transact(async (tx) => {
      const state = await tx.deref(atom);
      // Gone: by an earlier call of this one, or by whoever had it since.
      if (state.claim?.nonce !== this.#nonce) return state.state === 'none' && this.#mayBeDone;
      await tx.delete(atom);
      return true;
    });
    const isDone = await acked.catch((error: unknown) => {
      if (!isLeydenError(error) || error.outcome !== 'not-done') this.#mayBeDone = true;
      throw error;
    });
    this.#mayBeDone ||= isDone;
    this.#isSettled = true;
    this.#seeker.stir();
    return isDone;
  }

  /**
   * As {@link Job.ack}, as a part of a transaction: the effects of the work in this table and the end of the job are one step, so they
   * happen exactly once.
   *
   * @cost One atom of the transaction: 2 write units per KB of the job.
   * @iam dynamodb:GetItem, dynamodb:PutItem
   * @throws {LeaseLostError} `ERR_LEASE_LOST` when it was taken over: that ends the transaction, and nothing is written.
   */
  async ackIn(tx: Transaction): Promise<void> {
    const { atom } = this.#items.job(this.id);
    const state = await tx.deref(atom);
    if (state.claim?.nonce !== this.#nonce) {
      const { id: session, leaseMs } = this.#lease;
      throw new LeaseLostError(`job ${this.id} of work-queue ${this.#items.name}`, {
        reason: 'taken',
        session,
        leaseMs,
      });
    }
    await tx.delete(atom);
  }

  /**
   * Gives it back, to be handed out again, or to become a dead letter if that was its last delivery. `false` when it was not held any more.
   *
   * @cost 1 request, 1 write unit per KB of the job.
   * @iam dynamodb:PutItem, dynamodb:GetItem
   * @throws what `ItemAtom.swap` throws; RangeError when `delayMs` is none.
   */
  async nack(options: NackOptions = {}): Promise<boolean> {
    const { delayMs = 0, reason } = options;
    if (!(delayMs >= 0 && delayMs < Number.POSITIVE_INFINITY)) {
      throw new RangeError(
        `Cannot give back job ${this.id}: delayMs must be a number of at least 0: ${String(delayMs)}`,
      );
    }
    const said = reason === undefined ? undefined : String(reason).slice(0, reasonMax);
    const wasHeld = await this.#items
      .job(this.id)
      .swapWith((state) => [
        givenBack(state, this.#nonce, { delayMs, reason: said }),
        state.claim?.nonce === this.#nonce,
      ]);
    this.#isSettled = true;
    this.#seeker.stir();
    return wasHeld;
  }

  /** Gives it back unless it was settled; where that fails, it is tried again in the background. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isSettled) await this.nack().catch(() => this.#seeker.abandon(this.id, this.#nonce));
  }
}
