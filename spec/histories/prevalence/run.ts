/**
 * A run over real processes: workers that share one prevalent system before a fault proxy before a real engine, killed, stopped
 * and overtaken on the way if wished, and judged by what they wrote down.
 *
 *     workers (a process each) ──► fault proxy (a process) ──► dynalite (a process) or DynamoDB Local ◄── watcher (here, undisturbed)
 *        └ notes each                                                                                      └ notes
 *
 * Order of the end: nearly all calls begun ─► the faults stop ─► the rest and all settling in calm ─► late copies are
 * delivered ─► fresh instances recover. So nothing that is still on its way can escape the judgement.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AtomTable } from '../../../lib/atom/index.js';
import {
  createClient,
  type Engine,
  type Random,
  SdkEngine,
  seededRandom,
  systemClock,
} from '../../../lib/engine/index.js';
import type { FaultProfile, FaultStats } from '../../../lib/testing/index.js';
import type { Crew } from '../network-run.js';
import { Child } from '../processes.js';
import type { Store } from '../stores.js';
import { keyName } from '../subject.js';
import { lookAfterwards } from './afterwards.js';
import { Callers, type CallersReport } from './callers.js';
import { type Judgement, judge } from './judge.js';
import { fileNotebook, type Note, openEvents, readNotes } from './notes.js';
import { ledgerName, openLedger } from './open-ledger.js';
import type { LedgerOrder } from './worker.js';

/** The module that the crew of these runs has to be made of. */
export const ledgerWorker: URL = new URL('./worker.ts', import.meta.url);

/** What is done to the processes of a run while it runs. */
export interface LedgerTroubles {
  readonly kills: number;
  /** Stops (SIGSTOP) of 0.1 s to `stopMsMax`. */
  readonly stops: number;
  readonly stopMsMax: number;
  /** Stops until the others have made snapshots and pruned beyond what the stopped one has read. */
  readonly stales: number;
  /** Kills and restarts of the engine. */
  readonly restarts: number;
}

export interface LedgerRunOptions {
  readonly seed: number;
  readonly profile: FaultProfile;
  /** Share of requests that are disturbed. @defaultValue 0.2 */
  readonly rate?: number | undefined;
  readonly processes: number;
  /** Calls under way at once in each process. @defaultValue 8 */
  readonly callers?: number | undefined;
  /** Calls in all. */
  readonly calls: number;
  readonly troubles?: LedgerTroubles | undefined;
}

export interface LedgerRunReport extends Judgement {
  readonly seconds: number;
  readonly surprises: readonly string[];
  /** The longest that a call lasted after the faults had ended. */
  readonly afterCalmMs: number;
  readonly commits: number;
  readonly conflicts: number;
  readonly snapshots: number;
  readonly pagesPruned: number;
  /** Stopped processes that were certainly overtaken: pages went while they stood. */
  readonly overtaken: number;
  readonly poisoned: number;
  readonly kills: number;
  readonly faults: FaultStats;
  /** Notes and facts, for a look; to be removed with `discard`. */
  readonly folder: string;
  discard(): void;
}

/** The faults stop when this share of all calls has begun. */
const calmAfter = 0.95;
const compactMsMax = 15_000;
let runs = 0;

/** Makes a run on `store` and judges it. The crew's processes run {@link ledgerWorker}. */
export async function ledgerRun(store: Store, crew: Crew, options: LedgerRunOptions): Promise<LedgerRunReport> {
  return new LedgerRun(store, crew, options).make();
}

/** One process of the run, and its successors when it is killed. */
interface Slot {
  child: Child;
  name: string;
  /** Calls begun by those before, and by the one that works now. */
  before: number;
  begun: number;
  killed: boolean;
}

