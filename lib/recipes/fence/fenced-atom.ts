/**
 * An atom that takes writes of the newest holder of a lock only.
 *
 * Token and data are one item, so what is compared is what is overwritten: there is no instant between the check and the write. The
 * token is part of the value, so a write of equal data under a newer token is written all the same, and only no-ops under one token
 * are skipped. Taking the data away leaves the token.
 */
import type {
  AtomOptions,
  AtomTable,
  CallOptions,
  DerefOptions,
  ItemAtom,
  SwapContext,
  SwapOptions,
  WatchOptions,
} from '../../atom/index.js';
import { type Held, hold } from '../../codec/index.js';
import { RecipeKindError } from '../errors.js';
import { type Fence, refusalOf, requireFence, type SeenToken } from './fence.js';
import {
  after,
  type Data,
  dataOf,
  type FencedState,
  hasValue,
  kind,
  nothing,
  schemaOf,
  seenBy,
} from './fenced-state.js';

/**
 * Options of {@link fenced}, as those of `AtomTable.atom`. There is no `ttlMs`: with the value the token would expire, and an old holder
 * would be let in again.
 */
export type FencedOptions<T> = Pick<AtomOptions<T>, 'initial' | 'schema' | 'codec' | 'large' | 'retry'>;

/** Options of {@link FencedAtom.swap}. */
export type FencedSwapOptions = Omit<SwapOptions, 'noop'>;

/**
 * An atom that refuses what comes under an older fencing token than it has seen. Make one with {@link fenced}.
 *
 * **Guarantee.** Accepted writes carry tokens that never decrease, in the order of the atom's versions: once a later holder has written,
 * nothing of an earlier one is accepted, however long that was stopped, whatever it believes, and however late its request arrives. For
 * the rest it is an atom: linearizable, each call exactly once.
 *
 * **It can not** know of a holder that has not written yet. Until the later holder's first write, a write of the earlier one still
 * lands, before all that the later one writes. So a holder that decides by what it reads begins with {@link FencedAtom.claim}. It can not
 * undo what a holder did elsewhere, and it protects this item alone; use one lock for it, always the same.
 *
 * **If the process dies** during a call, it has happened or not. If the answer is lost, it is settled as every swap is.
 *
 * The same token may write as often as it likes. Readers need no token.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { fenced, Lock, openSession } from 'leyden-jar/recipes';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * await using session = await openSession(table);
 * const lock = new Lock(session, 'invoices');
 * const total = fenced<number>(table, 'invoice-total', { initial: 0 });
 *
 * const first = await lock.acquire();
 * await total.swap(first, (n) => n + 5);
 * await first.release();
 * const second = await lock.acquire();
 * await total.swap(second, (n) => n + 1);
 *
 * // A request of the first holder that was on its way all the time:
 * const late = { name: first.name, token: first.token };
 * await total.reset(late, 100).catch((error) => console.log(error.code, error.held, error.seen)); // => ERR_STALE_TOKEN 1n 2n
 * console.log(await total.deref()); // => 6
 * ```
 */
export class FencedAtom<T, V = T | undefined> {
  readonly #atom: ItemAtom<FencedState, FencedState>;
  readonly #initial: Held | undefined;

