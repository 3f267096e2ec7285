/**
 * A run in one process, whatever its processes do: each of them behind faults of its own, on a store in memory and a virtual clock.
 * Some die on the way, and some stand still while others go on.
 *
 *   seed ─► callers ─► mortal ─► disturbed line ─┐
 *           callers ─► mortal ─► disturbed line ─┴► store in memory ─► the order of its changes
 *
 * All chance comes from the seed and all time from the clock, so the same seed is the same run: `trace` is a digest of
 * everything that was written down, of every change in the store, and of the time at the end.
 */
import { createHash } from 'node:crypto';
import {
  type Engine,
  type EngineFaultProfile,
  type EngineFaultRule,
  engineFaultRules,
  type Random,
  seededRandom,
} from '../../lib/engine/index.js';
import { VirtualClock } from '../../lib/testing/index.js';
import { type Met, metByAll } from './closed-loops.js';
import { Mortal } from './mortal.js';
import type { Notebook } from './notebook.js';
import { Progress } from './progress.js';
import { catchThreadWork } from './thread-work.js';

/** What the processes of a run share. */
export interface SimulatedStore<Line extends object> {
  /** What reaches it undisturbed: an engine, or a client. */
  readonly line: Line;
  /** The line of one process. */
  disturbed(seed: number): DisturbedLine<Line>;
}

export interface DisturbedLine<Line extends object> {
  readonly line: Line;
  readonly requests: () => number;
  /** Replaces the rules, for instance by none: the faults stop. */
  setRules(rules: readonly EngineFaultRule[]): void;
  /** Resolves when nothing is on its way any more. */
  settled(): Promise<void>;
}

/** What a store is made of. */
export interface StoreFacts {
  readonly clock: VirtualClock;
  /** That of the run. */
  readonly random: Random;
  /** To be told of each change. */
  readonly onChange: (key: string) => void;
}

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
  /** Of what is written down: for showing that the judge finds out what is planted there. */
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
export interface Birth<Note, Again, Line extends object = Engine> {
  readonly name: string;
  readonly line: Line;
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
  readonly mortal: Mortal<object>;
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
export interface Simulated<Note, Again, Callers, Line extends object> {
  readonly begin: (birth: Birth<Note, Again, Line>) => Callers;
  /** What a dead process has left open. */
  readonly openOf: (notes: readonly Note[]) => readonly Again[];
  readonly kills: number;
  readonly stops: number;
  /** Has a process stand still for a while. */
  readonly stop: (slot: SimulatedSlot<Note, Callers>) => Promise<void>;
}

type ReportOf<Callers extends Crewed> = Awaited<ReturnType<Callers['finish']>>;

/** Does `work` on a virtual clock that also knows of the work on other threads. */
export async function onVirtualClock<T>(work: (clock: VirtualClock) => Promise<T>): Promise<T> {
  const threads = catchThreadWork();
  try {
    return await work(new VirtualClock({ elsewhere: threads.next }));
  } finally {
    threads.end();
  }
}

export class SimulatedRun<
  Note,
  Again,
  Callers extends Crewed,
  Line extends object,
  Store extends SimulatedStore<Line>,
> {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly store: Store;
  readonly notes: Note[] = [];
  readonly slots: SimulatedSlot<Note, Callers>[] = [];
  readonly #options: SimulatedRunOptions<Note>;
  readonly #digest = createHash('sha256');
  readonly #lines: DisturbedLine<Line>[] = [];
  readonly #surprises: string[] = [];
  readonly #progress = new Progress(() =>
    this.slots.flatMap(({ lives }) => lives).reduce((sum, { begun }) => sum + begun, 0),
  );
  #instant = 0;

  constructor(options: SimulatedRunOptions<Note>, clock: VirtualClock, storeOf: (facts: StoreFacts) => Store) {
    this.#options = options;
    this.clock = clock;
    this.random = seededRandom(options.seed);
    this.store = storeOf({
      ...{ clock, random: this.random },
      onChange: (key) => this.#digest.update(`${this.#instant} ${clock.monotonicMs()} ${key}\n`),
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

  /** Has all calls made, in storm and calm; what the processes report that live in the end. */
  async work(simulated: Simulated<Note, Again, Callers, Line>): Promise<ReportOf<Callers>[]> {
    const { processes = 4 } = this.#options;
    const { clock, slots } = this;
    for (let index = 0; index < processes; index += 1) {
      const slot: SimulatedSlot<Note, Callers> = { lives: [], ended: false };
      slots.push(slot);
      this.#begin(slot, index, [], simulated);
    }
    const working = slots.map((slot, index) => this.#work(slot, index, simulated));
    await clock.run(Promise.all([...working, this.#trouble(simulated)]));
    for (const line of this.#lines) line.setRules([]);
    const living = slots.map((slot) => lifeOf(slot).callers);
    for (const callers of living) callers.calm();
    const reports = await clock.run(Promise.all(living.map((callers) => callers.finish())));
    return reports as ReportOf<Callers>[];
  }

  /** Resolves when nothing is on its way any more. */
  async settled(): Promise<void> {
    await this.clock.run(Promise.all(this.#lines.map((line) => line.settled())));
  }

  /** Ends the trace. */
  facts(reports: readonly Met[]): SimulatedRunFacts {
    const { surprises, afterCalmMs } = metByAll(reports);
    this.#digest.update(String(this.clock.monotonicMs()));
    return {
      trace: this.#digest.digest('hex'),
      virtualMs: this.clock.monotonicMs(),
      requests: this.#lines.reduce((all, line) => all + line.requests(), 0),
      surprises: [...this.#surprises, ...surprises],
      afterCalmMs,
    };
  }

  /** Keeps one process at work until its share of the calls is done; a killed one is replaced by another. */
  async #work(
    slot: SimulatedSlot<Note, Callers>,
    index: number,
    simulated: Simulated<Note, Again, Callers, Line>,
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
    simulated: Simulated<Note, Again, Callers, Line>,
  ): void {
    const { profile, rate = 0.2, processes = 4, calls } = this.#options;
    const before = lives.reduce((sum, { begun }) => sum + begun, 0);
    const disturbed = this.store.disturbed(this.random.int(2 ** 31));
    disturbed.setRules(engineFaultRules(profile, rate));
    this.#lines.push(disturbed);
    const mortal = new Mortal(disturbed.line);
    const notes: Note[] = [];
    let die: () => void = () => {};
    const died = new Promise<void>((resolve) => {
      die = resolve;
    });
    const callers = simulated.begin({
      ...{ name: `p${index}.${lives.length}`, line: mortal.line, repeat, notes },
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
  async #trouble({ kills, stops, stop }: Simulated<Note, Again, Callers, Line>): Promise<void> {
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
