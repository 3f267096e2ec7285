/**
 * A run in one process: several instances of one system on an engine in memory, each behind faults of its own, on a virtual clock.
 * Some die on the way, and some stand still while the others make snapshots and prune.
 *
 *   seed ─► callers ─► system ─► mortal ─► FaultyEngine ─┐
 *           callers ─► system ─► mortal ─► FaultyEngine ─┴► MemoryEngine ─► the order of commits
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
import type { Storage } from '../../../lib/prevalence/index.js';
import { VirtualClock } from '../../../lib/testing/index.js';
import { lookAfterwards } from './afterwards.js';
import { Callers, type CallersReport } from './callers.js';
import { type Judgement, judge } from './judge.js';
import { Mortal } from './mortal.js';
import { type Note, type Notebook, openEvents } from './notes.js';
import { ledgerName, openLedger } from './open-ledger.js';
import { catchThreadWork } from './thread-work.js';

export interface SimulationOptions {
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
  /** @defaultValue 1 */
  readonly kills?: number | undefined;
  /** Processes that stand still until others have made two snapshots and pruned. @defaultValue 1 */
  readonly stops?: number | undefined;
  /** Between system and storage, between storage and faults: for showing that the judge finds out what is planted there. */
  readonly spoil?: ((storage: Storage, random: Random) => Storage) | undefined;
  readonly spoilEngine?: ((engine: Engine, random: Random) => Engine) | undefined;
  /** Of what is written down: for showing that lies are found out. */
  readonly lie?: ((note: Note, random: Random) => Note) | undefined;
}

export interface SimulationReport extends Judgement {
  readonly trace: string;
  readonly virtualMs: number;
  readonly requests: number;
  readonly surprises: readonly string[];
  readonly afterCalmMs: number;
  readonly snapshots: number;
  readonly commits: number;
  readonly poisoned: number;
  readonly pagesPruned: number;
}

const tableName = 'ledgers';

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

