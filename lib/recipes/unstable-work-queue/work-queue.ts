import type { CallOptions, Transaction } from '../../atom/index.js';
import { after, onAbort } from '../../engine/index.js';
import { requireCount, requireName, requireWaitMs, tableOf, type WaitOptions } from '../recipe-item.js';
import type { Session } from '../session/session.js';
import { Job } from './job.js';
import { QueueItems } from './queue-items.js';
import { entryOf, freshJob, isSame } from './queue-state.js';
import type { Seen } from './reach.js';
import { type Found, Seeker } from './seeker.js';

/** Names of jobs and segments stand behind that of the queue. */
const nameBytesMax = 400;
const groupBytesMax = 128;
/** Dead letters are never moved further. */
const deliveriesOfTheDead = Number.MAX_SAFE_INTEGER;
const suffixOfTheDead = '.dead';

/** Options of {@link WorkQueue}. */
export interface WorkQueueOptions {
  /**
   * Deliveries after which a job that comes back is a dead letter. All who use the queue must give the same.
   * @defaultValue 5
   */
  readonly deliveriesMax?: number;
}

/** Options of {@link WorkQueue.put}. */
export interface PutOptions extends CallOptions {
  /**
   * Jobs of one group are handed out one after the other, in the order of their puts: the next one when the one before is acknowledged
   * or a dead letter. At most 128 bytes.
   */
  readonly group?: string;
}

/** A job that came back too often. */
export interface DeadLetter<P> {
  readonly payload: P;
  readonly deliveries: number;
  /** What was said when it was given back last; `undefined` when its worker died. */
  readonly reason: string | undefined;
}

/**
 * Jobs for many workers.
 *
 * **Guarantee.** A job that was put is handed out until it is acknowledged, or is a dead letter: at least once, and to one worker at a time
 * as long as their leases last. After an `ack` that returned `true` it is not handed out again. Of a group, one job is out at a time, and none before
 * those that were put before it are done. `put` can be a part of a transaction (`putIn`), and so can `ack` (`ackIn`): then its effects in
 * the table happen exactly once.
 *
 * **It can not** promise that a job is worked on once: a worker may die, or lose its lease, between the work and the `ack`; look at
 * `job.deliveries`, and make the work safe to be done twice. Without groups the order is that of puts, roughly. And it is no match for a
 * service made for this (SQS): some hundreds of jobs a second are its bound, each costs 4 writes, workers poll, and about 50,000 jobs may
 * wait. A look reaches over the first 200 jobs: when so many are out, paused or behind others of their group, later ones have to wait. What it
 * offers beyond is the transaction.
 *
 * **If a worker dies**, its jobs are handed out again after `leaseMs` of its session, as locks are. If a putter dies, the job is in the queue or
 * not. If an answer is lost, it is settled; a `put` that throws with `outcome: 'unknown'` may have put.
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
 * const mails = new WorkQueue<{ to: string }>(session, 'mails');
 *
 * // With the order that it is about, or not at all.
 * await table.transact(async (tx) => {
 *   tx.reset(table.atom('order-7'), { state: 'paid' });
 *   await mails.putIn(tx, { to: 'ann' });
 * });
 *
 * await using job = await mails.take();
 * console.log(job.payload, job.deliveries); // => { to: 'ann' } 1
 * await job.ack(); // else it is given back at the end of the block
 * ```
 */
export class WorkQueue<P = unknown> {
  readonly name: string;
  readonly #session: Session;
  readonly #items: QueueItems<P>;
  readonly #seeker: Seeker<P>;
  #dead: WorkQueue<DeadLetter<P>> | undefined;

  /** Sends nothing. @throws TypeError, RangeError for a name or option that is none. */
  constructor(session: Session, name: string, options: WorkQueueOptions = {}) {
    const { deliveriesMax = 5 } = options;
    requireName('work-queue', name);
    const isOfTheDead = deliveriesMax === deliveriesOfTheDead;
    const bytes = Buffer.byteLength(name);
    if (bytes > nameBytesMax + (isOfTheDead ? suffixOfTheDead.length : 0)) {
      throw new RangeError(`Cannot open a work-queue: name must have 1 to ${nameBytesMax} bytes: ${bytes}`);
    }
    requireCount(`open work-queue ${name}`, 'deliveriesMax', deliveriesMax);
    this.name = name;
    this.#session = session;
    this.#items = new QueueItems(tableOf('work-queue', session), name, deliveriesMax);
    this.#seeker = new Seeker(session, this.#items, (seen) => this.#bury(seen));
  }

  /**
   * Puts a job; resolves with its id when it is in the queue.
   *
   * @cost 3 requests: 1 read and 1 write unit per KB of the job, 1 to 3 write units for its entry; each 50th 3 requests more.
   * @iam dynamodb:PutItem, dynamodb:UpdateItem, dynamodb:GetItem
   * @throws {QueueFullError} `ERR_QUEUE_FULL`; `RecipeKindError` `ERR_RECIPE_KIND`, `RecipeDiffersError` `ERR_RECIPE_DIFFERS`; what
   * `ItemAtom.reset` throws; TypeError for `undefined`, RangeError for a group that is none.
   */
  async put(payload: P, options: PutOptions = {}): Promise<string> {
    const { group, ...limits } = options;
    requireJob(this.name, payload, group);
    const id = this.#items.newId();
    // In this order: an entry without a job is taken for done.
    await this.#items.job(id).atom.reset(freshJob(payload, group), limits);
    await this.#items.append(entryOf(id, group), limits);
    this.#seeker.stir();
    return id;
  }

