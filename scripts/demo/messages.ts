/** What parent and workers say to each other. Plain data: it crosses process borders. */
import type { CreateClientOptions, Spent } from '../../lib/index.js';

/** The one thing a worker is told, when it is ready. */
export interface Job {
  readonly worker: string;
  readonly run: string;
  readonly tableName: string;
  readonly client: CreateClientOptions;
  /** Rows of the whole run. */
  readonly rows: number;
  readonly rowsPerChunk: number;
  /** Processes that write one atom, at most. */
  readonly evidenceWritersMax: number;
  /** Rows under way at once. */
  readonly window: number;
}

/** What a worker found when it took a dead one's chunk. */
export interface Resumption {
  readonly worker: string;
  readonly chunk: number;
  /** `closing`: all rows were in; only the end of the chunk was left to do. */
  readonly stage: 'counting' | 'closing';
  readonly rows: number;
  /** Rows that were in all of their atoms, in some, in none. */
  readonly inAll: number;
  readonly inSome: number;
  readonly inNone: number;
  readonly swapsSkipped: number;
}

/** What a worker tells. */
export type Report =
  | { readonly kind: 'ready' }
  | {
      /** After each window of rows. */
      readonly kind: 'progress';
      readonly chunk: number;
      /** Rows of the chunk that were answered. */
      readonly sent: number;
      /** Rows that this worker was first to bring, in total. */
      readonly rowsNew: number;
      readonly spent: Spent;
    }
  | { readonly kind: 'resumed'; readonly resumption: Resumption }
  | { readonly kind: 'finished'; readonly chunks: number; readonly spent: Spent }
  | { readonly kind: 'failed'; readonly message: string };

/** What the embedded engine is told, once. */
export interface EngineOrder {
  /** A temporary one without it. */
  readonly folder: string | undefined;
}

/** What it answers. */
export type EngineReport =
  | { readonly kind: 'started'; readonly client: CreateClientOptions; readonly folder: string }
  | { readonly kind: 'failed'; readonly message: string };
