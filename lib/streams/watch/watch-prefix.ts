import type { AtomImages, AtomTable, KeySelection } from '../../atom/index.js';
import type { Item } from '../../codec/index.js';
import { Alarm, onAbort } from '../../engine/index.js';
import { isLeydenError } from '../../errors.js';
import { type AtomChange, changesIn } from '../atom-changes.js';
import type { Batch, Change, Parser } from '../change.js';
import type { StreamFacts } from '../stream-lookup.js';
import { onCommits } from './commit-bell.js';
import { type SeenAtom, SeenAtoms } from './seen-atoms.js';
import { StreamWatchSource } from './stream-watch-source.js';
import { type Fed, type Tap, wantsRecord } from './tap.js';

/** Between two walks lies at least this, whatever is unclear. */
const walkMsMin = 1_000;

/** Options of {@link watchPrefix}. */
export interface WatchPrefixOptions extends KeySelection {
  /** What reads the stream. Without it, and while it can't be relied on, the table is walked now and then. */
  readonly source?: StreamWatchSource | undefined;
  /**
   * Time between two walks while no stream tells of changes, in milliseconds.
   * @defaultValue 30000
   */
  readonly pollMs?: number;
  /**
   * Time between two walks while one does.
   * @defaultValue 600000
   */
  readonly safetyMs?: number;
  /** Ends the loop, which throws `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
}

/** The newest states of many atoms; see {@link watchPrefix}. One consumer. */
export class AtomsWatch<T> implements AsyncIterableIterator<SeenAtom<T>, void, undefined>, AsyncDisposable, Tap {
  readonly wantsAll = false;
  readonly #table: AtomTable;
  readonly #options: WatchPrefixOptions & { readonly pollMs: number; readonly safetyMs: number };
  readonly #parser: Parser<AtomChange<T>>;
  readonly #images: AtomImages;
  readonly #pending = new Map<string, SeenAtom<T>>();
  readonly #seen: SeenAtoms<T>;
  readonly #alarm: Alarm;
  readonly #leaving = new AbortController();
  #leaves: (() => void)[] = [];
  #records: Promise<void> = Promise.resolve();
  #isBegun = false;
  #isHealthy = false;
  #isWalking = false;
  /** A walk that begins from now on is needed. */
  #isInDoubt = false;
  #walkedAt = Number.NEGATIVE_INFINITY;
  #failure: { readonly error: unknown } | undefined;
  #isOver = false;
  #wake: () => void = () => {};

