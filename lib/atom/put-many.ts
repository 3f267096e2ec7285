/**
 * Many atoms written at once: `AtomTable.putMany` and `deleteMany`.
 *
 * Each is the ordinary write of its atom, through its lane: under a condition, with evidence in the item, combined with other
 * calls that wait there, seen by its watches. BatchWriteItem is never used: its puts have no conditions, so it would overwrite what
 * other processes wrote meanwhile, drop the lineage that orders writes, and leave no way to tell what became of a lost answer.
 * What is shared is the reading: bases that this process does not know are read a hundred at a time, one hundred ahead.
 *
 *   entries  100 ─ read bases ─► write each, so many at a time
 *                  100 ─ read bases ┄┄┄► write each
 */
import type { Held } from '../codec/index.js';
import { isLeydenError } from '../errors.js';
import { BatchError, type BatchReport } from './batch-errors.js';
import { readBatches } from './batch-read.js';
import type { Start } from './cache.js';
import type { Cell } from './cell.js';
import type { AtomKey, Cells } from './cells.js';
import { DeadlineError } from './errors.js';
import type { ItemAtom } from './item-atom.js';
import { type Named, name, nameAll, type Refused, refusal, requireIterable, requireLimits } from './many-keys.js';
import type { Work } from './operation.js';
import { type Tally, type Trace, traced } from './trace.js';
import { isThenable, type ValueRules } from './value-rules.js';

/** Options of `AtomTable.deleteMany`. */
export interface DeleteManyOptions {
  /**
   * Writes under way at a time.
   * @defaultValue 32
   */
  readonly concurrency?: number;
  /**
   * Deadline of the whole call.
   * @defaultValue none for the call; each write has `retry.timeoutMs` of its atom, from when its turn comes
   */
  readonly timeoutMs?: number;
  /**
   * Gives up: what has not begun is not done. The call rejects with `signal.reason` when nothing was written, else with
   * `BatchError`.
   */
  readonly signal?: AbortSignal | undefined;
}

/** Options of `AtomTable.putMany`. */
export interface PutManyOptions extends DeleteManyOptions {
  /**
   * `skip`: a value that equals the stored one is not written. `write`: it is, and the version moves.
   * @defaultValue 'skip'
   */
  readonly noop?: 'skip' | 'write';
}

/** An entry of `putMany` whose value is that of the handle it names. */
export type PutEntry<E> = E extends readonly [ItemAtom<infer T, infer _V>, unknown] ? readonly [E[0], T] : E;

/** What is to be done with one atom. */
interface Job extends Named {
  /** `undefined`: to be deleted. */
  readonly held: Held | undefined;
  /** The codec that `held` is held for. */
  readonly codec: ValueRules['codec'];
  cell: Cell | undefined;
  /** The tick of the cell at which this call began. */
  calledAt: number;
  start?: Start;
}

const concurrencyDefault = 32;
/** Bases read at a time. */
const stretch = 100;

export function putMany(
  cells: Cells,
  entries: Iterable<readonly [key: unknown, value: unknown]>,
  options: PutManyOptions = {},
): Promise<void> {
  return traced('batch', 'putMany', cells.ground.events, undefined, async (trace) => {
    requireIterable('put', entries);
    const jobs = await admitAll(cells, entries);
    await new ManyWrites(cells, 'put', jobs, options, trace).run();
  });
}

export function deleteMany(cells: Cells, keys: Iterable<unknown>, options: DeleteManyOptions = {}): Promise<boolean[]> {
  return traced('batch', 'deleteMany', cells.ground.events, undefined, async (trace) => {
    const { named, places } = nameAll(cells, 'delete', keys);
    const jobs = named.map((one): Job => ({ ...one, held: undefined, codec: undefined, calledAt: 0 }));
    const reports = await new ManyWrites(cells, 'delete', jobs, options, trace).run();
    return places.map((place) => reports[place]?.value === true);
  });
}

