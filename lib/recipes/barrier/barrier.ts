import type { CallOptions } from '../../atom/index.js';
import type { WaitOptions } from '../recipe-item.js';
import type { Session } from '../session/session.js';
import { generationOf, settled } from './barrier-state.js';
import { Gathering } from './gathering.js';

/** Options of {@link Barrier} and {@link DoubleBarrier}. */
export interface BarrierOptions {
  /** How many have to come, 1 to 1,000. It stands in the item, and all who use the barrier must say the same. */
  readonly parties: number;
}

/** What {@link Barrier.enter} tells of the generation that has passed. */
export interface BarrierPass {
  /** Number of the generation, from 0 on. */
  readonly generation: number;
  /** Whether this call went on from it: of one generation at most one is told so; none, if that one's process died right then. */
  readonly isLast: boolean;
}

/** What stands in a barrier's item. */
export interface BarrierView {
  readonly generation: number;
  /** 0 while nobody has entered ever. */
  readonly parties: number;
  /** How many are there: of a barrier, how many wait. */
  readonly members: number;
  readonly isBroken: boolean;
}

/**
 * A cyclic barrier: calls of `enter`, in whatever processes, wait until there are `parties` of them; then all go on, and the next generation
 * begins. The rules are those of `CyclicBarrier` in java.util.concurrent, with processes in the place of threads.
 *
 * **Guarantee.** A call that returns was one of exactly `parties` calls that entered its generation, and all of them had entered before it
 * returned. **It can not** promise that the others return too: who has come may die, or be told of something else, before it knows.
 *
 * **All or nobody.** As long as not all have come, a generation is *broken* when the session of somebody in it is over (its process died, lost
 * its lease, or closed its session), or when somebody in it gives up, by `waitMs` or `signal`: it could not be counted on any more. All who
 * wait in it are thrown `BrokenBarrierError`, and all who enter from then on, until somebody calls {@link Barrier.reset}. A barrier does not
 * begin anew by itself, for only its users know whether what the generation was for has to be done again.
 *
 * **If the process dies** while it waits, the others learn of it after `leaseMs` of its session. If an answer is lost, it is settled
 * before anybody is counted: each call counts once.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { Barrier, BrokenBarrierError, openSession } from 'leyden-jar/recipes';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * await using session = await openSession(table);
 * const barrier = new Barrier(session, 'round', { parties: 2 });
 *
 * // Each worker, after each of its rounds:
 * const meet = async (): Promise<number> => {
 *   for (;;) {
 *     try {
 *       return (await barrier.enter()).generation;
 *     } catch (error) {
 *       if (!(error instanceof BrokenBarrierError)) throw error;
 *       await barrier.reset(error); // by whoever is first; the others find that it was done
 *     }
 *   }
 * };
 * console.log(await Promise.all([meet(), meet()])); // => [ 0, 0 ]
 * console.log(await Promise.all([meet(), meet()])); // => [ 1, 1 ]
 * ```
 */
export class Barrier {
  readonly name: string;
  readonly parties: number;
  readonly #gathering: Gathering;

  /** Sends nothing. @throws TypeError, RangeError for what is no name, or no number of parties. */
  constructor(session: Session, name: string, { parties }: BarrierOptions) {
    this.#gathering = new Gathering(session, 'barrier', name, parties);
    this.name = name;
    this.parties = parties;
  }

  /**
   * Enters, and waits until all parties have. Who gives up, by `waitMs` or `signal`, breaks the generation for all who wait in it; if it has
   * passed meanwhile, the call returns as if nothing had been. Each call counts, also two of one process.
   *
   * @cost Warm: 1 request, 1 write unit per KB of the item (about 50 bytes for each who waits), however many come at once; the last one: 1 more. Cold: 1 read
   * more. The first generation: lost races, 1 request each. Waiting: 1 read, then at 0.1 to 1 s a batch read of the item and one of one session.
   * Parties of one process that come at the same time share one write.
   * @iam dynamodb:GetItem, dynamodb:PutItem, dynamodb:UpdateItem, dynamodb:BatchGetItem
   * @throws {BrokenBarrierError} `ERR_BROKEN_BARRIER`, {@link BarrierTimeoutError} `ERR_BARRIER_TIMEOUT`; `signal.reason`;
   * `RecipeDiffersError` `ERR_RECIPE_DIFFERS` when the item says another number of parties; `LeaseLostError` `ERR_LEASE_LOST`;
   * `SessionClosedError` `ERR_SESSION_CLOSED`; `RecipeKindError` `ERR_RECIPE_KIND`; RangeError; what `ItemAtom.swap` throws.
   */
  async enter(options: WaitOptions = {}): Promise<BarrierPass> {
    const { generation, isLast } = await this.#gathering.enter(options);
    return { generation, isLast };
  }

  /**
   * Begins anew after a generation that was broken; takes the error, or `{ generation }`. Of all who call it for one generation one does it, and
   * the others do no harm: whether it was this call. Somebody who still waits in that generation is thrown `BrokenBarrierError`.
   *
   * @cost 1 request, 1 write unit per KB; 1 read when it was done before.
   * @iam dynamodb:GetItem, dynamodb:PutItem
   * @throws RangeError for what is no generation; `RecipeKindError` `ERR_RECIPE_KIND`; what `ItemAtom.swap` throws.
   */
  async reset({ generation }: { readonly generation: number }): Promise<boolean> {
    return this.#gathering.reset(generation);
  }

  /**
   * How it stands, without waiting.
   *
   * @cost 1 request, 1 read unit per 4 KB.
   * @iam dynamodb:GetItem
   * @throws `RecipeKindError` `ERR_RECIPE_KIND`
   */
  look(options: CallOptions = {}): Promise<BarrierView> {
    return viewOf(this.#gathering, options);
  }
}

export async function viewOf({ item }: Gathering, options: CallOptions): Promise<BarrierView> {
  const state = settled(await item.read(options));
  const members = Object.keys(state.members).length;
  return { generation: generationOf(state), parties: state.parties, members, isBroken: state.reason !== null };
}
