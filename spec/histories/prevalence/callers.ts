/**
 * What one process of a run does: it opens the system, and several callers, each in a closed loop, handle events, read, make
 * snapshots, and open the system anew, all drawn from the seed and written down.
 *
 * Nothing here knows whether time and network are real: the same callers run in child processes before a fault proxy and on
 * a virtual clock in a simulation.
 */
import { UnknownOutcomeError } from '../../../lib/atom/index.js';
import { isLeydenError } from '../../../lib/errors.js';
import { ClosedLoops, type LoopOptions, type Met, type Mix } from '../closed-loops.js';
import type { Notebook } from '../notebook.js';
import { accounts, type LedgerState, type LedgerSystem, padOf, Refused } from './ledger.js';
import type { Note, NotedEvent, ReadNote, Sight, Told } from './notes.js';

export interface CallersOptions extends LoopOptions {
  readonly open: () => Promise<LedgerSystem>;
  readonly notebook: Notebook<Note>;
  /** Events with ids to be repeated first: their callers died. */
  readonly repeat: readonly NotedEvent[];
  /** Length of large texts, at most, and how often one of a megabyte is among them. */
  readonly padMax: number;
  readonly hugeShare: number;
}

export interface CallersReport extends Met {
  /** Instances opened anew: as drawn, and after one was out of use since the evidence of a commit was gone. */
  readonly reopened: number;
  readonly poisoned: number;
  readonly snapshots: number;
  readonly commits: number;
  readonly conflicts: number;
}

type Deed = 'handle' | 'repeat' | 'shared' | 'sync' | 'past' | 'digest' | 'snapshot' | 'prune' | 'reopen';

/** Relative frequencies of what callers do. */
const mix: Mix<Deed> = [
  ['handle', 800],
  ['repeat', 80],
  ['shared', 40],
  ['sync', 50],
  ['past', 10],
  ['digest', 10],
  ['snapshot', 10],
  ['prune', 6],
  ['reopen', 4],
];
/** Events of the same number are handled by all processes, under one id. */
const callsPerShared = 40;
/** A lost answer of `settle` would be a hang: so long after the faults have ended it counts as one. */
const settleMsMax = 60_000;

/** What a caller may be told by a documented error, after which the event is not in the journal. */
const refusals: ReadonlySet<string> = new Set(['ERR_HANDLE_DEADLINE', 'ERR_CLOSED', 'ERR_POISONED', 'ERR_DEADLINE']);

export class Callers extends ClosedLoops<CallersOptions> {
  readonly #unsettled: { readonly id: string; readonly error: UnknownOutcomeError }[] = [];
  readonly #streams: Promise<void>[] = [];
  /** There from the first opening on. */
  #system!: LedgerSystem;
  #instance = '';
  #opening: Promise<void> | undefined;
  #lives = 0;
  #ids = 0;
  /** No instance can be opened any more: there is nothing left to do but to report that. */
  #broken = false;
  #counts = { reopened: 0, poisoned: 0, snapshots: 0, commits: 0, conflicts: 0 };

