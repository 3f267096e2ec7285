/**
 * A run in one process: several instances of one system in a table or a bucket in memory, each behind faults of its own, on a virtual
 * clock. Some die on the way, and some stand still while the others make snapshots and prune.
 *
 *   seed ─► callers ─► system ─► mortal ─► FaultyEngine ─┐
 *           callers ─► system ─► mortal ─► FaultyEngine ─┴► MemoryEngine ─► the order of commits
 */
import type { Engine, Random } from '../../../lib/engine/index.js';
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
  type SimulatedStore,
  type StoreFacts,
} from '../simulated-run.js';
import { type Chances, type EngineSpoils, SimulatedTables } from '../simulated-tables.js';
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

/** Where the system of a run lives. */
export interface SimulatedPlace<Line extends object> extends SimulatedStore<Line> {
  create(): Promise<unknown>;
  /** As a process has it; with `chance`, on a line that may be spoilt. */
  storage(line: Line, chances: Chances): Storage;
  /** Removes the pointer to the snapshots. */
  forgetSnapshots(): Promise<unknown>;
}

/** Makes a run on a table and judges it. */
export function simulate(options: SimulationOptions & EngineSpoils): Promise<SimulationReport> {
  return simulateAt(options, (facts) => new LedgerTables(facts, options));
}

class LedgerTables extends SimulatedTables implements SimulatedPlace<Engine> {
  storage(engine: Engine, chances: Chances): Storage {
    return atomStorage(this.table(engine, chances), ledgerName);
  }

  forgetSnapshots(): Promise<unknown> {
    return this.forget(`${ledgerName}/snap`);
  }
}

/** The same wherever it may be. */
export function simulateAt<Line extends object>(
  options: SimulationOptions,
  placeOf: (facts: StoreFacts) => SimulatedPlace<Line>,
): Promise<SimulationReport> {
  return onVirtualClock((clock) => new Simulation(options, clock, placeOf).make());
}

class Simulation<Line extends object> {
  readonly #options: SimulationOptions;
  readonly #run: SimulatedRun<Note, NotedEvent, Callers, Line, SimulatedPlace<Line>>;
  #pagesPruned = 0;

  constructor(options: SimulationOptions, clock: VirtualClock, placeOf: (facts: StoreFacts) => SimulatedPlace<Line>) {
    this.#options = options;
    this.#run = new SimulatedRun(options, clock, placeOf);
  }

  async make(): Promise<SimulationReport> {
    const { kills = 1, stops = 1 } = this.#options;
    const run = this.#run;
    await run.clock.run(run.store.create());
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
      forgetSnapshots: () => run.store.forgetSnapshots(),
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
    return this.#begin({ name, line: this.#run.store.line, calls: 0, repeat: [], notes: [], onCall: () => {} });
  }

  #begin({ name, line, notes, ...birth }: Birth<Note, NotedEvent, Line>): Callers {
    const { callers = 4, spoil = (storage) => storage } = this.#options;
    const run = this.#run;
    const { clock } = run;
    const [bytes, random, chance] = [run.fork(), run.fork(), run.fork()];
    return new Callers({
      ...{ ...birth, name, clock, random, callers, padMax: 6_000, hugeShare: 0 },
      notebook: run.notebook(chance, notes),
      open: () =>
        openLedger({
          storage: spoil(run.store.storage(line, { bytes, random, chance }), chance),
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
