/** Tables on an engine in memory, as the processes of a simulated run share them. */
import { AtomTable } from '../../lib/atom/index.js';
import { type Engine, FaultyEngine, MemoryEngine, type Random, seededRandom } from '../../lib/engine/index.js';
import type { VirtualClock } from '../../lib/testing/index.js';
import type { DisturbedLine, SimulatedStore, StoreFacts } from './simulated-run.js';

/** What an object of the library draws from. `chance` is that of what is planted between it and its line. */
export interface Chances {
  readonly bytes: Random;
  readonly random: Random;
  readonly chance?: Random | undefined;
}

/** Between table and faults: for showing that the judge finds out what is planted there. */
export interface EngineSpoils {
  readonly spoilEngine?: ((engine: Engine, random: Random) => Engine) | undefined;
}

const tableName = 'jars';

/** Bytes from a seed. */
export function bytesOf(random: Random): (count: number) => Uint8Array {
  return (count) => Uint8Array.from({ length: count }, () => random.int(256));
}

export class SimulatedTables implements SimulatedStore<Engine> {
  readonly line: MemoryEngine;
  readonly #clock: VirtualClock;
  readonly #spoil: EngineSpoils['spoilEngine'];

  constructor({ clock, random, onChange }: StoreFacts, { spoilEngine }: EngineSpoils) {
    this.#clock = clock;
    this.#spoil = spoilEngine;
    const latencies = seededRandom(random.int(2 ** 31));
    this.line = new MemoryEngine({
      clock,
      seed: random.int(2 ** 31),
      latency: () => 0.5 + 4 * latencies.next(),
      // Half of all runs on an engine that, as dynalite, does not bring the item along.
      images: random.int(2) === 0,
      staleness: (draw) => draw.int(3),
      onCommit: ({ key }) => onChange(JSON.stringify(key)),
    });
  }

  disturbed(seed: number): DisturbedLine<Engine> {
    const engine = new FaultyEngine(this.line, { clock: this.#clock, seed });
    return {
      line: engine,
      requests: () => engine.spent().requests,
      setRules: (rules) => engine.setRules(rules),
      settled: () => engine.settled(),
    };
  }

  /** A table object; with `chance`, on an engine that may be spoilt. */
  table(engine: Engine, { bytes, random, chance }: Chances): AtomTable {
    return new AtomTable({
      engine: chance === undefined ? engine : (this.#spoil?.(engine, chance) ?? engine),
      ...{ tableName, clock: this.#clock, random, randomBytes: bytesOf(bytes) },
    });
  }

  create(): Promise<void> {
    const partitionKey = { name: 'id', type: 'S' } as const;
    return this.line.createTable({ table: tableName, partitionKey, billing: { mode: 'on-demand' } });
  }

  /** Removes an item, whatever became of it. */
  forget(id: string): Promise<unknown> {
    return this.line.delete({ table: tableName, key: { id: { S: id } } });
  }
}
