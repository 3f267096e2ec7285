/**
 * A log in a table: the journal, the pointer, and the snapshots, put together. Each file beside this one does one thing with them:
 * `log-begin.ts`, `log-recovery.ts`, `log-snapshots.ts`, `prune.ts`.
 */
import type { AtomTable } from '../atom/index.js';
import { unlessAborted } from '../engine/index.js';
import { isLeydenError } from '../errors.js';
import {
  type Appended,
  type Batch,
  type HoldOptions,
  Journal,
  type PreparedBody,
  type ReadCommit,
} from '../journal/index.js';
import { SnapshotPointer, type SnapshotStore } from '../snapshot/index.js';
import { beginLog, unlessUnfinished } from './log-begin.js';
import { type AtomStorageOptions, bindPointer, type LogParts } from './log-parts.js';
import { loadSnapshot, pastStart } from './log-recovery.js';
import { makeSnapshot } from './log-snapshots.js';
import { pruneLog } from './prune.js';
import { explainSealed } from './sealed-error.js';
import type {
  Log,
  LogBase,
  LogRequest,
  PastStart,
  PastTarget,
  PruneReport,
  SnapshotInfo,
  SnapshotRequest,
} from './storage.js';

export interface AtomLogOptions extends LogRequest, Omit<AtomStorageOptions, 'snapshots'> {
  readonly table: AtomTable;
  readonly name: string;
  readonly store: SnapshotStore;
  readonly newId: () => string;
  /** Done before anything is read. */
  readonly prepared?: Promise<unknown> | undefined;
}

const writerQuietMsDefault = 24 * 60 * 60 * 1_000;

export class AtomLog implements Log {
  readonly #options: AtomLogOptions;
  readonly #journal: Journal;
  readonly #parts: LogParts;

  constructor(options: AtomLogOptions) {
    const { table, name, consumer, format, clock, onWarning, codec, makingMsMax, headBytesMax, appendBytesMax } =
      options;
    this.#options = options;
    const pointer = new SnapshotPointer(table, table.keyNamed(`${name}/snap`), {
      ...{ clock, codec },
      ...(makingMsMax !== undefined && { makingMsMax }),
    });
    this.#journal = new Journal(table, name, {
      consumer,
      ...{ label: format, clock, onWarning, codec },
      ...(headBytesMax !== undefined && { headBytesMax }),
      ...(appendBytesMax !== undefined && { appendBytesMax }),
      readFloor: () => pointer.read(),
      recover: () => loadSnapshot(this.#parts),
    });
    this.#parts = { ...options, journal: this.#journal, pointer, newest: undefined, damaged: new Set() };
  }

  get instance(): string {
    return this.#journal.instance;
  }

  get seqWanted(): number {
    return this.#journal.seqWanted;
  }

  async recover(signal?: AbortSignal): Promise<void> {
    await this.#prepared(signal);
    await this.#explained(async () => {
      await unlessUnfinished(this.#parts, async () => {
        await loadSnapshot(this.#parts, signal);
        await this.#journal.catchUp('strong', signal);
      });
    });
    bindPointer(this.#parts);
  }

  catchUp(consistency: 'strong' | 'eventual', signal?: AbortSignal): Promise<void> {
    return unlessUnfinished(this.#parts, () => this.#journal.catchUp(consistency, signal));
  }

  fitsHead(text: string): boolean {
    return this.#journal.fitsHead(text);
  }

  requireSize(bytes: number): void {
    this.#journal.requireSize(bytes);
  }

  get appendBytesMax(): number {
    return this.#journal.appendBytesMax;
  }

  prepare(text: string): Promise<PreparedBody> {
    return this.#journal.prepare(text);
  }

  append(batch: Batch, body?: PreparedBody): Promise<Appended> {
    return this.#journal.append(batch, body);
  }

  async begin(base: LogBase, signal?: AbortSignal): Promise<void> {
    await this.#prepared(signal);
    await this.#explained(() => beginLog(this.#parts, base, signal));
  }

  hold(options: HoldOptions): Promise<void> {
    return this.#journal.hold(options);
  }

  release(): Promise<void> {
    return this.#journal.release();
  }

  read(from: number, signal?: AbortSignal): AsyncGenerator<ReadCommit> {
    return this.#journal.read(from, signal);
  }

  async close(): Promise<void> {
    await this.#journal.close();
  }

  stop(reason: unknown): void {
    this.#journal.stop(reason);
  }

  async snapshots(signal?: AbortSignal): Promise<readonly SnapshotInfo[]> {
    const { kept } = await this.#parts.pointer.read({ signal });
    this.#parts.newest = kept.at(-1);
    return kept;
  }

  snapshot(request: SnapshotRequest): Promise<SnapshotInfo | undefined> {
    return makeSnapshot(this.#parts, request);
  }

  pastStart(target: PastTarget, signal?: AbortSignal): Promise<PastStart> {
    return pastStart(this.#parts, target, signal);
  }

  async prune(signal?: AbortSignal): Promise<PruneReport> {
    const { writerQuietMs = writerQuietMsDefault } = this.#options;
    // Within a fold there is no image, and the next one may have begun when one is over.
    while (this.#journal.image === undefined) {
      await this.#journal.catchUp('strong', signal);
      if (this.#journal.cursor.place === 0) return { kept: 0, snapshotsRemoved: 0, pagesRemoved: 0, bodiesRemoved: 0 };
    }
    bindPointer(this.#parts);
    await this.#retireQuiet(writerQuietMs);
    return pruneLog(this.#parts, signal);
  }

  /** What is done once may be waited for by others: it goes on when one of them has gone. */
  async #prepared(signal: AbortSignal | undefined): Promise<void> {
    const { prepared } = this.#options;
    if (prepared !== undefined) await unlessAborted(prepared, signal);
  }

  /** Retiring writes to the journal, which another instance may hold alone; pruning does not. */
  async #retireQuiet(quietMs: number): Promise<void> {
    try {
      await this.#journal.retire(quietMs);
    } catch (error) {
      if (!isLeydenError(error, 'ERR_NOT_WRITER')) throw error;
    }
  }

  /**
   * A store that refuses the very first requests is mostly a table that is missing, or has other keys: says so. And pointer or head
   * that can't be read are mostly sealed in another way.
   */
  async #explained(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const { name } = error as Error;
      if (name === 'ValidationException' || name === 'ResourceNotFoundException') {
        await this.#options.table.verify();
      }
      throw explainSealed(this.#options.name, this.#options.codec, error);
    }
  }
}
