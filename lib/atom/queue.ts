/**
 * The callers of a lane that wait, first come first.
 *
 * Invariant: those in it, and no others, are in the phase `waiting` or have left. Who leaves is cleared away by and by, since many
 * thousands may leave at once.
 */
import type { Operation } from './operation.js';

/** As many that have left are not worth the clearing. */
const leftMin = 32;

export class Queue {
  #operations: Operation[] = [];
  #left = 0;

  /** How many wait. */
  get length(): number {
    return this.#operations.length - this.#left;
  }

  /** Those who wait. */
  all(): readonly Operation[] {
    if (this.#left > 0) {
      this.#operations = this.#operations.filter((one) => !one.isOver);
      this.#left = 0;
    }
    return this.#operations;
  }

  push(operation: Operation): void {
    this.#operations.push(operation);
  }

  /** To the front. */
  putBack(operations: readonly Operation[]): void {
    this.#operations.unshift(...operations);
  }

  /** Takes out the first `count`. */
  take(count: number): Operation[] {
    const all = this.all() as Operation[];
    if (count < all.length) return all.splice(0, count);
    this.#operations = [];
    return all;
  }

  /** One that is in it has just left. */
  noteLeft(): void {
    this.#left += 1;
    if (this.#left > leftMin && this.#left > this.length) this.all();
  }
}