  /** @internal Made by {@link watchPrefix}. */
  constructor(table: AtomTable, options: WatchPrefixOptions) {
    const { pk, prefix, pollMs = 30_000, safetyMs = 600_000 } = options;
    const images = table.images({ pk, prefix });
    this.#table = table;
    this.#options = { ...options, pollMs, safetyMs };
    this.#parser = changesIn<T>(images, false);
    this.#images = images;
    this.#seen = new SeenAtoms<T>((seen) => {
      this.#pending.set(seen.keyText, seen);
      this.#wake();
    });
    this.#alarm = new Alarm(table.sources.clock, () => this.#walk());
  }

  /**
   * The next state of one of the atoms, as soon as there is one.
   *
   * @throws `DecodeError` `ERR_DECODE`; what the store refuses for good; `signal.reason`. After that the loop has ended.
   */
  async next(): Promise<IteratorResult<SeenAtom<T>, void>> {
    this.#begin();
    for (;;) {
      if (this.#failure !== undefined) {
        const { error } = this.#failure;
        this.#failure = undefined;
        throw error;
      }
      if (this.#isOver) return { done: true, value: undefined };
      for (const [keyText, value] of this.#pending) {
        this.#pending.delete(keyText);
        return { done: false, value };
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async return(): Promise<IteratorResult<SeenAtom<T>, void>> {
    this.#end();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
  }

  #begin(): void {
    if (this.#isBegun) return;
    this.#isBegun = true;
    const { signal, source } = this.#options;
    if (signal !== undefined) this.#leaves.push(onAbort(signal, () => this.#fail(signal.reason)));
    if (this.#isOver) return;
    const reader = source && StreamWatchSource.sharedBy(source);
    if (reader !== undefined) {
      this.#leaves.push(reader.add(this));
      this.#leaves.push(onCommits(this.#table.tableName, () => reader.nudge()));
    }
    this.#walk();
  }

  #end(): void {
    this.#isBegun = true;
    this.#isOver = true;
    this.#pending.clear();
    this.#alarm.clear();
    this.#leaving.abort();
    for (const leave of this.#leaves.splice(0)) leave();
    this.#wake();
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#failure = { error };
    this.#end();
  }

  // ---- walks ------------------------------------------------------------------------------------------------------

  /** A walk, soon. */
  #doubt(): void {
    this.#isInDoubt = true;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isOver || this.#isWalking) return;
    const { pollMs, safetyMs } = this.#options;
    const pauseMs = this.#isInDoubt ? walkMsMin : this.#isHealthy ? safetyMs : pollMs;
    this.#alarm.clear();
    this.#alarm.set(this.#walkedAt + pauseMs);
  }

  #walk(): void {
    if (this.#isOver || this.#isWalking) return;
    this.#isWalking = true;
    this.#isInDoubt = false;
    this.#walkedAt = this.#table.sources.clock.monotonicMs();
    this.#walkOnce()
      .catch((error: unknown) => {
        // A deadline means that the store could not be asked: later, then.
        if (!isLeydenError(error, 'ERR_DEADLINE')) this.#fail(error);
      })
      .finally(() => {
        this.#isWalking = false;
        this.#schedule();
      });
  }

  async #walkOnce(): Promise<void> {
    const { pk, prefix } = this.#options;
    const walk = this.#seen.beginWalk();
    const found = new Set<string>();
    const { signal } = this.#leaving;
    for await (const entry of this.#table.scan<T>({ pk, ...(prefix !== undefined && { prefix }), signal })) {
      const { key, value, version, incarnation } = entry;
      const keyText = this.#images.textOf(key);
      found.add(keyText);
      if (!this.#seen.found({ key, keyText, exists: true, value, version, incarnation }, walk)) this.#isInDoubt = true;
    }
    this.#seen.endWalk(walk, found);
  }

  // ---- as a tap ---------------------------------------------------------------------------------------------------

  wants(_keyText: string, key: Item): boolean {
    return this.#images.isSelected(key);
  }

  take({ records }: Batch<Fed>): void {
    if (!this.#isHealthy) return;
    const ours = records.filter(({ value }) => wantsRecord(this, value));
    if (ours.length > 0) this.#records = this.#records.then(() => this.#learn(ours));
  }

  onHealth(isHealthy: boolean, facts: StreamFacts | undefined): void {
    // Without both images a removal does not say what was removed: then the table is walked, as without a stream.
    this.#isHealthy = isHealthy && facts?.viewType === 'NEW_AND_OLD_IMAGES';
    this.#doubt();
  }

  onDoubt(): void {
    this.#doubt();
  }

  onRefused(): void {}

  onEnd(): void {
    this.#isHealthy = false;
    this.#doubt();
  }

  /** Never rejects. */
  async #learn(records: readonly Change<Fed>[]): Promise<void> {
    for (const { value: fed, meta } of records) {
      if (this.#isOver) return;
      try {
        const change = await this.#parser.parse(fed.record, meta);
        if (change === undefined) continue;
        const { key, keyText, deleted, value, version, incarnation, missing } = change;
        const isClear =
          !missing.includes('value') &&
          this.#seen.record({ key, keyText, exists: !deleted, value, version, incarnation });
        if (!isClear) this.#doubt();
      } catch {
        // A walk says whether it is the atom that can't be read, or this image of it.
        this.#doubt();
      }
    }
  }
}

/**
 * The newest states of all atoms whose keys begin alike, or of a whole table: those that are there now, then each that changes, is made
 * or is deleted.
 *
 * **Guarantee.** Each atom is told at least with its newest state, in the end; what is told of one never goes back. States are conflated:
 * whoever is slow gets the newest of each atom. What is in doubt is settled by a consistent walk over these atoms. It can *not* tell when
 * the states that are there at first are complete (see `mirror`), and of a value that expires it tells when its item is removed, or at
 * the next walk.
 *
 * With a `source` it learns of changes from the one reader that all watches share, and walks the atoms every 10 minutes beside that;
 * without one, or while that can't be relied on, it walks them every 30 seconds. In a table without a sort key each walk reads the whole
 * table.
 *
 * @consistency Eventual, forward only.
 * @cost 1 read unit per 4 KB of what a walk passes: with `pk` the atoms that begin alike, else the whole table; three walks at the
 * beginning. As {@link StreamWatchSource} beside that.
 * @iam dynamodb:Scan, dynamodb:Query with `pk`; as {@link StreamWatchSource}
 * @throws TypeError, RangeError for wrong options.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { StreamWatchSource, TableStream, watchPrefix } from 'leyden-jar/streams';
 * import { StreamSimulator } from 'leyden-jar/testing';
 *
 * const simulator = new StreamSimulator();
 * const table = new AtomTable({ engine: simulator.engine, tableName: 'state' });
 * await table.create({ streamViewType: 'NEW_AND_OLD_IMAGES' });
 * const stream = new TableStream({ port: simulator.port(), table });
 * await using source = new StreamWatchSource({ stream, via: 'stream' });
 *
 * await table.putMany([['job#1', 'open'], ['other', 0]]);
 * for await (const { key, exists, value } of watchPrefix<string>(table, { source, prefix: 'job#' })) {
 *   console.log(key, exists, value);
 *   // => job#1 true open
 *   // => job#1 true done
 *   // => job#1 false undefined
 *   if (!exists) break;
 *   await (value === 'open' ? table.atom('job#1').reset('done') : table.atom('job#1').delete());
 * }
 * ```
 */
export function watchPrefix<T = unknown>(table: AtomTable, options: WatchPrefixOptions): AtomsWatch<T> {
  if (typeof table?.images !== 'function') throw new TypeError('Cannot watch atoms: must be given an AtomTable');
  const { pollMs = 1, safetyMs = 1, source } = options ?? {};
  if (source !== undefined && !(source instanceof StreamWatchSource)) {
    throw new TypeError('Cannot watch atoms: source must be a StreamWatchSource');
  }
  for (const [name, value] of Object.entries({ pollMs, safetyMs })) {
    if (typeof value === 'number' && value >= 1) continue;
    throw new RangeError(`Cannot watch atoms: ${name} must be a number of milliseconds: ${String(value)}`);
  }
  return new AtomsWatch<T>(table, options ?? {});
}
