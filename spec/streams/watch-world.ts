/**
 * Processes that watch one table through its simulated stream, while others write to it: writers, watchers with sources of their own, places
 * in a second table, and a log of what each watcher saw.
 *
 *   writers ──> table ──> simulated stream ──> source of w1, w2, w3 (two of them read) ──> watches, changes
 */
import { AtomTable } from '../../lib/atom/index.js';
import { type Random, seededRandom } from '../../lib/engine/random.js';
import {
  type ChangesOptions,
  changes,
  StreamWatchSource,
  type StreamWatchSourceOptions,
  TableStream,
} from '../../lib/streams/index.js';
import { StreamSimulator, type StreamSimulatorOptions } from '../../lib/testing/streams/index.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';

export const seed: number = Number(process.env.LEYDEN_SEED ?? 1);

export interface Watcher {
  readonly name: string;
  readonly table: AtomTable;
  readonly stream: TableStream;
  readonly source: StreamWatchSource;
  readonly errors: unknown[];
}

export class WatchWorld {
  readonly clock: VirtualClock = new VirtualClock();
  readonly simulator: StreamSimulator;
  readonly random: Random;
  readonly coordination: AtomTable;
  readonly writers: readonly AtomTable[];
  #tables = 0;

  private constructor(options: StreamSimulatorOptions & { readonly seed: number }) {
    this.random = seededRandom(options.seed);
    this.simulator = new StreamSimulator({ ...options, clock: this.clock });
    this.coordination = this.table('places');
    this.writers = [this.table('state'), this.table('state')];
  }

  static async open(options: StreamSimulatorOptions & { readonly seed: number }): Promise<WatchWorld> {
    const world = new WatchWorld(options);
    await world.run(world.coordination.create());
    await world.run((world.writers[0] as AtomTable).create({ streamViewType: 'NEW_AND_OLD_IMAGES' }));
    return world;
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.clock.run(promise);
  }

  table(tableName: string, watchSource?: StreamWatchSource): AtomTable {
    this.#tables += 1;
    const random = seededRandom(1_000 * this.#tables + this.random.int(1_000));
    const randomBytes = (count: number) => Uint8Array.from({ length: count }, () => random.int(256));
    const { clock } = this;
    const { engine } = this.simulator;
    return new AtomTable({ engine, tableName, clock, random, randomBytes, ...(watchSource && { watchSource }) });
  }

  watcher(name: string, options: Partial<StreamWatchSourceOptions> = {}): Watcher {
    const errors: unknown[] = [];
    const { clock } = this;
    const random = seededRandom(this.random.int(1_000_000));
    const stream = new TableStream({ port: this.simulator.port(name), table: 'state', clock, random });
    const source = new StreamWatchSource({
      stream,
      coordination: this.table('places'),
      onError: (error) => errors.push(error),
      ...options,
    });
    return { name, stream, source, errors, table: this.table('state', source) };
  }

  /** Counts an atom up, as one of the writers. */
  count(key: string): Promise<number> {
    const writer = this.writers[this.random.int(this.writers.length)] as AtomTable;
    return this.run(writer.atom<number>(key, { initial: 0 }).swap((n) => n + 1));
  }

  /** What a watch of an atom sees. */
  watch({ table }: Watcher, key: string): number[] {
    const seen: number[] = [];
    const loop = async () => {
      for await (const value of table.atom<number>(key, { initial: 0 }).watch()) seen.push(value);
    };
    loop().catch((error: unknown) => seen.push(error as number));
    return seen;
  }

  /** What a loop over changes is told, of each key. */
  changes(
    { table, source }: Watcher,
    options: Partial<ChangesOptions> = {},
  ): { log: Map<string, number[]>; end: unknown[] } {
    const log = new Map<string, number[]>();
    const end: unknown[] = [];
    const loop = async () => {
      for await (const { change } of changes<number>(table, { source, ...options })) {
        log.set(change.keyText, [...(log.get(change.keyText) ?? []), change.value as number]);
      }
    };
    loop().catch((error: unknown) => end.push(error));
    return { log, end };
  }
}

/** Whether values only ever grow: none is told twice, none older after a newer. */
export function isForward(values: readonly number[]): boolean {
  return values.every((value, at) => at === 0 || value > (values[at - 1] as number));
}
