/**
 * What a journal stores, as plain data: the head, commits, the snapshot pointer, and what a reader folds of them.
 *
 *   head           one register; every swap of it adds one commit, so its `place` is its version
 *   page/<k>       commits moved out of the tail
 *   body/<w>/<n>   the events of one large commit
 *   snap           one register: the pointer
 *   part/<id>/<p>  a part of a snapshot
 *
 * Two numbers: the `place` of a commit (1, 2, 3, ...), by which the protocol works, and `seq`, the number of events, which
 * users see. A commit may have no events (a retirement), so only places are dense among commits.
 */

/** An event by its name: `A1a`, `B2a+x` takes x, `B3a-x` gives x back. Unique in a run. */
export type Event = string;

export interface Commit {
  readonly place: number;
  /** Seq of its first event. */
  readonly first: number;
  /** Events that count: those of the batch without the skipped ones. */
  readonly count: number;
  readonly writer: string;
  /** The writer's number of this batch, and of its body if it has one. */
  readonly n: number;
  /** The number of the writer's commit before: the numbers between are used up and named by nobody. */
  readonly prev: number;
  /** Whether the events are in `body/<writer>/<n>`. */
  readonly body: boolean;
  readonly events: readonly Event[];
  /** Places in the batch of events that were refused after the body was written. */
  readonly skip: readonly number[];
  /** No events: `writer`, whose last number is `n`, may not commit any more. */
  readonly retires: boolean;
}

export interface Head {
  readonly place: number;
  readonly seq: number;
  /** Number of pages that the tail was trimmed by: page `pages` is the next. */
  readonly pages: number;
  /** The newest commits, up to `place`. */
  readonly tail: readonly Commit[];
}

/** A snapshot. */
export interface Entry {
  readonly id: string;
  readonly place: number;
  /** The page that the first commit after it is in, or will be, or a later one. */
  readonly page: number;
  /** Place that page `page` starts at. */
  readonly from: number;
  readonly parts: number;
}

/** A snapshot under way or on its way out. */
export interface Unnamed {
  readonly id: string;
  readonly parts: number;
}

export interface Snap {
  /** Ascending; the last is the current one. */
  readonly kept: readonly Entry[];
  readonly making: readonly Unnamed[];
  readonly dropping: readonly Unnamed[];
  /** Pages below may be deleted; `prunedFrom` is the place that page `prunedTo` starts at. */
  readonly prunedTo: number;
  readonly prunedFrom: number;
  /** Pages below are deleted; those from `sweptFrom` on once only. */
  readonly sweptTo: number;
  readonly sweptFrom: number;
  /** Readers that are not to be overtaken. */
  readonly readers: readonly { readonly id: string; readonly page: number; readonly from: number }[];
}

/** What a reader knows after the commit at `place`. A snapshot stores it whole. */
export interface Fold {
  readonly place: number;
  readonly seq: number;
  /** The application's state: here the names of all events, each ended by `;`. */
  readonly state: string;
  /** Writers that have committed and are not retired, with their last numbers. */
  readonly writers: ReadonlyMap<string, number>;
}

/** What is known of a page: that it holds these commits. */
export interface KnownPage {
  readonly page: number;
  readonly commits: readonly Commit[];
}

export const noHead: Head = { place: 0, seq: 0, pages: 0, tail: [] };
export const noFold: Fold = { place: 0, seq: 0, state: '', writers: new Map() };
export const noSnap: Snap = {
  kept: [],
  making: [],
  dropping: [],
  prunedTo: 0,
  prunedFrom: 1,
  sweptTo: 0,
  sweptFrom: 0,
  readers: [],
};

export const pageKey = (page: number): string => `page/${page}`;
export const bodyKey = (writer: string, n: number): string => `body/${writer}/${n}`;
export const partKey = (id: string, part: number): string => `part/${id}/${part}`;
