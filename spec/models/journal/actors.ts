/**
 * The actors of the model. Each is plain data, replaced as a whole at each step; a crash leaves its lane, its serial number
 * and what is left of its work.
 */
import type { Reading } from './reading.js';
import type { Entry, Event, Fold, Head, KnownPage, Snap } from './shapes.js';
import type { HeadWrite } from './world.js';

interface Common {
  readonly lane: number;
  /** Grows with each restart and each new name. */
  readonly serial: number;
  readonly up: boolean;
  readonly reading: Reading | undefined;
}

export interface Batch {
  readonly n: number;
  readonly events: readonly Event[];
  readonly large: boolean;
  /** What is known of its body. */
  readonly stored: 'no' | 'unsure' | 'yes';
}

/** A swap in flight. */
export interface Flight {
  readonly write: HeadWrite;
  readonly batch: Batch;
  /** Events of the batch that the handler refuses on this base. */
  readonly refused: readonly Event[];
  /** The head cannot tell its fate any more. */
  readonly lost: boolean;
}

export interface Writer extends Common {
  readonly kind: 'writer';
  readonly name: string;
  /** The head that is folded to exactly: the base of the next swap. */
  readonly base: Head;
  readonly fold: Fold;
  /** Last number committed, and next to give out, under this name. */
  readonly last: number;
  readonly next: number;
  readonly batches: readonly Batch[];
  /** Events that the handler refused on a state that may not be final. */
  readonly held: readonly { readonly event: Event; readonly asked: boolean }[];
  /** Events whose refusal did not last. */
  readonly again: readonly Event[];
  readonly swap: Flight | undefined;
  readonly known: KnownPage | undefined;
  /** A page that was put, or may have been, and has to be read. */
  readonly spilling: number | undefined;
  /** A page that was put and is not yet seen trimmed. */
  readonly placed: number | undefined;
  /** Batches of the script that were called. */
  readonly done: number;
}

export interface Snapshotter extends Common {
  readonly kind: 'snapshotter';
  readonly left: number;
  readonly phase: 'rest' | 'begin' | 'parts' | 'pointer' | 'undo';
  readonly image: Head | undefined;
  readonly fold: Fold | undefined;
  readonly entry: Entry | undefined;
  readonly part: number;
  /** Parts that the pointer knows of. */
  readonly room: number;
}

export interface Pruner extends Common {
  readonly kind: 'pruner';
  readonly left: number;
  readonly retirements: number;
  readonly phase: 'rest' | 'plan' | 'page' | 'bodies' | 'parts' | 'finish' | 'retire';
  readonly planned: Snap | undefined;
  readonly page: number;
  readonly doomed: readonly string[];
  readonly image: Head | undefined;
  readonly fold: Fold | undefined;
}

export interface Reader extends Common {
  readonly kind: 'reader';
  readonly left: number;
}

export interface Follower extends Common {
  readonly kind: 'follower';
  readonly left: number;
  readonly base: Head;
  readonly fold: Fold | undefined;
}

export type Actor = Writer | Snapshotter | Pruner | Reader | Follower;
