/**
 * A run of an election over real processes: whoever leads is killed (-9) or stopped (SIGSTOP), again and again, and those that are
 * stopped wake when somebody else leads.
 *
 *     5 candidates (a process each) ── lead, proclaim, write under the term ──► engine (a process)
 *        ▲ kill -9, SIGSTOP, SIGCONT                                             ▲ an observer, here
 *        └──────────── this process: who leads? how long did it take? ──────────┘
 *
 * Judged at the end: what the fenced resource has accepted, term by term; what the observer has seen.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { AtomTable } from '../../../lib/atom/index.js';
import { createClient, type Random, seededRandom } from '../../../lib/engine/index.js';
import { Election, fenced, Session } from '../../../lib/recipes/index.js';
import { Child } from '../processes.js';
import type { Store } from '../stores.js';
import type { CandidateOrder } from './candidate.js';
import { type CandidateNote, electionName, findingsOf, noAcceptances, resourceKey } from './notes.js';

export interface FailoverRunOptions {
  readonly seed: number;
  /** How often the leader is taken out. */
  readonly failovers: number;
  /** @defaultValue 5 */
  readonly candidates?: number | undefined;
  /** @defaultValue 800 */
  readonly leaseMs?: number | undefined;
}

export interface FailoverReport {
  readonly leaseMs: number;
  readonly kills: number;
  readonly stops: number;
  /** The last term. */
  readonly terms: number;
  /** Writes of former leaders that the resource refused. */
  readonly refused: number;
  readonly writes: number;
  /** From each signal to the word of the next leader, in milliseconds, in order of length. */
  readonly failoverMs: readonly number[];
  /** What is wrong. */
  readonly findings: readonly string[];
  readonly seconds: number;
}

/** Nobody has to wait so long for a leader, on the busiest machine. */
const leaderlessMsMax = 30_000;

/** The failover that a share of all were at most as long as. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** One line about a run. */
export function failoverSummary({
  failoverMs,
  leaseMs,
  kills,
  stops,
  terms,
  refused,
  writes,
  seconds,
}: FailoverReport): string {
  const [p50, p99, max] = [0.5, 0.99, 1].map((share) => Math.round(quantile(failoverMs, share)));
  return (
    `${kills} kills, ${stops} stops, ${terms} terms, ${writes} writes, ${refused} refused; lease ${leaseMs} ms, failover ` +
    `p50 ${p50} ms, p99 ${p99} ms, longest ${max} ms; ${seconds.toFixed(1)} s`
  );
}

export async function failoverRun(store: Store, options: FailoverRunOptions): Promise<FailoverReport> {
  return new Run(store, options).make();
}

interface Leads {
  readonly term: number;
  readonly child: Child;
  readonly atMs: number;
}

let runs = 0;

class Run {
  readonly #random: Random;
  readonly #order: Omit<CandidateOrder, 'name'>;
  readonly #failovers: number;
  readonly #candidates: number;
  readonly #children = new Set<Child>();
  readonly #findings: string[] = [];
  #started = 0;
  #isOver = false;
  #refused = 0;
  #leads: Leads | undefined;
  #acceptedIn = 0;
  #onNote: (() => void) | undefined;

  constructor({ endpoint }: Store, { seed, failovers, candidates = 5, leaseMs = 800 }: FailoverRunOptions) {
    this.#random = seededRandom(seed);
    this.#failovers = failovers;
    this.#candidates = candidates;
    runs += 1;
    this.#order = { endpoint, leaseMs, table: `failover-${process.pid}-${runs}` };
  }

