/**
 * A run over real processes that hold locks and are stopped (SIGSTOP) while they do, until another one has taken the lock and written;
 * then they go on (SIGCONT).
 *
 *     holder 1:  granted 7 ── writes ──╳ stopped . . . . . . . . . . . . . . ─► looks, writes under 7 all the same
 *     holder 2:                         waits a lease ─► granted 8 ─► writes
 *
 * Lanes, each a lock with holders of its own, run side by side on one store.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { AtomTable } from '../../../lib/atom/index.js';
import { createClient, type Random, seededRandom } from '../../../lib/engine/index.js';
import type { Crew } from '../crew.js';
import type { Child } from '../processes.js';
import type { Store } from '../stores.js';
import { keysOf, lateAmong, resourceOf, tokensIn } from './resources.js';
import type { HolderNote, HolderOrder, HolderReport } from './worker.js';

/** The module that the crew of these runs has to be made of. */
export const fencingWorker: URL = new URL('./worker.ts', import.meta.url);

export interface FencingRunOptions {
  readonly seed: number;
  /** Stops of a holder beyond its lease, in all lanes together. */
  readonly stops: number;
  /** @defaultValue 300, the shortest there is */
  readonly leaseMs?: number | undefined;
  /** @defaultValue 4 */
  readonly lanes?: number | undefined;
  /** Processes of a lane. @defaultValue 2 */
  readonly holders?: number | undefined;
}

export interface FencingRunReport {
  /** Holders that were stopped, woke after another one had written, and said what they saw. */
  readonly stops: number;
  readonly seconds: number;
  readonly grants: number;
  /** First looks a lease or longer after the last renewal that did not see the grant aborted. */
  readonly blind: number;
  /** Tokens that were granted twice, or that did not grow. */
  readonly repeated: number;
  readonly accepted: number;
  readonly refusedByAtom: number;
  readonly refusedByItem: number;
  /** Writes under an older token than one before, in the order of the versions: of the atom, of the item with the condition, and without. */
  readonly lateInAtom: number;
  readonly lateInItem: number;
  readonly lateUnguarded: number;
  readonly surprises: readonly string[];
}

/** What is wrong with a run. */
export function fencingComplaints(report: FencingRunReport): string[] {
  const { blind, repeated, lateInAtom, lateInItem, surprises } = report;
  return [
    ...(blind > 0 ? [`${blind} first looks after a stop did not see the abort`] : []),
    ...(repeated > 0 ? [`${repeated} tokens were granted twice or did not grow`] : []),
    ...(lateInAtom > 0 ? [`the atom accepted ${lateInAtom} writes under an older token`] : []),
    ...(lateInItem > 0 ? [`the item accepted ${lateInItem} writes under an older token`] : []),
    ...surprises.map((surprise) => `an undocumented failure: ${surprise}`),
  ];
}

/** How long anything may take that is waited for. */
const patienceMs = 60_000;
const localConfig = { region: 'local', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } };
let runs = 0;

export async function fencingRun(store: Store, crew: Crew, options: FencingRunOptions): Promise<FencingRunReport> {
  const { seed, stops, leaseMs = 300, lanes: lanesMax = 4, holders = 2 } = options;
  const startedAt = performance.now();
  runs += 1;
  const tableName = `fencing-${process.pid}-${runs}`;
  const client = createClient({ ...localConfig, endpoint: store.endpoint });
  const table = new AtomTable({ client, tableName });
  await table.create();
  const quota = { left: stops };
  const lanes = Array.from({ length: lanesMax }, (_, at) => {
    const order = { endpoint: store.endpoint, table: tableName, leaseMs, lane: `lane-${at}` };
    return new Lane(crew, order, holders, seededRandom(seed * 100 + at), quota);
  });
  const done = await Promise.all(lanes.map((lane) => lane.run())).catch(async (error: unknown) => {
    // Holders that nobody stops and asks any more would go on for ever.
    quota.left = 0;
    await Promise.all(lanes.map((lane) => lane.kill()));
    client.destroy();
    throw error;
  });
  const late = await Promise.all(
    lanes.map(async ({ name }) => {
      const log = await resourceOf(table, name).deref();
      const { guarded, unguarded } = keysOf(name);
      return {
        lateInAtom: lateAmong(log.map(([token]) => token)),
        lateInItem: lateAmong(await tokensIn(client, tableName, guarded)),
        lateUnguarded: lateAmong(await tokensIn(client, tableName, unguarded)),
      };
    }),
  );
  client.destroy();
  const sums = { stops: 0, grants: 0, blind: 0, repeated: 0, accepted: 0, refusedByAtom: 0, refusedByItem: 0 };
  const lates = { lateInAtom: 0, lateInItem: 0, lateUnguarded: 0 };
  for (const one of done) for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += one[name];
  for (const one of late) for (const name of Object.keys(lates) as (keyof typeof lates)[]) lates[name] += one[name];
  const seconds = (performance.now() - startedAt) / 1_000;
  return { ...sums, ...lates, seconds, surprises: done.flatMap(({ surprises }) => surprises) };
}

