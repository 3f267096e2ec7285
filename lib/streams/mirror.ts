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
import type { AtomEntry, AtomTable, KeySelection } from '../atom/index.js';
import { type AtomChange, atomChanges } from './atom-changes.js';
import type { Batch, RecordMeta } from './change.js';
import { type Gap, StreamGapError } from './errors.js';
import type { StreamToken } from './position.js';
import type { ReadOptions } from './read-options.js';
import type { StreamReader } from './reader.js';
import { SeenAtoms } from './seen-atoms.js';
import type { TableStream } from './table-stream.js';

/** Options of {@link mirror}. */
export interface MirrorOptions extends KeySelection {
  /** The stream of the table, with both images. */
  readonly stream: TableStream;
  /**
   * Whether changes carry the value before.
   * @defaultValue true
   */
  readonly previous?: boolean;
  /**
   * What to do with an atom that can't be decoded: `throw`; or `tell`: its row is left out, and of its changes the value is `missing`.
   * @defaultValue 'throw'
   */
  readonly onUndecodable?: 'throw' | 'tell';
  /**
   * Parts of the table that are scanned side by side.
   * @defaultValue 1
   */
  readonly segments?: number;
  /**
   * Atoms whose versions are remembered at a time, about: after so many rows the stream is read up to its tip. About 200 bytes each.
   * @defaultValue 100000
   */
  readonly rememberedMax?: number;
  /**
   * Pause between the first look at the stream and the scan. The service may begin "now" a moment late, and what is written meanwhile is
   * in the scan.
   * @defaultValue 1000
   */
  readonly settleMs?: number;
  /** Of the reader: `bufferedBytesMax`, `auditMs`, and so on. */
  readonly read?: Omit<ReadOptions<never>, 'from' | 'parser' | 'checkpointer' | 'commit' | 'onGap' | 'signal'>;
  /** Ends the loop, which throws `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
}

/** What {@link mirror} yields. What belongs to an earlier epoch than the latest is out of date. */
export type MirrorEvent<T> =
  /** An atom as it was read: by the scan; or again, in the place of changes that came so late that it may have had them. */
  | { readonly type: 'snapshot'; readonly epoch: number; readonly entry: AtomEntry<T> }
  /** A change after that; also of atoms whose row is still to come. */
  | { readonly type: 'change'; readonly epoch: number; readonly change: AtomChange<T>; readonly meta: RecordMeta }
  /** All that was written before the scan ended was handed out. `token`: where a reader goes on from here. */
  | { readonly type: 'synced'; readonly epoch: number; readonly token: StreamToken }
  /** Changes may be missing: the snapshot begins anew, under this epoch. */
  | { readonly type: 'restart'; readonly epoch: number; readonly gap: Gap };

/**
 * All atoms of a table, then every change: for building a view, an index, a cache from it, and keeping it so.
 *
 * **Guarantee.** Whoever puts each `snapshot` and each `change` in its place has, at `synced` and whenever the loop has come up to the tip, what a
 * scan of the table gives: no change is lost at the seam, none comes after a newer state of its atom, deleting while the scan runs is
 * seen. Each change of an atom after its row comes once, or is contained in another row. Before `synced` changes may come of atoms whose
 * rows are still to come; the row is then that change's state or a newer one. After a crash all begins anew.
 *
 * After a day of absence changes may be lost; then `restart` tells the gap, the epoch rises, and the snapshot comes anew: entries that no event
 * of the new epoch has named by its `synced` are gone. Values that expire (`ttlMs`) carry `expiresAt`, and nothing comes at that moment.
 * Parts of the table that are no atoms are left out.
 *
 * **It cannot** be one instant of the table, and it is no way to catch up after a restart of the process: for that keep what you have built
 * with the token of `synced` or of later batches, and go on with `stream.read`.
 *
 * Memory: `rememberedMax` versions twice, a page of the table, `bufferedBytesMax` of records.
 *
 * @consistency Rows are read strongly, page by page. Changes come as the stream shows them, within a second as a rule.
 * @cost One scan (1 read unit per 4 KB of the table; with `pk` of that partition), a few seconds per `rememberedMax` atoms for the stream to
 * catch up; then as {@link TableStream.read}.
 * @iam dynamodb:Scan or dynamodb:Query with `pk`, dynamodb:GetItem, dynamodb:DescribeStream, dynamodb:GetShardIterator, dynamodb:GetRecords
 * @throws TypeError, RangeError for wrong options. From the loop: {@link StreamError} `ERR_STREAM`, {@link RecordParseError} `ERR_STREAM_PARSE`,
 * {@link DecodeError} `ERR_DECODE`, {@link DeadlineError} `ERR_DEADLINE`, `signal.reason`, and what the service refuses for good.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { mirror, TableStream } from 'leyden-jar/streams';
 * import { StreamSimulator } from 'leyden-jar/testing';
 *
 * const simulator = new StreamSimulator();
 * const table = new AtomTable({ engine: simulator.engine, tableName: 'state' });
 * await table.create({ streamViewType: 'NEW_AND_OLD_IMAGES' });
 * await table.putMany([['a', 1], ['b', 2]]);
 *
 * const stream = new TableStream({ port: simulator.port(), table });
 * const view = new Map<unknown, number | undefined>();
 * for await (const event of mirror<number>(table, { stream, settleMs: 0 })) {
 *   if (event.type === 'restart') view.clear();
 *   if (event.type === 'snapshot') view.set(event.entry.key, event.entry.value);
 *   if (event.type === 'change') view.set(event.change.key, event.change.value);
 *   if (event.type === 'synced') break;
 * }
 * console.log([...view].sort()); // => [ [ 'a', 1 ], [ 'b', 2 ] ]
 * ```
 */
export function mirror<T = unknown>(
  table: AtomTable,
  options: MirrorOptions,
): AsyncGenerator<MirrorEvent<T>, void, undefined> {
  const {
    stream,
    pk,
    prefix,
    previous,
    onUndecodable = 'throw',
    rememberedMax = 100_000,
    settleMs = 1_000,
  } = options ?? {};
  if (typeof stream?.read !== 'function') throw new TypeError('Cannot mirror a table: stream must be its TableStream');
  if (!Number.isSafeInteger(rememberedMax) || rememberedMax < 1) {
    throw new RangeError(`Cannot mirror a table: rememberedMax must be a positive integer: ${String(rememberedMax)}`);
  }
  if (!(settleMs >= 0 && Number.isFinite(settleMs))) {
    throw new RangeError(`Cannot mirror a table: settleMs must be 0 or more: ${String(settleMs)}`);
  }
  const parser = atomChanges<T>(table, { pk, prefix, onUndecodable, ...(previous !== undefined && { previous }) });
  const walkOf = () =>
    table.scan<T>({
      ...{ prefix, signal: options.signal, onUndecodable: onUndecodable === 'tell' ? 'skip' : 'throw' },
      ...(pk !== undefined && { pk }),
      ...(options.segments !== undefined && { segments: options.segments }),
    });
  // What is wrong with the selection is told now.
  walkOf();
  const reader = () =>
    stream.read<AtomChange<T>>({ ...options.read, from: 'latest', parser, onGap: 'throw', signal: options.signal });
  return new Mirror<T>({ table, stream, walkOf, reader, rememberedMax, settleMs, signal: options.signal }).events();
}

interface MirrorParts<T> {
  readonly table: AtomTable;
  readonly stream: TableStream;
  readonly walkOf: () => AsyncIterable<AtomEntry<T>>;
  readonly reader: () => StreamReader<AtomChange<T>>;
  readonly rememberedMax: number;
  readonly settleMs: number;
  readonly signal: AbortSignal | undefined;
}

type Step<T> = IteratorResult<Batch<AtomChange<T>>>;

class Mirror<T> {
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
    return clock.now() + (governed.clockOffsetMs?.() ?? 0);
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
