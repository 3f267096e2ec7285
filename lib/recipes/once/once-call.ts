/**
 * One call under one key: the steps of `once-state.ts`, made by swaps on one atom.
 *
 *   begin ---- mine ---> run the function ---> store what came of it, if the run still stands in the item
 *     |  \---- done, failed, mismatch ---> told at once
 *     |   \--- busy ---> watch the item, observe the session that runs it ---> begin again
 *     +-------------------------------------------------------------------------/
 *
 * Each step is a swap, so it happens once, whatever answers get lost. A run that was begun and of which nobody here knows (its answer was
 * lost for good) is given up by its nonce: at once by the next call of this process, else in the background. A result that the store does
 * not take in time is stored in the background as well. Both end with the lease: then others may take over.
 */
import { TableClosedError } from '../../atom/index.js';
import { after, type Clock, onAbort, watchfulSignal } from '../../engine/index.js';
import { isLeydenError } from '../../errors.js';
import type { Lookouts } from '../claims/lookouts.js';
import { Rivals, sessionsOver } from '../claims/rivals.js';
import { Waiting } from '../claims/waiting.js';
import { insist } from '../insist.js';
import type { RecipeItem } from '../recipe-item.js';
import type { Lease } from '../session/lease.js';
import type { Session } from '../session/session.js';
import { errorOf, failureFrom, InProgressError, PayloadMismatchError, ResultNotStoredError } from './once-errors.js';
import {
  begun,
  done,
  ended,
  failed,
  forgotten,
  isOf,
  type OnceState,
  type Request,
  type Run,
  type Verdict,
  verdictOn,
} from './once-state.js';

/** Longest interval between two looks of somebody who waits, in milliseconds. */
const pollMsMax = 1_000;
/** How long a caller whose wait is over is kept for a last look. */
const lastLookMs = 2_000;

/** What a function is told that runs. */
export interface OnceContext {
  /** Aborts when the lease under which it runs has ended, so that another process may run it too, and when the caller gives up. */
  readonly signal: AbortSignal;
  /** The fencing token: larger than that of every run before under this key. For resources that can check it. */
  readonly token: bigint;
  /** 1 for the first run, more when runs before it failed or died. */
  readonly attempt: number;
}

/** What the calls of a `Once` in this process share. */
export interface OnceHouse {
  readonly session: Session;
  readonly ttlMs: number;
  /** How often the item of a run is written again. */
  readonly rewriteMs: number;
  readonly keeps: (error: unknown) => boolean;
  /** Runs, by nonce, that were perhaps begun, and that nobody here goes on with. */
  readonly abandoned: Set<string>;
  /** Sessions whose runs were waited for in vain. */
  readonly lookouts: Lookouts;
}

/** What a call is given. */
export interface CallTerms {
  readonly payload: string | undefined;
  readonly waitMs: number;
  readonly signal: AbortSignal | undefined;
}

/** What a step found: the state, which tells the rest. */
export interface Finding {
  readonly verdict: Verdict;
  readonly state: OnceState;
}

interface Begun {
  readonly state: OnceState;
  readonly lease: Lease;
}

export class OnceCall {
  readonly #house: OnceHouse;
  readonly #item: RecipeItem<OnceState>;
  readonly #terms: CallTerms;
  readonly #clock: Clock;
  readonly #randomBytes: (count: number) => Uint8Array;
  /** Sessions that are known to be over. */
  readonly #over = new Set<string>();
  #deadlineAt: number;

  constructor(house: OnceHouse, item: RecipeItem<OnceState>, terms: CallTerms) {
    const { clock, randomBytes } = item.table.sources;
    this.#house = house;
    this.#item = item;
    this.#terms = terms;
    this.#clock = clock;
    this.#randomBytes = randomBytes;
    this.#deadlineAt = clock.monotonicMs() + terms.waitMs;
  }

  /** Runs `f`, or gives what came of the run that did. */
  async run<R>(f: (context: OnceContext) => R | Promise<R>): Promise<R> {
    for (;;) {
      this.#terms.signal?.throwIfAborted();
      const lease = await this.#house.session.lease();
      const finding = await this.#begin(lease);
      if (finding.verdict !== 'mine') {
        const told = await this.told<R>(finding, lease);
        if (told !== undefined) return told.result;
      } else if (!lease.isLive()) this.#abandon(finding.state, lease);
      else {
        const ended = await this.#execute<R>({ state: finding.state, lease }, f);
        if (ended !== undefined) return ended.result;
        // Others took it over: theirs is the result, and it may be waited for as any other's.
        this.#deadlineAt = this.#clock.monotonicMs() + this.#terms.waitMs;
      }
    }
  }