/** Copies all values before anything is sent, and refuses all if one of them can't be stored. */
async function admitAll(cells: Cells, entries: Iterable<readonly [unknown, unknown]>): Promise<Job[]> {
  const jobs = new Map<string, Job>();
  const refused: Refused[] = [];
  for (const entry of entries) {
    if (!Array.isArray(entry)) throw new TypeError(`Cannot put atoms: an entry must be [key, value]: ${typeof entry}`);
    const [given, value] = entry as [unknown, unknown];
    let named: Named | undefined;
    try {
      named = name(cells, given);
      const { cell, key } = named;
      if (value === undefined) throw new TypeError('undefined is not a value; use deleteMany()');
      const held = cell === undefined ? cells.hold(value) : cell.hold(value);
      const admitted = cell?.rules.admit(held);
      if (isThenable(admitted)) await admitted;
      // The first place, the last value.
      jobs.set(key.text, { ...named, held, codec: cell === undefined ? cells.codec : cell.rules.codec, calledAt: 0 });
    } catch (error) {
      refused.push({ given, error, at: jobs.size, ...(named && { keyText: named.key.text }) });
    }
  }
  if (refused.length === 0) return [...jobs.values()];
  throw refusal(cells, 'put', refused, [...jobs.values()]);
}

class ManyWrites {
  readonly #cells: Cells;
  readonly #action: 'put' | 'delete';
  readonly #jobs: readonly Job[];
  readonly #options: PutManyOptions;
  readonly #trace: Trace | undefined;
  readonly #tally: Tally | undefined;
  readonly #concurrency: number;
  readonly #deadlineAt: number;
  readonly #reports: BatchReport[] = [];
  readonly #bases: Promise<void>[] = [];
  #next = 0;

  constructor(
    cells: Cells,
    action: 'put' | 'delete',
    jobs: readonly Job[],
    options: PutManyOptions,
    trace: Trace | undefined,
  ) {
    const { concurrency = concurrencyDefault, timeoutMs } = options;
    requireLimits(action, { concurrency, timeoutMs });
    this.#cells = cells;
    this.#action = action;
    this.#jobs = jobs;
    this.#options = options;
    this.#trace = trace;
    this.#tally = trace?.about(jobs.length);
    this.#concurrency = concurrency;
    this.#deadlineAt =
      timeoutMs === undefined ? Number.POSITIVE_INFINITY : cells.ground.clock.monotonicMs() + timeoutMs;
  }

