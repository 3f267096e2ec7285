/**
 * A run in one process, whatever its processes do: each of them behind faults of its own, on an engine in memory and a virtual clock.
 * Some die on the way, and some stand still while others go on.
 *
 *   seed ─► callers ─► mortal ─► FaultyEngine ─┐
 *           callers ─► mortal ─► FaultyEngine ─┴► MemoryEngine ─► the order of commits
 *
 * All chance comes from the seed and all time from the clock, so the same seed is the same run: `trace` is a digest of
 * everything that was written down, of every change in the store, and of the time at the end.
 */
import { createHash } from 'node:crypto';
import { AtomTable } from '../../lib/atom/index.js';
import {
  type Engine,
  type EngineFaultProfile,
  engineFaultRules,
  FaultyEngine,
  MemoryEngine,
  type Random,
  seededRandom,
} from '../../lib/engine/index.js';
import { VirtualClock } from '../../lib/testing/index.js';
import { type Met, metByAll } from './closed-loops.js';
import { Mortal } from './mortal.js';
import type { Notebook } from './notebook.js';
import { Progress } from './progress.js';
import { catchThreadWork } from './thread-work.js';

export interface SimulatedRunOptions<Note> {
  readonly seed: number;
  readonly profile: EngineFaultProfile;
  /** Share of requests that are disturbed. @defaultValue 0.2 */
  readonly rate?: number | undefined;
  /** @defaultValue 4 */
  readonly processes?: number | undefined;
  /** @defaultValue 4 */
  readonly callers?: number | undefined;
  /** Calls in all. */
  readonly calls: number;
  readonly kills?: number | undefined;
  readonly stops?: number | undefined;
  /** Between store and faults, and of what is written down: for showing that the judge finds out what is planted there. */
  readonly spoilEngine?: ((engine: Engine, random: Random) => Engine) | undefined;
  readonly lie?: ((note: Note, random: Random) => Note) | undefined;
}

/** What is known of each run. */
export interface SimulatedRunFacts extends Omit<Met, 'calls'> {
  readonly trace: string;
  readonly virtualMs: number;
  readonly requests: number;
}

/** What a process does. */
interface Crewed {
  run(): Promise<void>;
  calm(): void;
  enough(): void;
  finish(): Promise<Met>;
}

/** What a process that begins has. */
export interface Birth<Note, Again> {
  readonly name: string;
  readonly engine: Engine;
  /** Of the calls of its slot those that are left. */
  readonly calls: number;
  /** What those before it have left open. */
  readonly repeat: readonly Again[];
  /** Where its notes go too. */
  readonly notes: Note[];
  readonly onCall: (begun: number) => void;
}

/** A process, from its start to its end or its death. */
interface Life<Note, Callers> {
  readonly callers: Callers;
  readonly mortal: Mortal;
  readonly notes: readonly Note[];
  begun: number;
  readonly died: Promise<unknown>;
  readonly die: () => void;
}

/** One process, and its successors when it dies: the last one lives. */
export interface SimulatedSlot<Note, Callers> {
  readonly lives: Life<Note, Callers>[];
  /** Whether all its calls have ended. */
  ended: boolean;
}

/** How the processes of one kind of run are made. */
export interface Simulated<Note, Again, Callers> {
  readonly begin: (birth: Birth<Note, Again>) => Callers;
  /** What a dead process has left open. */
  readonly openOf: (notes: readonly Note[]) => readonly Again[];
  readonly kills: number;
  readonly stops: number;
  /** Has a process stand still for a while. */
  readonly stop: (slot: SimulatedSlot<Note, Callers>) => Promise<void>;
}

/** What a table object draws from. */
interface Chances {
  readonly bytes: Random;
  readonly random: Random;
  readonly chance?: Random | undefined;
}

type ReportOf<Callers extends Crewed> = Awaited<ReturnType<Callers['finish']>>;

const tableName = 'jars';

