import { itemBytes } from '../codec/index.js';
import { AtomSnapshot } from './atom-snapshot.js';
import type { Known } from './cache.js';
import type { DerefOptions } from './call-options.js';
import type { Cell } from './cell.js';
import { formatItem, type Image } from './item-format.js';
import type { AtomWatch } from './watch/watchers.js';
import type { WaitForOptions, Watches, WatchOptions } from './watch/watches.js';

/**
 * The reading half of an atom: what can be done with it without changing it.
 *
 * `V` is what a read gives: the type of the value, with `undefined` where the atom has no `initial`.
 *
 * @example
 * ```ts
 * import { type AtomReader, AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * const reader: AtomReader<number> = table.atom<number>('hits', { initial: 0 });
 * console.log(await reader.deref()); // => 0
 * ```
 */
export abstract class AtomReader<V> {
  readonly #cell: Cell;
  readonly #watches: Watches;

  protected constructor(cell: Cell, watches: Watches) {
    this.#cell = cell;
    this.#watches = watches;
  }

  /** @internal What this process knows and does about an atom; for the rooms below the handles. */
  static cellOf(atom: AtomReader<unknown>): Cell {
    return atom.#cell;
  }

  /** The canonical text of the key, as it stands in the table. */
  get key(): string {
    return this.#cell.keyText;
  }

  /**
   * Reads the value.
   *
   * @consistency By default as new as the instant of the call. Concurrent calls share reads.
   * @cost `strong`: 1 request, 1 read unit per 4 KB; `eventual` and `session`: 1 request, half the units; `cached`: nothing
   * when something is known.
   * @iam dynamodb:GetItem
   * @throws {DecodeError} `ERR_DECODE`, {@link InvalidValueError} `ERR_INVALID_VALUE` when the schema refuses what is
   * stored, {@link DeadlineError} `ERR_DEADLINE`, {@link ReentrantError} `ERR_REENTRANT`.
   */
  async deref(options: DerefOptions = {}): Promise<V> {
    return this.#valueOf((await this.#look('deref', options)).known);
  }

  /** What this process knows, without asking: `undefined` when it knows nothing. Costs nothing. */
  peek(): V | undefined {
    this.#assertOpen('peek');
    const { known } = this.#cell.cache;
    return known === undefined ? undefined : this.#valueOf(known);
  }

