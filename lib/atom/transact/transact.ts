/**
 * Transactions of one table: takes a call in, keeps its caller's time, and says what became of it.
 *
 * The way of a transaction: this file -> `course.ts` (run, check, hold, send, again) -> `transaction-run.ts` (the function and its
 * atoms) and `transaction-flight.ts` (what is on its way) -> `shipment.ts`, `transaction-shipment.ts` (requests and answers).
 */
import type { Cell } from '../cell.js';
import { type Trace, traced } from '../diagnostics/trace.js';
import { ContentionError, DeadlineError, ReentrantError, UnknownOutcomeError } from '../errors.js';
import type { Ground, Retry } from '../ground.js';
import { type Frame, isWithin } from '../inside.js';
import type { Work } from '../operation.js';
import { onceForAtom, onceForTransaction } from '../receipts/once.js';
import type { CallLimits, OnceCalls, Verb } from '../receipts/once-calls.js';
import { Sender } from '../sender.js';
import type { ValueRules } from '../value-rules.js';
import { Course } from './course.js';
import { type CourseCall, type CourseRooms, LostFate, type OncePlan } from './course-call.js';
import { Departure, Gone } from './departure.js';
import type { Transaction, TransactOptions } from './transaction.js';
import { EngineLacksTransactionsError } from './transaction-errors.js';
import { tellUnknown } from './transaction-events.js';

/** What the table lends. */
export interface TransactorRooms {
  readonly ground: Ground;
  readonly retry: Retry;
  readonly isOwn: (cell: Cell) => boolean;
  /** Of results that belong to no atom. */
  readonly codec: ValueRules['codec'];
}

/** `key`: that of the atom, as long as none was touched; empty for a transaction. */
interface TravelLimits extends CallLimits {
  readonly key: string;
}

/** What a course tells of itself when it has failed. */
type CourseFacts = Pick<Course<never>, 'cells' | 'conflicts' | 'flight' | 'obstacle'>;

export class Transactor implements OnceCalls {
  readonly #rooms: TransactorRooms;
  /** Of the functions of this table's transactions. */
  readonly #frames = new WeakSet<Frame>();
  #supported: Promise<boolean> | undefined;

  constructor(rooms: TransactorRooms) {
    this.#rooms = rooms;
  }

