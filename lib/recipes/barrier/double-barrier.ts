import type { CallOptions } from '../../atom/index.js';
import type { WaitOptions } from '../recipe-item.js';
import type { Session } from '../session/session.js';
import { type BarrierOptions, type BarrierView, viewOf } from './barrier.js';
import { BrokenBarrierError } from './barrier-errors.js';
import type { Member } from './barrier-state.js';
import { Gathering } from './gathering.js';

/**
 * A double barrier: `parties` members begin together and end together, as with Curator's `DistributedDoubleBarrier`. One object is one member.
 *
 * **Guarantee.** `enter` returns when `parties` members are inside, and not before. `leave` returns when all of these have left, and not
 * before; the next generation gets in only then.
 *
 * **All or nobody.** When the session of a member is over before all have entered, or before it has left, the generation is *broken*: those
 * who wait to enter or to leave are thrown `BrokenBarrierError`, until somebody calls {@link DoubleBarrier.reset}. (With Curator, a dead member
 * counts as one that has left, so that `leave` does not tell whether all have finished.) So is it when somebody gives up waiting to
 * enter. Who gives up waiting to leave has left all the same, and breaks nothing.
 *
 * **If the process dies**, the others learn of it after `leaseMs` of its session; of one that dies inside, at the latest a lease after the others wait
 * to leave. If an answer is lost, it is settled before anybody is counted.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { DoubleBarrier, openSession } from 'leyden-jar/recipes';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * await using session = await openSession(table);
 * let working = 0;
 * const work = async (): Promise<number> => {
 *   const barrier = new DoubleBarrier(session, 'job', { parties: 2 });
 *   await barrier.enter(); // all are in
 *   working += 1;
 *   await barrier.leave(); // all are done
 *   return working;
 * };
 * console.log(await Promise.all([work(), work()])); // => [ 2, 2 ]
 * ```
 */
export class DoubleBarrier {
  readonly name: string;
  readonly parties: number;
  readonly #gathering: Gathering;
  #member: Member | undefined;
  #isBusy = false;

  /** Sends nothing. @throws TypeError, RangeError for what is no name, or no number of parties. */
  constructor(session: Session, name: string, { parties }: BarrierOptions) {
    this.#gathering = new Gathering(session, 'double-barrier', name, parties);
    this.name = name;
    this.parties = parties;
  }

  /**
   * Enters, and waits until all have; before that, until those of the generation before have left. Who gives up after it has entered breaks the
   * generation; if all have come meanwhile, the call returns as if nothing had been.
   *
   * @cost As `Barrier.enter`.
   * @iam dynamodb:GetItem, dynamodb:PutItem, dynamodb:UpdateItem, dynamodb:BatchGetItem
   * @throws As `Barrier.enter`; TypeError when this member is inside already.
   */
  async enter(options: WaitOptions = {}): Promise<{ readonly generation: number }> {
    if (this.#member !== undefined) throw this.#misuse('enter', 'it is inside; leave first');
    return this.#alone('enter', async () => {
      this.#member = await this.#gathering.enter(options);
      return { generation: this.#member.generation };
    });
  }

  /**
   * Leaves at once, and waits until all have left. After `BarrierTimeoutError`, or `signal`, it may be called again to go on waiting.
   *
   * @cost As `Barrier.enter`.
   * @iam dynamodb:GetItem, dynamodb:PutItem, dynamodb:UpdateItem, dynamodb:BatchGetItem
   * @throws As `Barrier.enter`; TypeError when this member is not inside.
   */
  async leave(options: WaitOptions = {}): Promise<void> {
    const member = this.#member;
    if (member === undefined) throw this.#misuse('leave', 'it is not inside; enter first');
    await this.#alone('leave', async () => {
      try {
        await this.#gathering.leave(member, options);
        this.#member = undefined;
      } catch (error) {
        if (error instanceof BrokenBarrierError) this.#member = undefined;
        throw error;
      }
    });
  }

  /**
   * As `Barrier.reset`: begins anew after a generation that was broken.
   *
   * @cost As `Barrier.reset`.
   * @iam dynamodb:GetItem, dynamodb:PutItem
   * @throws As `Barrier.reset`.
   */
  async reset({ generation }: { readonly generation: number }): Promise<boolean> {
    return this.#gathering.reset(generation);
  }

  /**
   * As `Barrier.look`. `members` are those who have entered and not left.
   *
   * @cost As `Barrier.look`.
   * @iam dynamodb:GetItem
   * @throws `RecipeKindError` `ERR_RECIPE_KIND`
   */
  look(options: CallOptions = {}): Promise<BarrierView> {
    return viewOf(this.#gathering, options);
  }

  /** One call at a time: a member has one place. */
  async #alone<R>(action: string, call: () => Promise<R>): Promise<R> {
    if (this.#isBusy)
      throw this.#misuse(action, 'another call of this member is waiting; open one object for each member');
    this.#isBusy = true;
    try {
      return await call();
    } finally {
      this.#isBusy = false;
    }
  }

  #misuse(action: string, why: string): TypeError {
    return new TypeError(`Cannot ${action} double-barrier ${this.name}: ${why}`);
  }
}
