/**
 * A run in one process: several instances of one system on an engine in memory, each behind faults of its own, on a virtual clock.
 * Some die on the way, and some stand still while the others make snapshots and prune.
 *
 *   seed ─► callers ─► system ─► mortal ─► FaultyEngine ─┐
 *           callers ─► system ─► mortal ─► FaultyEngine ─┴► MemoryEngine ─► the order of commits
 */
import type { Random } from '../../../lib/engine/index.js';
import { atomStorage, type Storage } from '../../../lib/prevalence/index.js';
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
import { lookAfterwards } from './afterwards.js';
import { Callers, type CallersReport, sumsOf } from './callers.js';
import { type Judgement, judge } from './judge.js';
import { ledgerName } from './ledger-place.js';
import { type Note, type NotedEvent, openEvents } from './notes.js';
import { openLedger } from './open-ledger.js';

/** By default 1 process dies, and 1 stands still until others have made two snapshots and pruned. */
export interface SimulationOptions extends SimulatedRunOptions<Note> {
  /** Between system and storage. */
  readonly spoil?: ((storage: Storage, random: Random) => Storage) | undefined;
}

export interface SimulationReport
  extends Judgement,
    SimulatedRunFacts,
    Pick<CallersReport, 'snapshots' | 'commits' | 'conflicts' | 'poisoned'> {
  readonly pagesPruned: number;
}

/** Makes a run and judges it. */
export function simulate(options: SimulationOptions): Promise<SimulationReport> {
  return onVirtualClock((clock) => new Simulation(options, clock).make());
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #run: SimulatedRun<Note, NotedEvent, Callers>;
  #pagesPruned = 0;

  constructor(options: SimulationOptions, clock: VirtualClock) {
    this.#options = options;
    this.#run = new SimulatedRun(options, clock);
  }

  async make(): Promise<SimulationReport> {
    const { kills = 1, stops = 1 } = this.#options;
    const run = this.#run;
    await run.createTable();
    const watcher = this.#fresh('watcher');
    await run.clock.run(watcher.run());
    const reports = await run.work({
      begin: (birth) => this.#begin(birth),
      openOf: openEvents,
      ...{ kills, stops, stop: (slot) => this.#stopBeyondPrune(slot) },
    });
    reports.push(await run.clock.run(watcher.finish()));
    await run.settled();
    const afterwards = lookAfterwards({
      fresh: (name) => this.#fresh(name),
      forgetSnapshots: () => run.forget(`${ledgerName}/snap`),
    });
    reports.push(...(await run.clock.run(afterwards)));
    return {
      ...judge(run.notes),
      ...run.facts(reports),
      ...sumsOf(reports),
      pagesPruned: this.#pagesPruned,
    };
  }

  /** Callers of an undisturbed process that make no calls. */
  #fresh(name: string): Callers {
    return this.#begin({ name, engine: this.#run.store, calls: 0, repeat: [], notes: [], onCall: () => {} });
  }

  #begin({ name, engine, notes, ...birth }: Birth<Note, NotedEvent>): Callers {
    const { callers = 4, spoil = (storage) => storage } = this.#options;
    const run = this.#run;
    const { clock } = run;
    const [bytes, random, chance] = [run.fork(), run.fork(), run.fork()];
    return new Callers({
      ...{ ...birth, name, clock, random, callers, padMax: 6_000, hugeShare: 0 },
      notebook: run.notebook(chance, notes),
      open: () =>
        openLedger({
          storage: spoil(atomStorage(run.table(engine, { bytes, random, chance }), ledgerName), chance),
          ...{ clock, random },
          onSurprise: (what) => run.surprise(`${name}: ${what}`),
        }),
    });
  }

  /** One stands still, the others go on, make snapshots, and remove what it has not read; then it goes on. */
  async #stopBeyondPrune(slot: SimulatedSlot<Note, Callers>): Promise<void> {
    const { clock, random, slots } = this.#run;
    const goOn = lifeOf(slot).mortal.stop();
    const others = slots.filter((other) => other !== slot);
    for (let round = 0; round < 3; round += 1) {
      await clock.sleep(100);
      const other = others[random.int(others.length)];
      // A process that was killed meanwhile never answers.
      const compacted = other === undefined ? Promise.resolve(0) : lifeOf(other).callers.compact();
      this.#pagesPruned += (await Promise.race([compacted, clock.sleep(30_000).then(() => 0)])) ?? 0;
    }
    goOn();
  }
}
