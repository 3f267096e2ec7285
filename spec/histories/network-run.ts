/**
 * A run over real processes: workers before a fault proxy before a real engine, killed and stopped on the way if wished,
 * and judged by what they wrote down.
 *
 *     workers (a process each) ──► fault proxy (a process) ──► dynalite (a process) or DynamoDB Local
 *        └ journal each                                           └ last token of each atom ──► judge
 *
 * Order of the end: nearly all calls begun ─► the faults stop ─► the rest and all settling in calm ─► late copies are
 * delivered ─► the store is read. So nothing that is still on its way can escape the judgement.
 */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AtomTable } from '../../lib/atom/index.js';
import { createClient, type Random, SdkEngine, seededRandom } from '../../lib/engine/index.js';
import type { FaultProfile, FaultStats } from '../../lib/testing/index.js';
import { type JournalEvent, readJournal } from './journal.js';
import { type FinalTokens, type Judgement, judge } from './judge.js';
import { Child } from './processes.js';
import type { Store } from './stores.js';
import { finalOf, keyName } from './subject.js';
import type { WorkOrder, WorkReport } from './worker.js';

/** What is done to the processes of a run while it runs. */
export interface Troubles {
  readonly kills: number;
  /** Stops (SIGSTOP) of 0.1 s to `stopMsMax`. */
  readonly stops: number;
  readonly stopMsMax: number;
  /** Kills and restarts of the engine. */
  readonly restarts: number;
}

export interface NetworkRunOptions {
  readonly seed: number;
  readonly profile: FaultProfile;
  /** Share of requests that are disturbed. @defaultValue 0.2 */
  readonly rate?: number | undefined;
  readonly processes: number;
  /** Calls under way at once in each process. @defaultValue 4 */
  readonly callers?: number | undefined;
  /** @defaultValue 4 */
  readonly atoms?: number | undefined;
  /** Calls in all. */
  readonly calls: number;
  /** @defaultValue 'library' */
  readonly client?: WorkOrder['client'];
  readonly troubles?: Troubles | undefined;
}

export interface NetworkRunReport extends Judgement {
  readonly seconds: number;
  /** Failures that are none of the documented outcomes, and unknown ones that stayed so. */
  readonly surprises: readonly string[];
  readonly unsettled: readonly string[];
  /** The longest that a call lasted after the faults had ended. */
  readonly afterCalmMs: number;
  /** The longest that a call lasted beyond its own deadline. */
  readonly overtimeMs: number;
  readonly faults: FaultStats;
  readonly puts: number;
  readonly failedPuts: number;
  /** Journals and facts, for a look; to be removed with `discard`. */
  readonly folder: string;
  discard(): void;
}

/** Worker processes that go from run to run: starting one costs about a second of a processor. */
export class Crew {
  readonly #module: URL;
  readonly #idle: Child[] = [];
  readonly #all = new Set<Child>();

  /** Of processes that run `module`. */
  constructor(module: URL = new URL('./worker.ts', import.meta.url)) {
    this.#module = module;
  }

  take(): Child {
    const child = this.#idle.pop() ?? new Child(this.#module);
    this.#all.add(child);
    return child;
  }

  giveBack(child: Child): void {
    child.onNote = undefined;
    this.#idle.push(child);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all].map((child) => child.end()));
  }
}

/** The faults stop when this share of all calls has begun. */
const calmAfter = 0.95;

let runs = 0;

/** Makes a run on `store` and judges it. */
export async function networkRun(store: Store, crew: Crew, options: NetworkRunOptions): Promise<NetworkRunReport> {
  return new Run(store, crew, options).make();
}

/** One process of the run, and its successors when it is killed. */
interface Slot {
  child: Child;
  /** Calls begun by those before, and by the one that works now. */
  before: number;
  begun: number;
  killed: boolean;
}