  /** What a call brings along that runs as `run`. */
  requestOf(run: Run): Request {
    const isDead = ({ session, nonce }: Run) => this.#over.has(session) || this.#house.abandoned.has(nonce);
    return { run, payload: this.#terms.payload, nowMs: this.#clock.now(), isDead };
  }

  /** A run of this process. */
  runOf(session: string, nonce: string): Run {
    const { host, pid } = this.#house.session.info;
    return { nonce, session, host, pid, startedAt: this.#clock.now() };
  }

  /** The result, if there is one; `undefined` when it is worth asking again, after waiting for another's run. */
  async told<R>({ verdict, state }: Finding, lease?: Lease): Promise<{ readonly result: R } | undefined> {
    const { subject, atom } = this.#item;
    if (verdict === 'done') return { result: state.result as R };
    if (verdict === 'failed' && state.failure !== undefined) throw errorOf(state.failure);
    if (verdict === 'mismatch') throw new PayloadMismatchError(subject, atom.key, state);
    await this.#await(state, lease ?? (await this.#house.session.lease()));
    return undefined;
  }

  async #begin(lease: Lease): Promise<Finding> {
    const { signal } = this.#terms;
    const run = this.runOf(lease.id, Buffer.from(this.#randomBytes(9)).toString('base64url'));
    try {
      return await this.#item.swapWith<Finding>(
        (state) => {
          const request = this.requestOf(run);
          const verdict = verdictOn(state, request);
          if (verdict !== 'free') return [state, { verdict, state }];
          const next = begun(state, request);
          return [next, { verdict: 'mine', state: next }];
        },
        { signal },
      );
    } catch (error) {
      if (isLeydenError(error) && error.outcome !== 'not-done') this.#abandon({ run }, lease);
      signal?.throwIfAborted();
      throw error;
    }
  }

  /** Waits while this run goes on and its session lives. */
  async #await(state: OnceState, lease: Lease): Promise<void> {
    const { session, nonce } = state.run as Run;
    const { signal } = this.#terms;
    signal?.throwIfAborted();
    if (this.#clock.monotonicMs() >= this.#deadlineAt) return this.#lookOnce(state, lease);
    const isOwn = session === lease.id;
    const waiting = new Waiting(this.#clock, lease, { deadlineAt: this.#deadlineAt, signal });
    const end = new AbortController();
    const leave = onAbort(waiting.signal, () => end.abort(waiting.signal.reason));
    const rivals = new Rivals(this.#house.session, (id) => {
      this.#over.add(id);
      end.abort();
    });
    try {
      waiting.signal.throwIfAborted();
      rivals.observe(new Set(isOwn ? [] : [session]));
      for await (const value of this.#item.atom.watch({ signal: end.signal, pollMsMax })) {
        const now = this.#item.mine(value);
        if (now.state !== 'running' || now.run?.nonce !== nonce) return;
      }
      throw new TableClosedError('wait for', this.#item.subject);
    } catch (error) {
      if (this.#over.has(session)) return;
      if (waiting.isTimeout(error)) return await this.#lookOnce(state, lease, rivals.obstacle);
      if (!isOwn) this.#house.lookouts.keep(session, lease);
      // The own lease is of no use to somebody who only waits: the next one does as well.
      if (error !== lease.end || this.#house.session.isClosed) throw error;
    } finally {
      leave();
      waiting.end();
      rivals.close();
    }
  }

  /** Looks once whether the session of a run is over. @throws {InProgressError} if it is not; then it is looked after for a while. */
  async #lookOnce(state: OnceState, lease: Lease, obstacle?: unknown): Promise<void> {
    const { session } = state.run as Run;
    const { signal, waitMs } = this.#terms;
    let cause = obstacle;
    if (session !== lease.id) {
      const limits = { signal, timeoutMs: lastLookMs };
      const over = await sessionsOver(this.#house.session, new Set([session]), limits).catch((error: unknown) => {
        signal?.throwIfAborted();
        cause = error;
        return [];
      });
      for (const id of over) this.#over.add(id);
      if (this.#over.has(session)) return;
      this.#house.lookouts.keep(session, lease);
    }
    throw new InProgressError(this.#item.subject, this.#item.atom.key, waitMs, state, cause);
  }

  /** Runs the function and stores what came of it; `undefined` when others took it over meanwhile. */
  async #execute<R>(
    begunAs: Begun,
    f: (context: OnceContext) => R | Promise<R>,
  ): Promise<{ readonly result: R } | undefined> {
    const { fence, attempt } = begunAs.state;
    const { signal, leave } = this.#signalOf(begunAs.lease);
    const rest = this.#keepItem(begunAs);
    let result: R;
    try {
      result = await f({ signal, token: BigInt(fence), attempt });
    } catch (thrown) {
      throw await this.#fail(begunAs, thrown, signal.aborted);
    } finally {
      rest();
      leave();
    }
    const stored = await this.#complete(begunAs, (state) => done(state, result, this.#keptUntil()));
    return stored && { result: stored.result as R };
  }

  /** Writes the item of a run again and again, so that it does not vanish as long as the lease lasts; gives what ends that. */
  #keepItem(begunAs: Begun): () => void {
    const step = this.#ending(begunAs, (own) => own);
    let callOff = () => {};
    const pause = () => {
      const rewrite = () => {
        void insist(this.#clock, begunAs.lease, () => this.#item.swap(step, { noop: 'write' }));
        pause();
      };
      callOff = after(this.#clock, this.#house.rewriteMs, rewrite, true);
    };
    pause();
    return () => callOff();
  }

  /** Until when what is stored now is kept. */
  #keptUntil(): number {
    return this.#clock.now() + this.#house.ttlMs;
  }

  /** Ends a run that threw; gives what the caller is to be told. */
  async #fail(begunAs: Begun, thrown: unknown, isAborted: boolean): Promise<unknown> {
    let toTell = thrown;
    let isKept = false;
    try {
      isKept = !isAborted && this.#house.keeps(thrown);
    } catch (error) {
      toTell = error;
    }
    const forget = this.#ending(begunAs, (state) => forgotten(state, true));
    const keep = this.#ending(begunAs, (state) => failed(state, failureFrom(thrown), this.#keptUntil()));
    const step = isKept ? keep : forget;
    await this.#item
      .swap(step)
      .catch((error: unknown) => this.#insist(begunAs.lease, isRefusal(error) ? forget : step));
    return toTell;
  }

  /** Stores a result; what is stored then, `undefined` when it is that of another run. */
  async #complete(begunAs: Begun, change: (state: OnceState) => OnceState): Promise<OnceState | undefined> {
    const { subject, atom } = this.#item;
    const step = this.#ending(begunAs, change);
    try {
      const state = await this.#item.swap(step);
      return isOf(state, begunAs.state) ? state : undefined;
    } catch (error) {
      const isRefused = isRefusal(error);
      this.#insist(begunAs.lease, isRefused ? this.#ending(begunAs, (state) => forgotten(state, true)) : step);
      throw new ResultNotStoredError(subject, atom.key, isRefused, error);
    }
  }

  #ending({ state: own, lease }: Begun, change: (state: OnceState) => OnceState): (state: OnceState) => OnceState {
    return (state) => ended(state, own, lease.isLive(), change);
  }

  /** A run that was perhaps begun, and that nobody goes on with, is as if it had not been begun. */
  #abandon({ run }: Pick<OnceState, 'run'>, lease: Lease): void {
    const { nonce } = run as Run;
    this.#house.abandoned.add(nonce);
    const step = (state: OnceState) =>
      state.state === 'running' && state.run?.nonce === nonce ? forgotten(state, false) : state;
    void insist(this.#clock, lease, () => this.#item.swap(step)).then((isDone) => {
      if (isDone) this.#house.abandoned.delete(nonce);
    });
  }

  #insist(lease: Lease, step: (state: OnceState) => OnceState): void {
    void insist(this.#clock, lease, () => this.#item.swap(step));
  }

  /** Looks at the clocks before it says that nothing has happened. */
  #signalOf(lease: Lease): { readonly signal: AbortSignal; leave(): void } {
    const { signal } = this.#terms;
    const controller = new AbortController();
    const leaves = [lease.onEnd((error) => controller.abort(error))];
    if (signal !== undefined) leaves.push(onAbort(signal, () => controller.abort(signal.reason)));
    const leave = () => {
      for (const one of leaves) one();
    };
    return { signal: watchfulSignal(controller, () => void lease.isLive()), leave };
  }
}

/** Whether it is of a value that no store takes. */
function isRefusal(error: unknown): boolean {
  return ['ERR_UNSUPPORTED_VALUE', 'ERR_ITEM_TOO_LARGE', 'ERR_INVALID_VALUE'].some((code) =>
    isLeydenError(error, code),
  );
}