  /** @throws {BatchError} `ERR_BATCH`, unless all is done. */
  async run(): Promise<readonly BatchReport[]> {
    const { signal } = this.#options;
    signal?.throwIfAborted();
    for (const { cell } of this.#jobs) cell?.lane.assertOutside(this.#action);
    const workers = Math.min(this.#concurrency, this.#jobs.length);
    await Promise.all(Array.from({ length: workers }, () => this.#work()));
    const reports = this.#reports;
    if (reports.every(({ outcome }) => outcome === 'done')) return reports;
    const nothingDone = reports.every(({ outcome }) => outcome === 'not-done');
    if (signal?.aborted && nothingDone) throw signal.reason;
    throw new BatchError(
      this.#action,
      this.#cells.ground.tableName(),
      reports,
      signal?.aborted ? signal.reason : undefined,
    );
  }

  async #work(): Promise<void> {
    for (let place = this.#next++; place < this.#jobs.length; place = this.#next++) {
      const job = this.#jobs[place] as Job;
      const { given, key } = job;
      const report = { key: given, keyText: key.text };
      try {
        this.#requireTime(place, key);
        await this.#basesOf(place);
        const value = await this.#write(job);
        this.#reports[place] = { ...report, outcome: 'done', ...(job.held === undefined && { value }) };
      } catch (error) {
        const aborted = this.#options.signal?.aborted === true && error === this.#options.signal.reason;
        const outcome = !aborted && isLeydenError(error) ? error.outcome : 'not-done';
        this.#reports[place] = { ...report, outcome, error };
      }
      // Whoever holds no handle of it needs the cell no more.
      job.cell = undefined;
    }
  }

  /** Refuses to begin what there is no more time for. Those who begin with the call have one attempt. */
  #requireTime(place: number, key: AtomKey): void {
    this.#options.signal?.throwIfAborted();
    if (place < this.#concurrency || this.#cells.ground.clock.monotonicMs() < this.#deadlineAt) return;
    const { timeoutMs = 0 } = this.#options;
    throw new DeadlineError(this.#action, { key: key.text, attempts: 0, conflicts: 0 }, timeoutMs);
  }

  /** Waits for the bases of the stretch that `place` is in, and has those of the next one read meanwhile. */
  #basesOf(place: number): Promise<void> {
    const at = Math.floor(place / stretch);
    for (const one of [at, at + 1]) this.#bases[one] ??= this.#readBases(one);
    return this.#bases[at] as Promise<void>;
  }

  /**
   * Reads the bases that are not known, and those that the answer alone depends on. A read that fails is of no account: whoever
   * writes reads again, and meets the same.
   */
  async #readBases(at: number): Promise<void> {
    const jobs = this.#jobs.slice(at * stretch, (at + 1) * stretch);
    for (const job of jobs) this.#takeCell(job);
    const unknown = jobs.filter((job) => this.#needsLook(job));
    if (unknown.length === 0) return;
    const { clock } = this.#cells.ground;
    const { attemptTimeoutMs } = this.#cells.retry;
    try {
      await readBatches(this.#cells, unknown, {
        consistent: true,
        concurrency: 1,
        deadlineAt: Math.min(this.#deadlineAt, clock.monotonicMs() + attemptTimeoutMs),
        timeoutMs: attemptTimeoutMs,
        signal: this.#options.signal,
        tally: this.#tally,
        begin(job) {
          job.start = job.cell?.cache.start() as Start;
        },
        take: async ({ cell, start }, item) => {
          await cell?.cache.learn(item, start as Start).catch(() => undefined);
        },
      });
    } catch {
      // As above.
    }
  }

  /** The cell of the atom as it is now: it may have been opened, or opened otherwise, since it was last asked for. */
  #takeCell(job: Job): Cell {
    const cell = this.#cells.writing(job.key);
    if (cell !== job.cell || job.calledAt === 0) job.calledAt = cell.cache.tick();
    job.cell = cell;
    return cell;
  }

  #needsLook({ cell, held }: Job): boolean {
    const known = cell?.cache.known;
    if (cell === undefined || known === undefined) return true;
    const live = cell.liveHeld(known);
    // "Nothing was there" and "it was that already" need a look that is newer than the call.
    if (held === undefined) return live === undefined;
    return this.#options.noop !== 'write' && live?.equals(held) === true;
  }

  #write(job: Job): Promise<boolean> {
    // Nothing is waited for between this and the submission: a cell that nobody holds gives way as long as its lane is idle.
    const cell = this.#takeCell(job);
    const { held, calledAt } = job;
    cell.lane.assertOutside(this.#action);
    const { signal, timeoutMs, noop = 'skip' } = this.#options;
    const leftMs = Math.max(0, this.#deadlineAt - this.#cells.ground.clock.monotonicMs());
    const work = held === undefined ? deletion(calledAt) : replacement(cell, this.#ownFor(cell, job), calledAt, noop);
    const ownMs = timeoutMs === undefined ? cell.retry.timeoutMs : leftMs;
    return cell.lane.submit(work, ownMs, signal, this.#trace);
  }

  /** The value as the cell holds values. */
  #ownFor(cell: Cell, { held, codec }: Job): Held {
    return cell.rules.codec === codec ? (held as Held) : cell.hold((held as Held).hand());
  }
}

function deletion(calledAt: number): Work<boolean> {
  return {
    action: 'delete',
    calledAt,
    run: ({ held }) =>
      held === undefined
        ? { next: undefined, declined: true, answer: () => false }
        : { next: null, answer: () => true },
  };
}

function replacement(cell: Cell, own: Held, calledAt: number, noop: 'skip' | 'write'): Work<boolean> {
  return {
    action: 'put',
    calledAt,
    run: (state) => {
      const finish = (next: Held) => {
        const unchanged = noop === 'skip' && state.held?.equals(next) === true;
        return { next: unchanged ? undefined : next, answer: () => true };
      };
      const admitted = cell.rules.admit(own);
      return isThenable(admitted) ? admitted.then(finish) : finish(admitted);
    },
  };
}
