import { AtomImages, AtomReader, type AtomSnapshot, type AtomTable, type KeySelection } from '../../atom/index.js';
import { type AtomChange, changesIn } from '../atom-changes.js';
import type { Parser, RecordMeta } from '../change.js';
import { RecordParseError } from '../errors.js';
import type { StreamPosition, StreamToken } from '../position.js';
import { ChangeTap } from './change-tap.js';
import { StreamWatchSource } from './stream-watch-source.js';
import type { Fed, Tap } from './tap.js';
import { type Standing, VersionLine } from './version-line.js';

/** Bytes of records that may wait for one consumer. */
const bufferedBytesMaxDefault = 8 << 20;

/** Options of {@link changes}; `pk` and `prefix` are for tables. */
export interface ChangesOptions extends KeySelection {
  /** What reads the stream: the `watchSource` of the table, or one of its own. */
  readonly source: StreamWatchSource;
  /**
   * Where to begin: `'now'`, or a position in the stream, as the token of an earlier loop. From a position on it has a reader of its own,
   * which is one more at each shard, and takes one more place.
   *
   * @defaultValue 'now'
   */
  readonly from?: 'now' | StreamPosition;
  /**
   * Whether values before the change are read as well.
   * @defaultValue true
   */
  readonly previous?: boolean;
  /**
   * Bytes of records that may wait for this loop. A loop from now on that leaves more waiting ends with a gap, since it shares its reader
   * with others; one from a position lets its own reader wait.
   *
   * @defaultValue 8 MiB
   */
  readonly bufferedBytesMax?: number;
  /** Ends the loop, which throws `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
}

/** One change, as {@link changes} tells it. */
export interface ToldChange<T> {
  readonly change: AtomChange<T>;
  readonly meta: RecordMeta;
  /**
   * How long ago the value was written, by the writer's clock and ours, in milliseconds: exact to the difference of the two, where `meta`
   * has whole seconds. `undefined` where the item does not say.
   */
  readonly writeToHandlerMs: number | undefined;
}

/** Every change, in order; see {@link changes}. One consumer. */
export class AtomChanges<T> implements AsyncIterableIterator<ToldChange<T>, void, undefined>, AsyncDisposable {
  readonly #tap: ChangeTap;
  readonly #parser: Parser<AtomChange<T>>;
  readonly #images: AtomImages;
  readonly #atom: AtomReader<T | undefined> | undefined;
  readonly #now: () => number;
  readonly #line = new VersionLine();
  #beginning: Promise<AtomSnapshot<T | undefined> | undefined> | undefined;

  /** @internal Made by {@link changes}. */
  constructor(of: AtomReader<T | undefined> | AtomTable, options: ChangesOptions) {
    const { source, from = 'now', previous = true, bufferedBytesMax = bufferedBytesMaxDefault, signal } = options;
    const atom = of instanceof AtomReader ? of : undefined;
    const { pk, prefix } = options;
    const images = of instanceof AtomReader ? AtomImages.of(of) : of.images({ pk, prefix });
    const { reader, clock, closeReader } = StreamWatchSource.readerOf(source, from === 'now' ? undefined : from);
    this.#atom = from === 'now' ? atom : undefined;
    this.#images = images;
    this.#parser = changesIn<T>(images, previous);
    const wants: Tap['wants'] =
      atom === undefined ? (_, key) => images.isSelected(key) : (keyText) => keyText === atom.key;
    this.#tap = new ChangeTap({ reader, closeReader, clock, wants, bufferedBytesMax, signal });
    this.#now = () => clock.now();
  }