  /** Does all that is to be done. */
  async run(): Promise<void> {
    await this.#open();
    if (this.#broken) return;
    await Promise.all(this.options.repeat.map((event) => this.#handle(event, true)));
    await this.loop(() => this.#next());
  }

  /** Asks for every outcome that is still unknown, reads all, and ends. */
  async finish(): Promise<CallersReport> {
    await Promise.all(this.#unsettled.splice(0).map(({ id, error }) => this.#settle(id, error)));
    if (!this.#broken) {
      await this.#sync();
      await this.#digest();
      await this.#close();
    }
    return { ...this.#counts, ...this.met };
  }

  /** Whether the journal still has its first event. */
  async isWhole(): Promise<boolean> {
    if (this.#broken) return false;
    try {
      await this.#system.at({ seq: 0 });
      return true;
    } catch (error) {
      if (isLeydenError(error) && error.code === 'ERR_JOURNAL_COMPACTED') return false;
      throw error;
    }
  }

  /** A snapshot and a prune right now, whatever the draw; the pages that went. */
  async compact(): Promise<number> {
    let pages = 0;
    if (this.#lives === 0 || this.#broken) return pages;
    await this.#snapshot();
    await this.#read('prune', async () => {
      pages = (await this.#system.prune()).pagesRemoved;
    });
    return pages;
  }

  async #next(): Promise<void> {
    const { random, clock } = this.options;
    switch (this.drawDeed(mix)) {
      case 'handle':
        await this.#handle(this.#drawEvent(`${this.options.name}#${this.begun}`), false);
        break;
      case 'repeat': {
        const event = this.#drawEvent(`${this.options.name}#${this.begun}`);
        const again = random.int(2) === 0;
        await Promise.all([this.#handle(event, true), again ? this.#handle(event, true) : undefined]);
        break;
      }
      case 'shared':
        await this.#handle(sharedEvent(Math.floor(this.begun / callsPerShared)), true);
        break;
      case 'sync':
        await this.#sync();
        break;
      case 'past':
        await this.#past();
        break;
      case 'digest':
        await this.#digest();
        break;
      case 'snapshot':
        await this.#snapshot();
        break;
      case 'prune':
        await this.#read('prune', () => this.#system.prune());
        break;
      case 'reopen':
        this.#counts.reopened += 1;
        await this.#reopen();
    }
    // A pause now and then, so that not everything is a storm.
    if (random.int(20) === 0) await clock.sleep(random.int(10));
  }

  #drawEvent(uid: string): NotedEvent {
    const { random, padMax, hugeShare } = this.options;
    const account = random.int(accounts);
    const draw = random.int(100);
    if (draw < 25) return { uid, op: 'take', account, amount: 1 + random.int(20) };
    if (draw < 35) return { uid, op: 'ensure', account, amount: 1 + random.int(12) };
    const event: NotedEvent = { uid, op: 'add', account, amount: 1 + random.int(9) };
    if (draw < 95) return event;
    const isHuge = random.next() < hugeShare;
    return { ...event, padLength: isHuge ? 1_000_000 : 1 + random.int(padMax) };
  }

  async #handle(noted: NotedEvent, keyed: boolean): Promise<void> {
    const { name, notebook, random } = this.options;
    const { padLength, ...plain } = noted;
    const event = padLength === undefined ? plain : { ...plain, pad: padOf(plain.uid, padLength) };
    for (let tries = 0; ; tries += 1) {
      const id = `${name}:${this.#nextId()}`;
      notebook.write({ on: 'call', id, at: notebook.now(), event: noted, keyed });
      const startedAt = this.options.clock.monotonicMs();
      let told: Told;
      let unclear: unknown;
      try {
        const answer = await this.#system.handle(event, { ...this.drawHurry(), ...(keyed && { id: noted.uid }) });
        const { seq, time, state, result, status } = answer;
        told = { outcome: 'done', status, seq, time, rolling: state.rolling, result };
      } catch (error) {
        told = this.#toldBy(error, id);
        unclear = error;
      }
      this.timed(startedAt);
      notebook.write({ on: 'ret', id, at: notebook.now(), ...told, ...this.#sight() });
      if (told.outcome !== 'unknown') {
        if (unclear !== undefined) await this.#recoverFrom(unclear);
        return;
      }
      if (unclear instanceof UnknownOutcomeError) await this.#remember(id, unclear);
      await this.#recoverFrom(unclear);
      if (!keyed || tries === 3 || random.int(3) === 0) return;
    }
  }

  #nextId(): number {
    this.#ids += 1;
    return this.#ids;
  }

  #toldBy(error: unknown, id: string): Told {
    if (error instanceof Refused) return { outcome: 'refused', seq: error.count, rolling: error.rolling };
    return this.failed(error, `handle ${id}`, refusals);
  }

  /** An instance that was closed or is out of use is replaced; the second only ever for one reason. */
  async #recoverFrom(error: unknown): Promise<void> {
    if (!isLeydenError(error)) return;
    if (error.code === 'ERR_CLOSED') await this.#opening;
    const isPoison = error.code === 'ERR_POISONED';
    if (!isPoison && error.code !== 'ERR_APPEND_UNKNOWN') return;
    const cause = isPoison ? (error.cause as Error | undefined) : error;
    if (!isLeydenError(cause) || cause.code !== 'ERR_APPEND_UNKNOWN') this.surprise(`out of use: ${String(cause)}`);
    this.#counts.poisoned += 1;
    await this.#reopen();
  }

  /** What the instance shows now. */
  #sight(): Pick<Told, 'saw'> {
    try {
      const { state, seq } = this.#system;
      return { saw: { instance: this.#instance, seq, rolling: state.rolling } };
    } catch {
      return {};
    }
  }

  /** Some ask at once, in the middle of the storm; the others in the end. */
  async #remember(id: string, error: UnknownOutcomeError): Promise<void> {
    if (this.options.random.int(2) === 0) this.#unsettled.push({ id, error });
    else await this.#settle(id, error);
  }

  async #settle(id: string, error: UnknownOutcomeError): Promise<void> {
    const { notebook, clock } = this.options;
    const startedAt = clock.monotonicMs();
    const waiting = new AbortController();
    const hung = clock.sleep(settleMsMax, { signal: waiting.signal, background: true }).then(
      () => 'hung' as const,
      () => 'hung' as const,
    );
    const settled = await Promise.race([error.settle(), hung]);
    waiting.abort();
    if (settled === 'hung') this.surprise(`${id} is not settled after ${settleMsMax} ms`);
    else notebook.write({ on: 'settled', id, at: notebook.now(), outcome: settled.outcome });
    this.timed(startedAt);
  }

  async #sync(): Promise<void> {
    const { notebook } = this.options;
    const from = notebook.now();
    await this.#read('sync', async () => {
      const system = this.#system;
      const instance = this.#instance;
      const state = await system.sync();
      this.#note('sync', instance, from, { seq: state.count, rolling: state.rolling });
    });
  }

  async #snapshot(): Promise<void> {
    await this.#read('snapshot', async () => {
      // Of nothing there is no snapshot.
      if (this.#system.seq === 0) return;
      await this.#system.snapshot();
      this.#counts.snapshots += 1;
    });
  }

  async #past(): Promise<void> {
    const { notebook, random } = this.options;
    const from = notebook.now();
    await this.#read('past', async () => {
      const { seq, time } = this.#system;
      // What is recent is seldom pruned. A time that is over has one answer for ever.
      const ago = random.int(3) === 0 ? random.int(seq + 1) : random.int(Math.min(seq, 200) + 1);
      const target = random.int(3) === 0 ? { time: time - 1 - random.int(1_000) } : { seq: seq - ago };
      const past = await this.#system.at(target);
      const sight = { seq: past.seq, rolling: past.state.rolling, target };
      this.#note('past', this.#instance, from, sight);
    });
  }

  async #digest(): Promise<void> {
    await this.#read('digest', async () => {
      const { seq } = this.#system;
      const instance = this.#instance;
      const digest = await this.#system.stateDigest();
      this.options.notebook.write({ on: 'digest', instance, seq, digest });
    });
  }

  #note(how: ReadNote['how'], instance: string, from: number, sight: Sight & Pick<ReadNote, 'target'>): void {
    const { notebook } = this.options;
    notebook.write({ on: 'read', how, instance, from, at: notebook.now(), ...sight });
  }

  /** Something that writes no event: it may fail with a documented error, and is not repeated. */
  async #read(what: string, work: () => Promise<unknown>): Promise<void> {
    const startedAt = this.options.clock.monotonicMs();
    try {
      await work();
    } catch (error) {
      const words = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      const known = isOutOfReach(error) || (isLeydenError(error) && readFailures.has(error.code));
      if (!known) this.surprise(`${what}: ${words}`);
      await this.#recoverFrom(error);
    } finally {
      this.timed(startedAt);
    }
  }

  /** One at a time; who comes meanwhile waits for that one. */
  #reopen(): Promise<void> {
    this.#opening ??= this.#close()
      .then(() => this.#open())
      .finally(() => {
        this.#opening = undefined;
      });
    return this.#opening;
  }

  async #close(): Promise<void> {
    const startedAt = this.options.clock.monotonicMs();
    await this.#system.close();
    const { commits, conflicts } = this.#system.stats();
    this.#counts.commits += commits;
    this.#counts.conflicts += conflicts;
    await Promise.all(this.#streams.splice(0));
    this.timed(startedAt);
  }

  async #open(): Promise<void> {
    const { notebook, open, name } = this.options;
    for (;;) {
      const from = notebook.now();
      try {
        this.#system = await open();
      } catch (error) {
        // The store is out of reach for long: an error with a name, and the next try is as good as the first.
        if (isOutOfReach(error)) continue;
        this.surprise(`open: ${String(error)}`);
        this.#broken = true;
        this.enough();
        return;
      }
      this.#instance = `${name}/${this.#lives}`;
      this.#lives += 1;
      const { state, seq } = this.#system;
      this.#note('open', this.#instance, from, { seq, rolling: state.rolling });
      this.#streams.push(this.#follow(this.#system, this.#instance, seq));
      return;
    }
  }

  /** Writes down all that takes effect, as this instance is told. */
  async #follow(system: LedgerSystem, instance: string, since: number): Promise<void> {
    const { notebook } = this.options;
    let from = since + 1;
    for (let round = 0; ; round += 1) {
      try {
        for await (const { seq, time, event, id } of system.changes({ from })) {
          const keyed = id !== undefined;
          notebook.write({
            on: 'seen',
            by: `${instance}:${round}`,
            at: notebook.now(),
            seq,
            time,
            uid: event.uid,
            keyed,
          });
          from = seq + 1;
        }
        return;
      } catch (error) {
        if (!isLeydenError(error)) this.surprise(`changes: ${String(error)}`);
        else if (error.code === 'ERR_CLOSED' || error.code === 'ERR_POISONED') return;
        // Pruned under its hands, or out of reach: goes on from what is here.
        else if (error.code === 'ERR_JOURNAL_COMPACTED') from = (stateOf(system)?.count ?? 0) + 1;
        else if (!isOutOfReach(error)) this.surprise(`changes: ${String(error)}`);
        if (stateOf(system) === undefined) return;
      }
    }
  }
}

