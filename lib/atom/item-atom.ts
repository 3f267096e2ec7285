import type { Held } from '../codec/index.js';
import { AtomReader, requireTimeout } from './atom-reader.js';
import { AtomSnapshot } from './atom-snapshot.js';
import type {
  CallOptions,
  CommuteOptions,
  CommuteWhenOptions,
  SwapContext,
  SwapOnceOptions,
  SwapOptions,
  SwapOrElseOptions,
  TrySwapResult,
} from './call-options.js';
import type { Cell } from './cell.js';
import type { CommuteChanges, CommuteResult } from './commute/commute-types.js';
import { commuteWhenWork, commuteWork } from './commute/commute-work.js';
import { InvalidValueError, UnknownOutcomeError } from './errors.js';
import { type Focus, focusOf } from './focus/focus.js';
import { isAsyncFunction } from './inside.js';
import type { Commit, State, Step, Work } from './operation.js';
import type { OnceCalls, Verb } from './receipts/once-calls.js';
import { isThenable } from './value-rules.js';
import type { Watches } from './watch/watches.js';

/**
 * A value that many processes share: one DynamoDB item, changed only by compare-and-swap.
 *
 * `T` is the type of the value; `V` is what a read gives: `T` for an atom with `initial`, else `T | undefined`.
 *
 * **Guarantee.** Linearizable per atom within one Region. A call that returns took effect exactly once; one that throws
 * says in `outcome` whether it did not (`not-done`) or cannot be told (`unknown`).
 *
 * **Values** that you get are ours: plain objects and arrays are frozen, anything else is a copy of your own. Values that
 * you give are copied. `undefined` is not a value; use `delete()`.
 *
 * Get one from `AtomTable.atom(key)`; handles are cheap, and all handles of one key share cache and queue.
 *
 * @example
 * ```ts
 * import { AtomTable, createClient } from 'leyden-jar';
 * import { startEmbedded } from 'leyden-jar/embedded';
 *
 * await using jar = await startEmbedded();
 * const client = createClient(jar.clientConfig);
 * const table = new AtomTable({ client, tableName: 'state' });
 * await table.create();
 * const hits = table.atom<number>('hits', { initial: 0 });
 * await Promise.all([hits.swap((n) => n + 1), hits.swap((n) => n + 1)]);
 * console.log(await hits.deref()); // => 2
 * client.destroy();
 * ```
 */
export class ItemAtom<T, V = T | undefined> extends AtomReader<V> {
  readonly #cell: Cell;
  readonly #onceCalls: OnceCalls;

  /** @internal Made by `AtomTable.atom`. */
  constructor(cell: Cell, watches: Watches, onceCalls: OnceCalls) {
    super(cell, watches);
    this.#cell = cell;
    this.#onceCalls = onceCalls;
  }

  /** @internal What its last request failed with; `undefined` when that was answered. */
  get obstacle(): unknown {
    return this.#cell.register.obstacle;
  }

  /**
   * Applies `f` to the value and stores the result; returns the new value.
   *
   * `f` may run several times, each time on a newer value, so it should do nothing else than compute. It may be `async`; the calls
   * that wait behind it wait with it. It must return the new value: `undefined` is refused, so that a forgotten `return` deletes
   * nothing. When it throws, nothing is written and the error reaches you unchanged.
   *
   * If the process dies, the swap has happened or not, never half. If the answer is lost, it is settled by evidence in the
   * item before you are answered.
   *
   * @cost Uncontended and warm: 1 request, 1 write unit per KB. Cold: 1 read more. Calls that wait at the same time share
   * one write. A lost race costs 1 request and the write units of the item. A no-op on a warm cache costs 1 strong read.
   * @iam dynamodb:PutItem, dynamodb:GetItem
   * @throws {ContentionError} `ERR_CONTENTION`, {@link DeadlineError} `ERR_DEADLINE`, {@link UnknownOutcomeError}
   * `ERR_UNKNOWN_OUTCOME`, {@link ItemTooLargeError} `ERR_ITEM_TOO_LARGE`, {@link InvalidValueError} `ERR_INVALID_VALUE`,
   * `UnsupportedValueError` `ERR_UNSUPPORTED_VALUE`, `DecodeError` `ERR_DECODE`, {@link ReentrantError} `ERR_REENTRANT`;
   * `TypeError` when `f` is no function or returned `undefined`.
   */
  swap<E>(f: (value: V, context: SwapContext) => T | Promise<T>, options: SwapOrElseOptions<E>): Promise<T | E>;
  swap(f: (value: V, context: SwapContext) => T | Promise<T>, options?: SwapOnceOptions): Promise<T>;
  swap(
    f: (value: V, context: SwapContext) => T | Promise<T>,
    options: SwapOnceOptions & { readonly onTimeout?: (error: Error) => unknown } = {},
  ): Promise<unknown> {
    const swapped = this.#change('swap', f, itself<T>, theNew<T>, options);
    const { onTimeout } = options;
    if (onTimeout === undefined) return swapped;
    return swapped.catch((error: unknown) => {
      if (!isTimeout(error)) throw error;
      return onTimeout(error);
    });
  }

