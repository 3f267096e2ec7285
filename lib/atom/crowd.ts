/**
 * How much transactions of other processes are in the way at each atom, and how long to leave them room.
 *
 * A transaction that has lost is sent again at once, on the state that it was told: one round trip. What is slowed down is the
 * next one: it first waits for a random time, which grows with each loss and shrinks with each success, and then looks at its
 * atoms anew. So failures stay a small part of all requests, however many contend, and who won last yields to the rest. Where nobody
 * contends there is no wait.
 */
import type { Cell } from './cell.js';

/** What a loss multiplies the wait by, and what a success does: in balance at about one loss in three and a half. */
const growth = 1.5;
const decay = 0.85;
/** Round trips at first, below which there is no wait, and at most. */
const placesFirst = 1;
const placesMin = 0.5;
const placesMax = 64;

export class Crowd {
  /** Round trips, for atoms at which a transaction was lost lately. */
  readonly #places = new WeakMap<Cell, number>();

  lost(cells: Iterable<Cell>): void {
    for (const cell of cells) {
      const places = this.#places.get(cell);
      this.#places.set(cell, places === undefined ? placesFirst : Math.min(places * growth, placesMax));
    }
  }

  won(cells: Iterable<Cell>): void {
    for (const cell of cells) {
      const places = this.#places.get(cell);
      if (places === undefined) continue;
      if (places * decay < placesMin) this.#places.delete(cell);
      else this.#places.set(cell, places * decay);
    }
  }

  /** Round trips to wait at most; 0 where nobody is in the way. */
  placesAt(cells: Iterable<Cell>): number {
    let most = 0;
    for (const cell of cells) most = Math.max(most, this.#places.get(cell) ?? 0);
    return most;
  }
}