/** Does `work` on a virtual clock that also knows of the work on other threads. */
export async function onVirtualClock<T>(work: (clock: VirtualClock) => Promise<T>): Promise<T> {
  const threads = catchThreadWork();
  try {
    return await work(new VirtualClock({ elsewhere: threads.next }));
  } finally {
    threads.end();
  }
}

export class SimulatedRun<Note, Again, Callers extends Crewed> {
  readonly clock: VirtualClock;
  readonly random: Random;
  /** Undisturbed. */
  readonly store: MemoryEngine;
  readonly notes: Note[] = [];
  readonly slots: SimulatedSlot<Note, Callers>[] = [];
  readonly #options: SimulatedRunOptions<Note>;
  readonly #digest = createHash('sha256');
  readonly #engines: FaultyEngine[] = [];
  readonly #surprises: string[] = [];
  readonly #progress = new Progress(() =>
    this.slots.flatMap(({ lives }) => lives).reduce((sum, { begun }) => sum + begun, 0),
  );
  #instant = 0;

  constructor(options: SimulatedRunOptions<Note>, clock: VirtualClock) {
    this.#options = options;
    this.clock = clock;
    this.random = seededRandom(options.seed);
    const latencies = this.fork();
    this.store = new MemoryEngine({
      clock,
      seed: this.random.int(2 ** 31),
      latency: () => 0.5 + 4 * latencies.next(),
      // Half of all runs on an engine that, as dynalite, does not bring the item along.
      images: this.random.int(2) === 0,
      staleness: (draw) => draw.int(3),
      onCommit: ({ key }) => this.#digest.update(`${this.#instant} ${clock.monotonicMs()} ${JSON.stringify(key)}\n`),
    });
  }

  /** Chance of its own. */
  fork(): Random {
    return seededRandom(this.random.int(2 ** 31));
  }

  /** Something happened that no fault explains. */
  surprise(what: string): void {
    this.#surprises.push(what);
  }

  /** A notebook whose notes all go into the trace; `chance` is that of lies. */
  notebook(chance: Random, own: Note[]): Notebook<Note> {
    const { lie } = this.#options;
    return {
      now: () => {
        this.#instant += 1;
        return this.#instant;
      },
      write: (honest) => {
        const note = lie?.(honest, chance) ?? honest;
        own.push(note);
        this.notes.push(note);
        this.#digest.update(JSON.stringify(note));
      },
    };
  }

  /** A table object; with `chance`, on an engine that may be spoilt. */
  table(engine: Engine, { bytes, random, chance }: Chances): AtomTable {
    const { spoilEngine } = this.#options;
    return new AtomTable({
      engine: chance === undefined ? engine : (spoilEngine?.(engine, chance) ?? engine),
      tableName,
      clock: this.clock,
      random,
      randomBytes: (count) => Uint8Array.from({ length: count }, () => bytes.int(256)),
    });
  }

  async createTable(): Promise<void> {
    const partitionKey = { name: 'id', type: 'S' } as const;
    await this.clock.run(this.store.createTable({ table: tableName, partitionKey, billing: { mode: 'on-demand' } }));
  }

  /** Removes an item, whatever became of it. */
  forget(id: string): Promise<unknown> {
    return this.store.delete({ table: tableName, key: { id: { S: id } } });
  }

  /** Has all calls made, in storm and calm; what the processes report that live in the end. */
  async work(simulated: Simulated<Note, Again, Callers>): Promise<ReportOf<Callers>[]> {
    const { processes = 4 } = this.#options;
    const { clock, slots } = this;
    for (let index = 0; index < processes; index += 1) {
      const slot: SimulatedSlot<Note, Callers> = { lives: [], ended: false };
      slots.push(slot);
      this.#begin(slot, index, [], simulated);
    }
    const working = slots.map((slot, index) => this.#work(slot, index, simulated));
    await clock.run(Promise.all([...working, this.#trouble(simulated)]));
    for (const engine of this.#engines) engine.setRules([]);
    const living = slots.map((slot) => lifeOf(slot).callers);
    for (const callers of living) callers.calm();
    const reports = await clock.run(Promise.all(living.map((callers) => callers.finish())));
    return reports as ReportOf<Callers>[];
  }

  /** Resolves when nothing is on its way any more. */
  async settled(): Promise<void> {
    await this.clock.run(Promise.all(this.#engines.map((engine) => engine.settled())));
  }

  /** Ends the trace. */
  facts(reports: readonly Met[]): SimulatedRunFacts {
    const { surprises, afterCalmMs } = metByAll(reports);
    this.#digest.update(String(this.clock.monotonicMs()));
    return {
      trace: this.#digest.digest('hex'),
      virtualMs: this.clock.monotonicMs(),
      requests: this.#engines.reduce((all, engine) => all + engine.spent().requests, 0),
      surprises: [...this.#surprises, ...surprises],
      afterCalmMs,
    };
  }

  /** Keeps one process at work until its share of the calls is done; a killed one is replaced by another. */
  async #work(
    slot: SimulatedSlot<Note, Callers>,
    index: number,
    simulated: Simulated<Note, Again, Callers>,
  ): Promise<void> {
    for (;;) {
      const { callers, died, notes } = lifeOf(slot);
      slot.ended = await Promise.race([callers.run().then(() => true), died.then(() => false)]);
      if (slot.ended) break;
      this.#begin(slot, index, simulated.openOf(notes), simulated);
    }
    if (this.slots.every(({ ended }) => ended)) this.#progress.end();
  }

  /** Another process, which first takes up what the one before has left open. */
  #begin(
    { lives }: SimulatedSlot<Note, Callers>,
    index: number,
    repeat: readonly Again[],
    simulated: Simulated<Note, Again, Callers>,
  ): void {
    const { profile, rate = 0.2, processes = 4, calls } = this.#options;
    const before = lives.reduce((sum, { begun }) => sum + begun, 0);
    const engine = new FaultyEngine(this.store, { clock: this.clock, seed: this.random.int(2 ** 31) });
    engine.setRules(engineFaultRules(profile, rate));
    this.#engines.push(engine);
    const mortal = new Mortal(engine);
    const notes: Note[] = [];
    let die: () => void = () => {};
    const died = new Promise<void>((resolve) => {
      die = resolve;
    });
    const callers = simulated.begin({
      ...{ name: `p${index}.${lives.length}`, engine: mortal.engine, repeat, notes },
      calls: Math.max(0, Math.ceil(calls / processes) - before),
      onCall: (begun) => {
        life.begun = begun;
        this.#progress.look();
      },
    });
    const life: Life<Note, Callers> = { callers, mortal, notes, begun: 0, died, die };
    lives.push(life);
  }

  /** Kills and stops, spread over the run. */
  async #trouble({ kills, stops, stop }: Simulated<Note, Again, Callers>): Promise<void> {
    const { calls } = this.#options;
    const deeds = [...Array(kills).fill('kill'), ...Array(stops).fill('stop')];
    const count = deeds.length;
    for (let done = 0; done < count; done += 1) {
      const [deed] = deeds.splice(this.random.int(deeds.length), 1);
      await this.#progress.until(Math.floor((calls * (done + 0.5)) / (count + 1)));
      const working = this.slots.filter(({ ended }) => !ended);
      const slot = working[this.random.int(Math.max(1, working.length))];
      if (slot === undefined) return;
      if (deed === 'kill') {
        const { callers, mortal, die } = lifeOf(slot);
        mortal.kill();
        callers.enough();
        die();
        // Its successor is there a moment later.
        await this.clock.sleep(1);
      } else await stop(slot);
    }
  }
}

/** The one that lives. */
export function lifeOf<Note, Callers>({ lives }: SimulatedSlot<Note, Callers>): Life<Note, Callers> {
  return lives.at(-1) as Life<Note, Callers>;
}