  /** As {@link ItemAtom.swap}, and returns the old and the new value. */
  swapVals(
    f: (value: V, context: SwapContext) => T | Promise<T>,
    options: SwapOnceOptions = {},
  ): Promise<[old: V, new_: T]> {
    return this.#change('swapVals', f, itself<T>, (old, next) => [old, next] as [V, T], options);
  }

  /**
   * As {@link ItemAtom.swap}, for a function that returns `[next, result]`: stores `next`, returns `result`. What people want from a
   * transaction on one atom.
   */
  swapWith<R>(
    f: (value: V, context: SwapContext) => readonly [next: T, result: R] | Promise<readonly [next: T, result: R]>,
    options: SwapOnceOptions = {},
  ): Promise<R> {
    const nextOf = (pair: readonly [T, R]): T => {
      if (!Array.isArray(pair) || pair.length !== 2) {
        throw new TypeError(`Cannot swap atom ${this.key}: the function of swapWith must return [next, result]`);
      }
      return pair[0];
    };
    return this.#change('swapWith', f, nextOf, (_old, _next, pair) => pair[1], options);
  }

  /**
   * One attempt: never runs `f` twice, never waits for a turn, and answers instead of throwing when another writer won
   * (`conflict`) or the answer was lost (`unknown`).
   *
   * @cost 1 request warm, 2 cold; 1 more to confirm a no-op.
   */
  async trySwap(
    f: (value: V, context: SwapContext) => T | Promise<T>,
    options: CallOptions & Pick<SwapOptions, 'noop' | 'from'> = {},
  ): Promise<TrySwapResult<T, V>> {
    let base: Held | undefined;
    let ran = false;
    // Made when it is asked for: the function may have changed the copy that it was given.
    const missed = (
      status: 'conflict' | 'unknown',
      attempts: number,
      settle: TrySwapResult<T, V>['settle'],
    ): TrySwapResult<T, V> => {
      const seen = ran ? (base?.hand() as V) : undefined;
      return { status, old: seen, value: seen, version: undefined, stats: { attempts }, settle };
    };
    this.#requireFunction('swap', f);
    const work: Work<() => TrySwapResult<T, V>> = {
      action: 'swap',
      alone: true,
      fresh: options.from === 'read',
      isAsync: isAsyncFunction(f),
      run: (state, attempt) => {
        base = state.held ?? this.#cell.initial;
        ran = true;
        return this.#step(state, attempt, f, itself<T>, options, (old, value, _result, commit) => () => ({
          status: commit.status,
          old,
          value,
          version: commit.version,
          stats: { attempts: commit.attempts },
          settle: async () => ({ outcome: 'done' }),
        }));
      },
      onConflict:
        ({ attempts }) =>
        () =>
          missed('conflict', attempts, async () => ({ outcome: 'not-done' })),
    };
    let answer: () => TrySwapResult<T, V>;
    try {
      answer = await this.#submit(work, options);
    } catch (error) {
      if (!(error instanceof UnknownOutcomeError)) throw error;
      return missed('unknown', 1, (again) => error.settle(again));
    }
    return answer();
  }

  /** Stores `value`, whatever was there; returns it. Guarantees and costs as {@link ItemAtom.swap}. */
  reset(value: T, options: SwapOnceOptions = {}): Promise<T> {
    return this.#put('reset', value, theNew<T>, options);
  }

  /** As {@link ItemAtom.reset}, and returns the old and the new value. */
  resetVals(value: T, options: SwapOnceOptions = {}): Promise<[old: V, new_: T]> {
    return this.#put('resetVals', value, (old, next) => [old, next] as [V, T], options);
  }

  /**
   * Stores `next` if the value is `expected`; returns whether it was.
   *
   * `expected` is a value (compared by its encoded form; `undefined` = nothing stored) or an {@link AtomSnapshot} (compared
   * by the token of its write, so an equal value written again does not pass). `false` means that at some instant during the call the
   * value was another one, and nothing was written.
   *
   * @cost 1 request warm, 2 cold; `false` on a warm cache is confirmed by a strong read.
   */
  compareAndSet(expected: V | AtomSnapshot<V>, next: T, options: SwapOptions = {}): Promise<boolean> {
    const { cell } = { cell: this.#cell };
    this.#requireValue('compareAndSet', next);
    const own = this.#ownOf('compareAndSet', next);
    const wanted = expected instanceof AtomSnapshot || expected === undefined ? undefined : cell.hold(expected);
    const matches = (state: State): boolean => {
      if (expected instanceof AtomSnapshot) {
        if (state.token !== expected.token) return false;
        // The same item, in which the value may have expired since.
        if (expected.token !== undefined) return expected.exists === (state.held !== undefined);
        // No item, or one of another layout, which has no token: all that can be compared of it is the value.
        return expected.exists ? state.held?.equals(cell.hold(expected.value)) === true : state.held === undefined;
      }
      const current = state.held ?? cell.initial;
      return wanted === undefined ? state.held === undefined : current?.equals(wanted) === true;
    };
    return this.#submit<boolean>(
      {
        action: 'compareAndSet',
        alone: options.coalesce === false,
        fresh: options.from === 'read',
        run: (state) =>
          matches(state)
            ? this.#stepTo(state, own(), undefined, options, () => true)
            : { next: undefined, declined: true, answer: () => false },
      },
      options,
    );
  }

  /**
   * Changes that never conflict: the store works them out on whatever stands there by then. Returns the new value.
   *
   * `{ add: { stats: { views: 1 } }, append: { log: ['x'] }, union: { tags: ['a'] } }`; see {@link CommuteChanges}. Mixes freely with
   * swaps, and is done exactly once as they are: the update leaves evidence in the item. The value returned has the changes in it; if an
   * answer was lost on the way, it may have later changes in it too.
   *
   * **With `when`** the changes are made only if a condition holds, which the store judges in the same update; resolves with `{ applied,
   * value }`. `applied: true`: it held of the very value that they were made to, once. `applied: false`: at some instant during the call
   * the value did not satisfy it (`value` is that one), and nothing is or will be written. See {@link CommuteCondition}. If the process
   * dies, all of it happened or nothing; if the answer is lost, it is settled as any commute is. Nobody waits: a condition that does not
   * hold is told, not waited for.
   *
   * Some commutes go as a swap would, at its price and in its turn: on an atom with a schema, validator, index, codec or `foreign:
   * 'refuse'`; under an `opId`; the first on a missing, deleted or expired value; those that wait together with swaps; bigints; whatever is, or becomes,
   * more than plain JSON at the place that is changed (members may be put into a Set, though, and taken out).
   *
   * @cost Warm: 1 request, 1 write unit per KB of the item, whoever else writes. Cold: 1 read more. Calls that wait at the same time
   * share one update as long as it does not grow too long. When the value turns out not to have the shape that was known: 2 requests
   * more. With `when`, `applied: false` costs a strong read where it was to be expected, else 2 updates, each with the write units of the
   * item: one that failed, and one that makes sure that no copy of it is applied later.
   * @iam dynamodb:UpdateItem, dynamodb:PutItem, dynamodb:GetItem
   * @throws {CommuteError} `ERR_COMMUTE` when a change does not fit the value; `TypeError` for what is no change or no
   * condition, before anything is sent; what `swap` throws.
   *
   * @example
   * ```ts
   * import { AtomTable } from 'leyden-jar';
   * import { MemoryEngine } from 'leyden-jar/engine';
   *
   * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
   * await table.create();
   * const page = table.atom('page', { initial: { views: 0, tags: [] as string[] } });
   * await Promise.all([page.commute({ add: { views: 1 } }), page.commute({ union: { tags: ['new'] } })]);
   * console.log(await page.commute({ add: { views: 1 }, difference: { tags: ['new'] } })); // => { views: 2, tags: [] }
   *
   * const seats = table.atom('seats', { initial: { taken: 0, by: {} as Record<string, number> } });
   * const take = (who: string) =>
   *   seats.commute({ add: { taken: 1, by: { [who]: 1 } } }, { when: { atMost: { taken: 1 }, absent: { by: { [who]: true } } } });
   * console.log(await Promise.all(['ada', 'bob', 'eve'].map(async (who) => (await take(who)).applied))); // => [ true, true, false ]
   * ```
   */
  commute(changes: CommuteChanges<T>, options: CommuteWhenOptions<T>): Promise<CommuteResult<V>>;
  commute(changes: CommuteChanges<T>, options?: CommuteOptions): Promise<V>;
  async commute(
    changes: CommuteChanges<T>,
    options: CommuteOptions | CommuteWhenOptions<T> = {},
  ): Promise<V | CommuteResult<V>> {
    if (!('when' in options)) return this.#submit(commuteWork<V>(this.#cell, changes), options, 'commute');
    return this.#submit(commuteWhenWork<V>(this.#cell, changes, options.when), options, 'commuteWhen');
  }

  /**
   * Removes the value; returns whether there was one.
   *
   * Leaves a tombstone, which keeps the order of writes, so that a late copy of an older write cannot bring the value
   * back. The table's time to live removes the tombstone after an hour.
   *
   * @cost As {@link ItemAtom.swap}.
   */
  delete(options: CallOptions & Pick<SwapOnceOptions, 'opId'> = {}): Promise<boolean> {
    return this.#submit<boolean>(
      {
        action: 'delete',
        run: ({ held }) =>
          held === undefined
            ? { next: undefined, declined: true, answer: () => false }
            : { next: null, answer: () => true },
      },
      options,
      'delete',
    );
  }

  /**
   * A part of the value, with verbs of its own: `focus('limits', 'perUser')`, or a lens. Sends nothing. Calls that wait at the same
   * time share one write, on whatever parts they are.
   */
  get focus(): Focus<V> {
    return focusOf<V>(this);
  }

  /**
   * Sets a function that must accept every value that this process writes to the atom; `false` or a throw refuses the write with
   * `InvalidValueError`. It stays until `undefined` removes it, whether or not somebody holds a handle of the atom. As in
   * Clojure, it is refused itself when the current value fails it.
   *
   * @cost 1 strong read.
   * @throws {InvalidValueError} `ERR_INVALID_VALUE`
   */
  async setValidator(validator: ((value: T) => boolean | Promise<boolean>) | undefined): Promise<void> {
    const { rules } = this.#cell;
    if (validator !== undefined) {
      this.#requireFunction('setValidator', validator);
      const current = await this.deref();
      let accepted: unknown;
      try {
        accepted = current === undefined ? true : await validator(current as unknown as T);
      } catch (cause) {
        throw new InvalidValueError(this.key, 'read', 'validator', { cause });
      }
      if (accepted === false) throw new InvalidValueError(this.key, 'read', 'validator');
    }
    this.#cell.setValidator(validator as typeof rules.validator);
  }

  #change<Result, R>(
    verb: 'swap' | 'swapVals' | 'swapWith',
    f: (value: V, context: SwapContext) => Result | Promise<Result>,
    nextOf: (result: Result) => T,
    answer: (old: V, next: T, result: Result) => R,
    options: SwapOnceOptions,
  ): Promise<R> {
    this.#requireFunction('swap', f);
    const work: Work<R> = {
      action: 'swap',
      alone: options.coalesce === false,
      fresh: options.from === 'read',
      isAsync: isAsyncFunction(f),
      run: (state, attempt) => this.#step(state, attempt, f, nextOf, options, answer),
    };
    return this.#submit(work, options, verb);
  }

  #put<R>(verb: 'reset' | 'resetVals', value: T, answer: (old: V, next: T) => R, options: SwapOnceOptions): Promise<R> {
    const own = this.#ownOf('reset', value);
    const work: Work<R> = {
      action: 'reset',
      alone: options.coalesce === false,
      fresh: options.from === 'read',
      run: (state) => this.#stepTo(state, own(), undefined, options, answer),
    };
    return this.#submit(work, options, verb);
  }

  /** Copies a value now, for its owner may change it before its turn comes; what can't be copied is refused in its turn. */
  #ownOf(action: string, value: T): () => Held {
    try {
      this.#requireValue(action, value);
      const held = this.#cell.hold(value);
      return () => held;
    } catch (error) {
      return () => {
        throw error;
      };
    }
  }

  #submit<R>(
    work: Work<R>,
    { timeoutMs = this.#cell.retry.timeoutMs, signal, opId }: CallOptions & Pick<SwapOnceOptions, 'opId'>,
    verb?: Verb,
  ): Promise<R> {
    const { action } = work;
    requireTimeout(action, this.key, timeoutMs);
    this.#cell.lane.assertOutside(action);
    if (opId !== undefined && verb === undefined) {
      return Promise.reject(
        new TypeError(`Cannot ${action} atom ${this.key}: it takes no opId, as it may answer no; use swapWith`),
      );
    }
    return this.#cell.traced('swap', action, (trace) =>
      opId === undefined || verb === undefined
        ? this.#cell.lane.submit(work, timeoutMs, signal, trace)
        : this.#onceCalls.once(this.#cell, verb, work, opId, { action, timeoutMs, signal }, trace),
    );
  }

  /** Runs `f` on a state and makes its result ours. */
  #step<Result, R>(
    state: State,
    attempt: number,
    f: (value: V, context: SwapContext) => Result | Promise<Result>,
    nextOf: (result: Result) => T,
    options: SwapOptions,
    answer: (old: V, next: T, result: Result, commit: Commit) => R,
  ): Step<R> | Promise<Step<R>> {
    const current = state.held ?? this.#cell.initial;
    const value = current?.hand() as V;
    const result = f(value, { attempt, exists: state.held !== undefined, signal: options.signal });
    const admit = (made: Result): Step<R> | Promise<Step<R>> => {
      const raw = nextOf(made);
      this.#requireResult(raw);
      return this.#stepTo(state, this.#cell.hold(raw), made, options, answer);
    };
    return isThenable(result) ? result.then(admit) : admit(result);
  }

  /** Makes a value of ours the next one, if the rules admit it. */
  #stepTo<Result, R>(
    state: State,
    own: Held,
    made: Result,
    options: SwapOptions,
    answer: (old: V, next: T, result: Result, commit: Commit) => R,
  ): Step<R> | Promise<Step<R>> {
    const held = this.#cell.rules.admit(own);
    const finish = (next: Held): Step<R> => {
      const unchanged = options.noop !== 'write' && state.held?.equals(next) === true;
      const current = state.held ?? this.#cell.initial;
      return {
        next: unchanged ? undefined : next,
        answer: (commit) => answer(current?.hand() as V, next.hand() as T, made, commit),
      };
    };
    return isThenable(held) ? held.then(finish) : finish(held);
  }

  #requireFunction(action: string, f: unknown): void {
    if (typeof f !== 'function')
      throw new TypeError(`Cannot ${action} atom ${this.key}: must be given a function: ${typeof f}`);
  }

  #requireValue(action: string, value: unknown): void {
    if (value === undefined)
      throw new TypeError(`Cannot ${action} atom ${this.key}: undefined is not a value; use delete()`);
  }

  #requireResult(value: unknown): void {
    if (value === undefined) {
      throw new TypeError(
        `Cannot swap atom ${this.key}: the function returned undefined; return the new value (null is one), or use delete()`,
      );
    }
  }
}

// What most calls ask for, made once.
const itself = <T>(result: T): T => result;
const theNew = <T>(_old: unknown, next: T): T => next;

function isTimeout(error: unknown): error is Error {
  const { code } = (error ?? {}) as { code?: unknown };
  return code === 'ERR_CONTENTION' || code === 'ERR_DEADLINE' || code === 'ERR_UNKNOWN_OUTCOME';
}