  /**
   * Reads the value together with its place in the order of writes.
   *
   * @cost As `deref`.
   */
  async snapshot(options: DerefOptions = {}): Promise<AtomSnapshot<V>> {
    const { known, stale } = await this.#look('snapshot', options);
    const { image, adopted } = known;
    const facts = {
      value: this.#valueOf(known),
      exists: this.#cell.liveHeld(known) !== undefined,
      version: image?.lineage.version ?? 0,
      incarnation: image?.lineage.incarnation,
      writtenAt: image?.writtenAt,
      expiresAt: expiryOf(image),
      bytes:
        image !== undefined
          ? itemBytes(formatItem(this.#cell.key, image, this.#cell.names)) + (image.manifest?.bytes ?? 0)
          : adopted === undefined
            ? 0
            : itemBytes(adopted),
      stale,
    };
    return new AtomSnapshot(facts, image?.lineage.token);
  }

  /**
   * The value now, and then each newer one as this process sees it: `for await (const value of atom.watch()) …`.
   *
   * **Guarantee.** The first value is as new as the call of the loop. Versions never go back. Values are conflated: whoever is slow
   * gets the newest, and none twice. Commits of this `AtomTable` are seen at once, those of other processes when the atom is looked
   * at: 100 ms after a change, then at intervals that double while nothing happens, up to 12.8 s (`watch` of the table), each at
   * most a quarter longer. Where a `watchSource` tells of changes they are seen when it does. A value that expires gives
   * `initial` (or `undefined`) at its moment, as does a deleted one; nothing is read for that.
   *
   * **What ends it**: leaving the loop, `signal` (the loop throws its reason), `table.close()` (the loop ends), an item that
   * can't be read, a read that the store refuses for good. Throttling and lost answers do not: they are waited out. The loop keeps
   * the process alive. Nothing begins before the first `next()`.
   *
   * @consistency Eventual by default; whatever that leaves in doubt is read strongly.
   * @cost 1 read unit per 4 KB for the first value, then half of it for each look: a quiet atom costs 0.04 read units a second,
   * and a change about 8 looks more on the way back to quiet. Up to 100 atoms share one request. Commits of this process cost nothing.
   * @iam dynamodb:BatchGetItem
   * @throws {DecodeError} `ERR_DECODE`, {@link InvalidValueError} `ERR_INVALID_VALUE` from the loop; {@link TableClosedError}
   * `ERR_CLOSED` and {@link ReentrantError} `ERR_REENTRANT` at once.
   *
   * @example
   * ```ts
   * import { AtomTable } from 'leyden-jar';
   * import { MemoryEngine } from 'leyden-jar/engine';
   *
   * await using table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
   * await table.create();
   * const flags = table.atom<{ beta: boolean }>('flags', { initial: { beta: false } });
   * for await (const { beta } of flags.watch()) {
   *   console.log(beta);
   *   // => false
   *   // => true
   *   if (beta) break;
   *   await flags.reset({ beta: true });
   * }
   * ```
   */
  watch(options: WatchOptions = {}): AtomWatch<V> {
    this.#assertOpen('watch');
    return this.#watches.loop<V>(this.#cell, options);
  }

  /**
   * Calls `call(id, atom, old, next)` with each change that this process sees from now on, until {@link AtomReader.removeWatch} or
   * `table.close()`. Another watch of the atom under the same `id` is replaced, whichever handle it was added to.
   *
   * `old` is what the call before had as `next`; changes of other processes that come between two looks are one change. What `call`
   * throws, or rejects with, disturbs nobody else: it goes to `onWatchError` of the table, or is thrown as an unhandled error, as by
   * an `EventTarget`. Unlike a loop it keeps no process alive, and an item that can't be read does not end it: that is told, once.
   *
   * @consistency As {@link AtomReader.watch}.
   * @cost As {@link AtomReader.watch}.
   * @iam dynamodb:BatchGetItem
   * @throws {TableClosedError} `ERR_CLOSED`, {@link ReentrantError} `ERR_REENTRANT`; `TypeError` when `call` is no function.
   *
   * @example
   * ```ts
   * import { AtomTable } from 'leyden-jar';
   * import { MemoryEngine } from 'leyden-jar/engine';
   *
   * await using table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
   * await table.create();
   * const n = table.atom<number>('n', { initial: 0 });
   * n.addWatch('log', (id, atom, old, next) => console.log(id, atom.key, old, next));
   * await n.swap((v) => v + 1);
   * // => log n 0 1
   * n.removeWatch('log');
   * ```
   */
  addWatch(id: unknown, call: (id: unknown, atom: this, old: V, next: V) => unknown): void {
    this.#assertOpen('add a watch to');
    if (typeof call !== 'function') {
      throw new TypeError(`Cannot add a watch to atom ${this.key}: must be given a function: ${typeof call}`);
    }
    this.#watches.addCallback<V>(this.#cell, id, (old, next) => call(id, this, old, next));
  }

  /** Ends a watch of {@link AtomReader.addWatch}: from here on it is not called. Whether there was one under this `id`. */
  removeWatch(id: unknown): boolean {
    return this.#watches.removeCallback(this.#cell, id);
  }

  /**
   * Waits for a state: resolves with the first value that this process sees for which `predicate` is true, the value now included.
   *
   * States that come and go between two looks are not seen, so wait for something that stays. Keeps the process alive.
   *
   * @consistency As {@link AtomReader.watch}.
   * @cost As {@link AtomReader.watch}.
   * @iam dynamodb:BatchGetItem
   * @throws {DeadlineError} `ERR_DEADLINE` after `timeoutMs`; what {@link AtomReader.watch} throws; what `predicate` throws; `TypeError`
   * when that is no function or returns a promise.
   *
   * @example
   * ```ts
   * import { AtomTable } from 'leyden-jar';
   * import { MemoryEngine } from 'leyden-jar/engine';
   *
   * await using table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
   * await table.create();
   * const job = table.atom<{ done: boolean }>('job', { initial: { done: false } });
   * const finished = job.waitFor(({ done }) => done, { timeoutMs: 60_000 });
   * await job.reset({ done: true });
   * console.log(await finished); // => { done: true }
   * ```
   */
  waitFor<S extends V>(predicate: (value: V) => value is S, options?: WaitForOptions): Promise<S>;
  waitFor(predicate: (value: V) => boolean, options?: WaitForOptions): Promise<V>;
  async waitFor(predicate: (value: V) => boolean, options: WaitForOptions = {}): Promise<V> {
    const { timeoutMs = this.#cell.retry.timeoutMs } = options;
    requireTimeout('wait for a state of', this.key, timeoutMs);
    this.#assertOpen('wait for a state of');
    if (typeof predicate !== 'function') {
      throw new TypeError(`Cannot wait for a state of atom ${this.key}: must be given a function: ${typeof predicate}`);
    }
    return this.#watches.waitFor<V>(this.#cell, predicate, options);
  }

  #assertOpen(action: string): void {
    const refusal = this.#cell.lane.refusal(action);
    if (refusal !== undefined) throw refusal;
    if (action !== 'peek') this.#cell.lane.assertOutside(action);
  }

  async #look(action: string, options: DerefOptions) {
    const { consistency = 'strong', timeoutMs = this.#cell.retry.timeoutMs, signal } = options;
    requireTimeout(action, this.key, timeoutMs);
    this.#cell.lane.assertOutside(action);
    return this.#cell.traced('deref', action, (trace) =>
      this.#cell.lookWithin(action, consistency, timeoutMs, signal, trace),
    );
  }

  #valueOf(known: Known): V {
    return this.#cell.valueOf(known)?.hand() as V;
  }
}

/** Epoch milliseconds: of a value, when it expires; of a tombstone, when the item may be removed. */
export function expiryOf(image: Image | undefined): number | undefined {
  if (image?.aliveUntil !== undefined) return image.aliveUntil;
  return image?.expiresAt === undefined ? undefined : image.expiresAt * 1_000;
}

/** @throws RangeError for what is no time-out. */
export function requireTimeout(action: string, key: string, timeoutMs: number): void {
  if (!(timeoutMs >= 0)) {
    throw new RangeError(`Cannot ${action} atom ${key}: timeoutMs must be a number of at least 0: ${timeoutMs}`);
  }
}
