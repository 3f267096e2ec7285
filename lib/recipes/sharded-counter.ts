/**
 * A counter for more writes than one item takes: several items, each a part of the sum.
 *
 *   sharded-counter:hits   { n: 7, shards: 4, opShards: 2 }     the head: shard 0, and how many there are
 *   counter-shard:hits#1   { n: 9 }
 *   counter-shard:hits#2   ...
 *
 * A shard that a reader doesn't know would be missing in its sum. So their number stands in the head and only grows, and it grows
 * before anything is counted in a new one: a reader that has read the head knows of every shard that had been counted in when it
 * began. A process that was told another number takes the greater one.
 *
 * From "Using write sharding to distribute workloads evenly in your DynamoDB table"
 * (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-sharding.html), random suffixes.
 */
import { createHash } from 'node:crypto';
import type { AtomTable, CallOptions } from '../atom/index.js';
import type { CountOptions } from './counter.js';
import { RecipeItem, requireCount, requireName } from './recipe-item.js';

interface ShardState {
  readonly kind: 'sharded-counter' | 'counter-shard';
  readonly n: number;
  /** In the head only, once somebody has counted: how many there are. Only grows. */
  readonly shards?: number;
  /** In the head only: among how many the calls with an opId are spread. Never changes, for a call must find its own shard again. */
  readonly opShards?: number;
}

type Shard = RecipeItem<ShardState>;

/** One batch read takes no more. */
const shardsMax = 100;

/** After this time a process counts in another shard, even if calls never stop waiting. */
const stayMs = 1_000;

/** Options of {@link ShardedCounter}. */
export interface ShardedCounterOptions {
  /**
   * How many items there are at least, up to 100. If somebody has made more, there are more.
   * @defaultValue 8
   */
  readonly shards?: number;
}

/**
 * An exact counter over several items, for more than 500 to 1,000 writes a second.
 *
 * **Guarantee.** As a {@link Counter}: each `inc` that returns was counted exactly once. `get` has every `inc` that was acknowledged
 * before it was called.
 *
 * **It can not** tell the sum of one instant: shards are read one after the other. If all counts are positive, the sum is one that was
 * there during the call; otherwise it may be one that never was. It is never made of fewer shards than before: the number of shards
 * only grows, and more of them make `get` dearer. Many processes of few calls are what it is for; the calls of one process that wait at the
 * same time share one update anyway.
 *
 * **If the process dies**, or an answer is lost: as with {@link Counter}.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { ShardedCounter } from 'leyden-jar/recipes';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * const hits = new ShardedCounter(table, 'hits', { shards: 4 });
 * await Promise.all(Array.from({ length: 100 }, () => hits.inc()));
 * console.log(await hits.get()); // => 100
 * ```
 */
export class ShardedCounter {
  readonly #table: AtomTable;
  readonly #name: string;
  readonly #head: Shard;
  readonly #shards: Shard[];
  readonly #atLeast: number;
  #opShards: number | undefined;
  /** Where this process counts now, until when, and how many of its calls are under way there. */
  #place = 0;
  #leaveAt = Number.NEGATIVE_INFINITY;
  #underWay = 0;

  /** Sends nothing. @throws TypeError, RangeError for wrong arguments. */
  constructor(table: AtomTable, name: string, options: ShardedCounterOptions = {}) {
    const { shards = 8 } = options;
    requireName('sharded-counter', name);
    requireName('sharded-counter', `${name}#${shardsMax}`);
    requireCount('open a sharded counter', 'shards', shards);
    if (shards > shardsMax) {
      throw new RangeError(`Cannot open a sharded counter: shards must be at most ${shardsMax}: ${shards}`);
    }
    this.#table = table;
    this.#name = name;
    this.#head = this.#open('sharded-counter', name);
    this.#shards = [this.#head];
    this.#atLeast = shards;
  }

  /**
   * Adds `by`, an integer, which may be negative.
   *
   * @cost 1 request, 1 write unit; 1 read more for each shard that this process meets for the first time, and 1 write when the shards
   * become more. With `opId` as a swap with one.
   * @iam dynamodb:UpdateItem, dynamodb:PutItem, dynamodb:GetItem
   * @throws As {@link Counter.inc}; RangeError when `by` is no safe integer.
   */
  async inc(by = 1, options: CountOptions = {}): Promise<void> {
    if (!Number.isSafeInteger(by)) throw new RangeError(`Cannot count: by must be a safe integer: ${String(by)}`);
    const { opId } = options;
    const opShards = await this.#enrol(options);
    if (opId !== undefined) {
      await this.#add(this.#shards[placeOf(opId, opShards)] as Shard, by, options);
      return;
    }
    const shard = this.#choose();
    this.#underWay += 1;
    try {
      await this.#add(shard, by, options);
    } finally {
      this.#underWay -= 1;
    }
  }

  /**
   * The sum.
   *
   * @cost 1 request, 1 read unit for each shard; 1 request more when the shards became more.
   * @iam dynamodb:BatchGetItem
   * @throws {RecipeKindError} `ERR_RECIPE_KIND`; what `AtomTable.getMany` throws.
   */
  async get(options: CallOptions = {}): Promise<number> {
    let sum = 0;
    let read = 0;
    while (read < this.#shards.length) {
      const shards = this.#shards.slice(read);
      const states = await this.#table.getMany(
        shards.map(({ atom }) => atom),
        options,
      );
      for (const [i, state] of states.entries()) sum += (shards[i] as Shard).mine(state).n;
      if (read === 0) this.#learn(states[0] as ShardState);
      read += shards.length;
    }
    return sum;
  }

  /** Makes sure, once, that the head knows of the shards that this process counts in. Resolves with how many share calls with an opId. */
  async #enrol(options: CountOptions): Promise<number> {
    if (this.#opShards === undefined) {
      const { opId: _ofTheCount, ...rest } = options;
      const grow = (state: ShardState): ShardState => {
        const { shards = 1, opShards = this.#atLeast } = state;
        return { ...state, shards: Math.max(shards, this.#atLeast), opShards };
      };
      this.#learn(await this.#head.swap(grow, rest));
    }
    return this.#opShards as unknown as number;
  }

  #learn({ shards = 1, opShards }: ShardState): void {
    for (let i = this.#shards.length; i < shards; i += 1) {
      this.#shards.push(this.#open('counter-shard', `${this.#name}#${i}`));
    }
    if (opShards !== undefined && shards >= this.#atLeast) this.#opShards = opShards;
  }

  async #add(shard: Shard, by: number, options: CountOptions): Promise<void> {
    this.#learn((await shard.commute({ add: { n: by } }, {}, options)).value);
  }

  /** Stays where calls of this process are under way, so that they share updates; else goes anywhere. */
  #choose(): Shard {
    const { clock, random } = this.#table.sources;
    const now = clock.monotonicMs();
    if (this.#underWay === 0 || now >= this.#leaveAt) {
      this.#place = random.int(this.#shards.length);
      this.#leaveAt = now + stayMs;
    }
    return this.#shards[this.#place] as Shard;
  }

  #open(kind: ShardState['kind'], name: string): Shard {
    return new RecipeItem<ShardState>(this.#table, name, { kind, n: 0 }, { closesWithTable: true });
  }
}

/** The same for every process and for ever. */
function placeOf(opId: string, count: number): number {
  return createHash('sha256').update(opId).digest().readUInt32BE() % count;
}
