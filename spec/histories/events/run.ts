/**
 * A run over real processes: workers whose stores share their streams before a fault proxy before a real engine, killed and stopped
 * on the way if wished, and judged by what they wrote down and what stands there in the end.
 *
 *     workers (a process each) ──► fault proxy (a process) ──► dynalite (a process) or DynamoDB Local ◄── the last look (here)
 *        └ notes each                                                                                      └ all streams
 *
 * Order of the end: nearly all calls begun ─► the faults stop ─► the rest and all settling in calm ─► late copies are
 * delivered ─► the streams are read. So nothing that is still on its way can escape the judgement.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AtomTable } from '../../../lib/atom/index.js';
import { createClient, type Engine, type Random, SdkEngine, seededRandom } from '../../../lib/engine/index.js';
import { EventStore } from '../../../lib/events/index.js';
import type { FaultProfile, FaultStats } from '../../../lib/testing/index.js';
import type { Crew } from '../network-run.js';
import { Child } from '../processes.js';
import type { Store } from '../stores.js';
import { keyName } from '../subject.js';
import type { CallersReport } from './callers.js';
import { type Judgement, judge } from './judge.js';
import { type Note, openOrders, readNotes } from './notes.js';
import type { Order } from './purse.js';
import { type Look, lookAtAll } from './streams.js';
import type { PurseWork } from './worker.js';

/** The module that the crew of these runs has to be made of. */
export const purseWorker: URL = new URL('./worker.ts', import.meta.url);

/** What is done to the processes of a run while it runs. */
export interface PurseTroubles {
  readonly kills: number;
  /** Stops (SIGSTOP) of 0.1 s to `stopMsMax`. */
  readonly stops: number;
  readonly stopMsMax: number;
  /** Kills and restarts of the engine. */
  readonly restarts: number;
}

export interface PurseRunOptions {
  readonly seed: number;
  readonly profile: FaultProfile;
  /** Share of requests that are disturbed. @defaultValue 0.2 */
  readonly rate?: number | undefined;
  readonly processes: number;
  /** Calls under way at once in each process. @defaultValue 4 */
  readonly callers?: number | undefined;
  /** @defaultValue 10 */
  readonly streams?: number | undefined;
  /** Calls in all. */
  readonly calls: number;
  readonly troubles?: PurseTroubles | undefined;
}

export interface PurseRunReport extends Judgement {
  readonly seconds: number;
  readonly surprises: readonly string[];
  /** The longest that a call lasted after the faults had ended. */
  readonly afterCalmMs: number;
  readonly kills: number;
  readonly faults: FaultStats;
  /** Notes and facts, for a look; to be removed with `discard`. */
  readonly folder: string;
  discard(): void;
}

/** The faults stop when this share of all calls has begun. */
const calmAfter = 0.95;
const streamsDefault = 10;
let runs = 0;

/** Makes a run on `store` and judges it. The crew's processes run {@link purseWorker}. */
export async function purseRun(store: Store, crew: Crew, options: PurseRunOptions): Promise<PurseRunReport> {
  return new PurseRun(store, crew, options).make();
}

/** One process of the run, and its successors when it is killed. */
interface Slot {
  child: Child;
  /** Calls begun by those before, and by the one that works now. */
  before: number;
  begun: number;
  killed: boolean;
}

