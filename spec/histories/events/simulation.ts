/**
 * A run in one process: several stores on an engine in memory, each behind faults of its own, on a virtual clock. Some die on the way,
 * and some stand still while others go on.
 *
 *   seed ─► callers ─► EventStore ─► mortal ─► FaultyEngine ─┐
 *           callers ─► EventStore ─► mortal ─► FaultyEngine ─┴► MemoryEngine ─► the order of commits
 *
 * All chance comes from the seed and all time from the clock, so the same seed is the same run: `trace` is a digest of
 * everything that was written down, of every change in the store, and of the time at the end.
 */
import { createHash } from 'node:crypto';
import { AtomTable } from '../../../lib/atom/index.js';
import {
  type Engine,
  type EngineFaultProfile,
  engineFaultRules,
  FaultyEngine,
  MemoryEngine,
  type Random,
  seededRandom,
} from '../../../lib/engine/index.js';
import { EventStore } from '../../../lib/events/index.js';
import { VirtualClock } from '../../../lib/testing/index.js';
import { Mortal } from '../prevalence/mortal.js';
import { catchThreadWork } from '../prevalence/thread-work.js';
import { Callers, type CallersReport } from './callers.js';
import { type Judgement, judge } from './judge.js';
import { type Note, type Notebook, openOrders } from './notes.js';
import type { Order } from './purse.js';
import { type Look, lookAtAll } from './streams.js';
import { isExplained } from './warnings.js';

export interface SimulationOptions {
  readonly seed: number;
  readonly profile: EngineFaultProfile;
  /** Share of requests that are disturbed. @defaultValue 0.2 */
  readonly rate?: number | undefined;
  /** @defaultValue 4 */
  readonly processes?: number | undefined;
  /** @defaultValue 4 */
  readonly callers?: number | undefined;
  /** @defaultValue 6 */
  readonly streams?: number | undefined;
  /** Calls in all. */
  readonly calls: number;
  /** Events of one order, at most: see `Callers`. */
  readonly eventsMax?: number | undefined;
  /** @defaultValue 2 */
  readonly kills?: number | undefined;
  /** Processes that stand still while the others go on. @defaultValue 1 */
  readonly stops?: number | undefined;
  /** Between callers and store, between store and faults, and of what is written down: for showing that the judge finds out what is planted there. */
  readonly spoil?: ((store: EventStore, random: Random) => EventStore) | undefined;
  readonly spoilEngine?: ((engine: Engine, random: Random) => Engine) | undefined;
  readonly lie?: ((note: Note, random: Random) => Note) | undefined;
}

export interface SimulationReport extends Judgement {
  readonly trace: string;
  readonly virtualMs: number;
  readonly requests: number;
  readonly surprises: readonly string[];
  readonly afterCalmMs: number;
}

const tableName = 'purses';

/** Makes a run and judges it. */
export async function simulate(options: SimulationOptions): Promise<SimulationReport> {
  const threads = catchThreadWork();
  try {
    const clock = new VirtualClock({ elsewhere: threads.next });
    return await new Simulation(options, clock).run();
  } finally {
    threads.end();
  }
}

/** A process, from its start to its end or its death. */
interface Life {
  readonly callers: Callers;
  readonly mortal: Mortal;
  readonly notes: readonly Note[];
  begun: number;
  readonly died: Promise<unknown>;
  readonly die: () => void;
}

/** One process, and its successors when it dies: the last one lives. */
interface Slot {
  readonly lives: Life[];
  /** Whether all its calls have ended. */
  ended: boolean;
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #digest = createHash('sha256');
  readonly #notes: Note[] = [];
  readonly #slots: Slot[] = [];
  readonly #engines: FaultyEngine[] = [];
  readonly #surprises: string[] = [];
  readonly #waiting: { readonly begun: number; readonly go: () => void }[] = [];
  /** Of which nobody knows what became of them. */
  readonly #open: Order[] = [];
  readonly #store: MemoryEngine;
  #instant = 0;

