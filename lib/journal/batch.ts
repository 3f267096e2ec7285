/** What is appended to a journal: a batch, which decides on a base and makes a draft of it, and what became of it. */
import type { BodyRef, Commit, Mark } from './commit.js';
import type { Head } from './head.js';
import type { BodyName } from './protocol.js';

/** What a decision is made on. */
export interface Base {
  /** Events in the journal before this commit. */
  readonly seq: number;
  /** The head itself. */
  readonly image: Head;
  /** Epoch milliseconds: now, or the time of the commit before if the clock is behind it. */
  readonly time: number;
}

/** What a commit is to hold. */
export interface Draft {
  /** Texts of the events, one a line, without those that were refused; not looked at when there is a body. */
  readonly text: string;
  /** Events that count. */
  readonly count: number;
  /** Time of the commit, if it was decided a moment ago; not below that of the commit before. @defaultValue the base's */
  readonly time?: number | undefined;
  /** Places in the body of those that do not. */
  readonly skip?: readonly number[] | undefined;
  /** Names of events in it. @defaultValue none */
  readonly marks?: readonly Mark[] | undefined;
  readonly handlerVersion?: string | undefined;
  readonly stateDigest?: string | undefined;
  /** Takes a writer out of the journal, who may not commit under this name any more. */
  readonly retires?: { readonly writer: string; readonly n: number } | undefined;
  /** Changes who alone may write. */
  readonly holds?: Pick<Head, 'epoch' | 'holder'> | undefined;
  /** What the head keeps beside the tail from now on; `null` for nothing any more. @defaultValue what it keeps already */
  readonly note?: Uint8Array | null | undefined;
  /** The journal's label from now on. @defaultValue as it is */
  readonly label?: string | undefined;
  /** Closes the journal for all but claims, and says why; `null` opens it again. @defaultValue as it is */
  readonly closes?: string | null | undefined;
  /** Leaves nothing of the tail and of the note in the head. Only for journals that are closed for good. */
  readonly erases?: boolean | undefined;
  /**
   * The journal has so many events from now on, and nothing of it is in the head and in pages: a snapshot covers all. Only for journals
   * in which there is no event yet.
   */
  readonly beginsAt?: number | undefined;
}

/** Something to append. */
export interface Batch {
  /** Texts of the events, one a line, if they are to be in a body. */
  readonly bodyText?: string | undefined;
  /** Whether it is about who may write, or whether anybody may, and so asks nobody for the right to. */
  readonly claims?: boolean | undefined;
  /** Decides on exactly the state at `base`; `undefined` = nothing to commit. Called again for each base that lost a race. */
  decide(base: Base): Draft | undefined;
  /** The commit is in the journal, and its base was what the consumer holds: what was decided is the state now. */
  adopt?(commit: Commit): void;
}

/** A body that stands in the store. */
export interface PreparedBody extends BodyName {
  readonly ref: BodyRef;
}

/** What became of a batch. */
export type Appended =
  /** `adopted`: whether `adopt` was called; if not, the consumer was handed the commit as those of others. */
  | { readonly status: 'applied'; readonly commit: Commit; readonly adopted: boolean; readonly conflicts: number }
  /** There was nothing to commit, on a state that was current at some instant after the call. */
  | { readonly status: 'nothing'; readonly conflicts: number };
