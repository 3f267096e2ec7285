/**
 * Numbers that are never given out twice.
 *
 *   { kind: 'sequence', taken: 300 }     every number up to 300 was given out, is held by somebody, or was lost
 *
 *   process A   took 101..200 by one write, gives them out from memory
 *   process B   took 201..300
 *
 * The mark only grows, and a number belongs to whoever moved the mark over it. A process that dies, or that can't tell whether its
 * write took effect, never uses the numbers of that write: a gap, and no duplicate. The mark is moved by swaps, because a swap
 * knows the value on which it was made even when its answer was lost; a sum that the store has added up would not say whose it is.
 *
 * The allocator is the usual one ("hi/lo", Fowler and others, "Patterns of Enterprise Application Architecture", 2002, key table).
 */
import type { AtomTable, CallOptions, DerefOptions, Transaction } from '../atom/index.js';
import { RecipeItem, requireCount } from './recipe-item.js';
import { Refill } from './refill.js';

interface SequenceState {
  readonly kind: 'sequence';
  /** The greatest number that was taken. */
  readonly taken: number;
}

const untouched: SequenceState = { kind: 'sequence', taken: 0 };

/** The largest block: a process that is restarted again and again should not come near the end of the safe integers. */
const blockMax = 1_000_000;

/** Options of {@link Sequence}. */
export interface SequenceOptions {
  /**
   * Numbers that a process takes by one write, up to 1,000,000. From 2 on numbers are given out from memory, and no longer in the
   * order of time between processes.
   * @defaultValue 1
   */
  readonly block?: number;
}

/** Options of {@link Sequence.next}. */
export interface NextOptions extends CallOptions {
  /**
   * Names this call for ever, whoever makes it: a second one under the same id gets the same number. Such a number is taken by itself.
   */
  readonly opId?: string;
}

/** Some numbers, `from` and `to` among them. */
export interface NumberRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Unique numbers from 1 on.
 *
 * **Guarantee.** No number is given out twice, by whatever process, for as long as the item is there. With `block: 1` they are in the
 * order of time: a call that begins after another one has returned gets a greater number.
 *
 * **It can not** promise that there are no gaps: a call that fails, a process that dies, a block that is not used up leave one. For
 * numbers without gaps (invoices) use {@link Sequence.nextIn}, in the transaction that also writes what bears the number. With
 * blocks, the order of the numbers says nothing of the order of the calls of different processes.
 *
 * **If the process dies**, what is left of its block is lost. If an answer is lost, it is settled before `next` returns; where it
 * can't be, `next` throws with `outcome: 'unknown'`, and those numbers are lost.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { Sequence } from 'leyden-jar/recipes';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * const ids = new Sequence(table, 'ids', { block: 100 });
 * console.log(await ids.next(), await ids.next()); // => 1 2
 *
 * // Without gaps: the number and what bears it, both or neither.
 * const invoices = new Sequence(table, 'invoices');
 * const issue = (customer: string) =>
 *   table.transact(async (tx) => {
 *     const number = await invoices.nextIn(tx);
 *     tx.reset(table.atom(`invoice-${number}`), { customer });
 *     if (customer === '') throw new RangeError('nobody to bill');
 *     return number;
 *   });
 * await issue('').catch(() => {});
 * console.log(await issue('ann'), await issue('bob')); // => 1 2
 * ```
 */
export class Sequence {
  readonly #item: RecipeItem<SequenceState>;
  readonly #block: number;
  readonly #refill: Refill;
  /** What is left of the block. */
  #from = 1;
  #to = 0;

  /** Sends nothing. @throws TypeError, RangeError for wrong arguments. */
  constructor(table: AtomTable, name: string, options: SequenceOptions = {}) {
    const { block = 1 } = options;
    requireCount('open a sequence', 'block', block);
    if (block > blockMax) throw new RangeError(`Cannot open a sequence: block must be at most ${blockMax}: ${block}`);
    this.#item = new RecipeItem(table, name, untouched, { closesWithTable: true });
    this.#block = block;
    this.#refill = new Refill();
  }

  /**
   * The next number.
   *
   * @cost From memory: nothing. Otherwise 1 request, 1 write unit for a block; the first time 1 read more; a lost race 1 request
   * more. Calls that wait at the same time share one write.
   * @iam dynamodb:PutItem, dynamodb:GetItem
   * @throws {RecipeKindError} `ERR_RECIPE_KIND`; what `ItemAtom.swap` throws; RangeError at the end of the safe integers.
   */
  async next(options: NextOptions = {}): Promise<number> {
    if (this.#block === 1 || options.opId !== undefined) return (await this.#take(1, options)).to;
    return this.#refill.until(
      () => (this.#from <= this.#to ? this.#from++ : undefined),
      async (waiting) => {
        const { from, to } = await this.#take(Math.max(this.#block, waiting), options);
        this.#from = from;
        this.#to = to;
      },
      options.signal,
    );
  }

  /**
   * Takes `count` numbers in a row, past any block.
   *
   * @cost 1 request, 1 write unit; the first time 1 read more.
   * @iam dynamodb:PutItem, dynamodb:GetItem
   * @throws As {@link Sequence.next}; RangeError when `count` is no positive integer of at most 1,000,000.
   */
  async take(count: number, options: NextOptions = {}): Promise<NumberRange> {
    requireCount('take numbers', 'count', count);
    if (count > blockMax) throw new RangeError(`Cannot take numbers: count must be at most ${blockMax}: ${count}`);
    return this.#take(count, options);
  }

  /**
   * The next number, as a part of a transaction: it is taken if and when that commits. So there are no gaps among numbers that
   * are all taken in this way, and all such transactions follow one another.
   *
   * @cost One atom of the transaction: 2 write units.
   * @iam dynamodb:PutItem, dynamodb:GetItem
   * @throws {RecipeKindError} `ERR_RECIPE_KIND`.
   */
  nextIn(tx: Transaction): Promise<number> {
    return tx.swapWith(this.#item.atom, (state) => this.#advance(state, 1));
  }

  /**
   * The greatest number that was taken: no greater one has been given out.
   *
   * @cost 1 request, 1 read unit.
   * @iam dynamodb:GetItem
   * @throws `RecipeKindError` `ERR_RECIPE_KIND`; what `ItemAtom.deref` throws.
   */
  async highest(options?: DerefOptions): Promise<number> {
    return (await this.#item.read(options)).taken;
  }

  /**
   * Skips: from now on numbers are taken above `number`, for instance above those that another system has given out. Never goes back.
   * Blocks that processes hold already are used up.
   *
   * @cost 1 request, 1 write unit; the first time 1 read more.
   * @iam dynamodb:PutItem, dynamodb:GetItem
   * @throws As {@link Sequence.next}; RangeError when `number` is no positive integer.
   */
  async skipTo(number: number, options: CallOptions = {}): Promise<void> {
    requireCount('skip numbers', 'number', number);
    await this.#item.swap((state) => (state.taken >= number ? state : { ...state, taken: number }), options);
  }

  #take(count: number, options: NextOptions): Promise<NumberRange> {
    return this.#item.swapWith((state) => {
      const [next, to] = this.#advance(state, count);
      return [next, { from: to - count + 1, to }];
    }, options);
  }

  #advance(state: SequenceState, count: number): readonly [SequenceState, number] {
    const taken = this.#item.mine(state).taken + count;
    if (!Number.isSafeInteger(taken)) {
      throw new RangeError(
        `Cannot take numbers of ${this.#item.subject}: at most ${Number.MAX_SAFE_INTEGER} can be given out`,
      );
    }
    return [{ ...state, taken }, taken];
  }
}
