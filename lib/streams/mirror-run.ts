/**
 * A table, and then its changes, as one operation.
 *
 *   reader ready ─┬─ rows, so many ─ changes up to the tip ─┬─ rows … ─ changes up to the tip ─ synced ─ changes for ever
 *                 └── every later write will come ──────────┴── which version of which atom was handed out is remembered
 *
 * Rows are read consistently while no change is handed out, so a row is never older than a change before it. A change that was on its
 * way while its row was read comes after the row and is told by its version. Versions are remembered of so many atoms at a time: before
 * more rows are read the stream is read up to its tip, and what was remembered before that is forgotten. No tip is proof: a shard that
 * the listing does not show yet holds changes back for minutes. So a change that was made before something was forgotten, of an
 * atom that is not remembered, is settled by looking at the atom. Memory does not grow with the table, and not with what is written
 * meanwhile.
 *
 * After a gap all of that begins anew, under another epoch.
 */
import type { AtomEntry, AtomTable } from '../atom/index.js';
import type { AtomChange } from './atom-changes.js';
import type { Batch, RecordMeta } from './change.js';
import { type Gap, StreamGapError } from './errors.js';
import type { StreamToken } from './position.js';
import type { StreamReader } from './reader.js';
import { SeenAtoms } from './seen-atoms.js';
import { serviceNowMs } from './service-time.js';
import type { TableStream } from './table-stream.js';

/** What `mirror` yields. What belongs to an earlier epoch than the latest is out of date. */
export type MirrorEvent<T> =
  /** An atom as it was read: by the scan; or again, in the place of changes that came so late that it may have had them. */
  | { readonly type: 'snapshot'; readonly epoch: number; readonly entry: AtomEntry<T> }
  /** A change after that; also of atoms whose row is still to come. */
  | { readonly type: 'change'; readonly epoch: number; readonly change: AtomChange<T>; readonly meta: RecordMeta }
  /** All that was written before the scan ended was handed out. `token`: where a reader goes on from here. */
  | { readonly type: 'synced'; readonly epoch: number; readonly token: StreamToken }
  /** Changes may be missing: the snapshot begins anew, under this epoch. */
  | { readonly type: 'restart'; readonly epoch: number; readonly gap: Gap };

export interface MirrorParts<T> {
  readonly table: AtomTable;
  readonly stream: TableStream;
  readonly walkOf: () => AsyncIterable<AtomEntry<T>>;
  readonly reader: () => StreamReader<AtomChange<T>>;
  readonly rememberedMax: number;
  readonly settleMs: number;
  readonly signal: AbortSignal | undefined;
}

type Step<T> = IteratorResult<Batch<AtomChange<T>>>;

export class MirrorRun<T> {
  readonly #parts: MirrorParts<T>;
  readonly #textOf: (key: unknown) => string;
  #epoch = 1;
  /** The pull that is under way. Between two turns of the loop it may have brought a batch, which waits. */
  #pull: Promise<Step<T>> | undefined;

  constructor(parts: MirrorParts<T>) {
    this.#parts = parts;
    const images = parts.table.images();
    this.#textOf = (key) => images.textOf(key);
  }

