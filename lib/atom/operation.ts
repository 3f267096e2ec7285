/**
 * One caller's call, waiting in a cell to be run on the newest value and committed, together with its neighbours, by one
 * write.
 */
import { AsyncResource } from 'node:async_hooks';
import type { Held } from '../codec/index.js';
import { onAbort } from '../engine/index.js';
import type { Known } from './cache.js';
import type { CommuteCall } from './commute/commute-together.js';
import type { Trace } from './diagnostics/trace.js';
import type { Settled } from './settlement.js';

/** The value that a function is run on. Within a batch, the value that the function before it left. */
export interface State {
  /** `undefined`: there is no value. */
  readonly held: Held | undefined;
  /** Token of the write that made this value; `undefined` when there is no item, {@link uncommitted} within a batch. */
  readonly token: string | undefined;
}

/** The token of what an earlier function of the same batch made: that of no write, and not "no item" either. */
export const uncommitted = '';

/** What a function made of the state. */
export interface Step<R> {
  /** A new value, `null` for a deletion, `undefined` for no change. */
  readonly next: Held | null | undefined;
  /** Whether the answer is "no": nothing was to be done, so that `settle()` must not say "done". */
  readonly declined?: boolean;
  /** Makes the answer, once the step is known to stand. */
  readonly answer: (commit: Commit) => R;
}

/** What a caller can be told of the write that carried its step. */
export interface Commit {
  readonly status: 'applied' | 'noop';
  readonly version: number;
  readonly attempts: number;
  readonly conflicts: number;
  /** What stands there, where the store itself made it: with this step in it, and perhaps with later ones. */
  readonly stands?: Known | undefined;
}

/** What a cell runs; made by `ItemAtom`. */
export interface Work<R> {
  /** A verb for messages: `swap`, `reset`, … */
  readonly action: string;
  run(state: State, attempt: number): Step<R> | Promise<Step<R>>;
  /** Answers a lost race instead of running again. */
  readonly onConflict?: (effort: { readonly attempts: number }) => R;
  /** Never shares a write with others. */
  readonly alone?: boolean;
  /** Whether the function is declared `async`; see the lane's watch against re-entrancy. */
  readonly isAsync?: boolean;
  /** Runs on a strong read made after the call, not on the cache. */
  readonly fresh?: boolean;
  /** What `run` does, where the store can do it as well. */
  readonly commute?: CommuteCall;
  /** The tick of the cell at which the call began, where that was before it came to this lane. */
  readonly calledAt?: number;
}

export type OperationPhase = 'waiting' | 'running' | 'sent' | 'over';

/** A call in a cell. */
export class Operation<R = unknown> {
  readonly work: Work<R>;
  /** Tick of the cell at the call: knowledge that is older does not count as seen after the call. */
  readonly calledAt: number;
  readonly timeoutMs: number;
  readonly promise: Promise<R>;
  /** Where the call was made: its function runs in this context, whoever's call it shares a write with. */
  readonly context: AsyncResource = new AsyncResource('leyden-jar', { requireManualDestroy: true });
  /** What listeners are told of it, if there are any. */
  readonly trace: Trace | undefined;
  deadlineAt: number;
  /** Whether the deadline was moved once, to let an attempt finish. */
  extended = false;
  phase: OperationPhase = 'waiting';
  attempts = 0;
  conflicts = 0;
  /** Whether the value was not in the way of a put, but of the store's doing it. */
  isBarred = false;
  /** Wakes a cell that is waiting for this operation's own asynchronous function. */
  onOver: (() => void) | undefined;
  /** What became of it, for those who ask after the caller was told `unknown`. */
  settled: Settled | undefined;
  onSettled: ((settled: Settled) => void)[] | undefined;
  #resolve!: (value: R) => void;
  #reject!: (error: unknown) => void;
  #unlisten: (() => void) | undefined;

  constructor(work: Work<R>, calledAt: number, deadlineAt: number, timeoutMs: number, trace?: Trace) {
    this.work = work;
    this.trace = trace;
    this.calledAt = calledAt;
    this.deadlineAt = deadlineAt;
    this.timeoutMs = timeoutMs;
    this.promise = new Promise<R>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Whether the caller has been answered. */
  get isOver(): boolean {
    return this.phase === 'over';
  }

  /** Calls `leave` when `signal` aborts, until the operation is over. */
  listen(signal: AbortSignal, leave: () => void): void {
    this.#unlisten = onAbort(signal, leave);
  }

  resolve(value: R): void {
    if (this.phase === 'over') return;
    this.#end();
    this.#resolve(value);
  }

  reject(error: unknown): void {
    if (this.phase === 'over') return;
    this.#end();
    this.#reject(error);
  }

  /** Records the truth for {@link whenSettled}, whether or not the caller has been answered. */
  settle(settled: Settled): void {
    this.settled = settled;
    for (const tell of this.onSettled ?? []) tell(settled);
    this.onSettled = undefined;
  }

  whenSettled(tell: (settled: Settled) => void): void {
    if (this.settled !== undefined) tell(this.settled);
    else this.onSettled = [...(this.onSettled ?? []), tell];
  }

  #end(): void {
    this.phase = 'over';
    this.trace?.close(this);
    this.#unlisten?.();
    this.onOver?.();
  }
}
