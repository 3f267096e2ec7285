/**
 * A gate that opens when so many have come by.
 *
 *   { kind: 'latch', count: 3, generation: 1, done: { 'a', 'b' } }   --countDown('c')-->   three are done: open
 *                                                                    --reset()--------->   generation 2, nobody is done
 *
 * Who is done stands there by name, so a call that is made again counts nothing, however it is made again. Within a generation the set
 * only grows, so a gate that was seen open stays open; and a generation ends only when it is open, so whoever meets a later one knows
 * that theirs has opened.
 *
 * After Java's `CountDownLatch`, which counts calls and not callers, and ZooKeeper's barriers, which count nodes by name.
 */
import type { AtomTable, CallOptions, DerefOptions } from '../atom/index.js';
import { RecipeDiffersError } from './errors.js';
import { RecipeItem, requireCount, requireWaitMs, type WaitOptions } from './recipe-item.js';

interface LatchState {
  readonly kind: 'latch';
  /** 0: nobody has said yet. */
  readonly count: number;
  readonly generation: number;
  readonly done: ReadonlySet<string>;
}

const shut: LatchState = { kind: 'latch', count: 0, generation: 1, done: new Set() };

/** Participants: at 64 bytes each the item has 64 KB then, and the last one pays 64 write units. */
const countMax = 1_000;
const idBytesMax = 64;
/** Longest time between two looks of those who wait. */
const pollMsMax = 1_000;

/** Options of {@link CountDownLatch}. */
export interface CountDownLatchOptions {
  /** How many must come by, up to 1,000. All who use the latch must give the same. */
  readonly count: number;
}

/** Which generation is meant. */
export interface GenerationOptions {
  /**
   * The generation that is meant, for a latch that is used again. In one that is over nothing is counted, and nobody waits.
   * @defaultValue the one that stands there
   */
  readonly generation?: number;
}

/** Where a latch stands. */
export interface LatchStanding {
  /** How many have yet to come by. */
  readonly left: number;
  readonly isOpen: boolean;
  readonly generation: number;
}

/**
 * A count-down latch.
 *
 * **Guarantee.** `wait` returns only once `count` different ids have been counted in its generation; and once they have, it returns. An
 * id is counted once in a generation, whoever calls with it, and however often.
 *
 * **It can not** tell that somebody who has not come by never will: there is no lease here, so a latch whose participant is dead stays
 * shut until another one comes by under the same id. It holds up to 1,000 participants, whose ids have up to 64 bytes.
 *
 * **If the process dies** during `countDown`, it was counted or not: call again with the same id. If the answer is lost, that is settled
 * before the call returns. Without an id of your own, each call is another participant, and a call that failed can't be made again.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { CountDownLatch } from 'leyden-jar/recipes';
 *
 * await using table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * const imported = new CountDownLatch(table, 'import-2026-01', { count: 2 });
 * const all = imported.wait({ waitMs: 60_000 }).then(() => console.log('done')); // => done
 * console.log((await imported.countDown('part-1')).left); // => 1
 * console.log((await imported.countDown('part-1')).left); // => 1
 * await imported.countDown('part-2');
 * await all;
 * ```
 */
export class CountDownLatch {
  readonly #item: RecipeItem<LatchState>;
  readonly #count: number;

  /** Sends nothing. @throws TypeError, RangeError for wrong arguments. */
  constructor(table: AtomTable, name: string, { count }: CountDownLatchOptions) {
    requireCount('open a latch', 'count', count);
    if (count > countMax) throw new RangeError(`Cannot open a latch: count must be at most ${countMax}: ${count}`);
    this.#item = new RecipeItem(table, name, shut, { closesWithTable: true });
    this.#count = count;
  }

  /** The key of its atom. */
  get key(): string {
    return this.#item.atom.key;
  }

