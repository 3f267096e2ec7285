import type { AtomTable, CallOptions, Transaction } from '../../atom/index.js';
import { Lookouts } from '../claims/lookouts.js';
import { RecipeItem, requireFunction, requireWaitMs, tableOf, type WaitOptions } from '../recipe-item.js';
import type { Session } from '../session/session.js';
import { type Finding, OnceCall, type OnceContext, type OnceHouse } from './once-call.js';
import { keyTextOf, payloadHashOf, prefixOf } from './once-key.js';
import { begun, done, forgotten, hasExpired, type OnceState, untouched, verdictOn } from './once-state.js';

const dayMs = 24 * 60 * 60 * 1_000;
/** A year. */
const ttlMsMax = 366 * dayMs;
/**
 * How much longer than its result an item is there. No two wall clocks should be as far apart: then tokens grow also when the item has
 * vanished in between. The item of a run is written again twice in that time.
 */
const marginMs = dayMs;

/** Options of {@link Once}. */
export interface OnceOptions {
  /**
   * How long a result is kept after it was stored, in milliseconds, up to 366 days; by the wall clocks of those who ask. All who use one
   * name in a process must say the same.
   * @defaultValue 86400000, a day
   */
  readonly ttlMs?: number;
  /**
   * Which failures are results too: later calls are then thrown an error with the same name, message, code and other plain properties.
   * What is thrown after the signal has aborted is never kept.
   * @defaultValue false: the next call runs the function again
   */
  readonly keepFailures?: boolean | ((error: unknown) => boolean);
}

/** Options of {@link Once.run}. */
export interface OnceRunOptions extends WaitOptions {
  /**
   * What the call is about: any value that has a stored form. Under one key, another payload is refused as long as there is a run or a result;
   * a call without one is not checked. Of it a hash is stored.
   */
  readonly payload?: unknown;
  /**
   * How long to wait for the run of another call, in milliseconds; 0 not at all.
   * @defaultValue `Infinity`
   */
  readonly waitMs?: number;
}

/** Options of {@link Once.transact}. */
export interface OnceTransactOptions extends OnceRunOptions, Pick<CallOptions, 'timeoutMs'> {}

/** What stands under a key. */
export interface OnceRecord {
  readonly state: OnceState['state'];
  /** Of the run that goes on, or the last one: its token, host and process, and when it began by its wall clock. */
  readonly token: bigint;
  readonly host: string | undefined;
  readonly pid: number | undefined;
  readonly startedAt: number | undefined;
  /** Of a result: until when it is kept, in epoch milliseconds. */
  readonly keepUntil: number | undefined;
}

/**
 * Runs a function once per key, and gives its result to all who ask: idempotency. **Its stored result is exactly once; what it does on the way
 * is at least once**: a process that dies after it has charged a card, and before it has stored that, is followed by one that charges again.
 * Hand `key` (or `token`) on to what you call, so that it can tell; or make all effects in DynamoDB, by {@link Once.transact}: then they
 * are exactly once as well.
 *
 * **Guarantee.** All calls under a key that return, in all processes, return the same result until `ttlMs` after it was stored. A run that was
 * taken over can neither overwrite nor remove what came after it. Without deaths, lost leases and failures the function runs once.
 *
 * **If the process dies** while it runs, another call takes over after `leaseMs` of the dead one's session, at once after `session.close()`. It
 * runs the function again, under a larger token. **If an answer is lost**, it is settled before the function begins and before its result is
 * given. What is running does not expire, however long it takes.
 *
 * A function that calls `run` with its own key waits for itself.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { Once, openSession } from 'leyden-jar/recipes';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * await using session = await openSession(table);
 * const charges = new Once(session, 'charge', { ttlMs: 24 * 3_600_000 });
 *
 * const charge = (order: string, cents: number) =>
 *   charges.run(
 *     order,
 *     async ({ signal, attempt }) => {
 *       signal.throwIfAborted(); // before each step
 *       return { receipt: `${order}: ${cents} cents`, attempt };
 *     },
 *     { payload: { cents } },
 *   );
 * console.log((await charge('order-7', 500)).receipt); // => order-7: 500 cents
 * console.log((await charge('order-7', 500)).attempt); // => 1
 * console.log(await charge('order-7', 900).catch((error) => error.code)); // => ERR_PAYLOAD_MISMATCH
 * ```
 */
export class Once {
  readonly name: string;
  readonly #table: AtomTable;
  readonly #prefix: string;
  readonly #house: OnceHouse;

