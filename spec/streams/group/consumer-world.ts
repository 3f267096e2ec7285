/**
 * A group in one process: a simulated stream with shards, a coordination table, and any number of members, each with its own tables and its own
 * engine, so that one of them can die, sleep or be cut off.
 */
import { AtomTable } from '../../../lib/atom/index.js';
import { type Clock, type Engine, seededRandom } from '../../../lib/engine/index.js';
import { ConsumerGroup, type ConsumerGroupOptions, type GroupEvent, TableStream } from '../../../lib/streams/index.js';
import { StreamSimulator, type StreamSimulatorOptions, VirtualClock } from '../../../lib/testing/index.js';
import { numberOf, textOf } from '../../atom/bench.js';

export interface Seen {
  readonly key: string;
  readonly n: number;
}

export type WorldOptions = Partial<ConsumerGroupOptions<Seen>>;

export const watched = 'watched';

export class ConsumerWorld {
  readonly clock: VirtualClock = new VirtualClock({ runMsMax: Number.MAX_SAFE_INTEGER });
  readonly simulator: StreamSimulator;
  readonly seed: number;
  readonly events: (GroupEvent & { readonly at: number })[] = [];
  #processes = 0;
  #written = 0;

  constructor(options: Omit<StreamSimulatorOptions, 'clock'> = {}) {
    const { seed = 1 } = options;
    this.seed = seed;
    this.simulator = new StreamSimulator({ ...options, seed, clock: this.clock });
  }

  async create(): Promise<this> {
    const { engine } = this.simulator;
    const partitionKey = { name: 'id', type: 'S' } as const;
    const billing = { mode: 'on-demand' } as const;
    await this.clock.run(
      engine.createTable({ table: watched, partitionKey, billing, streamViewType: 'NEW_AND_OLD_IMAGES' }),
    );
    await this.clock.run(this.table().create());
    return this;
  }

  /** The coordination table, as a process of its own sees it. */
  table(engine: Engine = this.simulator.engine, clock: Clock = this.clock): AtomTable {
    this.#processes += 1;
    const random = seededRandom(this.seed * 1_000 + this.#processes);
    const randomBytes = (count: number) => Uint8Array.from({ length: count }, () => random.int(256));
    return new AtomTable({ engine, tableName: 'groups', sortKeyName: 'sk', clock, random, randomBytes });
  }

  /** A member that has not begun. */
  member(options: WorldOptions & { readonly engine?: Engine; readonly clock?: Clock } = {}): ConsumerGroup<Seen> {
    const { engine, clock = this.clock, ...rest } = options;
    const table = options.table ?? this.table(engine, clock);
    const { random } = table.sources;
    return new ConsumerGroup<Seen>({
      name: 'g',
      stream: new TableStream({ port: this.simulator.port(`p${this.#processes}`), table: watched, clock, random }),
      table,
      from: 'trim-horizon',
      parser: {
        parse: ({ dynamodb = {} }) => ({
          key: textOf(dynamodb.Keys?.id),
          n: numberOf(dynamodb.NewImage?.n),
        }),
      },
      onEvent: (event) => this.events.push({ ...event, at: this.clock.monotonicMs() }),
      ...rest,
    });
  }

  /** Writes the next number to an item. */
  async write(key: string): Promise<number> {
    this.#written += 1;
    const n = this.#written;
    await this.simulator.engine.put({ table: watched, item: { id: { S: key }, n: { N: String(n) } } });
    return n;
  }

  async writeMany(count: number, keys = 10): Promise<void> {
    for (let at = 0; at < count; at += 1) await this.write(`k${(this.#written + 1) % keys}`);
  }

  get written(): number {
    return this.#written;
  }
}

export const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
