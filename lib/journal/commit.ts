/**
 * A commit: events that one writer put into the journal together, all or none.
 *
 * The `place` of a commit (1, 2, 3, …) is what the protocol works by; `seq`, the number of events so far, is what users
 * see. A commit may have no events (a writer's first word, a retirement, a take-over), so only places are dense among commits.
 */

/** Where the events of a commit are when they are not in the commit itself. */
export interface BodyRef {
  /** Items that the body was cut into. */
  readonly parts: number;
  /** Bytes of the events' text. */
  readonly bytes: number;
  /** Of the text; see `chain.ts`. */
  readonly digest: string;
}

/** A name by which the application finds events within a commit again, without reading them. */
export interface Mark {
  readonly id: string;
  /** Index, within the commit, of the first event that it stands for. */
  readonly at: number;
  /** How many it stands for. */
  readonly count: number;
}

/** Several events that were committed together. */
export interface Commit {
  readonly place: number;
  /** Seq of its first event. */
  readonly first: number;
  /** Events that count: without those in `skip`. */
  readonly count: number;
  /** Epoch milliseconds; never below those of the commit before. */
  readonly time: number;
  readonly writer: string;
  /** The writer's number of this batch, and of its body if it has one. */
  readonly n: number;
  /** The number of the writer's commit before: the numbers between are used up, and named by nobody. */
  readonly prev: number;
  /** Texts of the events, one a line; empty when they are in `body`. */
  readonly text: string;
  readonly body: BodyRef | undefined;
  /** Places in the body of events that were refused after it was written. */
  readonly skip: readonly number[];
  /** Names of events in it; a store of events keeps the ids of commands here. */
  readonly marks: readonly Mark[];
  /** No events: `writer`, whose last number is `n`, may not commit any more. */
  readonly retires: boolean;
  /** Says by which rules the events were decided. */
  readonly handlerVersion: string | undefined;
  /** Digest of the application's state after this commit, where its writer was asked for one. */
  readonly stateDigest: string | undefined;
}