  /** Sends nothing. @throws TypeError, RangeError for a name or option that is none. */
  constructor(session: Session, name: string, options: OnceOptions = {}) {
    const { ttlMs = dayMs, keepFailures = false } = options;
    this.#prefix = prefixOf(name);
    if (!(Number.isFinite(ttlMs) && ttlMs >= 1 && ttlMs <= ttlMsMax)) {
      throw new RangeError(`Cannot open once ${name}: ttlMs must be a number from 1 to ${ttlMsMax}: ${String(ttlMs)}`);
    }
    if (typeof keepFailures !== 'boolean' && typeof keepFailures !== 'function') {
      throw new TypeError(
        `Cannot open once ${name}: keepFailures must be a boolean or a function: ${typeof keepFailures}`,
      );
    }
    this.name = name;
    this.#table = tableOf('once', session);
    const keeps = typeof keepFailures === 'function' ? keepFailures : () => keepFailures;
    this.#house = {
      session,
      ttlMs,
      rewriteMs: marginMs / 2,
      keeps,
      abandoned: new Set(),
      lookouts: new Lookouts(session),
    };
  }

  /**
   * Runs `f` unless that was done before under this key, and gives the stored result: a copy that is frozen where it is plain data, also to the
   * call that ran it. Calls that come meanwhile wait for it, or are told by `InProgressError` when `waitMs` is over; one that waits for a
   * run that fails runs `f` itself.
   *
   * What `f` throws reaches its caller unchanged, and is not kept unless `keepFailures` says so. `f` should stop when `signal` aborts: its lease
   * has ended, so that others may run it too. If it ends all the same, and nobody has taken over, its result counts; else the call gives
   * the result of the other.
   *
   * @param key Any value; equal ones are the same key. A whole event will do: long ones are named by their hash.
   * @cost The first time: 3 requests, 2 write units per KB of the result (and what a session costs). Later: 1 strong read. Waiting: 1 read, then
   * batch reads at 0.1 to 1 s, shared by all who wait in the process, and 1 read when the wait is over. With `waitMs` 0 and a run that goes on: 2 reads. After a wait in vain
   * the session of that run is looked after, for its lease and 6 s after the last: 2 reads a lease and 1 more, however many calls there are.
   * @iam dynamodb:GetItem, dynamodb:PutItem, dynamodb:BatchGetItem
   * @throws {InProgressError} `ERR_IN_PROGRESS`, {@link PayloadMismatchError} `ERR_PAYLOAD_MISMATCH`, {@link ResultNotStoredError}
   * `ERR_RESULT_NOT_STORED`; `signal.reason`; `SessionClosedError` `ERR_SESSION_CLOSED`; `RecipeKindError` `ERR_RECIPE_KIND`; TypeError for a
   * missing key; what `f` throws; what `ItemAtom.swap` throws, and then `f` was not run.
   */
  async run<R>(key: unknown, f: (context: OnceContext) => R | Promise<R>, options: OnceRunOptions = {}): Promise<R> {
    requireFunction(`run once ${this.name}`, f);
    const call = this.#call(this.#item(key), options);
    options.signal?.throwIfAborted();
    return call.run(f);
  }

  /**
   * As {@link Once.run}, with the effects of `f` in the transaction that stores its result: both or neither, **exactly once**. `f` is what
   * `AtomTable.transact` takes: it may run several times, and should do nothing else than compute and use `tx`. What it throws is never
   * kept: nothing has happened.
   *
   * The `opId` of `transact` and of the verbs of atoms does the same for calls that have an id and need no more. Take `transact` here when the
   * payload is to be checked, when the same key is also used with `run`, when results are to be looked at and forgotten, or kept for
   * longer or shorter than `receiptMs` of the table.
   *
   * @cost As a transaction with one atom more: 2 write units per KB of the result. Later: a transaction that only reads, 1 request. No
   * session is opened, unless another call's `run` has to be waited for.
   * @iam dynamodb:GetItem, dynamodb:PutItem, dynamodb:ConditionCheckItem
   * @throws As {@link Once.run} and `AtomTable.transact`. After an `UnknownOutcomeError` the same call again tells what became of it.
   *
   * @example
   * ```ts
   * import { AtomTable } from 'leyden-jar';
   * import { MemoryEngine } from 'leyden-jar/engine';
   * import { Once, Session } from 'leyden-jar/recipes';
   *
   * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
   * await table.create();
   * await using session = new Session(table);
   * const orders = new Once(session, 'order');
   * const stock = table.atom<number>('stock', { initial: 10 });
   *
   * const order = (id: string) =>
   *   orders.transact(id, async (tx) => ({ left: await tx.swap(stock, (n) => n - 1) }));
   * console.log(await order('a'), await order('a'), await stock.deref()); // => { left: 9 } { left: 9 } 9
   * ```
   */
  async transact<R>(
    key: unknown,
    f: (tx: Transaction, context: Omit<OnceContext, 'signal'>) => R | Promise<R>,
    options: OnceTransactOptions = {},
  ): Promise<R> {
    requireFunction(`run once ${this.name}`, f);
    const { signal, timeoutMs } = options;
    const item = this.#item(key);
    const call = this.#call(item, options);
    const limits = { signal, ...(timeoutMs !== undefined && { timeoutMs }) };
    for (;;) {
      const finding = await this.#table.transact<Finding>(async (tx) => {
        const state = item.mine(await tx.deref(item.atom));
        const request = call.requestOf(call.runOf('', ''));
        const verdict = verdictOn(state, request);
        if (verdict !== 'free') return { verdict, state };
        const next = begun(state, request);
        const result = await f(tx, { token: BigInt(next.fence), attempt: next.attempt });
        const keepUntil = request.nowMs + this.#house.ttlMs;
        return { verdict: 'done', state: await tx.reset(item.atom, done(next, result, keepUntil)) };
      }, limits);
      const told = await call.told<R>(finding);
      if (told !== undefined) return told.result;
    }
  }

  /**
   * What stands under a key, without waiting.
   *
   * @cost 1 request, 1 read unit per 4 KB.
   * @iam dynamodb:GetItem
   * @throws `RecipeKindError` `ERR_RECIPE_KIND`; TypeError for a missing key.
   */
  async look(key: unknown, options: CallOptions = {}): Promise<OnceRecord> {
    const state = await this.#item(key).read(options);
    const { run, fence, keepUntil } = state;
    return {
      state: hasExpired(state, this.#table.sources.clock.now()) ? 'none' : state.state,
      token: BigInt(fence),
      host: run?.host,
      pid: run?.pid,
      startedAt: run?.startedAt,
      keepUntil,
    };
  }

  /**
   * Forgets a result, so that the next call runs its function again; whether there was one. What is running is left alone.
   *
   * @cost 1 read; 1 write when there was one.
   * @iam dynamodb:GetItem, dynamodb:PutItem
   * @throws `RecipeKindError` `ERR_RECIPE_KIND`; TypeError for a missing key; what `ItemAtom.swap` throws.
   */
  async forget(key: unknown, options: CallOptions = {}): Promise<boolean> {
    const item = this.#item(key);
    const isResultIn = ({ state }: OnceState) => state === 'done' || state === 'failed';
    // Where nothing is, a swap would write that.
    if (!isResultIn(await item.read(options))) return false;
    return item.swapWith((state) => {
      const isResult = isResultIn(state);
      const isThere = isResult && !hasExpired(state, this.#table.sources.clock.now());
      return [isResult ? forgotten(state, true) : state, isThere];
    }, options);
  }

  #item(key: unknown): RecipeItem<OnceState> {
    const name = `${this.#prefix}${keyTextOf(key)}`;
    return new RecipeItem(this.#table, name, untouched, { ttlMs: this.#house.ttlMs + marginMs });
  }

  #call(item: RecipeItem<OnceState>, options: OnceRunOptions): OnceCall {
    const { payload, waitMs = Number.POSITIVE_INFINITY, signal } = options;
    requireWaitMs(`run ${item.subject}`, waitMs);
    return new OnceCall(this.#house, item, { payload: payloadHashOf(payload), waitMs, signal });
  }
}

/** Options of {@link once}. */
export interface OnceCallOptions extends OnceOptions, OnceRunOptions {
  /**
   * What is done; a key is one within its name.
   * @defaultValue 'call'
   */
  readonly name?: string;
}

/**
 * {@link Once.run} in one call.
 *
 * @cost As {@link Once.run}.
 * @iam As {@link Once.run}.
 * @throws As {@link Once} and {@link Once.run}.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { once, openSession } from 'leyden-jar/recipes';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * await using session = await openSession(table);
 * const event = { messageId: 'm-1', body: 'hello' };
 * const handle = () => once(session, event, () => event.body.length);
 * console.log(await handle(), await handle()); // => 5 5
 * ```
 */
export async function once<R>(
  session: Session,
  key: unknown,
  f: (context: OnceContext) => R | Promise<R>,
  options: OnceCallOptions = {},
): Promise<R> {
  const { name = 'call' } = options;
  return new Once(session, name, options).run(key, f, options);
}
