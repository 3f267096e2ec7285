/**
 * A run over real processes, whatever they do: workers before a fault proxy before a real engine, killed and stopped on the way if
 * wished.
 *
 *     workers (a process each) ──► fault proxy (a process) ──► a store (a process) ◄── the run itself (here)
 *        └ a file of notes each
 *
 * Order of the end: nearly all calls begun ─► the faults stop ─► the rest and all settling in calm ─► late copies are delivered ─►
 * what stands in the store is read. So nothing that is still on its way can escape the judgement.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AtomTable } from '../../lib/atom/index.js';
import { type Engine, type Random, SdkEngine, seededRandom } from '../../lib/engine/index.js';
import type { FaultProfile, FaultStats } from '../../lib/testing/index.js';
import type { Crew } from './crew.js';
import { localClient } from './local-client.js';
import { fileOf, readNotes } from './notebook.js';
import { Child } from './processes.js';
import { Progress } from './progress.js';
import type { Store } from './stores.js';
import { keyName } from './subject.js';

/** What is done to the processes of a run while it runs. */
export interface Troubles {
  readonly kills: number;
  /** Stops (SIGSTOP) of 0.1 s to `stopMsMax`. */
  readonly stops: number;
  readonly stopMsMax: number;
  /** Kills and restarts of the engine. */
  readonly restarts: number;
}

export interface ProcessRunOptions {
  readonly seed: number;
  readonly profile: FaultProfile;
  /** Share of requests that are disturbed. @defaultValue 0.2 */
  readonly rate?: number | undefined;
  readonly processes: number;
  /** Calls under way at once in each process. @defaultValue 4 */
  readonly callers?: number | undefined;
  /** Calls in all. */
  readonly calls: number;
  readonly troubles?: Troubles | undefined;
}

/** What a kind of run finds out itself. */
interface Reported {
  readonly faults: FaultStats;
}

/** What is known of each run. */
export interface ProcessRunFacts extends Reported {
  readonly seconds: number;
  readonly kills: number;
  /** Notes and facts, for a look; to be removed with `discard`. */
  readonly folder: string;
  discard(): void;
}

/** What every worker is told. */
export interface WorkBasics {
  /** Names the process and its notes; never the same twice in a run. */
  readonly name: string;
  readonly folder: string;
  readonly endpoint: string;
  readonly table: string;
  readonly seed: number;
  readonly callers: number;
  readonly calls: number;
}

/** How the work of one kind of run is told, and what else happens meanwhile. */
export interface Working<Note, Again> {
  /** What a worker is to do: basics, and what it has to repeat of the one that was killed before it. */
  readonly work: (basics: WorkBasics, repeat: readonly Again[]) => WorkBasics;
  /** What a killed worker has left open. */
  readonly openOf?: (notes: readonly Note[]) => readonly Again[];
  /** What happens before the troubles. */
  readonly meanwhile?: (progress: Progress) => Promise<void>;
  /** A trouble that only these runs know, so many times. */
  readonly special?: { readonly count: number; readonly deed: (slot: Slot) => Promise<void> };
}

/** One process of the run, and its successors when it is killed. */
export interface Slot {
  child: Child;
  /** Calls begun by those before, and by the one that works now. */
  before: number;
  begun: number;
  killed: boolean;
}

/** What the work of a run is kept in. */
export interface RunPlace {
  create(): Promise<unknown>;
  remove(): Promise<unknown>;
}

/** The faults stop when this share of all calls has begun. */
const calmAfter = 0.95;
let runs = 0;

export class ProcessRun {
  readonly random: Random;
  readonly folder: string;
  readonly slots: readonly Slot[] = [];
  /** Undisturbed; of runs on tables. */
  readonly engine: Engine;
  readonly tableName: string;
  /** A table, unless it is set to something else before `make`. */
  place: RunPlace = {
    create: () => this.table().create(),
    remove: () => this.engine.deleteTable(this.tableName),
  };
  readonly #store: Store;
  readonly #crew: Crew;
  readonly #options: ProcessRunOptions;
  readonly #proxy = new Child(new URL('./proxy-process.ts', import.meta.url));
  readonly #progress = new Progress(() => this.slots.reduce((sum, { before, begun }) => sum + before + begun, 0));
  readonly #close: () => void;
  #endpoint = '';
  #calming: Promise<unknown> | undefined;
  #kills = 0;

  /** `name` is in the names of its table and folder. */
  constructor(name: string, store: Store, crew: Crew, options: ProcessRunOptions) {
    this.#store = store;
    this.#crew = crew;
    this.#options = options;
    this.random = seededRandom(options.seed);
    this.folder = mkdtempSync(path.join(tmpdir(), `leyden-jar-${name}-`));
    const client = localClient(store.endpoint);
    this.engine = new SdkEngine(client);
    this.#close = () => client.destroy();
    runs += 1;
    this.tableName = `${name}-${process.pid}-${runs}`;
  }

  /** A table object, undisturbed. */
  table(): AtomTable {
    return new AtomTable({ engine: this.engine, tableName: this.tableName, keyName });
  }