/** One process, and its successors when it dies. */
interface Slot {
  life: number;
  callers: Callers;
  mortal: Mortal;
  notes: Note[];
  /** Calls begun by those before. */
  before: number;
  begun: number;
  died: Promise<unknown>;
  die: () => void;
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
  readonly #store: MemoryEngine;
  #instant = 0;
  #pagesPruned = 0;

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
    const { processes = 4 } = this.#options;
    const clock = this.#clock;
    const id = { name: 'id', type: 'S' } as const;
    await clock.run(this.#store.createTable({ table: tableName, partitionKey: id, billing: { mode: 'on-demand' } }));
    const watcher = this.#callers('watcher', this.#store, { calls: 0 });
    await clock.run(watcher.callers.run());
    for (let index = 0; index < processes; index += 1) this.#slots.push(this.#slot(`p${index}.0`));
    const working = this.#slots.map((slot, index) => this.#work(slot, index));
    await clock.run(Promise.all([...working, this.#trouble()]));
    for (const engine of this.#engines) engine.setRules([]);
    for (const { callers } of this.#slots) callers.calm();
    const finishing = Promise.all(this.#slots.map(({ callers }) => callers.finish()));
    const reports = [...(await clock.run(finishing)), await clock.run(watcher.callers.finish())];
    await clock.run(Promise.all(this.#engines.map((engine) => engine.settled())));
    const key = { id: { S: `${ledgerName}/snap` } };
    const afterwards = lookAfterwards({
      fresh: (name) => this.#callers(name, this.#store, { calls: 0 }).callers,
      forgetSnapshots: () => this.#store.delete({ table: tableName, key }),
    });
    reports.push(...(await clock.run(afterwards)));
    this.#digest.update(String(clock.monotonicMs()));
    return this.#report(reports);
  }

  /** Keeps one process at work until its share of the calls is done; a killed one is replaced by another. */
  async #work(slot: Slot, index: number): Promise<void> {
    for (;;) {
      const ended = await Promise.race([slot.callers.run().then(() => true), slot.died.then(() => false)]);
      slot.ended = ended;
      if (ended) return;
      const repeat = openEvents(slot.notes);
      const { before, begun, life } = slot;
      Object.assign(slot, this.#slot(`p${index}.${life + 1}`, before + begun, repeat), { life: life + 1 });
    }
  }

  #slot(name: string, before = 0, repeat: ReturnType<typeof openEvents> = []): Slot {
    const { calls, processes = 4, rate = 0.2, profile } = this.#options;
    const engine = new FaultyEngine(this.#store, { clock: this.#clock, seed: this.#random.int(2 ** 31) });
    engine.setRules(engineFaultRules(profile, rate));
    this.#engines.push(engine);
    const mortal = new Mortal(engine);
    const share = Math.max(0, Math.ceil(calls / processes) - before);
    let die = () => {};
    const died = new Promise<void>((resolve) => {
      die = resolve;
    });
    const made = this.#callers(name, mortal.engine, { calls: share, repeat });
    const slot: Slot = { ...made, life: 0, mortal, before, begun: 0, died, die, ended: false };
    made.onCall = (begun) => {
      slot.begun = begun;
      this.#progress();
    };
    return slot;
  }

  #callers(
    name: string,
    engine: Engine,
    { calls, repeat = [] }: { readonly calls: number; readonly repeat?: ReturnType<typeof openEvents> },
  ) {
    const { callers = 4, spoil, spoilEngine, lie } = this.#options;
    const clock = this.#clock;
    const [bytes, random, chance] = [this.#fork(), this.#fork(), this.#fork()];
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
    const table = () =>
      new AtomTable({
        engine: spoilEngine?.(engine, chance) ?? engine,
        tableName,
        clock,
        random,
        randomBytes: (count) => Uint8Array.from({ length: count }, () => bytes.int(256)),
      });
    const made = {
      notes,
      onCall: undefined as ((begun: number) => void) | undefined,
      callers: new Callers({
        ...{ name, notebook, clock, random, callers, calls, repeat },
        ...{ padMax: 6_000, hugeShare: 0 },
        open: () =>
          openLedger({
            ...{ table: table(), clock, random },
            spoil: spoil && ((storage) => spoil(storage, chance)),
            onSurprise: (what) => this.#surprises.push(`${name}: ${what}`),
          }),
        onCall: (begun) => made.onCall?.(begun),
      }),
    };
    return made;
  }

  #fork(): Random {
    return seededRandom(this.#random.int(2 ** 31));
  }

  #begun(): number {
    return this.#slots.reduce((sum, { before, begun }) => sum + before + begun, 0);
  }

  #progress(): void {
    const begun = this.#begun();
    while ((this.#waiting[0]?.begun ?? Number.POSITIVE_INFINITY) <= begun) this.#waiting.shift()?.go();
  }

  /** Resolves when so many calls have begun. */
  #until(begun: number): Promise<void> {
    return new Promise((go) => {
      this.#waiting.push({ begun, go });
      this.#progress();
    });
  }

  /** Kills and stops, spread over the run. */
  async #trouble(): Promise<void> {
    const { kills = 1, stops = 1, calls } = this.#options;
    const deeds = [...Array(kills).fill('kill'), ...Array(stops).fill('stop')];
    const count = deeds.length;
    for (let done = 0; done < count; done += 1) {
      const [deed] = deeds.splice(this.#random.int(deeds.length), 1);
      await this.#until(Math.floor((calls * (done + 0.5)) / (count + 1)));
      const working = this.#slots.filter(({ ended }) => !ended);
      const slot = working[this.#random.int(Math.max(1, working.length))];
      if (slot === undefined) return;
      if (deed === 'kill') {
        slot.mortal.kill();
        slot.die();
        // Its successor is there a moment later.
        await this.#clock.sleep(1);
      } else await this.#stopBeyondPrune(slot);
    }
  }

  /** One stands still, the others go on, make snapshots, and remove what it has not read; then it goes on. */
  async #stopBeyondPrune(slot: Slot): Promise<void> {
    const goOn = slot.mortal.stop();
    const others = this.#slots.filter((other) => other !== slot);
    for (let round = 0; round < 3; round += 1) {
      await this.#clock.sleep(100);
      const other = others[this.#random.int(others.length)];
      // A process that was killed meanwhile never answers.
      const compacted = other?.callers.compact() ?? Promise.resolve(0);
      this.#pagesPruned += (await Promise.race([compacted, this.#clock.sleep(30_000).then(() => 0)])) ?? 0;
    }
    goOn();
  }

  #report(reports: readonly CallersReport[]): SimulationReport {
    const sum = (of: (report: CallersReport) => number) => reports.reduce((all, one) => all + of(one), 0);
    return {
      ...judge(this.#notes),
      trace: this.#digest.digest('hex'),
      virtualMs: this.#clock.monotonicMs(),
      requests: this.#engines.reduce((all, engine) => all + engine.spent().requests, 0),
      surprises: [...this.#surprises, ...reports.flatMap(({ surprises }) => surprises)],
      afterCalmMs: Math.max(...reports.map(({ afterCalmMs }) => afterCalmMs)),
      snapshots: sum(({ snapshots }) => snapshots),
      commits: sum(({ commits }) => commits),
      poisoned: sum(({ poisoned }) => poisoned),
      pagesPruned: this.#pagesPruned,
    };
  }
}
