/**
 * Which version of which atom was handed out last, of the last so many atoms: to tell what comes late from what is new.
 *
 *   young   what was handed out since the last turn          turn: old is dropped, young becomes old
 *   old     what was handed out between the two before
 *
 * Versions of one life of an item are in order. Between two lives they say nothing; then the item itself is asked which of them is the
 * later one. That is rare: an item is not made again before its tombstone's hour is over, so such a change is more than an hour late.
 */
import type { AtomEntry, AtomImages, AtomTable } from '../atom/index.js';
import type { AtomChange } from './atom-changes.js';

/** A state of an atom, as it was handed out. */
interface Seen {
  readonly incarnation: string;
  readonly version: number;
  /** The item is gone, which no version counts. */
  readonly removed: boolean;
  readonly writtenAt: number | undefined;
}

type Order = 'new' | 'late' | 'other-life';

export class SeenAtoms {
  readonly #images: AtomImages;
  readonly #sizeMax: number;
  #young = new Map<string, Seen>();
  #old = new Map<string, Seen>();

  constructor(table: AtomTable, sizeMax: number) {
    this.#images = table.images();
    this.#sizeMax = sizeMax;
  }

  /** Whether so many atoms were handed out since the last turn that it is time to forget some. */
  get isFull(): boolean {
    return this.#young.size >= this.#sizeMax;
  }

  /** Forgets what was handed out before the last turn. */
  turn(): void {
    this.#old = this.#young;
    this.#young = new Map();
  }

  /** Notes a row of the scan; `false`: its state, or a later one, was handed out as a change already. */
  takeRow({ key, incarnation, version, writtenAt }: AtomEntry<unknown>): boolean {
    if (incarnation === undefined) return true;
    const keyText = this.#images.textOf(key);
    const row = { incarnation, version, removed: false, writtenAt };
    // Read after all changes that were handed out: of two lives the row's is the later one.
    if (this.#order(keyText, row) === 'late') return false;
    this.#young.set(keyText, row);
    return true;
  }

  /** Notes a change; `false`: its state, or a later one, was handed out already. */
  takeChange(change: AtomChange<unknown>): boolean | Promise<boolean> {
    const order = this.#order(change.keyText, change);
    if (order === 'other-life') return this.#takeOfOtherLife(change);
    if (order === 'new') this.#note(change);
    return order === 'new';
  }

  #note({ keyText, incarnation, version, removed, writtenAt }: AtomChange<unknown>): void {
    this.#young.set(keyText, { incarnation, version, removed, writtenAt });
  }

  async #takeOfOtherLife(change: AtomChange<unknown>): Promise<boolean> {
    const seen = this.#seenOf(change.keyText) as Seen;
    const standing = await this.#images.read(change.key);
    const incarnation = standing?.image.lineage.incarnation;
    // What was handed out still stands, so this is of a life before.
    if (incarnation === seen.incarnation) return false;
    const isOfStanding = incarnation === change.incarnation;
    // A third life, or none: both are over, and only their writers' clocks can tell.
    if (!isOfStanding && (change.writtenAt ?? 0) < (seen.writtenAt ?? 0)) return false;
    this.#note(change);
    return true;
  }

  #order(keyText: string, state: Omit<Seen, 'writtenAt'>): Order {
    const seen = this.#seenOf(keyText);
    if (seen === undefined) return 'new';
    if (seen.incarnation !== state.incarnation) return 'other-life';
    if (state.version !== seen.version) return state.version > seen.version ? 'new' : 'late';
    return state.removed && !seen.removed ? 'new' : 'late';
  }

  #seenOf(keyText: string): Seen | undefined {
    return this.#young.get(keyText) ?? this.#old.get(keyText);
  }
}
