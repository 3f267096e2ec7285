/**
 * What is known of one key, as a value, and the steps from one to the next. Pure: the whole protocol is here; all else is waiting.
 *
 *   none ----begin----> running ----store the result----> done     until its time is over
 *     ^                    |  \-----keep the failure-----> failed   until its time is over
 *     |                    |   \----forget the failure---> none
 *     |                    +--begin again, once the session that runs it is over: running, fence + 1
 *     +---- done, failed: once their time is over, or by hand
 *
 * Invariants: `fence` grows with each run; only the run that stands in the item, by nonce and fence, changes `running` to something
 * that is no other run. So of all runs, however many, one result is stored, and a run that was taken over can neither overwrite nor
 * remove anything. What runs never expires: its time begins when its result is stored.
 */

/** One run of a caller's function. */
export interface Run {
  /** Names it, at random. */
  readonly nonce: string;
  /** The session under which it was begun. */
  readonly session: string;
  /** Who it is, for people. */
  readonly host: string;
  readonly pid: number;
  /** Epoch milliseconds, by its own wall clock; for people. */
  readonly startedAt: number;
}

/** What is stored of a failure that is kept. */
export interface Failure {
  readonly name: string;
  readonly message: string;
  /** Own properties of the error that are texts, numbers, booleans or `null`. */
  readonly properties: Readonly<Record<string, unknown>>;
}

/** What is stored of a key. */
export interface OnceState {
  readonly kind: 'once';
  readonly state: 'none' | 'running' | 'done' | 'failed';
  /** The fencing token of the last run. */
  readonly fence: number;
  /** Runs that were begun and came to no result that is kept. */
  readonly attempt: number;
  /** The run that goes on, or the one that ended it. */
  readonly run: Run | null;
  /** Hash of what it was called with. */
  readonly payload?: string;
  /** When a result is forgotten, in epoch milliseconds. */
  readonly keepUntil?: number;
  readonly result?: unknown;
  readonly failure?: Failure;
}

export const untouched: OnceState = { kind: 'once', state: 'none', fence: 0, attempt: 0, run: null };

/** What a call brings along. */
export interface Request {
  readonly run: Run;
  readonly payload: string | undefined;
  readonly nowMs: number;
  /** Whether nothing more will come of a run that stands in the item. */
  readonly isDead: (run: Run) => boolean;
}

/**
 * What a call finds: `mine`: its own run stands there; `free`: it may begin; `busy`: another run goes on; `done`, `failed`: there is a
 * result; `mismatch`: it is, or will be, the result of another payload.
 */
export type Verdict = 'mine' | 'free' | 'busy' | 'done' | 'failed' | 'mismatch';

export function verdictOn(state: OnceState, { run, payload, nowMs, isDead }: Request): Verdict {
  if (state.state === 'none' || hasExpired(state, nowMs)) return 'free';
  if (payload !== undefined && state.payload !== undefined && state.payload !== payload) return 'mismatch';
  if (state.state !== 'running') return state.state;
  if (state.run?.nonce === run.nonce) return 'mine';
  return isDead(state.run as Run) ? 'free' : 'busy';
}

/** Whether the time of a result is over. What runs has none. */
export function hasExpired({ keepUntil = Number.POSITIVE_INFINITY }: OnceState, nowMs: number): boolean {
  return nowMs >= keepUntil;
}

/**
 * A run begins. Its token is larger than each before, also when the item had vanished in between, as long as wall clocks are not
 * further apart than items are kept for: it is at least the time of day.
 */
export function begun(state: OnceState, { run, payload, nowMs }: Request): OnceState {
  return {
    ...untouched,
    state: 'running',
    fence: Math.max(state.fence + 1, Math.ceil(nowMs)),
    attempt: state.attempt + 1,
    run,
    ...(payload !== undefined && { payload }),
  };
}

/** Whether the run `nonce` under `fence` is what stands in the item, ended or not. */
export function isOf({ run, fence }: OnceState, begunAs: OnceState): boolean {
  return run !== null && run.nonce === begunAs.run?.nonce && fence === begunAs.fence;
}

/**
 * The end of the run `own`, if it is this one that stands in the item and goes on. Where nothing stands, the item was removed by hand:
 * while the lease lives nobody can have taken the run over, so it is ours.
 */
export function ended(
  state: OnceState,
  own: OnceState,
  isLive: boolean,
  change: (state: OnceState) => OnceState,
): OnceState {
  const isOurs = isOf(state, own) ? state.state === 'running' : state.fence === 0 && isLive;
  return isOurs ? change(own) : state;
}

/** The result of a run is stored. */
export function done(state: OnceState, result: unknown, keepUntil: number): OnceState {
  return { ...state, state: 'done', attempt: 0, keepUntil, result };
}

/** The failure of a run is kept. */
export function failed(state: OnceState, failure: Failure, keepUntil: number): OnceState {
  return { ...state, state: 'failed', attempt: 0, keepUntil, failure };
}

/** Nothing is kept of a run but that there was one; or of one that never got to run, not even that. */
export function forgotten({ fence, attempt }: OnceState, hasRun: boolean): OnceState {
  return { ...untouched, fence, attempt: hasRun ? attempt : Math.max(0, attempt - 1) };
}
