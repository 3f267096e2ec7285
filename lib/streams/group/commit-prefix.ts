/**
 * How far a shard is done: up to the end of the longest run of records, from the first one on, that are all done.
 *
 *   record   1     2     3     4     5
 *            done  done  -     done  -        committed: 2
 *            done  done  done  done  -        committed: 4
 *
 * Records are done out of order where several lanes work at once. What is stored is this position and nothing else, so a record that
 * is not done is never passed over, and after a death only what lies behind it is delivered again. No I/O, no clock.
 */
import type { ShardPosition } from '../position.js';

/** The place of one record (or of the end of a page) in its shard. */
export interface Place {
  /** Where the shard stands once this and all before it are done. */
  readonly position: ShardPosition;
  isDone: boolean;
}

/** Places that are done are dropped from the front in pieces of at least so many. */
const dropMin = 1_024;

export class CommitPrefix<P extends Place = Place> {
  #position: ShardPosition;
  readonly #places: P[] = [];
  #head = 0;

  /** Begins at what is committed already. */
  constructor(position: ShardPosition) {
    this.#position = position;
  }

  /** Where the shard stands: everything up to here is done. */
  get position(): ShardPosition {
    return this.#position;
  }

  /** Places behind {@link position}: those that are not done, and done ones behind them. */
  get open(): number {
    return this.#places.length - this.#head;
  }

  /** The first place that is not done. */
  get head(): P | undefined {
    return this.#places[this.#head];
  }

  /** Adds the next place of the shard. */
  push(place: P): void {
    this.#places.push(place);
  }

  /** Moves on behind whatever was done; answers whether the position moved. */
  advance(): boolean {
    const from = this.#head;
    while (this.#places[this.#head]?.isDone === true) this.#head += 1;
    if (this.#head === from) return false;
    this.#position = (this.#places[this.#head - 1] as P).position;
    if (this.#head >= dropMin && this.#head * 2 >= this.#places.length) {
      this.#places.splice(0, this.#head);
      this.#head = 0;
    }
    return true;
  }
}
