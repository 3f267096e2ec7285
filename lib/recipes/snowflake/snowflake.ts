/**
 * Ids of 63 bits that are unique, roughly in the order of time, and made in memory.
 *
 *   | 41 bits: milliseconds since the epoch | 10 bits: worker | 12 bits: count |
 *
 * The layout is that of Twitter's Snowflake (2010). There the worker number is given by hand or by a lease, and ids are unique as long as
 * no two processes have the same one and no clock goes back. Here a process takes a minute of a worker's time by one write, and that minute
 * is nobody else's for ever.
 */
import type { AtomTable, CallOptions } from '../../atom/index.js';
import { RecipeDiffersError } from '../errors.js';
import { RecipeItem } from '../recipe-item.js';
import { Refill } from '../refill.js';
import { type SnowflakeState, type Stretch, takeStretch, WorkersBusyError } from './snowflake-state.js';

const epochMsDefault = Date.UTC(2020, 0, 1);
const timeMax = 2 ** 41;
const countMax = 2 ** 12;
const none: SnowflakeState = { kind: 'snowflake', epochMs: 0, upTo: [] };

/** Options of {@link Snowflake}. */
export interface SnowflakeOptions {
  /**
   * From when on time is counted, in epoch milliseconds; ids last for 69 years from there. All who share the name must give the same.
   * @defaultValue 2020-01-01T00:00Z
   */
  readonly epochMs?: number;
}

/**
 * Unique ids in the order of time.
 *
 * **Guarantee.** No id is made twice under one name, by whatever processes, however long they sleep and whatever their clocks show, for as
 * long as the item is there. Ids of one `Snowflake` grow. An id fits a signed 64-bit integer.
 *
 * **It can not** put ids of several processes in a strict order: each goes by its own clock. A clock that is set back leaves ids where it
 * had been until it gets there again. 1,024 processes can make ids within one minute, each 4,096 in a millisecond.
 *
 * **If the process dies**, what is left of its minute is lost, and its worker number free when the minute is over. If an answer is lost, it is
 * settled before `next` returns; where it can't be, `next` throws, and nobody uses that minute.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { Snowflake } from 'leyden-jar/recipes';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * const ids = new Snowflake(table, 'orders');
 * const [first, second] = [await ids.next(), await ids.next()];
 * console.log(first < second, Date.now() - ids.timeOf(first) < 10_000); // => true true
 * ```
 */
export class Snowflake {
  readonly #item: RecipeItem<SnowflakeState>;
  readonly #epochMs: number;
  readonly #refill = new Refill();
  #stretch: Stretch | undefined;
  #lastMs = 0;
  #count = 0;

  /** Sends nothing. @throws TypeError, RangeError for wrong arguments. */
  constructor(table: AtomTable, name: string, { epochMs = epochMsDefault }: SnowflakeOptions = {}) {
    if (!Number.isSafeInteger(epochMs) || epochMs < 1) {
      throw new RangeError(`Cannot open a snowflake: epochMs must be whole milliseconds after 1970: ${epochMs}`);
    }
    this.#item = new RecipeItem(table, name, none, { closesWithTable: true });
    this.#epochMs = epochMs;
  }

  /**
   * The next id.
   *
   * @cost From memory: nothing. Once in a minute of use 1 request, 1 write unit per KB of the item, which has about 10 bytes for each
   * process that makes ids at the same time; the first time 1 read more.
   * @iam dynamodb:PutItem, dynamodb:GetItem
   * @throws {WorkersBusyError} `ERR_WORKERS_BUSY` when 1,024 processes were there before; {@link RecipeDiffersError} `ERR_RECIPE_DIFFERS`
   * when the item has another epoch; {@link RecipeKindError} `ERR_RECIPE_KIND`; what `ItemAtom.swap` throws; RangeError outside of the 69
   * years.
   */
  next(options: CallOptions = {}): Promise<bigint> {
    return this.#refill.until(
      () => this.#make(),
      async () => {
        this.#stretch = await this.#take(options);
      },
      options.signal,
    );
  }

  /** When an id was made, by the clock of whoever made it, in epoch milliseconds. @throws RangeError for what is no id. */
  timeOf(id: bigint): number {
    const time = Number(id >> 22n);
    if (!(time >= 0 && time < timeMax))
      throw new RangeError(`Cannot tell the time of an id: it must be from 0 to below 2 ** 63: ${id}`);
    return time + this.#epochMs;
  }

  /** The next id of the stretch; `undefined` when it is over, in time or because all are made. */
  #make(): bigint | undefined {
    if (this.#stretch === undefined) return undefined;
    const { worker, from, to } = this.#stretch;
    const now = Math.max(this.#nowMs(), from, this.#lastMs);
    const isSame = now === this.#lastMs;
    const isFull = isSame && this.#count + 1 >= countMax;
    const atMs = isFull ? now + 1 : now;
    if (atMs >= to) return undefined;
    this.#count = isSame && !isFull ? this.#count + 1 : 0;
    this.#lastMs = atMs;
    return (BigInt(atMs - this.#epochMs) << 22n) | BigInt(worker * countMax + this.#count);
  }

  async #take(options: CallOptions): Promise<Stretch> {
    return this.#item.swapWith((state) => {
      const { epochMs } = state;
      if (epochMs !== 0 && epochMs !== this.#epochMs) {
        const fact = { fact: 'epochMs', given: this.#epochMs, stored: epochMs };
        throw new RecipeDiffersError(this.#item.atom.key, fact, 'open it with that everywhere, or under another name');
      }
      const taken = takeStretch(state, Math.max(this.#nowMs(), this.#lastMs + 1), this.#stretch);
      if (taken === undefined) throw new WorkersBusyError(this.#item.atom.key);
      const [next, stretch] = taken;
      if (stretch.from < this.#epochMs || stretch.to > this.#epochMs + timeMax) {
        throw new RangeError(
          `Cannot make ids of ${this.#item.subject}: the time must be within 69 years of epochMs ${this.#epochMs}: ${stretch.from}`,
        );
      }
      return [{ ...next, epochMs: this.#epochMs }, stretch];
    }, options);
  }

  #nowMs(): number {
    return Math.floor(this.#item.table.sources.clock.now());
  }
}
