/**
 * One of the ways through which a shard's records go to the handler, one batch at a time and in order. A shard has as many lanes as its
 * `concurrency`; all records of an item go by the same one.
 */
import { type Entry, keyTextOf } from './entry.js';
import { LaneRun } from './lane-run.js';
import { divert } from './settle-failure.js';
import type { ShardWork } from './shard-work.js';

/** Records that went through are dropped from the front in pieces of at least so many. */
const dropMin = 1_024;

export class Lane<T> {
  readonly #work: ShardWork<T>;
  #queue: Entry<T>[] = [];
  #head = 0;
  /** When the oldest of those that wait came. */
  #sinceMs = 0;

  constructor(work: ShardWork<T>) {
    this.#work = work;
  }

  get waiting(): number {
    return this.#queue.length - this.#head;
  }

  push(entry: Entry<T>): void {
    if (this.waiting === 0) this.#sinceMs = this.#work.ground.clock.monotonicMs();
    this.#queue.push(entry);
  }

  /** Works until the shard has ended and nothing is left. @throws {Leaving}, or the reason of the loss. */
  async run(): Promise<void> {
    const work = this.#work;
    for (;;) {
      if (work.isLeaving || (this.waiting === 0 && !work.hasEnded)) await work.changed();
      else if (work.isBlocked) await work.untilUnparked();
      else if (this.waiting === 0) return;
      else if (this.#isToWait()) await this.#wait();
      else await this.#handle();
    }
  }

  async #handle(): Promise<void> {
    const first = this.#queue[this.#head] as Entry<T>;
    if (this.#isParked(first)) {
      if (await divert(this.#work, first)) this.#take(1);
      return;
    }
    const count = this.#runLength();
    const entries = this.#queue.slice(this.#head, this.#head + count);
    this.#take(await new LaneRun(this.#work, entries).go());
  }

  /** How many may go in one batch: what could not be parsed, and what is of a parked item, goes by itself. */
  #runLength(): number {
    const { batchRecordsMax } = this.#work.ground;
    const most = Math.min(this.waiting, batchRecordsMax);
    for (let count = 0; count < most; count += 1) {
      const entry = this.#queue[this.#head + count] as Entry<T>;
      if (entry.failure !== undefined || (count > 0 && this.#isParked(entry))) return Math.max(1, count);
    }
    return most;
  }

  #isParked({ record }: Entry<T>): boolean {
    const { parkedKeys } = this.#work;
    return parkedKeys.size > 0 && parkedKeys.has(keyTextOf(record));
  }

  #take(count: number): void {
    this.#head += count;
    this.#sinceMs = this.#work.ground.clock.monotonicMs();
    // Also while more comes than is taken: what is done must not be kept as long as the backlog lasts.
    if (this.#head === this.#queue.length || (this.#head >= dropMin && this.#head * 2 >= this.#queue.length)) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    this.#work.notice.give();
  }

  #isToWait(): boolean {
    const { windowMs, batchRecordsMax, clock } = this.#work.ground;
    if (windowMs === 0 || this.#work.hasEnded || this.waiting >= batchRecordsMax) return false;
    return clock.monotonicMs() < this.#sinceMs + windowMs;
  }

  async #wait(): Promise<void> {
    const { windowMs, clock } = this.#work.ground;
    await this.#work.changedWithin(Math.max(1, this.#sinceMs + windowMs - clock.monotonicMs()));
  }
}