  async *events(): AsyncGenerator<MirrorEvent<T>, void, undefined> {
    const { stream, table } = this.#parts;
    const { tableName } = await stream.resolve({ signal: this.#parts.signal });
    const name = table.tableName.slice(table.tableName.lastIndexOf('/') + 1);
    if (tableName !== name) {
      throw new TypeError(
        `Cannot mirror table ${name}: the stream is that of table ${tableName}; give the stream of the same table`,
      );
    }
    for (;;) {
      try {
        yield* this.#life();
        return;
      } catch (error) {
        if (!(error instanceof StreamGapError)) throw error;
        this.#epoch += 1;
        yield { type: 'restart', epoch: this.#epoch, gap: error.gap };
      }
    }
  }

  /** One snapshot, and the changes behind it, until changes are missing. */
  async *#life(): AsyncGenerator<MirrorEvent<T>, void, undefined> {
    const { reader: open, rememberedMax } = this.#parts;
    const reader = open();
    try {
      const seen = new SeenAtoms(rememberedMax);
      yield* this.#snapshot(reader, seen);
      yield { type: 'synced', epoch: this.#epoch, token: reader.token() };
      for (;;) {
        const { done, value } = await this.#next(reader);
        if (done === true) return;
        yield* this.#changes(value, seen);
        if (seen.isFull) seen.turn(this.#serverMs());
      }
    } finally {
      this.#abandon();
      await reader.return();
    }
  }

  async *#snapshot(
    reader: StreamReader<AtomChange<T>>,
    seen: SeenAtoms,
  ): AsyncGenerator<MirrorEvent<T>, void, undefined> {
    const { settleMs, signal, stream, walkOf } = this.#parts;
    await reader.ready({ signal });
    if (settleMs > 0) await stream.clock.sleep(settleMs, { signal });
    const walk = walkOf();
    for (let hasEnded = false; !hasEnded; ) {
      hasEnded = true;
      // Leaving the loop drops the page that was read ahead: the next row is read after all changes that were handed out.
      for await (const entry of walk) {
        yield* this.#row(entry, seen);
        if (!seen.isFull) continue;
        hasEnded = false;
        break;
      }
      const readMs = this.#serverMs();
      yield* this.#toTip(reader, seen);
      seen.turn(readMs);
    }
  }

  /** All changes that were there when it was called. */
  async *#toTip(reader: StreamReader<AtomChange<T>>, seen: SeenAtoms): AsyncGenerator<MirrorEvent<T>, void, undefined> {
    const leaving = new AbortController();
    const tip = reader.caughtUp({ signal: leaving.signal }).then(() => undefined);
    tip.catch(() => {});
    try {
      for (;;) {
        const step = await Promise.race([this.#pulling(reader), tip]);
        if (step === undefined) return;
        this.#pull = undefined;
        if (step.done === true) return;
        yield* this.#changes(step.value, seen);
      }
    } finally {
      leaving.abort();
    }
  }

  async *#changes({ records }: Batch<AtomChange<T>>, seen: SeenAtoms): AsyncGenerator<MirrorEvent<T>, void, undefined> {
    for (const { value: change, meta } of records) {
      const novelty = seen.noveltyOf(change, meta);
      if (novelty === 'late') continue;
      if (novelty === 'doubtful' && !(yield* this.#settle(change, seen))) continue;
      seen.takeChange(change);
      yield { type: 'change', epoch: this.#epoch, change, meta };
    }
  }

  /**
   * What to do with a change of which it is not known whether it, or a later one, was handed out with a row: the atom as it is now is handed
   * out as another row, and no change that it contains. What has no value now is told by the change that made it so.
   */
  async *#settle(change: AtomChange<T>, seen: SeenAtoms): AsyncGenerator<MirrorEvent<T>, boolean, undefined> {
    const { entry, lineage } = await this.#parts.table.standing<T>(change.key);
    if (entry !== undefined) {
      yield* this.#row(entry, seen);
      return false;
    }
    if (lineage === undefined) return change.deleted;
    return lineage.incarnation === change.incarnation && lineage.version <= change.version;
  }

  *#row(entry: AtomEntry<T>, seen: SeenAtoms): Generator<MirrorEvent<T>, void, undefined> {
    if (seen.takeRow(this.#textOf(entry.key), entry)) yield { type: 'snapshot', epoch: this.#epoch, entry };
  }

  /** The time, as the service tells it. */
  #serverMs(): number {
    const { clock, governed } = this.#parts.stream;
    return serviceNowMs(clock, governed);
  }

  /** Nobody takes what the pull brings any more. */
  #abandon(): void {
    this.#pull?.catch(() => {});
    this.#pull = undefined;
  }

  async #next(reader: StreamReader<AtomChange<T>>): Promise<Step<T>> {
    const pull = this.#pulling(reader);
    this.#pull = undefined;
    return pull;
  }

  #pulling(reader: StreamReader<AtomChange<T>>): Promise<Step<T>> {
    this.#pull ??= reader.next();
    return this.#pull;
  }
}
