/**
 * What is known of many atoms, out of two sources: records in the order of the stream, and walks over the table.
 *
 *   record:  after what a record said before it            ──> taken
 *            same life as what a walk found, later version ──> taken
 *            else, where a walk spoke last                 ──> unclear: it may be from before that walk
 *   walk:    of what no record spoke of since it began     ──> taken; what it did not find is gone
 *
 * Invariant: what is told of an atom never goes back. Whatever is unclear is settled by a walk that begins later.
 *
 * Pure. Holds one entry for each atom that is there, and for those that went last.
 */

/** One state of one atom. */
export interface SeenAtom<T> {
  /** The key, as it was given when the atom was opened; `{ pk, sk }` in a table with a sort key. */
  readonly key: unknown;
  /** The canonical text of the key: as `atom.key`. */
  readonly keyText: string;
  /** Whether there is a value. */
  readonly exists: boolean;
  readonly value: T | undefined;
  /** Of the write that made this state; where there is no value, of the last one that is known. */
  readonly version: number;
  readonly incarnation: string | undefined;
}

/** So many that went are remembered, so that a late record does not bring them back. */
const goneMax = 10_000;

interface Entry<T> {
  readonly seen: SeenAtom<T>;
  /** When it was learnt. */
  readonly at: number;
  readonly isOfWalk: boolean;
}

export class SeenAtoms<T> {
  readonly #tell: (seen: SeenAtom<T>) => void;
  readonly #entries = new Map<string, Entry<T>>();
  #tick = 0;

  /** `tell` is called with each other state. */
  constructor(tell: (seen: SeenAtom<T>) => void) {
    this.#tell = tell;
  }

  /** A record. `false`: it is unclear what it is worth. */
  record(seen: SeenAtom<T>): boolean {
    const entry = this.#entries.get(seen.keyText);
    if (entry !== undefined) {
      const isSameLife = entry.seen.incarnation === seen.incarnation;
      const isNewer = seen.version > entry.seen.version && (seen.exists || entry.seen.exists);
      if (isSameLife && seen.exists === entry.seen.exists && !isNewer) return true;
      if (entry.isOfWalk && !(isSameLife && entry.seen.exists && seen.version >= entry.seen.version)) return false;
    }
    this.#take(seen, false);
    return true;
  }

  /** A walk begins; gives its name. */
  beginWalk(): number {
    this.#tick += 1;
    return this.#tick;
  }

  /** What a walk found. `false`: unclear, as a record spoke of another life meanwhile. */
  found(seen: SeenAtom<T>, walk: number): boolean {
    const entry = this.#entries.get(seen.keyText);
    if (entry === undefined || entry.at < walk) {
      this.#take(seen, true);
      return true;
    }
    if (entry.seen.incarnation !== seen.incarnation) return false;
    if (seen.version > entry.seen.version) this.#take(seen, true);
    return true;
  }

  /** A walk has ended: what it did not find, and no record spoke of meanwhile, is gone. */
  endWalk(walk: number, found: ReadonlySet<string>): void {
    const gone: string[] = [];
    for (const [keyText, { at, seen }] of [...this.#entries]) {
      if (at >= walk || found.has(keyText)) continue;
      if (seen.exists) this.#take({ ...seen, exists: false, value: undefined }, true);
      else gone.push(keyText);
    }
    for (const keyText of gone.slice(0, Math.max(0, gone.length - goneMax))) this.#entries.delete(keyText);
  }

  #take(seen: SeenAtom<T>, isOfWalk: boolean): void {
    this.#tick += 1;
    const before = this.#entries.get(seen.keyText)?.seen;
    this.#entries.set(seen.keyText, { seen: { ...seen, value: undefined }, at: this.#tick, isOfWalk });
    const isSame =
      before === undefined
        ? !seen.exists
        : before.exists === seen.exists &&
          (!seen.exists || (before.incarnation === seen.incarnation && before.version === seen.version));
    if (!isSame) this.#tell(seen);
  }
}
