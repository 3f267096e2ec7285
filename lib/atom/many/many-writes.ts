/**
 * The writes of one call on many atoms: so many at a time, their bases read together, an outcome for each.
 *
 *   jobs  100 ─ read bases ─► write each
 *             100 ─ read bases ┄┄┄► write each
 *
 * What it keeps: each job is submitted to the lane of the cell that the atom has at that moment, and no other.
 */
import type { Held } from '../../codec/index.js';
import { isLeydenError } from '../../errors.js';
import type { Start } from '../cache.js';
import type { Cell } from '../cell.js';
import type { Tally, Trace } from '../diagnostics/trace.js';
import { DeadlineError } from '../errors.js';
import type { Work } from '../operation.js';
import { isThenable, type ValueRules } from '../value-rules.js';
import { BatchError, type BatchReport } from './batch-errors.js';
import { readBatches } from './batch-read.js';
import type { AtomKey, Cells } from './cells.js';
import { type Named, requireLimits } from './many-keys.js';

/** What is to be done with one atom. */
export interface Job extends Named {
  /** `undefined`: to be deleted. */
  readonly held: Held | undefined;
  /** The codec that `held` is held for. */
  readonly codec: ValueRules['codec'];
  cell: Cell | undefined;
  /** The tick of the cell at which this call began. */
  calledAt: number;
  start?: Start;
}

/** As the options of the calls say. */
interface WriteOptions {
  readonly concurrency?: number;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  readonly noop?: 'skip' | 'write';
}

const concurrencyDefault = 32;
/** Bases read at a time. */
const stretch = 100;

export class ManyWrites {
  readonly #cells: Cells;
  readonly #action: 'put' | 'delete';
  readonly #jobs: readonly Job[];
  readonly #options: WriteOptions;
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
    options: WriteOptions,
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
    return cell.lane.submitTaken(work, ownMs, signal, this.#trace);
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