  /** Makes table and proxy, then what is to be done with them, and writes down what came of it. */
  async make<Told extends Reported>(run: () => Promise<Told>): Promise<Told & ProcessRunFacts> {
    const { seed, profile, rate = 0.2 } = this.#options;
    const startedAt = performance.now();
    try {
      await this.place.create();
      this.#endpoint = await this.#proxy.ask('start', { target: this.#store.endpoint, seed, profile, rate });
      const told = await run();
      await this.place.remove();
      const facts = { ...told, kills: this.#kills, seconds: (performance.now() - startedAt) / 1_000 };
      const said = { options: this.#options, engine: this.#store.name, ...facts };
      writeFileSync(path.join(this.folder, 'run.json'), JSON.stringify(said, null, 2));
      const discard = () => rmSync(this.folder, { recursive: true, force: true });
      return { ...facts, folder: this.folder, discard };
    } catch (error) {
      await Promise.all(this.slots.map(({ child }) => child.end()));
      throw new Error(`the run broke off; what was written down is in ${this.folder}`, { cause: error });
    } finally {
      this.#close();
      await this.#proxy.end();
    }
  }

  /** Has all calls made, in storm and calm; what the workers report, and the faults that there were. */
  async work<Report, Note = never, Again = never>(
    working: Working<Note, Again>,
  ): Promise<{ readonly reports: Report[]; readonly faults: FaultStats }> {
    const slots = this.slots as Slot[];
    for (let index = 0; index < this.#options.processes; index += 1) {
      slots.push({ child: this.#crew.take(), before: 0, begun: 0, killed: false });
    }
    const all = Promise.all(slots.map((slot, index) => this.#work(slot, index, working)));
    all.catch(() => {}).finally(() => this.#progress.end());
    await this.#accompany(working);
    await all;
    await this.#calmDown();
    const reports = await Promise.all(slots.map(({ child }) => child.ask<Report>('finish')));
    for (const { child } of slots) this.#crew.giveBack(child);
    return { reports, faults: await this.#proxy.ask<FaultStats>('close') };
  }

  /** Keeps one process at work until its share of the calls is done; a killed one is replaced by another. */
  async #work<Note, Again>(slot: Slot, index: number, { work, openOf }: Working<Note, Again>): Promise<void> {
    const { processes, calls, callers = 4, troubles } = this.#options;
    let repeat: readonly Again[] = [];
    for (let life = 0; ; life += 1) {
      slot.child.onNote = (begun) => {
        slot.begun = begun as number;
        this.#progress.look();
      };
      const basics: WorkBasics = {
        ...{ name: `w${index}.${life}`, folder: this.folder, endpoint: this.#endpoint, table: this.tableName, callers },
        seed: this.random.int(2 ** 31),
        // In trouble there is work until the troubles are over.
        calls: troubles === undefined ? Math.ceil(calls / processes) : 1e9,
      };
      const ended = await slot.child.ask('run', work(basics, repeat)).then(
        () => undefined,
        (error: Error) => error,
      );
      if (ended === undefined) return;
      if (!slot.killed) throw ended;
      // One that was killed before it began leaves to the next one what it was to repeat.
      const file = fileOf(this.folder, basics.name);
      if (openOf !== undefined && existsSync(file)) repeat = openOf(readNotes<Note>(file));
      Object.assign(slot, { before: slot.before + slot.begun, begun: 0, killed: false, child: this.#crew.take() });
    }
  }

  /** What happens while the workers work: the troubles, then the calm. */
  async #accompany<Note, Again>({ meanwhile, special }: Working<Note, Again>): Promise<void> {
    const { calls, troubles } = this.#options;
    await meanwhile?.(this.#progress);
    if (troubles !== undefined) await this.#trouble(troubles, special);
    await this.#progress.until((troubles === undefined ? calmAfter : 1) * calls);
    await this.#calmDown();
    if (troubles !== undefined) await Promise.all(this.slots.map(({ child }) => child.ask('enough').catch(() => {})));
  }

  /** Ends all faults, and lets the workers know. */
  #calmDown(): Promise<unknown> {
    this.#calming ??= this.#proxy
      .ask('setFaults', { profile: 'calm' })
      .then(() => Promise.all(this.slots.map(({ child }) => child.ask('calm').catch(() => {}))));
    return this.#calming;
  }

  /** Kills, stops and restarts, one after the other in an order drawn from the seed. */
  async #trouble(troubles: Troubles, special: Working<never, never>['special']): Promise<void> {
    const { kills, stops, stopMsMax, restarts } = troubles;
    const of = (count: number, deed: (slot: Slot) => Promise<unknown>) => Array<typeof deed>(count).fill(deed);
    const deeds = [
      ...of(kills, (slot) => this.#kill(slot)),
      ...of(stops, (slot) => this.#stop(slot, stopMsMax)),
      ...(special === undefined ? [] : of(special.count, special.deed)),
      ...of(restarts, async () => this.#store.restart?.()),
    ];
    while (deeds.length > 0) {
      const [deed] = deeds.splice(this.random.int(deeds.length), 1);
      await sleep(200 + this.random.int(400));
      await deed?.(this.slots[this.random.int(this.slots.length)] as Slot);
    }
  }

  async #kill(slot: Slot): Promise<void> {
    slot.killed = true;
    this.#kills += 1;
    await slot.child.end();
  }

  async #stop({ child }: Slot, stopMsMax: number): Promise<void> {
    child.signal('SIGSTOP');
    await sleep(100 + this.random.int(stopMsMax - 100));
    child.signal('SIGCONT');
  }
}