  constructor(options: SimulationOptions, clock: VirtualClock) {
    this.#options = options;
    this.#clock = clock;
    this.#random = seededRandom(options.seed);
    const latencies = this.#fork();
    this.#store = new MemoryEngine({
      clock: this.#clock,
      seed: this.#random.int(2 ** 31),
      latency: () => 0.5 + 4 * latencies.next(),
      // Half of all runs on an engine that, as dynalite, does not bring the item along.
      images: this.#random.int(2) === 0,
      staleness: (draw) => draw.int(3),
      onCommit: ({ key }) =>
        this.#digest.update(`${this.#instant} ${this.#clock.monotonicMs()} ${JSON.stringify(key)}\n`),
    });
  }

  async run(): Promise<SimulationReport> {
    const { processes = 4, streams = 6 } = this.#options;
    const clock = this.#clock;
    const id = { name: 'id', type: 'S' } as const;
    await clock.run(this.#store.createTable({ table: tableName, partitionKey: id, billing: { mode: 'on-demand' } }));
    for (let index = 0; index < processes; index += 1) {
      const slot: Slot = { lives: [], ended: false };
      this.#slots.push(slot);
      this.#begin(slot, index, []);
    }
    const working = this.#slots.map((slot, index) => this.#work(slot, index));
    await clock.run(Promise.all([...working, this.#trouble()]));
    for (const engine of this.#engines) engine.setRules([]);
    const living = this.#slots.map(({ lives }) => (lives.at(-1) as Life).callers);
    for (const callers of living) callers.calm();
    const reports = await clock.run(Promise.all(living.map((callers) => callers.finish())));
    await clock.run(Promise.all(this.#engines.map((engine) => engine.settled())));
    const look = await clock.run(lookAtAll(() => this.#openStore(this.#store), streams));
    this.#digest.update(String(clock.monotonicMs()));
    return this.#report(reports, look);
  }

  /** Keeps one process at work until its share of the calls is done; a killed one is replaced by another. */
  async #work(slot: Slot, index: number): Promise<void> {
    for (;;) {
      const { callers, died, notes } = slot.lives.at(-1) as Life;
      slot.ended = await Promise.race([callers.run().then(() => true), died.then(() => false)]);
      if (slot.ended) break;
      this.#begin(slot, index, openOrders(notes));
    }
    this.#progress();
  }

  /** Another process, which first gives again what the one before has left open. */
  #begin({ lives }: Slot, index: number, repeat: readonly Order[]): void {
    const { profile, rate = 0.2, processes = 4, callers = 4, streams = 6, calls, eventsMax, lie } = this.#options;
    const name = `p${index}.${lives.length}`;
    const begunBefore = lives.reduce((sum, { begun }) => sum + begun, 0);
    const engine = new FaultyEngine(this.#store, { clock: this.#clock, seed: this.#random.int(2 ** 31) });
    engine.setRules(engineFaultRules(profile, rate));
    this.#engines.push(engine);
    const mortal = new Mortal(engine);
    const [random, chance] = [this.#fork(), this.#fork()];
    const notes: Note[] = [];
    const notebook: Notebook = {
      now: () => {
        this.#instant += 1;
        return this.#instant;
      },
      write: (honest) => {
        const note = lie?.(honest, chance) ?? honest;
        notes.push(note);
        this.#notes.push(note);
        this.#digest.update(JSON.stringify(note));
      },
    };
    let die: () => void = () => {};
    const died = new Promise((resolve) => {
      die = () => resolve(undefined);
    });
    const crew = new Callers({
      ...{ name, notebook, clock: this.#clock, random, callers, streams, repeat, eventsMax, padMax: 9_000 },
      calls: Math.max(1, Math.ceil(calls / processes) - begunBefore),
      open: () => this.#openStore(mortal.engine, chance),
      handOver: (order) => void this.#open.push(order),
      takeOver: () => this.#open.splice(random.int(Math.max(1, this.#open.length)), 1)[0],
      onCall: (begun) => {
        life.begun = begun;
        this.#progress();
      },
    });
    const life: Life = { callers: crew, mortal, notes, begun: 0, died, die };
    lives.push(life);
  }

  #openStore(engine: Engine, chance?: Random): EventStore {
    const { spoil, spoilEngine } = this.#options;
    const [bytes, random] = [this.#fork(), this.#fork()];
    const table = new AtomTable({
      engine: chance === undefined ? engine : (spoilEngine?.(engine, chance) ?? engine),
      tableName,
      clock: this.#clock,
      random,
      randomBytes: (count) => Uint8Array.from({ length: count }, () => bytes.int(256)),
    });
    const store = new EventStore(table, {
      openStreamsMax: 4,
      onWarning: (error) => {
        if (!isExplained(error)) this.#surprises.push(`warning: ${String(error)}`);
      },
    });
    return chance === undefined ? store : (spoil?.(store, chance) ?? store);
  }

  #fork(): Random {
    return seededRandom(this.#random.int(2 ** 31));
  }

  #begun(): number {
    return this.#slots.flatMap(({ lives }) => lives).reduce((sum, { begun }) => sum + begun, 0);
  }

  #progress(): void {
    const begun = this.#slots.every(({ ended }) => ended) ? Number.POSITIVE_INFINITY : this.#begun();
    while (this.#waiting[0] !== undefined && this.#waiting[0].begun <= begun) this.#waiting.shift()?.go();
  }

  /** Resolves when so many calls have begun, or there are no more. */
  #until(begun: number): Promise<void> {
    return new Promise((go) => {
      this.#waiting.push({ begun, go });
      this.#progress();
    });
  }

  /** Kills and stops, spread over the run. */
  async #trouble(): Promise<void> {
    const { kills = 2, stops = 1, calls } = this.#options;
    const deeds = [...Array(kills).fill('kill'), ...Array(stops).fill('stop')];
    const count = deeds.length;
    for (let done = 0; done < count; done += 1) {
      const [deed] = deeds.splice(this.#random.int(deeds.length), 1);
      await this.#until(Math.floor((calls * (done + 0.5)) / (count + 1)));
      const working = this.#slots.filter(({ ended }) => !ended);
      const slot = working[this.#random.int(Math.max(1, working.length))];
      if (slot === undefined) return;
      const { callers, mortal, die } = slot.lives.at(-1) as Life;
      if (deed === 'kill') {
        mortal.kill();
        callers.enough();
        die();
        // Its successor is there a moment later.
        await this.#clock.sleep(1);
      } else {
        const goOn = mortal.stop();
        await this.#clock.sleep(100 + this.#random.int(500));
        goOn();
      }
    }
  }

  #report(reports: readonly CallersReport[], { rows, findings }: Look): SimulationReport {
    const judgement = judge(this.#notes, rows);
    return {
      ...judgement,
      findings: [...findings, ...judgement.findings],
      trace: this.#digest.digest('hex'),
      virtualMs: this.#clock.monotonicMs(),
      requests: this.#engines.reduce((all, engine) => all + engine.spent().requests, 0),
      surprises: [...this.#surprises, ...reports.flatMap(({ surprises }) => surprises)],
      afterCalmMs: Math.max(...reports.map(({ afterCalmMs }) => afterCalmMs)),
    };
  }
}