class LedgerRun {
  readonly #store: Store;
  readonly #crew: Crew;
  readonly #options: LedgerRunOptions;
  readonly #random: Random;
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'leyden-jar-ledger-'));
  readonly #table: string;
  readonly #slots: Slot[] = [];
  readonly #proxy = new Child(new URL('../proxy-process.ts', import.meta.url));
  readonly #engine: Engine;
  readonly #close: () => void;
  #endpoint = '';
  #calm = false;
  #calming: Promise<unknown> = Promise.resolve();
  #counts = { pagesPruned: 0, overtaken: 0, kills: 0 };

  constructor(store: Store, crew: Crew, options: LedgerRunOptions) {
    this.#store = store;
    this.#crew = crew;
    this.#options = options;
    this.#random = seededRandom(options.seed);
    const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
    const client = createClient({ endpoint: store.endpoint, region: 'local', credentials });
    this.#engine = new SdkEngine(client);
    this.#close = () => client.destroy();
    runs += 1;
    this.#table = `ledger-${process.pid}-${runs}`;
  }

  async make(): Promise<LedgerRunReport> {
    const { processes, profile, seed, rate = 0.2 } = this.#options;
    const startedAt = performance.now();
    try {
      await new AtomTable({ engine: this.#engine, tableName: this.#table, keyName }).create();
      this.#endpoint = await this.#proxy.ask('start', { target: this.#store.endpoint, seed, profile, rate });
      const watcher = this.#fresh('watcher');
      await watcher.run();
      for (let index = 0; index < processes; index += 1) {
        this.#slots.push({ child: this.#crew.take(), name: '', before: 0, begun: 0, killed: false });
      }
      const working = Promise.all(this.#slots.map((slot, index) => this.#work(slot, index)));
      working.catch(() => {});
      await this.#accompany(working);
      await working;
      await this.#calmDown();
      const reports = await Promise.all(this.#slots.map(({ child }) => child.ask<CallersReport>('finish')));
      for (const { child } of this.#slots) this.#crew.giveBack(child);
      const faults = await this.#proxy.ask<FaultStats>('close');
      reports.push(await watcher.finish(), ...(await this.#afterwards()));
      await this.#engine.deleteTable(this.#table);
      return this.#report(reports, faults, (performance.now() - startedAt) / 1_000);
    } catch (error) {
      await Promise.all(this.#slots.map(({ child }) => child.end()));
      throw new Error(`the run broke off; what was written down is in ${this.#folder}`, { cause: error });
    } finally {
      this.#close();
      await this.#proxy.end();
    }
  }

  /** Callers here that only read, undisturbed. */
  #fresh(name: string): Callers {
    const random = seededRandom(this.#options.seed);
    const clock = systemClock;
    const callers: Callers = new Callers({
      ...{ name, clock, random, notebook: fileNotebook(this.#folder, name) },
      ...{ callers: 0, calls: 0, repeat: [], padMax: 1, hugeShare: 0 },
      open: () =>
        openLedger({
          table: new AtomTable({ engine: this.#engine, tableName: this.#table, keyName }),
          ...{ clock, random, mode: 'read-only', onSurprise: (what) => callers.surprise(what) },
        }),
    });
    return callers;
  }

  #afterwards(): Promise<CallersReport[]> {
    const key = { [keyName]: { S: `${ledgerName}/snap` } };
    return lookAfterwards({
      fresh: (name) => this.#fresh(name),
      forgetSnapshots: () => this.#engine.delete({ table: this.#table, key }),
    });
  }

  /** Keeps one process at work until its share of the calls is done; a killed one is replaced by another. */
  async #work(slot: Slot, index: number): Promise<void> {
    const { processes, calls, callers = 8, troubles } = this.#options;
    let repeat: LedgerOrder['repeat'] = [];
    for (let life = 0; ; life += 1) {
      slot.child.onNote = (begun) => {
        slot.begun = begun as number;
      };
      slot.name = `w${index}.${life}`;
      const order: LedgerOrder = {
        ...{ name: slot.name, folder: this.#folder, endpoint: this.#endpoint, table: this.#table, callers, repeat },
        seed: this.#random.int(2 ** 31),
        // In trouble there is work until the troubles are over.
        calls: troubles === undefined ? Math.ceil(calls / processes) : 1e9,
      };
      const ended = await slot.child.ask('run', order).then(
        () => undefined,
        (error: Error) => error,
      );
      if (ended === undefined) return;
      if (!slot.killed) throw ended;
      // One that was killed before it began leaves to the next one what it was to repeat.
      if (existsSync(this.#fileOf(slot.name))) repeat = openEvents(readNotes(this.#fileOf(slot.name)));
      Object.assign(slot, { before: slot.before + slot.begun, begun: 0, killed: false, child: this.#crew.take() });
    }
  }

  #begun(): number {
    return this.#slots.reduce((sum, slot) => sum + slot.before + slot.begun, 0);
  }

  /** What happens while the workers work: two of them compact at once, twice; then the troubles; then the calm. */
  async #accompany(working: Promise<unknown>): Promise<void> {
    const { calls, troubles } = this.#options;
    let isOver = false;
    const over = working.then(
      () => {
        isOver = true;
      },
      () => {
        isOver = true;
      },
    );
    const until = async (share: number) => {
      while (!isOver && this.#begun() < share * calls) await Promise.race([sleep(20), over]);
    };
    for (const share of [0.3, 0.6]) {
      await until(share);
      if (!isOver) await Promise.all([this.#compact(), this.#compact()]);
    }
    if (troubles !== undefined) await this.#trouble(troubles);
    await until(troubles === undefined ? calmAfter : 1);
    await this.#calmDown();
    if (troubles !== undefined) await Promise.all(this.#slots.map(({ child }) => child.ask('enough').catch(() => {})));
  }

  /** A snapshot and a prune by one of the workers, whichever is not `spared`. */
  async #compact(spared?: Slot): Promise<void> {
    const able = this.#slots.filter((slot) => slot !== spared && !slot.killed);
    const { child } = able[this.#random.int(able.length)] as Slot;
    const pages = await Promise.race([
      child.ask<number>('compact').catch(() => 0),
      sleep(compactMsMax, 0, { ref: false }),
    ]);
    this.#counts.pagesPruned += pages;
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

  /** Kills, stops and restarts, one after the other in an order drawn from the seed. */
  async #trouble({ kills, stops, stopMsMax, stales, restarts }: LedgerTroubles): Promise<void> {
    const of = (deed: string, count: number): string[] => Array(count).fill(deed);
    const deeds = [...of('kill', kills), ...of('stop', stops), ...of('stale', stales), ...of('restart', restarts)];
    while (deeds.length > 0) {
      const [deed] = deeds.splice(this.#random.int(deeds.length), 1);
      await sleep(200 + this.#random.int(400));
      const slot = this.#slots[this.#random.int(this.#slots.length)] as Slot;
      const { child } = slot;
      if (deed === 'kill') {
        slot.killed = true;
        this.#counts.kills += 1;
        await child.end();
      } else if (deed === 'stop') {
        child.signal('SIGSTOP');
        await sleep(100 + this.#random.int(stopMsMax - 100));
        child.signal('SIGCONT');
      } else if (deed === 'stale') await this.#overtake(slot);
      else await this.#store.restart?.();
    }
  }

  /** Stops a process in the middle of its work until others have removed what it would have to read. */
  async #overtake(slot: Slot): Promise<void> {
    slot.child.signal('SIGSTOP');
    try {
      const before = this.#counts.pagesPruned;
      for (let round = 0; round < 3; round += 1) {
        await sleep(300);
        await this.#compact(slot);
      }
      if (this.#counts.pagesPruned > before) this.#counts.overtaken += 1;
    } finally {
      slot.child.signal('SIGCONT');
    }
  }

  #fileOf(name: string): string {
    return path.join(this.#folder, `${name}.jsonl`);
  }

  *#notes(): Generator<Note> {
    for (const file of readdirSync(this.#folder)) {
      if (file.endsWith('.jsonl')) yield* readNotes(path.join(this.#folder, file));
    }
  }

  #report(reports: readonly CallersReport[], faults: FaultStats, seconds: number): LedgerRunReport {
    const sum = (of: (report: CallersReport) => number) => reports.reduce((all, one) => all + of(one), 0);
    const facts = {
      ...judge(this.#notes()),
      ...{ ...this.#counts, faults, seconds },
      surprises: reports.flatMap(({ surprises }) => surprises),
      afterCalmMs: Math.max(...reports.map(({ afterCalmMs }) => afterCalmMs)),
      commits: sum(({ commits }) => commits),
      conflicts: sum(({ conflicts }) => conflicts),
      snapshots: sum(({ snapshots }) => snapshots),
      poisoned: sum(({ poisoned }) => poisoned),
    };
    const folder = this.#folder;
    writeFileSync(
      path.join(folder, 'run.json'),
      JSON.stringify({ options: this.#options, engine: this.#store.name, ...facts }, null, 2),
    );
    return { ...facts, folder, discard: () => rmSync(folder, { recursive: true, force: true }) };
  }
}