class PurseRun {
  readonly #store: Store;
  readonly #crew: Crew;
  readonly #options: PurseRunOptions;
  readonly #random: Random;
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'leyden-jar-events-'));
  readonly #table: string;
  readonly #slots: Slot[] = [];
  readonly #proxy = new Child(new URL('../proxy-process.ts', import.meta.url));
  readonly #engine: Engine;
  readonly #close: () => void;
  #endpoint = '';
  #calming: Promise<unknown> | undefined;
  #kills = 0;

  constructor(store: Store, crew: Crew, options: PurseRunOptions) {
    this.#store = store;
    this.#crew = crew;
    this.#options = options;
    this.#random = seededRandom(options.seed);
    const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
    const client = createClient({ endpoint: store.endpoint, region: 'local', credentials });
    this.#engine = new SdkEngine(client);
    this.#close = () => client.destroy();
    runs += 1;
    this.#table = `purses-${process.pid}-${runs}`;
  }

  async make(): Promise<PurseRunReport> {
    const { processes, profile, seed, rate = 0.2, streams = streamsDefault } = this.#options;
    const startedAt = performance.now();
    const table = () => new AtomTable({ engine: this.#engine, tableName: this.#table, keyName });
    try {
      await table().create();
      this.#endpoint = await this.#proxy.ask('start', { target: this.#store.endpoint, seed, profile, rate });
      for (let index = 0; index < processes; index += 1) {
        this.#slots.push({ child: this.#crew.take(), before: 0, begun: 0, killed: false });
      }
      const working = Promise.all(this.#slots.map((slot, index) => this.#work(slot, index)));
      working.catch(() => {});
      await this.#accompany(working);
      await working;
      await this.#calmDown();
      const reports = await Promise.all(this.#slots.map(({ child }) => child.ask<CallersReport>('finish')));
      for (const { child } of this.#slots) this.#crew.giveBack(child);
      const faults = await this.#proxy.ask<FaultStats>('close');
      const look = await lookAtAll(() => new EventStore(table()), streams);
      await this.#engine.deleteTable(this.#table);
      return this.#report(reports, { look, faults, seconds: (performance.now() - startedAt) / 1_000 });
    } catch (error) {
      await Promise.all(this.#slots.map(({ child }) => child.end()));
      throw new Error(`the run broke off; what was written down is in ${this.#folder}`, { cause: error });
    } finally {
      this.#close();
      await this.#proxy.end();
    }
  }

  /** Keeps one process at work until its share of the calls is done; a killed one is replaced by another. */
  async #work(slot: Slot, index: number): Promise<void> {
    const { processes, calls, callers = 4, streams = streamsDefault, troubles } = this.#options;
    let repeat: readonly Order[] = [];
    for (let life = 0; ; life += 1) {
      slot.child.onNote = (begun) => {
        slot.begun = begun as number;
      };
      const name = `w${index}.${life}`;
      const work: PurseWork = {
        ...{ name, folder: this.#folder, endpoint: this.#endpoint, table: this.#table, callers, streams, repeat },
        seed: this.#random.int(2 ** 31),
        // In trouble there is work until the troubles are over.
        calls: troubles === undefined ? Math.ceil(calls / processes) : 1e9,
      };
      const ended = await slot.child.ask('run', work).then(
        () => undefined,
        (error: Error) => error,
      );
      if (ended === undefined) return;
      if (!slot.killed) throw ended;
      // One that was killed before it began leaves to the next one what it was to repeat.
      const file = path.join(this.#folder, `${name}.jsonl`);
      if (existsSync(file)) repeat = openOrders(readNotes(file));
      Object.assign(slot, { before: slot.before + slot.begun, begun: 0, killed: false, child: this.#crew.take() });
    }
  }

  /** What happens while the workers work: the troubles, then the calm. */
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
    if (troubles !== undefined) await this.#trouble(troubles);
    const wanted = (troubles === undefined ? calmAfter : 1) * calls;
    const begun = () => this.#slots.reduce((sum, slot) => sum + slot.before + slot.begun, 0);
    while (!isOver && begun() < wanted) await Promise.race([sleep(20), over]);
    await this.#calmDown();
    if (troubles !== undefined) await Promise.all(this.#slots.map(({ child }) => child.ask('enough').catch(() => {})));
  }

  /** Ends all faults, and lets the workers know. */
  #calmDown(): Promise<unknown> {
    this.#calming ??= this.#proxy
      .ask('setFaults', { profile: 'calm' })
      .then(() => Promise.all(this.#slots.map(({ child }) => child.ask('calm').catch(() => {}))));
    return this.#calming;
  }

  /** Kills, stops and restarts, one after the other in an order drawn from the seed. */
  async #trouble({ kills, stops, stopMsMax, restarts }: PurseTroubles): Promise<void> {
    const of = (deed: string, count: number): string[] => Array(count).fill(deed);
    const deeds = [...of('kill', kills), ...of('stop', stops), ...of('restart', restarts)];
    while (deeds.length > 0) {
      const [deed] = deeds.splice(this.#random.int(deeds.length), 1);
      await sleep(200 + this.#random.int(400));
      const slot = this.#slots[this.#random.int(this.#slots.length)] as Slot;
      const { child } = slot;
      if (deed === 'kill') {
        slot.killed = true;
        this.#kills += 1;
        await child.end();
      } else if (deed === 'stop') {
        child.signal('SIGSTOP');
        await sleep(100 + this.#random.int(stopMsMax - 100));
        child.signal('SIGCONT');
      } else await this.#store.restart?.();
    }
  }

  *#notes(): Generator<Note> {
    for (const file of readdirSync(this.#folder)) {
      if (file.endsWith('.jsonl')) yield* readNotes(path.join(this.#folder, file));
    }
  }

  #report(
    reports: readonly CallersReport[],
    { look, ...facts }: { readonly look: Look; readonly faults: FaultStats; readonly seconds: number },
  ): PurseRunReport {
    const judgement = judge(this.#notes(), look.rows);
    const report = {
      ...judgement,
      ...facts,
      findings: [...look.findings, ...judgement.findings],
      kills: this.#kills,
      surprises: reports.flatMap(({ surprises }) => surprises),
      afterCalmMs: Math.max(...reports.map(({ afterCalmMs }) => afterCalmMs)),
    };
    const folder = this.#folder;
    const said = { options: this.#options, engine: this.#store.name, ...report };
    writeFileSync(path.join(folder, 'run.json'), JSON.stringify(said, null, 2));
    return { ...report, folder, discard: () => rmSync(folder, { recursive: true, force: true }) };
  }
}