  /**
   * Comes back when every change from then on will be told. For an atom from now on: with the state that the first change follows.
   *
   * @throws as {@link AtomChanges.next}
   */
  ready(): Promise<AtomSnapshot<T | undefined> | undefined> {
    this.#beginning ??= this.#begin().catch((error: unknown) => {
      this.#tap.close();
      throw error;
    });
    return this.#beginning;
  }

  /**
   * The next change. Nothing begins before the first call, or that of `ready()`.
   *
   * @throws {StreamGapError} `ERR_STREAM_GAP`, {@link RecordParseError} `ERR_STREAM_PARSE`; what the read of the atom throws;
   * `signal.reason`. After that the loop has ended.
   */
  async next(): Promise<IteratorResult<ToldChange<T>, void>> {
    try {
      await this.ready();
      for (;;) {
        const fed = await this.#tap.next();
        if (fed === undefined) break;
        const told = await this.#told(fed);
        if (told !== undefined) return { done: false, value: told };
      }
    } catch (error) {
      this.#tap.close();
      throw error;
    }
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<ToldChange<T>, void>> {
    this.#tap.close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#tap.close();
  }

  /**
   * Where a later loop goes on (`from`): after all changes that were taken before the last one. Some of them may come again. `undefined`
   * before `ready()`.
   */
  token(): StreamToken | undefined {
    return this.#tap.token();
  }

  async #begin(): Promise<AtomSnapshot<T | undefined> | undefined> {
    const isThere = await this.#tap.begin();
    if (this.#atom === undefined || !isThere) return undefined;
    const snapshot = await this.#atom.snapshot();
    const { incarnation, version } = snapshot;
    this.#line.read(this.#atom.key, incarnation === undefined ? undefined : { incarnation, version });
    return snapshot;
  }

  async #told({ keyText, record, meta }: Fed): Promise<ToldChange<T> | undefined> {
    const { OldImage, NewImage } = record.dynamodb ?? {};
    try {
      const [before, after] = [this.#standing(OldImage), this.#standing(NewImage)];
      const place = this.#line.next(keyText, meta.sequenceNumber, before, after);
      if (place === 'known') return undefined;
      if (place === 'missed')
        throw this.#tap.gap({ shardId: meta.shardId, reason: 'missed', resumesAt: meta.sequenceNumber });
      const change = await this.#parser.parse(record, meta);
      if (change === undefined) return undefined;
      const { writtenAt } = change;
      return { change, meta, writeToHandlerMs: writtenAt === undefined ? undefined : this.#now() - writtenAt };
    } catch (error) {
      if (this.#tap.isGap(error)) throw error;
      throw new RecordParseError(meta, error);
    }
  }

  #standing(item: Parameters<AtomImages['parse']>[0]): Standing | undefined {
    return this.#images.parse(item)?.image.lineage;
  }
}

/**
 * Every change of an atom, of the atoms whose keys begin alike, or of a whole table, in order, each version of it.
 *
 * **Guarantee.** From `ready()` on (or from the position) each committed write is told at least once, those of one atom in their order;
 * what can't be told ends the loop with a {@link StreamGapError}, and is never skipped in silence. It can't be missed without being
 * noticed: each record tells which version it was written over, and that must be the one before. Changes are not conflated; for the
 * newest value alone use `watch()`.
 *
 * For an atom from now on, the state from which every change is told is read consistently when the reader is there (`ready()`), so what
 * was written right at the beginning is either in that state or told. For many atoms, a write that was under way at `ready()` may be told
 * or not.
 *
 * It needs the stream, with NEW_AND_OLD_IMAGES: while other processes have all places for readers it waits. If the place or the reader is
 * lost it goes on where it stood. If the process dies, a loop from its last `token()` repeats some changes and misses none.
 *
 * @consistency Order per atom. Of different atoms nothing is said.
 * @cost As {@link StreamWatchSource}; an atom from now on: 1 consistent read.
 * @iam as {@link StreamWatchSource}, dynamodb:GetItem
 * @throws TypeError for wrong options.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { changes, StreamWatchSource, TableStream } from 'leyden-jar/streams';
 * import { StreamSimulator } from 'leyden-jar/testing';
 *
 * const simulator = new StreamSimulator();
 * const table = new AtomTable({ engine: simulator.engine, tableName: 'state' });
 * await table.create({ streamViewType: 'NEW_AND_OLD_IMAGES' });
 * const stream = new TableStream({ port: simulator.port(), table });
 * await using source = new StreamWatchSource({ stream, via: 'stream' });
 *
 * const n = table.atom<number>('n', { initial: 0 });
 * const loop = changes<number>(n, { source });
 * await loop.ready();
 * for (const value of [1, 2, 3]) await n.reset(value);
 * for await (const { change } of loop) {
 *   console.log(change.version, change.value);
 *   // => 1 1
 *   // => 2 2
 *   // => 3 3
 *   if (change.value === 3) break;
 * }
 * ```
 */
export function changes<T = unknown>(
  of: AtomReader<T | undefined> | AtomTable,
  options: ChangesOptions,
): AtomChanges<T> {
  if (!(of instanceof AtomReader) && typeof of?.images !== 'function') {
    throw new TypeError('Cannot tell of every change: must be given an atom or an AtomTable');
  }
  if (!(options?.source instanceof StreamWatchSource)) {
    throw new TypeError('Cannot tell of every change: source must be a StreamWatchSource');
  }
  const { bufferedBytesMax = bufferedBytesMaxDefault, pk, prefix } = options;
  if (!(Number.isFinite(bufferedBytesMax) && bufferedBytesMax >= 1)) {
    throw new RangeError(
      `Cannot tell of every change: bufferedBytesMax must be a positive number: ${bufferedBytesMax}`,
    );
  }
  if (of instanceof AtomReader && (pk !== undefined || prefix !== undefined)) {
    throw new TypeError('Cannot tell of every change: pk and prefix are for a table, not for an atom');
  }
  return new AtomChanges<T>(of, options);
}