  async make(): Promise<FailoverReport> {
    const { endpoint, table: tableName, leaseMs } = this.#order;
    const startedAt = performance.now();
    const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
    const client = createClient({ endpoint, region: 'local', credentials });
    const table = new AtomTable({ client, tableName });
    await table.create();
    const stop = new AbortController();
    const observing = this.#observe(table, stop.signal);
    const failoverMs: number[] = [];
    let kills = 0;
    try {
      await Promise.all(Array.from({ length: this.#candidates }, () => this.#start()));
      for (let turn = 0; turn < this.#failovers; turn += 1) {
        await this.#leaderOf(1);
        await this.#until(() => this.#acceptedIn >= (this.#leads?.term ?? 0), 'no leader was accepted');
        await sleep(this.#random.int(300));
        const isKill = this.#random.int(2) === 0;
        if (isKill) kills += 1;
        failoverMs.push(await this.#takeOut(isKill));
      }
      const stretches = await fenced(table, resourceKey, { initial: noAcceptances }).deref();
      return {
        ...{ leaseMs, kills, stops: this.#failovers - kills, refused: this.#refused },
        terms: this.#leads?.term ?? 0,
        writes: stretches.reduce((sum, { writes }) => sum + writes, 0),
        failoverMs: failoverMs.sort((a, b) => a - b),
        findings: [...this.#findings, ...findingsOf(stretches)],
        seconds: (performance.now() - startedAt) / 1_000,
      };
    } finally {
      this.#isOver = true;
      stop.abort();
      await observing;
      await Promise.all([...this.#children].map((child) => child.end()));
      client.destroy();
    }
  }

  async #start(): Promise<void> {
    const child = new Child(new URL('./candidate.ts', import.meta.url));
    this.#children.add(child);
    this.#started += 1;
    child.onNote = (note) => this.#hear(child, note as CandidateNote);
    await child.ask('stand', { ...this.#order, name: `c${this.#started}` } satisfies CandidateOrder);
  }

  #hear(child: Child, note: CandidateNote): void {
    if (note.kind === 'failed') this.#findings.push(note.why);
    else if (note.kind === 'refused') this.#refused += 1;
    else if (note.kind === 'accepted') this.#acceptedIn = Math.max(this.#acceptedIn, note.term);
    else if (note.term > (this.#leads?.term ?? 0)) this.#leads = { term: note.term, child, atMs: performance.now() };
    this.#onNote?.();
  }

  /** Waits for notes until `isSo`. */
  async #until(isSo: () => boolean, what: string): Promise<void> {
    const since = performance.now();
    while (!isSo()) {
      if (performance.now() - since > leaderlessMsMax) throw new Error(`${what} for ${leaderlessMsMax} ms`);
      const tick = new Promise<void>((resolve) => {
        this.#onNote = resolve;
      });
      await Promise.race([tick, sleep(100)]);
    }
  }

  /** The leader of the newest term, if it is at least `term`. */
  async #leaderOf(term: number): Promise<Leads> {
    const isThere = () =>
      this.#leads !== undefined && this.#leads.term >= term && this.#children.has(this.#leads.child);
    await this.#until(isThere, `nobody led in term ${term}`);
    return this.#leads as Leads;
  }

  /** Kills or stops the leader, and waits for the next one; how long that took. */
  async #takeOut(isKill: boolean): Promise<number> {
    // Whoever leads by now: a lease may be lost on a busy machine, too.
    const { term, child } = await this.#leaderOf(1);
    const sentAt = performance.now();
    child.signal(isKill ? 'SIGKILL' : 'SIGSTOP');
    if (isKill) this.#children.delete(child);
    const next = await this.#leaderOf(term + 1);
    if (isKill) this.#start().catch((error: unknown) => this.#isOver || this.#findings.push(String(error)));
    else void sleep(this.#random.int(300)).then(() => child.signal('SIGCONT'));
    return next.atMs - sentAt;
  }

  /** Terms never go back, and in each one leader speaks. */
  async #observe(table: AtomTable, signal: AbortSignal): Promise<void> {
    const voices = new Map<bigint, string>();
    let last = 0n;
    try {
      for await (const { term, leader, value } of new Election<string>(new Session(table), electionName).observe({
        signal,
      })) {
        if (term < last) this.#findings.push(`an observer saw term ${term} after term ${last}`);
        last = term;
        const voice = value?.split('#')[0];
        if (leader === undefined || voice === undefined) continue;
        if ((voices.get(term) ?? voice) !== voice) {
          this.#findings.push(`an observer heard ${voices.get(term)} and ${voice} in term ${term}`);
        }
        voices.set(term, voice);
      }
    } catch (error) {
      if (!signal.aborted) this.#findings.push(`the observer failed: ${String(error)}`);
    }
  }
}
