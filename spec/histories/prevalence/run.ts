/**
 * A run over real processes: workers that share one prevalent system before a fault proxy before a real engine, killed, stopped
 * and overtaken on the way if wished, and judged by what they wrote down.
 *
 *     workers (a process each) ──► fault proxy (a process) ──► a store (a process) ◄── watcher (here, undisturbed)
 *        └ notes each                                                                      └ notes
 *
 * When all is over, fresh instances recover.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom, systemClock } from '../../../lib/engine/index.js';
import { metByAll } from '../closed-loops.js';
import type { Crew } from '../crew.js';
import { fileNotebook, notesIn } from '../notebook.js';
import { ProcessRun, type ProcessRunFacts, type ProcessRunOptions, type Slot, type Troubles } from '../process-run.js';
import type { Progress } from '../progress.js';
import type { Store } from '../stores.js';
import { lookAfterwards } from './afterwards.js';
import { Callers, type CallersReport, sumsOf } from './callers.js';
import { type Judgement, judge } from './judge.js';
import { type LedgerPlace, ledgerPlace } from './ledger-place.js';
import { type Note, type NotedEvent, openEvents } from './notes.js';
import { openLedger } from './open-ledger.js';
import type { LedgerWork } from './worker.js';

/** The module that the crew of these runs has to be made of. */
export const ledgerWorker: URL = new URL('./worker.ts', import.meta.url);

export interface LedgerTroubles extends Troubles {
  /** Stops until the others have made snapshots and pruned beyond what the stopped one has read. */
  readonly stales: number;
}

export interface LedgerRunOptions extends ProcessRunOptions {
  /** Calls under way at once in each process. @defaultValue 8 */
  readonly callers?: number | undefined;
  readonly troubles?: LedgerTroubles | undefined;
}

export interface LedgerRunReport
  extends Judgement,
    ProcessRunFacts,
    Pick<CallersReport, 'surprises' | 'afterCalmMs' | 'commits' | 'conflicts' | 'snapshots' | 'poisoned'> {
  readonly pagesPruned: number;
  /** Stopped processes that were certainly overtaken: pages went while they stood. */
  readonly overtaken: number;
}

const compactMsMax = 15_000;

/** Makes a run on `store` and judges it. The crew's processes run {@link ledgerWorker}. */
export async function ledgerRun(store: Store, crew: Crew, options: LedgerRunOptions): Promise<LedgerRunReport> {
  return new LedgerRun(store, crew, options).make();
}

class LedgerRun {
  readonly #options: LedgerRunOptions;
  readonly #run: ProcessRun;
  readonly #store: Store;
  /** Undisturbed. */
  readonly #place: LedgerPlace;
  #counts = { pagesPruned: 0, overtaken: 0 };

  constructor(store: Store, crew: Crew, { callers = 8, ...options }: LedgerRunOptions) {
    this.#options = options;
    this.#run = new ProcessRun('ledger', store, crew, { ...options, callers });
    this.#store = store;
    this.#place = ledgerPlace({ store: store.name, endpoint: store.endpoint, table: this.#run.tableName });
    this.#run.place = this.#place;
  }

  make(): Promise<LedgerRunReport> {
    const made = this.#run.make(async () => {
      const watcher = this.#fresh('watcher');
      await watcher.run();
      const { reports, faults } = await this.#run.work<CallersReport, Note, NotedEvent>({
        work: (basics, repeat): LedgerWork => ({ ...basics, repeat, store: this.#store.name }),
        openOf: openEvents,
        meanwhile: (progress) => this.#compactAtOnce(progress),
        special: { count: this.#options.troubles?.stales ?? 0, deed: (slot) => this.#overtake(slot) },
      });
      reports.push(await watcher.finish(), ...(await this.#afterwards()));
      const judgement = judge(notesIn<Note>(this.#run.folder));
      return { ...judgement, ...this.#counts, ...metByAll(reports), ...sumsOf(reports), faults };
    });
    return made.finally(() => this.#place.close());
  }

  /** Callers here that only read, undisturbed. */
  #fresh(name: string): Callers {
    const random = seededRandom(this.#options.seed);
    const clock = systemClock;
    const callers: Callers = new Callers({
      ...{ name, clock, random, notebook: fileNotebook<Note>(this.#run.folder, name) },
      ...{ callers: 0, calls: 0, repeat: [], padMax: 1, hugeShare: 0 },
      open: () =>
        openLedger({
          ...{ storage: this.#place.storage(), clock, random, mode: 'read-only' },
          onSurprise: (what) => callers.surprise(what),
        }),
    });
    return callers;
  }

  #afterwards(): Promise<CallersReport[]> {
    return lookAfterwards({
      fresh: (name) => this.#fresh(name),
      forgetSnapshots: () => this.#place.forgetSnapshots(),
    });
  }

  /** Twice, two of the workers compact at once. */
  async #compactAtOnce(progress: Progress): Promise<void> {
    for (const share of [0.3, 0.6]) {
      await progress.until(share * this.#options.calls);
      if (!progress.isOver) await Promise.all([this.#compact(), this.#compact()]);
    }
  }

  /** A snapshot and a prune by one of the workers, whichever is not `spared`. */
  async #compact(spared?: Slot): Promise<void> {
    const able = this.#run.slots.filter((slot) => slot !== spared && !slot.killed);
    const { child } = able[this.#run.random.int(able.length)] as Slot;
    const pages = await Promise.race([
      child.ask<number>('compact').catch(() => 0),
      sleep(compactMsMax, 0, { ref: false }),
    ]);
    this.#counts.pagesPruned += pages;
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
}