  /**
   * Puts a job as a part of a transaction: it is in the queue if and when that commits.
   *
   * @cost 3 atoms of the transaction, of which the head is only read but for each 50th.
   * @iam dynamodb:PutItem, dynamodb:GetItem, dynamodb:ConditionCheckItem
   * @throws as {@link WorkQueue.put}.
   */
  async putIn(tx: Transaction, payload: P, options: Pick<PutOptions, 'group'> = {}): Promise<string> {
    const { group } = options;
    requireJob(this.name, payload, group);
    const id = this.#items.newId();
    await this.#items.putIn(tx, id, entryOf(id, group), freshJob(payload, group));
    return id;
  }

  /**
   * Waits for a job; for ever, unless `waitMs` or `signal` says otherwise. Resolves with `undefined` after `waitMs`. It is held under the live lease of
   * the session until it is settled.
   *
   * @cost 1 request and 1 write unit per KB of the job for the claim. Each look: 2 requests, 1 read unit per 4 KB of the head and up to 4
   * segments, and 1 request for each 10 jobs that it looks at; a look each 0.1 to 1 s while nothing comes, for all who wait here together.
   * @iam dynamodb:GetItem, dynamodb:BatchGetItem, dynamodb:PutItem
   * @throws `signal.reason`; `SessionClosedError` `ERR_SESSION_CLOSED`; `RecipeKindError` `ERR_RECIPE_KIND`, `RecipeDiffersError`
   * `ERR_RECIPE_DIFFERS`; what the store refuses for good; RangeError.
   */
  take(): Promise<Job<P>>;
  take(options: Omit<WaitOptions, 'waitMs'>): Promise<Job<P>>;
  take(options: WaitOptions): Promise<Job<P> | undefined>;
  take(options: WaitOptions = {}): Promise<Job<P> | undefined> {
    const { waitMs = Number.POSITIVE_INFINITY, signal } = options;
    requireWaitMs(`take from work-queue ${this.name}`, waitMs);
    return this.#seek(false, waitMs, signal);
  }

  /**
   * Takes a job if there is one that can be handed out; `undefined` if not. Those who hold others are observed for their leases and 6 s,
   * so that who tries again later takes over from the dead.
   *
   * @cost One look and, if there is a job, one claim; see {@link WorkQueue.take}.
   * @iam As {@link WorkQueue.take}.
   * @throws as {@link WorkQueue.take}, and what the store is too busy for.
   */
  tryTake(options: Pick<WaitOptions, 'signal'> = {}): Promise<Job<P> | undefined> {
    return this.#seek(true, Number.POSITIVE_INFINITY, options.signal);
  }

  /**
   * The queue of those that came back too often, under their old ids and in their groups. A worker that looks finds them and moves them there. To
   * try one again: `ackIn` and `putIn` in one transaction. From here nothing is moved further. A job of nearly 400 KB finds no room here for what is
   * added to it, and stays where it is, never handed out.
   */
  get deadLetters(): WorkQueue<DeadLetter<P>> {
    this.#dead ??= new WorkQueue(this.#session, `${this.name}${suffixOfTheDead}`, {
      deliveriesMax: deliveriesOfTheDead,
    });
    return this.#dead;
  }

  async #seek(isOnce: boolean, waitMs: number, signal: AbortSignal | undefined): Promise<Job<P> | undefined> {
    signal?.throwIfAborted();
    const leave: (() => void)[] = [];
    try {
      const found = await new Promise<Found<P> | undefined>((give, fail) => {
        const off = this.#seeker.seek({ isOnce, give, fail });
        leave.push(off);
        // Off the list in the same instant: a job that is handed to somebody who has gone is nobody's, and held as long as the session lasts.
        const go = (how: () => void) => () => {
          off();
          how();
        };
        if (signal !== undefined)
          leave.push(
            onAbort(
              signal,
              go(() => fail(signal.reason)),
            ),
          );
        if (waitMs === Number.POSITIVE_INFINITY) return;
        leave.push(
          after(
            this.#session.table.sources.clock,
            waitMs,
            go(() => give(undefined)),
          ),
        );
      });
      return found && new Job(this.#items, found, this.#seeker);
    } finally {
      for (const off of leave) off();
    }
  }

  /** Moves a job to the dead letters: it is there before it is gone here, so it may be there twice, and is never lost. */
  async #bury({ entry: { id, group }, state }: Seen<P>): Promise<void> {
    const { payload, deliveries, reason } = state;
    const letter = { payload: payload as P, deliveries, reason };
    await this.deadLetters.#items.adopt(id, entryOf(id, group), letter, group);
    const { atom } = this.#items.job(id);
    await this.#session.table.transact(async (tx) => {
      if (isSame(await tx.deref(atom), state)) await tx.delete(atom);
    });
    this.#seeker.stir();
  }
}

function requireJob(name: string, payload: unknown, group: unknown): void {
  if (payload === undefined) throw new TypeError(`Cannot put into work-queue ${name}: undefined is not a value`);
  if (group === undefined) return;
  if (typeof group !== 'string') {
    throw new TypeError(`Cannot put into work-queue ${name}: group must be a string: ${typeof group}`);
  }
  const bytes = Buffer.byteLength(group);
  if (bytes < 1 || bytes > groupBytesMax) {
    throw new RangeError(`Cannot put into work-queue ${name}: group must have 1 to ${groupBytesMax} bytes: ${bytes}`);
  }
}