  /**
   * Counts `id`, unless it is counted or the latch is open. Resolves with where the latch then stands.
   *
   * @param id @defaultValue a random one
   * @cost 1 request, 1 write unit per KB of the item, whoever else comes by; the first time 1 read more; a read where nothing is to be
   * counted.
   * @iam dynamodb:UpdateItem, dynamodb:PutItem, dynamodb:GetItem
   * @throws {RecipeDiffersError} `ERR_RECIPE_DIFFERS` when the item has another count, {@link RecipeKindError} `ERR_RECIPE_KIND`; what
   * `ItemAtom.swap` throws; TypeError, RangeError for what is no id, RangeError for a generation that has not begun.
   */
  async countDown(
    id: string = this.#randomId(),
    options: CallOptions & GenerationOptions = {},
  ): Promise<LatchStanding> {
    this.#requireId(id);
    const { generation, ...rest } = options;
    const known = this.#item.peek();
    if (known !== undefined && known.count === this.#count && this.#standing(known, generation).left > 0) {
      const same = { is: { count: this.#count, generation: known.generation } };
      const { applied, value } = await this.#item.commute({ union: { done: [id] } }, same, rest);
      if (applied) return this.#standing(value, known.generation);
    }
    const counted = await this.#item.swap((state) => {
      const { isOpen } = this.#standing(state, generation);
      if (isOpen || state.done.has(id)) return state;
      return { ...state, count: this.#count, done: new Set(state.done).add(id) };
    }, rest);
    return this.#standing(counted, generation);
  }

  /**
   * Waits until it is open. Resolves with the generation that has opened.
   *
   * @consistency Count-downs of this process are seen at once, those of others at the next look, at most a second later.
   * @cost 1 read unit per 4 KB of the item for the first look, half of it for each further one: at first each 100 ms, then at
   * intervals that double up to a second. Many latches share requests.
   * @iam dynamodb:BatchGetItem
   * @throws `DeadlineError` `ERR_DEADLINE` after `waitMs` (by default there is no end); what {@link CountDownLatch.countDown} throws;
   * `signal.reason`.
   */
  async wait(options: WaitOptions & GenerationOptions = {}): Promise<number> {
    const { waitMs = Number.POSITIVE_INFINITY, signal } = options;
    requireWaitMs(`wait for ${this.#item.subject}`, waitMs);
    let { generation } = options;
    const hasOpened = (value: LatchState): boolean => {
      const { isOpen, generation: meant } = this.#standing(this.#item.mine(value), generation);
      generation = meant;
      return isOpen;
    };
    await this.#item.atom.waitFor(hasOpened, { timeoutMs: waitMs, signal, pollMsMax });
    return generation as unknown as number;
  }

  /**
   * Where it stands.
   *
   * @cost 1 request, 1 read unit per 4 KB of the item.
   * @iam dynamodb:GetItem
   * @throws As {@link CountDownLatch.countDown}.
   */
  async standing(options?: DerefOptions): Promise<LatchStanding> {
    return this.#standing(await this.#item.read(options), undefined);
  }

  /**
   * Shuts it again for a new generation, if it is open; whether it was. Whoever waits for an older generation is let through.
   *
   * @cost 1 request, 1 write unit; a read where it is not open.
   * @iam dynamodb:PutItem, dynamodb:GetItem
   * @throws As {@link CountDownLatch.countDown}.
   */
  async reset(options: CallOptions = {}): Promise<boolean> {
    return this.#item.swapWith((state) => {
      const { isOpen, generation } = this.#standing(state, undefined);
      return isOpen ? [{ ...state, generation: generation + 1, done: new Set<string>() }, true] : [state, false];
    }, options);
  }

  /** Where a generation stands; one before that of the item has opened. */
  #standing(state: LatchState, generation: number | undefined): LatchStanding {
    const { count } = state;
    if (count !== 0 && count !== this.#count) {
      const fact = { fact: 'count', given: this.#count, stored: count };
      throw new RecipeDiffersError(this.key, fact, 'open it with that everywhere, or under another name');
    }
    const meant = generation ?? state.generation;
    if (!Number.isSafeInteger(meant) || meant < 1) {
      throw new RangeError(`Cannot use ${this.#item.subject}: generation must be a positive integer: ${String(meant)}`);
    }
    if (meant > state.generation) {
      throw new RangeError(
        `Cannot use ${this.#item.subject}: generation must be at most ${state.generation}: ${meant}`,
      );
    }
    const left = meant < state.generation ? 0 : Math.max(0, this.#count - state.done.size);
    return { left, isOpen: left === 0, generation: meant };
  }

  #randomId(): string {
    return Buffer.from(this.#item.table.sources.randomBytes(16)).toString('base64url');
  }

  #requireId(id: unknown): asserts id is string {
    if (typeof id !== 'string')
      throw new TypeError(`Cannot count down ${this.#item.subject}: id must be a string: ${typeof id}`);
    const bytes = Buffer.byteLength(id);
    if (bytes < 1 || bytes > idBytesMax) {
      throw new RangeError(`Cannot count down ${this.#item.subject}: id must have 1 to ${idBytesMax} bytes: ${bytes}`);
    }
  }
}
