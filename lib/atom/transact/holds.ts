/**
 * The lanes that a transaction holds. Always taken in the order of their keys, so that no two transactions of one table wait
 * for each other; a lane that is wanted in addition means that all are given back first.
 */
import type { Cell } from '../cell.js';
import type { Inside } from '../inside.js';

export class Holds {
  readonly #onWanted: () => void;
  #releases = new Map<Cell, () => void>();

  /** `onWanted` is called whenever somebody else comes for one of them. */
  constructor(onWanted: () => void) {
    this.#onWanted = onWanted;
  }

  covers(inside: Inside): boolean {
    for (const { lane } of this.#releases.keys()) if (lane.inside === inside) return true;
    return false;
  }

  /** Whether somebody else waits for one of them. */
  get isWanted(): boolean {
    for (const { lane } of this.#releases.keys()) if (lane.isWanted) return true;
    return false;
  }

  /** Waits until these lanes are held, beside those that are. Rejects with the reason of `signal` when it aborts. */
  async extend(cells: Iterable<Cell>, signal: AbortSignal): Promise<void> {
    const wanted = new Set([...this.#releases.keys(), ...cells]);
    if (wanted.size === this.#releases.size) return;
    this.release();
    try {
      for (const cell of [...wanted].sort(byKey)) {
        this.#releases.set(cell, await cell.lane.hold(signal, this.#onWanted));
        // Given in the very moment in which the caller left.
        signal.throwIfAborted();
      }
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** Whether nothing is done in these lanes any more until somebody comes for one of them. */
  rest(rests: boolean): void {
    for (const { lane } of this.#releases.keys()) lane.rest(rests);
  }

  release(): void {
    for (const release of this.#releases.values()) release();
    this.#releases = new Map();
  }
}

function byKey(one: Cell, other: Cell): number {
  return one.keyText < other.keyText ? -1 : 1;
}
