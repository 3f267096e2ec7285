/**
 * A run in one process: several stores on an engine in memory, each behind faults of its own, on a virtual clock. Some die on the way,
 * and some stand still while others go on.
 *
 *   seed ─► callers ─► EventStore ─► mortal ─► FaultyEngine ─┐
 *           callers ─► EventStore ─► mortal ─► FaultyEngine ─┴► MemoryEngine ─► the order of commits
 */
import type { Engine, Random } from '../../../lib/engine/index.js';
import { EventStore } from '../../../lib/events/index.js';
import type { VirtualClock } from '../../../lib/testing/index.js';
import {
  type Birth,
  lifeOf,
  onVirtualClock,
  SimulatedRun,
  type SimulatedRunFacts,
  type SimulatedRunOptions,
  type SimulatedSlot,
} from '../simulated-run.js';
import { type EngineSpoils, SimulatedTables } from '../simulated-tables.js';
import { Callers } from './callers.js';
import { type Judgement, judge } from './judge.js';
import { type Note, openOrders } from './notes.js';
import type { Order } from './purse.js';
import { lookAtAll } from './streams.js';
import { isExplained } from './warnings.js';

/** By default 2 processes die, and 1 stands still while the others go on. */
export interface SimulationOptions extends SimulatedRunOptions<Note>, EngineSpoils {
  /** @defaultValue 6 */
  readonly streams?: number | undefined;
  /** Events of one order, at most: see `Callers`. */
  readonly eventsMax?: number | undefined;
  /** Between callers and store. */
  readonly spoil?: ((store: EventStore, random: Random) => EventStore) | undefined;
}

export interface SimulationReport extends Judgement, SimulatedRunFacts {}

/** Makes a run and judges it. */
export function simulate(options: SimulationOptions): Promise<SimulationReport> {
  return onVirtualClock((clock) => new Simulation(options, clock).make());
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #run: SimulatedRun<Note, Order, Callers, Engine, SimulatedTables>;
  /** Of which nobody knows what became of them. */
  readonly #open: Order[] = [];

  constructor(options: SimulationOptions, clock: VirtualClock) {
    this.#options = options;
    this.#run = new SimulatedRun(options, clock, (facts) => new SimulatedTables(facts, options));
  }

  async make(): Promise<SimulationReport> {
    const { streams = 6, kills = 2, stops = 1 } = this.#options;
    const run = this.#run;
    await run.clock.run(run.store.create());
    const reports = await run.work({
      begin: (birth) => this.#begin(birth),
      openOf: openOrders,
      ...{ kills, stops, stop: (slot) => this.#stop(slot) },
    });
    await run.settled();
    const look = await run.clock.run(lookAtAll(() => this.#openStore(run.store.line), streams));
    const judgement = judge(run.notes, look.rows);
    return { ...judgement, findings: [...look.findings, ...judgement.findings], ...run.facts(reports) };
  }

  #begin({ name, line, calls, repeat, notes, onCall }: Birth<Note, Order>): Callers {
    const { callers = 4, streams = 6, eventsMax } = this.#options;
    const run = this.#run;
    const [random, chance] = [run.fork(), run.fork()];
    return new Callers({
      ...{ name, clock: run.clock, random, callers, streams, repeat, eventsMax, padMax: 9_000, onCall },
      notebook: run.notebook(chance, notes),
      calls: Math.max(1, calls),
      open: () => this.#openStore(line, chance),
      handOver: (order) => void this.#open.push(order),
      takeOver: () => this.#open.splice(random.int(Math.max(1, this.#open.length)), 1)[0],
    });
  }

  async #stop(slot: SimulatedSlot<Note, Callers>): Promise<void> {
    const { clock, random } = this.#run;
    const goOn = lifeOf(slot).mortal.stop();
    await clock.sleep(100 + random.int(500));
    goOn();
  }

  #openStore(engine: Engine, chance?: Random): EventStore {
    const run = this.#run;
    const [bytes, random] = [run.fork(), run.fork()];
    const store = new EventStore(run.store.table(engine, { bytes, random, chance }), {
      openStreamsMax: 4,
      onWarning: (error) => {
        if (!isExplained(error)) run.surprise(`warning: ${String(error)}`);
      },
    });
    return chance === undefined ? store : (this.#options.spoil?.(store, chance) ?? store);
  }
}
