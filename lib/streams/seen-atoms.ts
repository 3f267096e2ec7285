/**
 * Which version of which atom was handed out last, of the last so many atoms: to tell what comes late from what is new.
 *
 *   young     what was handed out since the last turn                    turn: old is forgotten, young becomes old
 *   old       what was handed out between the two before
 *   horizon   when the last of what is forgotten was read, at the latest
 *
 * A change of an atom that is not remembered is new if it was made after the horizon: no row that is forgotten can have had it. One that
 * was made before is in doubt, and so is one of another life of its item, since versions are in order within one life alone. What is in
 * doubt is settled by looking at the atom; both are rare.
 *
 * No clock, no I/O.
 */
import type { AtomEntry } from '../atom/index.js';
import type { AtomChange } from './atom-changes.js';
import type { RecordMeta } from './change.js';

/** A state of an atom, as it was handed out. */
interface Seen {
  readonly incarnation: string;
  readonly version: number;
  /** The item is gone, which no version counts. */
  readonly removed: boolean;
}

/** How a state stands to what was handed out: not yet, already (or a later one), or that can't be told. */
export type Novelty = 'new' | 'late' | 'doubtful';

/** Times of records are whole seconds, and clocks differ by fractions of one. */
const laxMs = 2_000;

export class SeenAtoms {
  readonly #sizeMax: number;
  #young = new Map<string, Seen>();
  #old = new Map<string, Seen>();
  #turnedAtMs = Number.NEGATIVE_INFINITY;
  #horizonMs = Number.NEGATIVE_INFINITY;

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  /** Whether so many atoms were handed out since the last turn that it is time to forget some. */
  get isFull(): boolean {
    return this.#young.size >= this.#sizeMax;
  }

  /** Forgets what was handed out before the last turn. `nowMs`: as the service tells the time. */
  turn(nowMs: number): void {
    if (this.#old.size > 0) this.#horizonMs = this.#turnedAtMs;
    this.#turnedAtMs = nowMs;
    this.#old = this.#young;
    this.#young = new Map();
  }

  /** Notes a row that was read after everything that was handed out; `false`: its very state was handed out. */
  takeRow(keyText: string, { incarnation = '', version }: AtomEntry<unknown>): boolean {
    const row = { incarnation, version, removed: false };
    const seen = this.#seenOf(keyText);
    if (seen?.incarnation === incarnation && isSameOrOlder(row, seen)) return false;
    this.#young.set(keyText, row);
    return true;
  }

  /** How a change stands to what was handed out. */
  noveltyOf({ keyText, ...state }: Pick<AtomChange<unknown>, 'keyText' | keyof Seen>, meta: RecordMeta): Novelty {
    const seen = this.#seenOf(keyText);
    if (seen === undefined)
      return meta.approximateCreationTime.getTime() > this.#horizonMs + laxMs ? 'new' : 'doubtful';
    if (seen.incarnation !== state.incarnation) return 'doubtful';
    return isSameOrOlder(state, seen) ? 'late' : 'new';
  }

  /** Notes a change that is handed out. */
  takeChange({ keyText, incarnation, version, removed }: Pick<AtomChange<unknown>, 'keyText' | keyof Seen>): void {
    this.#young.set(keyText, { incarnation, version, removed });
  }

  #seenOf(keyText: string): Seen | undefined {
    return this.#young.get(keyText) ?? this.#old.get(keyText);
  }
}

/** Within one life. */
function isSameOrOlder(state: Seen, seen: Seen): boolean {
  if (state.version !== seen.version) return state.version < seen.version;
  return seen.removed || !state.removed;
}
