import { itemBytes } from '../codec/index.js';
import { AtomSnapshot } from './atom-snapshot.js';
import type { Known } from './cache.js';
import type { DerefOptions } from './call-options.js';
import type { Cell } from './cell.js';
import { formatItem, type Image } from './item-format.js';

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

  protected constructor(cell: Cell) {
    this.#cell = cell;
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
          ? itemBytes(formatItem(this.#cell.key, image, this.#cell.names))
          : adopted === undefined
            ? 0
            : itemBytes(adopted),
      stale,
    };
    return new AtomSnapshot(facts, image?.lineage.token);
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
function expiryOf(image: Image | undefined): number | undefined {
  if (image?.aliveUntil !== undefined) return image.aliveUntil;
  return image?.expiresAt === undefined ? undefined : image.expiresAt * 1_000;
}

/** @throws RangeError for what is no time-out. */
export function requireTimeout(action: string, key: string, timeoutMs: number): void {
  if (!(timeoutMs >= 0)) {
    throw new RangeError(`Cannot ${action} atom ${key}: timeoutMs must be a number of at least 0: ${timeoutMs}`);
  }
}