  get #ground(): Ground {
    return this.#rooms.ground;
  }

  get #sender(): Sender {
    return new Sender(this.#ground, this.#rooms.retry);
  }

  /** @throws what `AtomTable.transact` throws. */
  transact<R>(f: (tx: Transaction) => R | Promise<R>, options: TransactOptions): Promise<R> {
    const { retry, codec } = this.#rooms;
    const ground = this.#ground;
    const { opId, signal, timeoutMs = retry.timeoutMs } = options;
    if (typeof f !== 'function') throw new TypeError(`Cannot transact: must be given a function: ${typeof f}`);
    requireTimeout(timeoutMs);
    if (isWithin((frame) => this.#frames.has(frame))) throw new ReentrantError('transact', '');
    const refusal = ground.life.refusal('transact on', `table ${ground.events.table}`);
    if (refusal !== undefined) return Promise.reject(refusal);
    const limits = { action: 'transact', timeoutMs, signal, key: '' };
    return traced('transact', 'transact', ground.events, undefined, async (trace) => {
      const plan =
        opId === undefined
          ? undefined
          : onceForTransaction<R>(ground, this.#sender, { codec, timeoutMs: retry.timeoutMs }, opId);
      const once = plan && (() => this.#requireTransactions('transact with an opId').then(() => plan));
      return this.#travel<R>({ body: f, signal, once, trace }, limits);
    });
  }

  /** Does what a verb of an atom does, once for each `opId`. */
  async once<R>(cell: Cell, verb: Verb, work: Work<R>, opId: string, limits: CallLimits, trace?: Trace): Promise<R> {
    const refusal = cell.lane.refusal(limits.action);
    if (refusal !== undefined) throw refusal;
    const once = async (): Promise<OncePlan<R>> => {
      const inItem = !(await this.#supports());
      return onceForAtom(this.#ground, this.#sender, { cell, verb, opId, inItem });
    };
    const body: CourseCall<R>['body'] = async (run) => {
      const { answer } = await run.step(cell, work);
      return answer({ status: 'applied', version: 0, attempts: 1, conflicts: 0 });
    };
    const call = { body, signal: limits.signal, isFresh: work.fresh === true, once, trace };
    return this.#travel<R>(call, { ...limits, key: cell.keyText });
  }

  async #travel<R>(call: CourseCall<R>, limits: TravelLimits): Promise<R> {
    const { retry, isOwn } = this.#rooms;
    const ground = this.#ground;
    const { timeoutMs, signal } = limits;
    signal?.throwIfAborted();
    const { attemptTimeoutMs } = retry;
    const departure = new Departure({ clock: ground.clock, timeoutMs, attemptTimeoutMs, signal });
    const rooms: CourseRooms = {
      ground,
      retry,
      isOwn,
      requireTransactions: () => this.#requireTransactions('transact'),
      onFrame: (frame) => this.#frames.add(frame),
    };
    const course = new Course<R>(call, rooms, departure);
    const activity = { outlives: false };
    ground.life.began(activity);
    try {
      return await course.run();
    } catch (error) {
      throw this.#failure(error, course, departure, limits);
    } finally {
      departure.close();
      ground.life.ended(activity);
      call.trace?.close({ attempts: departure.attempts, conflicts: course.conflicts });
    }
  }

  /** What to tell a caller who has gone, or whose transaction's fate cannot be known. */
  #failure(
    error: unknown,
    course: CourseFacts,
    departure: Departure,
    { action, timeoutMs, key }: TravelLimits,
  ): unknown {
    const { events } = this.#ground;
    const keys = course.cells.length === 0 ? [key] : course.cells.map(({ keyText }) => keyText);
    if (error instanceof LostFate) {
      const { reason, cause } = error.fate;
      tellUnknown(events, action, keys, error.shipment.writeId, reason);
      const facts = { key: keys[0] ?? '', writeId: error.shipment.writeId, reason, cause, subject: subjectOf(keys) };
      return new UnknownOutcomeError(action, facts, async () => ({ outcome: 'unknown', reason }));
    }
    if (!(error instanceof Gone)) return error;
    const { flight } = course;
    if (flight?.mayApply === true) {
      const { writeId } = flight.shipment;
      tellUnknown(events, action, keys, writeId, 'in-flight');
      const facts = {
        key: keys[0] ?? '',
        writeId,
        reason: 'in-flight',
        cause: error.reason,
        subject: subjectOf(keys),
      } as const;
      return new UnknownOutcomeError(action, facts, (options) => flight.settle(options));
    }
    if (error.isAbort) return error.reason;
    const { attempts } = departure;
    const { conflicts } = course;
    const facts = { key: keys.join(', '), attempts, conflicts };
    if (conflicts > 0 && conflicts === attempts) return new ContentionError(action, facts, timeoutMs);
    return new DeadlineError(action, facts, timeoutMs, course.obstacle);
  }

  async #requireTransactions(what: string): Promise<void> {
    if (await this.#supports()) return;
    throw new EngineLacksTransactionsError(this.#ground.engine.name, what);
  }

  /** Asked once; again only when there was no answer. */
  #supports(): Promise<boolean> {
    if (this.#supported === undefined) {
      const { retry } = this.#rooms;
      const ground = this.#ground;
      const deadlineAt = ground.clock.monotonicMs() + retry.timeoutMs;
      // Wrapped, as what is read is an object.
      const asked = this.#sender.read('', deadlineAt, async (signal) => ({
        answer: await ground.engine.supportsTransactions({ signal }),
      }));
      this.#supported = asked.then(({ answer }) => answer);
      this.#supported.catch(() => {
        this.#supported = undefined;
      });
    }
    return this.#supported;
  }
}

function requireTimeout(timeoutMs: number): void {
  if (!(timeoutMs >= 0)) {
    throw new RangeError(`Cannot transact: timeoutMs must be a number of at least 0: ${timeoutMs}`);
  }
}

function subjectOf(keys: readonly string[]): string {
  return keys.length === 1 ? `atom ${keys[0]}` : `atoms ${keys.join(', ')}`;
}
