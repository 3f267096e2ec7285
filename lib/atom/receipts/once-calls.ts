/** Calls on one atom that are made once for ever; what a handle knows of those who make them. */
import type { Cell } from '../cell.js';
import type { Trace } from '../diagnostics/trace.js';
import type { Work } from '../operation.js';

/** A verb of an atom that takes an `opId`. */
export type Verb = 'swap' | 'swapVals' | 'swapWith' | 'reset' | 'resetVals' | 'delete' | 'commute' | 'commuteWhen';

/** The limits of one call. */
export interface CallLimits {
  readonly action: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

export interface OnceCalls {
  /** Does what a verb of an atom does, once for each `opId`. */
  once<R>(cell: Cell, verb: Verb, work: Work<R>, opId: string, limits: CallLimits, trace?: Trace): Promise<R>;
}