type LaneReport = Omit<FencingRunReport, 'seconds' | 'lateInAtom' | 'lateInItem' | 'lateUnguarded'>;

/** A lock and its holders. */
class Lane {
  readonly name: string;
  readonly #crew: Crew;
  readonly #order: Omit<HolderOrder, 'seed'>;
  readonly #children: readonly Child[];
  readonly #random: Random;
  readonly #quota: { left: number };
  /** The last one that said so, and its token. */
  #holder: { readonly child: Child; readonly token: number } | undefined;
  #written = 0;
  #woken = 0;
  #blind = 0;
  #wake: () => void = () => {};

  constructor(crew: Crew, order: Omit<HolderOrder, 'seed'>, holders: number, random: Random, quota: { left: number }) {
    this.name = order.lane;
    this.#crew = crew;
    this.#order = order;
    this.#random = random;
    this.#quota = quota;
    this.#children = Array.from({ length: holders }, () => crew.take());
  }

  async run(): Promise<LaneReport> {
    for (const child of this.#children) {
      child.onNote = (note) => this.#hear(child, note as HolderNote);
      await child.ask('hold', { ...this.#order, seed: this.#random.int(2 ** 31) } satisfies HolderOrder);
    }
    let stops = 0;
    while (this.#quota.left > 0) {
      this.#quota.left -= 1;
      if (await this.#stop()) stops += 1;
      else this.#quota.left += 1;
    }
    const reports = await Promise.all(this.#children.map((child) => child.ask<HolderReport>('end')));
    for (const child of this.#children) this.#crew.giveBack(child);
    const sum = (of: 'accepted' | 'refusedByAtom' | 'refusedByItem') => reports.reduce((all, one) => all + one[of], 0);
    const all = reports.flatMap(({ tokens }) => tokens);
    const repeated = reports.reduce((count, { tokens }) => count + lateAmong(tokens), all.length - new Set(all).size);
    return {
      ...{ stops, grants: all.length, blind: this.#blind, repeated },
      ...{ accepted: sum('accepted'), refusedByAtom: sum('refusedByAtom'), refusedByItem: sum('refusedByItem') },
      surprises: reports.flatMap(({ surprises }) => surprises),
    };
  }

  async kill(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.end()));
  }

  /** Stops a holder until another one has written; whether it held the lock when it was stopped. */
  async #stop(): Promise<boolean> {
    await this.#until(() => this.#holder !== undefined && this.#holder.token > this.#written - 1, patienceMs);
    const { child, token } = this.#holder as { child: Child; token: number };
    await sleep(this.#random.int(25));
    const wokenBefore = this.#woken;
    const stoppedAt = performance.now();
    child.signal('SIGSTOP');
    try {
      await this.#until(() => this.#written > token, patienceMs);
      // Who had lost it before is stopped for a lease all the same, or what it says later would be taken for something else.
      await sleep(Math.max(0, this.#order.leaseMs + 20 - (performance.now() - stoppedAt)));
    } finally {
      child.signal('SIGCONT');
    }
    return this.#until(() => this.#woken > wokenBefore, 2_000).then(
      () => true,
      () => false,
    );
  }

  #hear(child: Child, note: HolderNote): void {
    if (note.said === 'woke') {
      this.#woken += 1;
      if (!note.aborted && note.silentMs >= this.#order.leaseMs) this.#blind += 1;
    } else if (note.said === 'granted') this.#holder = { child, token: note.token };
    else this.#written = Math.max(this.#written, note.token);
    this.#wake();
  }

  async #until(holds: () => boolean, timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!holds()) {
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) throw new Error(`${this.name}: nothing happened for ${timeoutMs} ms`);
      await Promise.race([
        sleep(Math.min(leftMs, 500)),
        new Promise<void>((resolve) => {
          this.#wake = resolve;
        }),
      ]);
    }
  }
}
