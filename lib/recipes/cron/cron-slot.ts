/**
 * Work that is due at fixed times, done by one of many processes, and by none twice.
 *
 *   slot      12:00           12:01           12:02
 *   A       --claim: won      claim: won
 *   B       ---claim: lost    (dead)          claim: won
 *   item      slotAt 12:00    slotAt 12:01    slotAt 12:02
 *
 * Whoever moves the item on to a slot has won it, and the item only moves on. So a slot is won once for ever, without a lease and
 * whatever the clocks say: a clock that is off makes its process come early or late, never a second time.
 *
 * ShedLock does this with a lock that is held for at least and at most some time, which a clock that is off, or a run that takes longer,
 * can let in twice; here there is nothing that runs out.
 */
import type { AtomTable, CallOptions } from '../../atom/index.js';
import { RecipeItem, requireFunction, requireTable } from '../recipe-item.js';
import { type RunEveryOptions, type RunOnce, requireRun, requireSlotAt, type SlotOptions, Slots } from './slots.js';

interface CronSlotState {
  readonly kind: 'cron-slot';
  /** Beginning of the last slot that was won, in epoch milliseconds. */
  readonly slotAt: number;
}

const never: CronSlotState = { kind: 'cron-slot', slotAt: -1 };

/** Options of {@link CronSlot.claim} and {@link CronSlot.runOnce}. */
export interface ClaimOptions extends CallOptions {
  /**
   * Beginning of the slot, in epoch milliseconds, for times that do not lie evenly: those of a calendar, as a cron library reckons them.
   * @defaultValue that of the slot which it is by the own clock
   */
  readonly slotAt?: number;
}

/**
 * One process in each slot.
 *
 * **Guarantee.** A slot is won at most once, by however many processes, at whatever times of their clocks; later slots are won later. Of
 * processes that call in a slot, one wins it, unless a later slot has been won.
 *
 * **It can not** promise that the work is done: who wins and dies leaves the slot without it (at most once; `CronJob` does it again, at
 * least once). A process whose clock is ahead takes slots early, and the others lose those for as long as it was ahead. A run that takes
 * longer than a slot does not keep another process from the next one.
 *
 * **If the answer is lost**, that is settled before `claim` returns. Where it can't be, `claim` throws with `outcome: 'unknown'`, and
 * the slot may be nobody's.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { CronSlot } from 'leyden-jar/recipes';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * const nightly = new CronSlot(table, 'nightly', { everyMs: 86_400_000, offsetMs: 3 * 3_600_000 });
 * const report = () => 'sent';
 * const first = await nightly.runOnce(report); // in this process
 * const second = await nightly.runOnce(report); // in another one, or again
 * console.log(first.ran, second.ran); // => true false
 * ```
 */
export class CronSlot {
  readonly #item: RecipeItem<CronSlotState>;
  readonly #slots: Slots;

  /** Sends nothing. @throws TypeError, RangeError for wrong arguments. */
  constructor(table: AtomTable, name: string, options: SlotOptions) {
    requireTable('cron-slot', table);
    this.#slots = new Slots(table.sources.clock, options);
    this.#item = new RecipeItem(table, name, never, { closesWithTable: true });
  }

  /** Beginning of the slot that it is, in epoch milliseconds by the own clock. */
  slotAt(): number {
    return this.#slots.now();
  }

  /**
   * Tries to win the slot. Resolves with its beginning if this call has won it, else with `undefined`.
   *
   * @cost Won: 1 request, 1 write unit; the first time 1 read more. Lost: nothing, if this process knows of it; else 1 read, or 1
   * request and 1 write unit for a race that was lost.
   * @iam dynamodb:PutItem, dynamodb:GetItem
   * @throws {RecipeKindError} `ERR_RECIPE_KIND`; what `ItemAtom.swap` throws; RangeError when `slotAt` is no time.
   */
  async claim(options: ClaimOptions = {}): Promise<number | undefined> {
    const { slotAt = this.slotAt(), ...rest } = options;
    requireSlotAt(`claim ${this.#item.subject}`, slotAt);
    options.signal?.throwIfAborted();
    // The item only moves on, so what is known to be won stays so.
    const known = this.#item.peek();
    if (known !== undefined && known.slotAt >= slotAt) return undefined;
    const hasWon = await this.#item.swapWith<boolean>(
      (state) => (state.slotAt < slotAt ? [{ ...state, slotAt }, true] : [state, false]),
      rest,
    );
    return hasWon ? slotAt : undefined;
  }

  /**
   * Runs `f` if this call wins the slot. What it throws reaches you unchanged; the slot is spent.
   *
   * @cost As {@link CronSlot.claim}.
   * @iam dynamodb:PutItem, dynamodb:GetItem
   * @throws What {@link CronSlot.claim} throws, and what `f` throws.
   */
  async runOnce<R>(f: (slotAt: number) => R | Promise<R>, options: ClaimOptions = {}): Promise<RunOnce<R>> {
    requireFunction(`run ${this.#item.subject}`, f);
    const { slotAt = this.slotAt() } = options;
    if ((await this.claim({ ...options, slotAt })) === undefined) return { ran: false, slotAt };
    return { ran: true, slotAt, result: await f(slotAt) };
  }

  /**
   * At the beginning of each slot from the next one on: runs `f` if this process wins it. Resolves once `signal` has aborted. Slots that
   * begin while `f` runs are left to the others.
   *
   * @cost As {@link CronSlot.claim}, in each slot, in each process.
   * @iam dynamodb:PutItem, dynamodb:GetItem
   * @throws What `onError` throws; else nothing: errors of a slot go to `onError`.
   */
  async runEvery(f: (slotAt: number) => unknown, options: RunEveryOptions): Promise<void> {
    requireRun(`run ${this.#item.subject}`, f, options);
    return this.#slots.runEach((slotAt) => this.runOnce(f, { slotAt, signal: options.signal }), options, {
      joinsLate: false,
    });
  }
}