/** What all processes together did. */
export function sumsOf(reports: readonly CallersReport[]): Pick<CallersReport, Summed> {
  const sum = (name: Summed) => reports.reduce((all, report) => all + report[name], 0);
  const [commits, conflicts, snapshots, poisoned] = [
    sum('commits'),
    sum('conflicts'),
    sum('snapshots'),
    sum('poisoned'),
  ];
  return { commits, conflicts, snapshots, poisoned };
}
type Summed = 'commits' | 'conflicts' | 'snapshots' | 'poisoned';

const outOfReach: ReadonlySet<string> = new Set(['ERR_DEADLINE', 'ERR_BUCKET_UNAVAILABLE']);
const readFailures: ReadonlySet<string> = new Set([
  'ERR_CLOSED',
  'ERR_POISONED',
  'ERR_UNKNOWN_OUTCOME',
  'ERR_JOURNAL_COMPACTED',
]);

/** Whether an error says that the store was out of reach for long; of a snapshot its cause does. */
function isOutOfReach(error: unknown): boolean {
  const told = isLeydenError(error, 'ERR_SNAPSHOT') ? error.cause : error;
  return isLeydenError(told) && outOfReach.has(told.code);
}

/** `undefined` of an instance that is closed or out of use. */
function stateOf(system: LedgerSystem): LedgerState | undefined {
  try {
    return system.state;
  } catch {
    return undefined;
  }
}

/** All of it follows from its number. */
function sharedEvent(number: number): NotedEvent {
  return { uid: `shared-${number}`, op: 'add', account: number % accounts, amount: 1 + (number % 9) };
}
