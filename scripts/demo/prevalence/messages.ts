/** What the processes of the prevalence job say beside what all processes of a run say. Plain data. */
import type { PrevaylerStats } from '../../../lib/prevalence/index.js';
import type { Job } from '../messages.js';
import type { FlightBook } from './book.js';

/** What an instance of the system holds at the end. */
export interface Held {
  readonly seq: number;
  readonly digest: string;
}

/** What a writer found when it had sent all flights of a chunk that a dead one had begun. */
export interface Resumption {
  readonly worker: string;
  readonly chunk: number;
  readonly rows: number;
  /** Flights that were in already. */
  readonly rowsTaken: number;
}

/** What a writer tells. */
export type Finding =
  | { readonly kind: 'ask' }
  | { readonly kind: 'done'; readonly chunk: number; readonly resumption: Resumption | undefined }
  /** Beside each progress. */
  | { readonly kind: 'stats'; readonly stats: PrevaylerStats }
  | { readonly kind: 'held'; readonly held: Held };

/** What the fresh process is told, when all is over. */
export interface RecoveryJob extends Job {
  /** The number of the event after which the past state is wanted. */
  readonly pastSeq: number;
}

/** What it has found. */
export interface Recovery {
  readonly held: Held;
  readonly book: FlightBook;
  readonly openMs: number;
  readonly past: { readonly seq: number; readonly book: FlightBook; readonly atMs: number };
}
