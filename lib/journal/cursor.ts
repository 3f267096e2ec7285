/** A reader's place in a journal, and what the protocol needs to know of all that came before it. */
import { chainAfter } from './chain.js';
import type { Commit } from './commit.js';
import { noChain } from './head.js';
import { noteWriter, type Position } from './protocol.js';

/** A cursor as plain data, as a snapshot stores it. */
export interface CursorFacts extends Position {
  /** Time of the last commit. */
  readonly time: number;
  /** The digest chain after it. */
  readonly chain: string;
  /** The page that the next commit is in, or will be, or an earlier one. */
  readonly page: number;
  /** Writers that have committed and are not retired: name, last number, time of the last commit. */
  readonly writers: readonly (readonly [writer: string, n: number, at: number])[];
}

export const cursorAtStart: CursorFacts = { place: 0, seq: 0, time: 0, chain: noChain, page: 0, writers: [] };

/** After the commit at `place`. Moves forward only. */
export class Cursor implements Position {
  place: number;
  seq: number;
  time: number;
  chain: string;
  page: number;
  readonly writers: Map<string, number>;
  readonly #seenAt: Map<string, number>;

  constructor({ place, seq, time, chain, page, writers }: CursorFacts = cursorAtStart) {
    this.place = place;
    this.seq = seq;
    this.time = time;
    this.chain = chain;
    this.page = page;
    this.writers = new Map(writers.map(([writer, n]) => [writer, n]));
    this.#seenAt = new Map(writers.map(([writer, , at]) => [writer, at]));
  }

  /** Moves behind `commit`, which is the next one. `chain` saves working it out again. */
  take(commit: Commit, chain: string = chainAfter(this.chain, commit)): void {
    const { place, first, count, time, writer, retires } = commit;
    this.place = place;
    this.seq = first + count - 1;
    this.time = time;
    this.chain = chain;
    noteWriter(this.writers, commit);
    if (retires) this.#seenAt.delete(writer);
    else this.#seenAt.set(writer, time);
  }

  /** Writers whose last commit is older than `time`, with their last numbers. */
  quietSince(time: number): { readonly writer: string; readonly n: number }[] {
    const quiet = [...this.#seenAt].filter(([, at]) => at < time);
    return quiet.map(([writer]) => ({ writer, n: this.writers.get(writer) as number }));
  }

  facts(): CursorFacts {
    const { place, seq, time, chain, page } = this;
    const writers = [...this.writers].map(([writer, n]) => [writer, n, this.#seenAt.get(writer) ?? 0] as const);
    return { place, seq, time, chain, page, writers };
  }
}
