/** What the parent and its processes say to each other. Plain data: it crosses process borders. */
import type { CreateClientOptions, Spent } from '../../lib/index.js';

/** What every process of a run is told, first of all, when it is ready. */
export interface RunJob {
  readonly run: string;
  readonly tableName: string;
  readonly client: CreateClientOptions;
  /** Processes that write one atom, at most. */
  readonly evidenceWritersMax: number;
  /** Rows of the whole run. */
  readonly rows: number;
  readonly rowsPerChunk: number;
}

/** What a worker is told. */
export interface Job extends RunJob {
  readonly worker: string;
  /** Rows under way at once. */
  readonly window: number;
}

/** What a worker tells. `Finding` is what only workers of its kind have to tell. */
export type Report<Finding> =
  | { readonly kind: 'ready' }
  | {
      /** Now and then, while rows are answered. */
      readonly kind: 'progress';
      readonly chunk: number;
      /** Rows of the chunk that were answered. */
      readonly sent: number;
      /** Rows that this worker was first to bring, in total. */
      readonly rowsNew: number;
      readonly spent: Spent;
    }
  | { readonly kind: 'finding'; readonly finding: Finding }
  | { readonly kind: 'finished'; readonly chunks: number; readonly spent: Spent }
  | { readonly kind: 'failed'; readonly message: string };

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

/** What the embedded engine is told, once. */
export interface EngineOrder {
  /** A temporary one without it. */
  readonly folder: string | undefined;
}

/** What it answers. */
export type EngineReport =
  | { readonly kind: 'started'; readonly client: CreateClientOptions; readonly folder: string }
  | { readonly kind: 'failed'; readonly message: string };
