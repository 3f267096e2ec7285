/**
 * A number that many processes add to.
 *
 *   { kind: 'counter', n: 41 }  --add 1, by the store-->  { kind: 'counter', n: 42 }
 *
 * The store adds, so nobody reads before, and nobody loses a race; the update leaves evidence in the item, so a lost answer makes
 * neither two of one nor none. One item takes about 1,000 write units a second: beyond some hundreds of updates see `ShardedCounter`.
 */
import type { AtomTable, CallOptions, DerefOptions } from '../atom/index.js';
import { RecipeItem } from './recipe-item.js';

interface CounterState {
  readonly kind: 'counter';
  readonly n: number;
}

const zero: CounterState = { kind: 'counter', n: 0 };

/** Options of {@link Counter.inc} and {@link ShardedCounter.inc}. */
export interface CountOptions extends CallOptions {
  /**
   * Names this call for ever, whoever makes it: a second one under the same id counts nothing. Kept at least for `receiptMs` of the
   * table.
   */
  readonly opId?: string;
}

/**
 * An exact counter.
 *
 * **Guarantee.** Each `inc` that returns was counted exactly once, whatever became of answers on the way. `get` has every `inc` that
 * was acknowledged before it was called.
 *
 * **It can not** give out numbers: what `inc` returns may have later counts in it, so two calls may see the same (`Sequence` gives
 * numbers that are unique). And it can't tell after a crash whether the last `inc` of the dead process was counted, unless that had an
 * `opId`.
 *
 * **If the process dies** during `inc`, it was counted or not. If the answer is lost, that is settled before `inc` returns; where it
 * can't be, `inc` throws with `outcome: 'unknown'`.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { Counter } from 'leyden-jar/recipes';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * const visits = new Counter(table, 'visits');
 * await Promise.all([visits.inc(), visits.inc(2)]);
 * await visits.inc(1, { opId: 'message-17' });
 * await visits.inc(1, { opId: 'message-17' }); // delivered again
 * console.log(await visits.get()); // => 4
 * ```
 */
export class Counter {
  readonly #item: RecipeItem<CounterState>;

  /** Sends nothing. @throws TypeError, RangeError for what is no name. */
  constructor(table: AtomTable, name: string) {
    this.#item = new RecipeItem(table, name, zero, { closesWithTable: true });
  }

  /** The key of its atom. */
  get key(): string {
    return this.#item.atom.key;
  }

  /**
   * Adds `by`, which may be negative or a fraction (0.1 and 0.2 make 0.3). Returns the sum, which may have later counts in it.
   *
   * @cost 1 request, 1 write unit, whoever else counts; the first time 1 read more. Calls that wait at the same time share one
   * update. With `opId` as a swap with one.
   * @iam dynamodb:UpdateItem, dynamodb:PutItem, dynamodb:GetItem
   * @throws {CommuteError} `ERR_COMMUTE` when the sum would be beyond the safe integers; {@link RecipeKindError} `ERR_RECIPE_KIND`;
   * what `ItemAtom.commute` throws; RangeError when `by` is no number within the safe integers.
   */
  async inc(by = 1, options: CountOptions = {}): Promise<number> {
    requireAmount('count', by);
    const { value } = await this.#item.commute({ add: { n: by } }, {}, options);
    return value.n;
  }

  /**
   * The sum.
   *
   * @cost 1 request, 1 read unit; less with another `consistency`.
   * @iam dynamodb:GetItem
   * @throws {RecipeKindError} `ERR_RECIPE_KIND`; what `ItemAtom.deref` throws.
   */
  async get(options?: DerefOptions): Promise<number> {
    return (await this.#item.read(options)).n;
  }
}

/** @throws RangeError for what can't be added. */
function requireAmount(action: string, by: unknown): asserts by is number {
  if (typeof by !== 'number' || !(Math.abs(by) <= Number.MAX_SAFE_INTEGER)) {
    throw new RangeError(`Cannot ${action}: by must be a number within the safe integers: ${String(by)}`);
  }
}