  /** @internal Made by `fenced`. */
  constructor(table: AtomTable, key: unknown, { initial, schema, ...options }: FencedOptions<T>) {
    this.#initial = initial === undefined ? undefined : hold(initial);
    this.#atom = table.atom<FencedState>(key, {
      ...options,
      ...(schema !== undefined && { schema: schemaOf(schema) }),
      initial: initial === undefined ? nothing : { ...nothing, value: initial },
    });
  }

  /** The canonical text of the key, as it stands in the table. */
  get key(): string {
    return this.#atom.key;
  }

  /**
   * Reads the value; needs no token.
   *
   * @cost As `ItemAtom.deref`.
   * @iam dynamodb:GetItem
   * @throws {RecipeKindError} `ERR_RECIPE_KIND`; what `ItemAtom.deref` throws.
   */
  async deref(options?: DerefOptions): Promise<V> {
    return this.#valueOf(this.#mine(await this.#atom.deref(options)));
  }

  /**
   * The newest token that it has seen, and which lock it is of; `undefined` before the first write.
   *
   * @cost As `ItemAtom.deref`.
   * @iam dynamodb:GetItem
   * @throws {RecipeKindError} `ERR_RECIPE_KIND`; what `ItemAtom.deref` throws.
   */
  async seen(options?: DerefOptions): Promise<SeenToken | undefined> {
    return seenBy(this.#mine(await this.#atom.deref(options)));
  }

  /**
   * As `ItemAtom.swap`, under a token: remembers the token with the result, or writes nothing.
   *
   * A grant that is known to be lost is refused before anything is sent, also when that shows while `f` runs. `f` is not run for a token
   * that is older than the newest seen.
   *
   * @cost As `ItemAtom.swap`: uncontended and warm 1 request, 1 write unit per KB; cold 1 read more. A refusal costs 1 strong read: what
   * this process knew is confirmed before it is thrown.
   * @iam dynamodb:PutItem, dynamodb:GetItem
   * @throws {StaleTokenError} `ERR_STALE_TOKEN`, {@link FenceMismatchError} `ERR_FENCE_MISMATCH`, `LeaseLostError` `ERR_LEASE_LOST` of the
   * grant, {@link RecipeKindError} `ERR_RECIPE_KIND`, what `ItemAtom.swap` throws; TypeError, RangeError for what is no fence.
   */
  async swap(
    fence: Fence,
    f: (value: V, context: SwapContext) => T | Promise<T>,
    options?: FencedSwapOptions,
  ): Promise<T> {
    const change: Change = (state, context) => after(f(this.#valueOf(state), context), (next) => this.#data(next));
    return this.#valueOf(await this.#write('swap', fence, options, change, f)) as unknown as T;
  }

  /**
   * As {@link FencedAtom.swap}, for a function that returns `[next, result]`: stores `next`, returns `result`.
   *
   * @cost As {@link FencedAtom.swap}.
   * @iam As {@link FencedAtom.swap}.
   * @throws As {@link FencedAtom.swap}.
   */
  async swapWith<R>(
    fence: Fence,
    f: (value: V, context: SwapContext) => readonly [next: T, result: R] | Promise<readonly [next: T, result: R]>,
    options?: FencedSwapOptions,
  ): Promise<R> {
    let result: R | undefined;
    const change: Change = (state, context) =>
      after(f(this.#valueOf(state), context), (pair) => {
        if (!Array.isArray(pair) || pair.length !== 2) {
          throw new TypeError(`Cannot swap atom ${this.key}: the function of swapWith must return [next, result]`);
        }
        result = pair[1];
        return this.#data(pair[0]);
      });
    await this.#write('swap', fence, options, change, f);
    return result as R;
  }

  /**
   * Stores `value`, whatever was there, under a token; returns it.
   *
   * @cost As {@link FencedAtom.swap}.
   * @iam As {@link FencedAtom.swap}.
   * @throws As {@link FencedAtom.swap}.
   */
  async reset(fence: Fence, value: T, options?: FencedSwapOptions): Promise<T> {
    const own = hold(this.#data(value).value);
    const stands = await this.#write('reset', fence, options, () => ({ value: own.hand() }));
    return this.#valueOf(stands) as unknown as T;
  }

  /**
   * Stores `next` if the value is `expected`, compared by its stored form (`undefined`: nothing stored), under a token; returns whether it
   * was.
   *
   * @cost As {@link FencedAtom.swap}; `false` on a warm cache is confirmed by 1 strong read.
   * @iam As {@link FencedAtom.swap}.
   * @throws As {@link FencedAtom.swap}.
   */
  async compareAndSet(fence: Fence, expected: V, next: T, options?: FencedSwapOptions): Promise<boolean> {
    const own = hold(this.#data(next).value);
    const wanted = heldOf(expected);
    let matches = false;
    await this.#write('compareAndSet', fence, options, (state) => {
      matches = same(heldOf(expected === undefined && !hasValue(state) ? undefined : this.#valueOf(state)), wanted);
      return matches ? { value: own.hand() } : undefined;
    });
    return matches;
  }

  /**
   * Takes the value away and keeps the token; returns whether there was one.
   *
   * @cost As {@link FencedAtom.swap}.
   * @iam As {@link FencedAtom.swap}.
   * @throws As {@link FencedAtom.swap}.
   */
  async delete(fence: Fence, options?: CallOptions): Promise<boolean> {
    let existed = false;
    await this.#write('delete', fence, options, (state) => {
      existed = hasValue(state);
      return {};
    });
    return existed;
  }

  /**
   * Remembers the token and returns the value, which from here on no earlier holder can change. What a holder begins with that decides by
   * what it reads.
   *
   * @cost As {@link FencedAtom.swap}; when the token is the newest already, a strong read.
   * @iam As {@link FencedAtom.swap}.
   * @throws As {@link FencedAtom.swap}.
   */
  async claim(fence: Fence, options?: CallOptions): Promise<V> {
    return this.#valueOf(await this.#write('claim', fence, options, dataOf));
  }

  /**
   * The value now, and then each newer one, as `ItemAtom.watch`; a write that changes only the token is none. Needs no token.
   *
   * @cost As `ItemAtom.watch`.
   * @iam dynamodb:BatchGetItem
   * @throws {RecipeKindError} `ERR_RECIPE_KIND` from the loop; what `ItemAtom.watch` throws.
   */
  watch(options?: WatchOptions): AsyncGenerator<V, void, undefined> {
    return this.#values(this.#atom.watch(options));
  }

  async *#values(states: AsyncIterable<FencedState>): AsyncGenerator<V, void, undefined> {
    let told: { readonly held: Held | undefined } | undefined;
    for await (const state of states) {
      const value = this.#valueOf(this.#mine(state));
      const held = heldOf(value);
      if (told !== undefined && same(told.held, held)) continue;
      told = { held };
      yield value;
    }
  }

  /** Writes what `change` makes of the state, under the token, and returns what stands there then. `f`: the user's function in it. */
  async #write(
    action: string,
    fence: Fence,
    options: FencedSwapOptions | undefined,
    change: Change,
    f: unknown = change,
  ): Promise<FencedState> {
    const held = requireFence(`${action} atom ${this.key}`, fence);
    if (typeof f !== 'function') {
      throw new TypeError(`Cannot ${action} atom ${this.key}: must be given a function: ${typeof f}`);
    }
    const step = (stored: FencedState, context: SwapContext): FencedState | Promise<FencedState> => {
      const state = this.#mine(stored);
      const refusal = refusalOf(`atom ${this.key}`, seenBy(state), held);
      if (refusal !== undefined) throw refusal;
      return after(change(state, { ...context, exists: hasValue(state) }), (data) => {
        fence.assertHeld?.();
        return data === undefined ? state : { kind, lock: held.lock, fence: Number(held.token), ...data };
      });
    };
    // A function that is declared async is watched for calls of this atom from inside it; see `ReentrantError`.
    const isAsync = f.constructor.name === 'AsyncFunction';
    return this.#atom.swap(isAsync ? async (state, context) => step(state, context) : step, options);
  }

  #mine(state: FencedState): FencedState {
    const found = (state as FencedState | null)?.kind;
    if (found !== kind) throw new RecipeKindError(this.key, kind, found);
    return state;
  }

  #valueOf(state: FencedState): V {
    return (hasValue(state) ? state.value : this.#initial?.hand()) as V;
  }

  #data(value: unknown): Data {
    if (value !== undefined) return { value };
    throw new TypeError(
      `Cannot write atom ${this.key}: undefined is not a value; return the new value, or use delete()`,
    );
  }
}

/** What becomes of a state; `undefined`: nothing. */
type Change = (state: FencedState, context: SwapContext) => Data | undefined | Promise<Data | undefined>;

function heldOf(value: unknown): Held | undefined {
  return value === undefined ? undefined : hold(value);
}

function same(one: Held | undefined, other: Held | undefined): boolean {
  return one === undefined || other === undefined ? one === other : one.equals(other);
}

/**
 * Opens an atom that refuses what comes under an older fencing token than it has seen; see {@link FencedAtom}. Sends nothing. Keys are those
 * of `AtomTable.atom`; all handles of one key are opened with the same options, and none as a plain atom.
 *
 * @throws what `AtomTable.atom` throws.
 */
export function fenced<T>(
  table: AtomTable,
  key: unknown,
  options: FencedOptions<T> & { readonly initial: T },
): FencedAtom<T, T>;
export function fenced<T>(table: AtomTable, key: unknown, options?: FencedOptions<T>): FencedAtom<T>;
export function fenced<T>(
  table: AtomTable,
  key: unknown,
  options: FencedOptions<T> = {},
): FencedAtom<T, T | undefined> {
  return new FencedAtom<T, T | undefined>(table, key, options);
}
