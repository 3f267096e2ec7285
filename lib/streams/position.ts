/**
 * Where a reader stands: in one shard, and in a whole stream.
 *
 * A token says for each shard that matters how far its records are done; shards that are done and whose children all stand in it
 * are left out. So it is small, and it is all that a reader needs to go on: no record is delivered that stands before it, and none
 * after it is left out.
 */

/** How far one shard is read. */
export type ShardPosition =
  /** From the oldest record that is there. */
  | 'trim-horizon'
  /** Nothing was read yet of a shard that is followed since a moment (epoch milliseconds, by the reader's clock). */
  | { readonly latestSince: number }
  /** At this record. */
  | { readonly at: string }
  /** After this record. */
  | { readonly after: string }
  /** All of it, and it is closed. */
  | 'end';

/** How a token speaks of one shard. */
export type TokenPosition =
  | ShardPosition
  /**
   * Nothing of it was read, and it is begun at its oldest record. `undecided`: whether its parent is done is to be found out first. `unpromised`:
   * what is missing of it is no gap, for it was old already when its reader first began.
   */
  | { readonly unread: 'undecided' | 'unpromised' | 'undecided-unpromised' };

/** Where a reader stands in a stream; JSON. */
export interface StreamToken {
  readonly v: 1;
  /** ARN of the stream. */
  readonly stream: string;
  readonly shards: Readonly<Record<string, TokenPosition>>;
}

/** Where to begin. */
export type StreamPosition =
  /** With the oldest record that is there: up to a day ago. */
  | 'trim-horizon'
  /** With what is written from now on. */
  | 'latest'
  /** With the first record of at least this time, or up to six minutes before it: so much may clocks differ, and nothing is to be missed. */
  | { readonly since: Date }
  /** Of a stream with one lineage of shards: after this record, or at it. */
  | { readonly after: string }
  | { readonly at: string }
  | StreamToken;
