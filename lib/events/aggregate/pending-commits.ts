/** Commits that are to be folded into a state that is kept, when it is wanted: those of others, and appends from here. */
import type { ReadCommit } from '../../journal/index.js';
import type { RecordedEvent } from '../event.js';
import type { Recorder } from '../recorder.js';

/** More are read again when they are wanted. */
const commitsMax = 1_000;
const charactersMax = 1_000_000;

export class PendingCommits {
  /** In the order in which they came, which may not be that of the journal; some twice. */
  #reads: ReadCommit[] = [];
  #characters = 0;

  /** @returns `false` when there are too many. */
  add(read: ReadCommit): boolean {
    this.#reads.push(read);
    this.#characters += read.text.length;
    return this.#reads.length <= commitsMax && this.#characters <= charactersMax;
  }

  clear(): void {
    this.#reads = [];
    this.#characters = 0;
  }

  /** Lets go of those with no event behind `seq`. */
  dropTo(seq: number): void {
    const left = this.#reads.filter(({ commit: { first, count } }) => first + count - 1 > seq);
    this.clear();
    for (const read of left) this.add(read);
  }

  /** The events behind `after` up to `to`; `undefined` when some are missing. */
  eventsAfter(after: number, to: number, recorder: Recorder): RecordedEvent[] | undefined {
    const events: RecordedEvent[] = [];
    const inOrder = this.#reads.toSorted((one, other) => one.commit.place - other.commit.place);
    for (const read of inOrder) {
      const from = after + events.length + 1;
      if (read.commit.first > to) break;
      events.push(...recorder.records(read, from, to));
    }
    // Of numbers that are dense and none of them twice, as many as there should be are all of them.
    return after + events.length === to ? events : undefined;
  }
}