class Run {
  readonly #store: Store;
  readonly #crew: Crew;
  readonly #options: NetworkRunOptions;
  readonly #random: Random;
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'leyden-jar-run-'));
  readonly #keys: readonly string[];
  readonly #table: string;
  readonly #slots: Slot[] = [];
  readonly #proxy = new Child(new URL('./proxy-process.ts', import.meta.url));
  #endpoint = '';
  #calm = false;
  #calming: Promise<unknown> = Promise.resolve();

  constructor(store: Store, crew: Crew, options: NetworkRunOptions) {
    this.#store = store;
    this.#crew = crew;
    this.#options = options;
    this.#random = seededRandom(options.seed);
    this.#keys = Array.from({ length: options.atoms ?? 4 }, (_, index) => `atom-${index}`);
    runs += 1;
    this.#table = `run-${process.pid}-${runs}`;
  }

  async make(): Promise<NetworkRunReport> {
    const { processes, profile, seed, rate = 0.2, troubles } = this.#options;
    const startedAt = performance.now();
    const client = createClient({
      endpoint: this.#store.endpoint,
      region: 'local',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    });
    try {
      await new AtomTable({ client, tableName: this.#table, keyName }).create();
      this.#endpoint = await this.#proxy.ask('start', { target: this.#store.endpoint, seed, profile, rate });
      for (let index = 0; index < processes; index += 1) {
        this.#slots.push({ child: this.#crew.take(), before: 0, begun: 0, killed: false });
      }
      const working = this.#slots.map((slot, index) => this.#work(slot, index));
      if (troubles !== undefined) {
        await this.#trouble(troubles);
        await this.#calmDown();
        await Promise.all(this.#slots.map(({ child }) => child.ask('enough')));
      }
      await Promise.all(working);
      await this.#calmDown();
      const reports = await Promise.all(this.#slots.map(({ child }) => child.ask<WorkReport>('finish')));
      for (const { child } of this.#slots) this.#crew.giveBack(child);
      const faults = await this.#proxy.ask<FaultStats>('close');
      const finals = await this.#finals(new SdkEngine(client));
      const judgement = judge(this.#events(), finals);
      return this.#report(judgement, reports, faults, (performance.now() - startedAt) / 1_000);
    } catch (error) {
      await Promise.all(this.#slots.map(({ child }) => child.end()));
      throw new Error(`the run broke off; what was written down is in ${this.#folder}`, { cause: error });
    } finally {
      client.destroy();
      await this.#proxy.end();
    }
  }

  /** Keeps one process at work until its share of the calls is done; a killed one is replaced by another. */
  async #work(slot: Slot, index: number): Promise<void> {
    const { processes, calls, callers = 4, client = 'library', troubles } = this.#options;
    for (let life = 0; ; life += 1) {
      slot.child.onNote = (begun) => {
        slot.begun = begun as number;
        void this.#watchProgress();
      };
      const order: WorkOrder = {
        name: `w${index}.${life}`,
        folder: this.#folder,
        endpoint: this.#endpoint,
        table: this.#table,
        keys: this.#keys,
        seed: this.#random.int(2 ** 31),
        callers,
        // In trouble there is work until the troubles are over.
        calls: troubles === undefined ? Math.ceil(calls / processes) : 1e9,
        client,
      };
      const ended = await slot.child.ask('run', order).then(
        () => undefined,
        (error: Error) => error,
      );
      if (ended === undefined) return;
      if (!slot.killed) throw ended;
      slot.before += slot.begun;
      slot.begun = 0;
      slot.killed = false;
      slot.child = this.#crew.take();
    }
  }

  #begun(): number {
    return this.#slots.reduce((sum, slot) => sum + slot.before + slot.begun, 0);
  }

  async #watchProgress(): Promise<void> {
    const { calls, troubles } = this.#options;
    if (troubles === undefined && this.#begun() >= calmAfter * calls) await this.#calmDown();
  }

  /** Ends all faults, and lets the workers know. */
  #calmDown(): Promise<unknown> {
    if (!this.#calm) {
      this.#calm = true;
      this.#calming = this.#proxy
        .ask('setFaults', { profile: 'calm' })
        .then(() => Promise.all(this.#slots.map(({ child }) => child.ask('calm').catch(() => {}))));
    }
    return this.#calming;
  }

  /** Kills, stops and restarts, one after the other in an order drawn from the seed; then waits for calls that are missing. */
  async #trouble({ kills, stops, stopMsMax, restarts }: Troubles): Promise<void> {
    const deeds = [...Array(kills).fill('kill'), ...Array(stops).fill('stop'), ...Array(restarts).fill('restart')];
    while (deeds.length > 0) {
      const [deed] = deeds.splice(this.#random.int(deeds.length), 1);
      await sleep(200 + this.#random.int(400));
      const slot = this.#slots[this.#random.int(this.#slots.length)] as Slot;
      const { child } = slot;
      if (deed === 'kill') {
        slot.killed = true;
        await child.end();
      } else if (deed === 'stop') {
        child.signal('SIGSTOP');
        await sleep(100 + this.#random.int(stopMsMax - 100));
        child.signal('SIGCONT');
      } else await this.#store.restart?.();
    }
    while (this.#begun() < this.#options.calls) await sleep(50);
  }

  async #finals(engine: SdkEngine): Promise<FinalTokens> {
    const finals = new Map<string, { token: string; version: number } | undefined>();
    for (const key of this.#keys) {
      const item = await engine.get({ table: this.#table, key: { [keyName]: { S: key } }, consistent: true });
      finals.set(key, finalOf(item));
    }
    await engine.deleteTable(this.#table);
    return finals;
  }

  *#events(): Generator<JournalEvent> {
    for (const file of readdirSync(this.#folder)) {
      if (file.endsWith('.jsonl')) yield* readJournal(path.join(this.#folder, file));
    }
  }

  #report(judgement: Judgement, reports: readonly WorkReport[], faults: FaultStats, seconds: number): NetworkRunReport {
    const most = (of: (report: WorkReport) => number) => Math.max(...reports.map(of));
    const sum = (of: (report: WorkReport) => number | undefined) =>
      reports.reduce((all, one) => all + (of(one) ?? 0), 0);
    const failedPuts = sum(({ spent }) => spent?.conditionsFailed);
    const facts = {
      ...judgement,
      seconds,
      surprises: reports.flatMap((report) => report.surprises),
      unsettled: reports.flatMap((report) => report.unsettled),
      afterCalmMs: most((report) => report.afterCalmMs),
      overtimeMs: most((report) => report.overtimeMs),
      faults,
      puts: judgement.commits + failedPuts,
      failedPuts,
    };
    const folder = this.#folder;
    const { seed } = this.#options;
    writeFileSync(
      path.join(folder, 'run.json'),
      JSON.stringify({ seed, options: this.#options, engine: this.#store.name, ...facts }, null, 2),
    );
    return { ...facts, folder, discard: () => rmSync(folder, { recursive: true, force: true }) };
  }
}
