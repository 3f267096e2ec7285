/**
 * The lane of one atom: callers queue here, and at most one distinct write is on its way at any time.
 *
 *   submit -> queue -> [turn] -> base -> run all waiting functions in order -> one write -> answer each caller
 *                                 ^                                              |
 *                                 +----------------- lost the race --------------+
 *
 * All functions that wait when the lane is free are run one after the other on the newest value, and a single conditional
 * write commits them (flat combining: Hendler, Incze, Shavit, Tzafrir, SPAA 2010). Each caller gets its own old and new
 * value; a function that throws fails its own caller only.
 *
 * What it keeps:
 * - An answer to a caller rests on the write that carried its step, or on a strong read made after its call: a no-op or an
 *   error computed on a cached base is never shown before such a read has confirmed the base.
 * - One distinct write at a time, settled before the next: that is what makes evidence per writer sufficient.
 * - A caller who leaves (deadline, abort) takes its step along only while nothing was sent; after that it is told
 *   `unknown`, and the lane goes on settling for `settleMs`.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Held } from '../codec/index.js';
import { Alarm } from './alarm.js';
import type { Cache, Known } from './cache.js';
import { ContentionError, DeadlineError, ReentrantError, UnknownOutcomeError } from './errors.js';
import { type Attempt, decide } from './evidence.js';
import type { Ground, Retry } from './ground.js';
import type { Image } from './item-format.js';
import { Operation, type State, type Step, unknown, type Work } from './operation.js';
import { type Fate, isPassing, type PendingWrite, type Register } from './register.js';
import type { Settled, SettleOptions } from './settlement.js';
import type { Turns } from './turns.js';
import { isThenable } from './value-rules.js';
import type { Draft, Writer } from './writer.js';

/** Functions run in one batch at most; the rest waits for the next write. */
const combineMax = 4_096;
/** Looks at the item while waiting for a turn, at most. */
const turnLooksMax = 24;
/** A waiting writer looks this much of a place before its turn should come: the look itself takes time. */
const lookAhead = 0.6;
/** Aged caches that were found stale in a row before the lane begins to read first, and the most it remembers. */
const stalenessOfRead = 2;
const stalenessMax = 3;
/** How many times its share of the ring a writer waits, with nothing committed, before it goes out of turn. */
const placesBeforeBarging = 2;

/** What running one function gave. */
type Run =
  | { readonly operation: Operation; readonly step: Step<unknown> }
  | { readonly operation: Operation; readonly error: unknown };

/** The write under way and whom it carries. */
interface InFlight {
  readonly draft: Draft;
  readonly runs: readonly Run[];
  /** Whether it was made on a base that was not fresh. */
  readonly aged: boolean;
  pending: PendingWrite;
  /** Set when the write is being made impossible by writing the base value again. */
  cancelled: { readonly attempt: Attempt; readonly image: Image } | undefined;
  cancelWanted: boolean;
}

/** Which lanes the current asynchronous function runs for. Only asynchronous functions pay for it. */
const insideOf = new AsyncLocalStorage<{ readonly lane: Lane; active: boolean; readonly outer: unknown }>();
const AsyncFunction = (async () => {}).constructor;

export class Lane {
  readonly #ground: Ground;
  readonly #retry: Retry;
  readonly #register: Register;
  readonly #cache: Cache;
  readonly #turns: Turns;
  readonly #writer: Writer;
  readonly #alarm: Alarm;
  /**
   * Whoever holds this lane (a write under way, an error that can be settled) holds the cell as well, so that there is never a
   * second lane of the same writer for one atom.
   */
  owner: unknown;
  #queue: Operation[] = [];
  #running: Operation[] = [];
  #inFlight: InFlight | undefined;
  #busy = false;
  #executing = false;
  /** Operations still to be run one at a time, because their batch could not be written as one. */
  #solo = 0;
  #settlers = 0;
  #staleness = 0;
  #stop: AbortController | undefined;
  #lonely: AbortController | undefined;

  constructor(ground: Ground, retry: Retry, register: Register, cache: Cache, turns: Turns, writer: Writer) {
    this.#ground = ground;
    this.#retry = retry;
    this.#register = register;
    this.#cache = cache;
    this.#turns = turns;
    this.#writer = writer;
    this.#alarm = new Alarm(ground.clock, () => this.#expire());
  }

  /** @throws {ReentrantError} `ERR_REENTRANT`, when called from inside a function that this lane is running. */
  assertOutside(action: string): void {
    if (this.#executing) throw new ReentrantError(action, this.#register.keyText);
    for (let frame = insideOf.getStore(); frame !== undefined; frame = frame.outer as typeof frame) {
      if (frame.lane === this && frame.active) throw new ReentrantError(action, this.#register.keyText);
    }
  }

  submit<R>(work: Work<R>, timeoutMs: number, signal: AbortSignal | undefined): Promise<R> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const deadlineAt = this.#ground.clock.monotonicMs() + timeoutMs;
    const operation = new Operation<R>(work, this.#cache.tick(), deadlineAt, timeoutMs);
    this.#queue.push(operation as Operation);
    if (signal !== undefined) operation.listen(signal, () => this.#leave(operation as Operation, signal.reason));
    this.#alarm.set(deadlineAt);
    this.#wake();
    return operation.promise;
  }

  #wake(): void {
    this.#lonely?.abort();
    this.#lonely = undefined;
    if (this.#busy) return;
    this.#busy = true;
    // One microtask later, so that all calls of this turn of the event loop share the first write.
    queueMicrotask(() => void this.#work());
  }

  async #work(): Promise<void> {
    try {
      while (this.#inFlight !== undefined || this.#queue.length > 0) {
        if (this.#inFlight === undefined) await this.#round();
        else if (!(await this.#drive(this.#inFlight))) break;
      }
    } catch (error) {
      // Nothing in a round throws for what the store or a user's function did; this is a fault of the library itself.
      for (const operation of this.#takeAll()) operation.reject(error);
    } finally {
      this.#busy = false;
      if (this.#queue.length === 0 && this.#inFlight === undefined) this.#alarm.clear();
    }
  }

  /** Base, functions, write. */
  async #round(): Promise<void> {
    if (!(await this.#awaitTurn())) return;
    const base = await this.#chooseBase();
    if (base === undefined) return;
    const batch = this.#takeBatch();
    if (batch.length === 0) return;
    this.#running = batch;
    const { runs, held, changed } = await this.#runAll(batch, base);
    if (runs.length === 0) {
      this.#running = [];
      return;
    }
    if (!changed) return this.#conclude(runs, base);
    const start = this.#cache.start();
    let draft: Draft;
    try {
      draft = this.#writer.draft(base, held, start);
    } catch (error) {
      if (runs.length === 1)
        return this.#conclude(
          runs.map(({ operation }) => ({ operation, error })),
          base,
        );
      // Somebody in this batch makes it impossible to write: find out who by running them one at a time.
      this.#solo = runs.length;
      return this.#requeue(runs.map((one) => one.operation));
    }
    for (const { operation } of runs) {
      operation.phase = 'sent';
      operation.attempts += 1;
    }
    const aged = this.#hasAged(base);
    this.#inFlight = { draft, runs, aged, pending: draft.pending, cancelled: undefined, cancelWanted: false };
  }

  /** The cache where it is likely to be current, else a read: a read costs a fraction of a failed write. */
  async #chooseBase(): Promise<Known | undefined> {
    const { known } = this.#cache;
    if (known === undefined) return this.#lookOrFail();
    if (this.#queue.some((one) => one.work.fresh === true && known.since < one.calledAt)) return this.#lookOrFail();
    if (!this.#hasAged(known) || this.#staleness < stalenessOfRead) return known;
    const seen = await this.#lookOrFail();
    if (seen !== undefined) this.#noteStaleness(!sameItem(seen, known));
    return seen;
  }

  /** Whether another writer may well have come between, had there been one. */
  #hasAged(known: Known): boolean {
    const { clock, pace } = this.#ground;
    return clock.monotonicMs() - known.seenAtMs > 2 * pace.roundTripMs;
  }

  /** A saturating counter, as branch predictors have it: did an aged cache turn out stale lately? */
  #noteStaleness(stale: boolean): void {
    this.#staleness = stale ? Math.min(this.#staleness + 1, stalenessMax) : Math.max(this.#staleness - 1, 0);
  }

  /** Waits while other writers have their turn; `false` when nobody is left to wait for. */
  async #awaitTurn(): Promise<boolean> {
    const { clock, pace } = this.#ground;
    let stillMs = 0;
    for (let looks = 0; looks < turnLooksMax; looks += 1) {
      const lineage = this.#cache.known?.image?.lineage;
      if (lineage === undefined || this.#queue[0]?.work.onConflict !== undefined) break;
      const places = this.#turns.ahead(lineage, clock.monotonicMs(), pace.roundTripMs);
      const placeMs = this.#turns.placeMs(pace.roundTripMs);
      // Those before us had their time and did nothing: they have died, or have nothing to write.
      if (places === 0 || stillMs >= places * placesBeforeBarging * placeMs) break;
      const waitMs = (places - lookAhead) * placeMs;
      await clock.sleep(waitMs);
      if (this.#queue.length === 0) return false;
      const seen = await this.#lookOrFail();
      if (seen === undefined) return false;
      stillMs = seen.image?.lineage.token === lineage.token ? stillMs + waitMs : 0;
    }
    return this.#queue.length > 0;
  }

  /** A strong read for the round; on failure fails the callers that can't be helped by asking again. */
  async #lookOrFail(): Promise<Known | undefined> {
    try {
      return await this.#cache.strongRead();
    } catch (error) {
      if (isPassing(error)) {
        const now = this.#ground.clock.monotonicMs();
        for (const operation of this.#queue.filter((one) => one.deadlineAt <= now)) {
          this.#drop(operation, this.#tooLate(operation, error));
        }
      } else for (const operation of this.#queue.splice(0)) this.#drop(operation, error);
      return undefined;
    }
  }

  #takeBatch(): Operation[] {
    const queue = this.#queue;
    const first = queue[0];
    if (first === undefined) return [];
    let count = 1;
    if (this.#solo > 0) this.#solo -= 1;
    else if (first.work.alone !== true) {
      while (count < queue.length && count < combineMax && queue[count]?.work.alone !== true) count += 1;
    }
    if (count === queue.length) {
      this.#queue = [];
      return queue;
    }
    return queue.splice(0, count);
  }

  async #runAll(batch: readonly Operation[], base: Known) {
    let held = base.held;
    let changed = false;
    const lineage = base.image?.lineage;
    const runs: Run[] = [];
    for (const operation of batch) {
      if (operation.phase === 'over') continue;
      operation.phase = 'running';
      const state: State = {
        held,
        // A value that an earlier function of this batch made has no token yet.
        token: changed ? undefined : lineage?.token,
      };
      try {
        const made = this.#call(operation, state);
        const step = isThenable(made) ? await unlessOver(operation, made) : made;
        // The phase may have changed while an asynchronous function ran.
        if (step === undefined || isOver(operation)) continue;
        runs.push({ operation, step });
        if (step.next !== undefined) {
          held = step.next ?? undefined;
          changed = true;
        }
      } catch (error) {
        if (!isOver(operation)) runs.push({ operation, error });
      }
    }
    return { runs, held, changed };
  }

  #call(operation: Operation, state: State): Step<unknown> | Promise<Step<unknown>> {
    const { work } = operation;
    const attempt = operation.attempts + 1;
    if (work.isAsync !== true) {
      this.#executing = true;
      try {
        return work.run(state, attempt);
      } finally {
        this.#executing = false;
      }
    }
    const frame = { lane: this as Lane, active: true, outer: insideOf.getStore() };
    return insideOf.run(frame, async () => {
      try {
        return await work.run(state, attempt);
      } finally {
        frame.active = false;
      }
    });
  }

  /** Nothing to write: answers once the base is known to have been current after each call. */
  async #conclude(runs: readonly Run[], base: Known): Promise<void> {
    const latest = runs.reduce((newest, { operation }) => Math.max(newest, operation.calledAt), 0);
    if (base.since < latest) {
      this.#requeue(runs.map((one) => one.operation));
      const seen = await this.#lookOrFail();
      if (seen === undefined) return;
      if (!sameItem(seen, base)) return;
      const left = new Set(this.#queue);
      const kept = runs.filter((one) => left.has(one.operation));
      const done = new Set(kept.map((one) => one.operation));
      this.#queue = this.#queue.filter((one) => !done.has(one));
      return this.#deliver(kept, 'noop', base.image?.lineage.version ?? 0);
    }
    this.#deliver(runs, 'noop', base.image?.lineage.version ?? 0);
  }

  #deliver(runs: readonly Run[], status: 'applied' | 'noop', version: number): void {
    this.#running = [];
    for (const run of runs) {
      const { operation } = run;
      const { attempts, conflicts } = operation;
      if ('error' in run) {
        operation.settle({ outcome: 'not-done' });
        operation.reject(run.error);
        continue;
      }
      const written = status === 'applied' && run.step.next !== undefined;
      operation.settle({ outcome: run.step.declined === true ? 'not-done' : 'done' });
      operation.resolve(run.step.answer({ status: written ? 'applied' : 'noop', version, attempts, conflicts }));
    }
  }

  /** Drives the write under way to its end. `false`: it is not known yet, and nobody waits any more. */
  async #drive(flight: InFlight): Promise<boolean> {
    if (flight.cancelWanted && flight.cancelled === undefined) this.#beginCancel(flight);
    const stop = new AbortController();
    this.#stop = stop;
    this.#mind();
    const wanted = () => flight.cancelled !== undefined || flight.runs.every((run) => !isOver(run.operation));
    const fate = await this.#register.write(flight.pending, { signal: stop.signal, wanted });
    this.#stop = undefined;
    this.#lonely?.abort();
    this.#lonely = undefined;
    if (fate.status === 'pending') {
      if (flight.pending.copies === 0 && flight.cancelled === undefined) {
        this.#inFlight = undefined;
        this.#requeue(flight.runs.map((one) => one.operation));
        return true;
      }
      // Somebody may have come since it was stopped; of their own accord nobody would look again.
      const awaited = stop.signal.aborted && (this.#queue.length > 0 || this.#settlers > 0);
      return awaited || (flight.cancelWanted && flight.cancelled === undefined);
    }
    const settled = flight.cancelled === undefined ? fate : await this.#afterCancel(flight, fate);
    this.#inFlight = undefined;
    await this.#finish(flight, settled);
    return true;
  }

  async #finish({ draft, runs, aged }: InFlight, fate: Exclude<Fate, { status: 'pending' }>): Promise<void> {
    if (aged && (fate.status === 'applied' || fate.status === 'conflict'))
      this.#noteStaleness(fate.status === 'conflict');
    switch (fate.status) {
      case 'applied': {
        this.#cache.wrote(draft.image, draft.held, draft.start);
        this.#deliver(runs, 'applied', draft.image.lineage.version);
        if (fate.newer !== undefined) await this.#learn(fate.newer, draft);
        return;
      }
      case 'conflict': {
        const live = this.#afterConflict(runs);
        if (fate.image === undefined) this.#cache.forget();
        else await this.#learn(fate.image ?? undefined, draft);
        return this.#requeue(live);
      }
      case 'refused':
        this.#cache.forget();
        if (fate.error.name === 'ValidationException' && runs.length > 1) {
          // One of the values is to blame: find out whose, one at a time.
          this.#solo = runs.length;
          return this.#requeue(runs.map((one) => one.operation));
        }
        return this.#end(runs, { outcome: 'not-done' }, () => fate.error);
      case 'lost': {
        this.#cache.forget();
        const settled = unknown(fate.reason);
        return this.#end(runs, settled, (operation) => {
          const facts = { key: this.#register.keyText, writeId: draft.image.lineage.token, ...fate };
          return new UnknownOutcomeError(operation.work.action, facts, async () => settled);
        });
      }
    }
  }

  /** After a lost race: who runs again. Errors that were computed on the lost base run again as well. */
  #afterConflict(runs: readonly Run[]): Operation[] {
    const live: Operation[] = [];
    const now = this.#ground.clock.monotonicMs();
    for (const { operation } of runs) {
      operation.conflicts += 1;
      if (isOver(operation)) operation.settle({ outcome: 'not-done' });
      else if (operation.work.onConflict !== undefined) {
        operation.settle({ outcome: 'not-done' });
        operation.resolve(operation.work.onConflict({ attempts: operation.attempts }));
      } else if (operation.extended || operation.deadlineAt <= now) this.#drop(operation, this.#tooLate(operation));
      else live.push(operation);
    }
    this.#running = [];
    return live;
  }

  async #learn(image: Image | undefined, draft: Draft): Promise<void> {
    try {
      if (image === undefined) await this.#cache.learn(undefined, draft.start);
      else await this.#cache.learnImage(image, draft.start);
    } catch {
      // An unreadable value is met again, and reported to those who wait, by the read that the next round begins with.
      this.#cache.forget();
    }
  }

  #end(runs: readonly Run[], settled: Settled, errorOf: (operation: Operation) => unknown): void {
    this.#running = [];
    for (const { operation } of runs) {
      operation.settle(settled);
      if (!isOver(operation)) operation.reject(errorOf(operation));
    }
  }

  /** Puts callers whose step was not written back to the front; those who have left are told so if they ask. */
  #requeue(operations: readonly Operation[]): void {
    const live = operations.filter((one) => !isOver(one));
    for (const operation of live) operation.phase = 'waiting';
    for (const operation of operations) if (isOver(operation)) operation.settle({ outcome: 'not-done' });
    this.#running = [];
    this.#queue.unshift(...live);
  }

  // ---- leaving: deadlines and aborts ------------------------------------------------------------------------------

  #expire(): void {
    const now = this.#ground.clock.monotonicMs();
    let next = Number.POSITIVE_INFINITY;
    for (const operation of this.#all()) {
      if (isOver(operation)) continue;
      // At least one attempt is made, and an attempt under way is waited for, up to its own time-out.
      if (
        operation.deadlineAt <= now &&
        !operation.extended &&
        (operation.phase === 'sent' || operation.attempts === 0)
      ) {
        operation.extended = true;
        operation.deadlineAt = now + (operation.phase === 'sent' ? 1 : 2) * this.#retry.attemptTimeoutMs;
      }
      if (operation.deadlineAt <= now) this.#leave(operation, undefined);
      else next = Math.min(next, operation.deadlineAt);
    }
    this.#alarm.set(next);
  }

  /** A caller goes: `reason` is that of its abort signal, `undefined` at its deadline. */
  #leave(operation: Operation, reason: unknown): void {
    if (isOver(operation)) return;
    const flight = this.#inFlight;
    if (operation.phase !== 'sent' || flight === undefined || flight.pending.copies === 0) {
      this.#drop(operation, reason ?? this.#tooLate(operation));
      return;
    }
    const facts = {
      key: this.#register.keyText,
      writeId: flight.draft.image.lineage.token,
      reason: 'in-flight',
      cause: reason,
    } as const;
    operation.reject(
      new UnknownOutcomeError(operation.work.action, facts, (options) => this.#settle(operation, flight, options)),
    );
    this.#mind();
  }

  /** Fails a caller whose step has certainly not been written. */
  #drop(operation: Operation, error: unknown): void {
    const at = this.#queue.indexOf(operation);
    if (at >= 0) this.#queue.splice(at, 1);
    if (operation.phase !== 'sent') operation.settle({ outcome: 'not-done' });
    operation.reject(error);
    this.#mind();
  }

  #tooLate(operation: Operation, cause?: unknown): Error {
    const { work, timeoutMs, attempts, conflicts } = operation;
    const facts = { key: this.#register.keyText, attempts, conflicts };
    if (conflicts > 0 && conflicts === attempts) return new ContentionError(work.action, facts, timeoutMs);
    return new DeadlineError(work.action, facts, timeoutMs, cause ?? this.#register.obstacle);
  }

  /** While nobody waits for the write under way, settling goes on for `settleMs` only. */
  #mind(): void {
    if (this.#stop === undefined || this.#lonely !== undefined) return;
    if (this.#settlers > 0 || this.#queue.length > 0 || this.#running.some((one) => !isOver(one))) return;
    const lonely = new AbortController();
    this.#lonely = lonely;
    const { stop, clock } = { stop: this.#stop, clock: this.#ground.clock };
    clock.sleep(this.#retry.settleMs, { signal: lonely.signal, background: true }).then(
      () => stop.abort(),
      () => {},
    );
  }

  #all(): Operation[] {
    return [...this.#running, ...this.#queue];
  }

  #takeAll(): Operation[] {
    const all = this.#all();
    this.#queue = [];
    this.#running = [];
    this.#inFlight = undefined;
    return all;
  }

  // ---- settling after the caller was told `unknown` ---------------------------------------------------------------

  async #settle(operation: Operation, flight: InFlight, options: SettleOptions = {}): Promise<Settled> {
    const { prefer = 'truth', timeoutMs = 30_000, signal } = options;
    if (operation.settled !== undefined) return operation.settled;
    if (prefer === 'cancel' && this.#inFlight === flight && flight.draft.cancel !== undefined) {
      flight.cancelWanted = true;
      this.#stop?.abort();
    }
    this.#settlers += 1;
    this.#wake();
    const giveUp = new AbortController();
    const until = signal === undefined ? giveUp.signal : AbortSignal.any([giveUp.signal, signal]);
    const truth = new Promise<Settled>((resolve) => operation.whenSettled(resolve));
    const timeout = this.#ground.clock.sleep(timeoutMs, { signal: until }).catch(() => undefined);
    try {
      return await Promise.race([truth, timeout.then(() => operation.settled ?? unknown('in-flight'))]);
    } finally {
      giveUp.abort();
      this.#settlers -= 1;
      this.#mind();
    }
  }

  /** Writes the base value again on the same base: if that succeeds, the write in question can never apply. */
  #beginCancel(flight: InFlight): void {
    const draft = flight.draft.cancel?.();
    if (draft === undefined) return;
    flight.cancelled = { attempt: flight.pending.attempt, image: draft.image };
    flight.pending = draft.pending;
  }

  async #afterCancel(flight: InFlight, fate: Exclude<Fate, { status: 'pending' }>) {
    const { attempt, image } = flight.cancelled as NonNullable<InFlight['cancelled']>;
    if (fate.status === 'applied') return { status: 'conflict', image: fate.newer ?? image } as const;
    if (fate.status !== 'conflict') return { status: 'lost', reason: 'in-flight' } as const;
    let found = fate.image;
    if (found === undefined) {
      this.#cache.forget();
      try {
        found = (await this.#cache.strongRead()).image ?? null;
      } catch {
        return { status: 'lost', reason: 'in-flight' } as const;
      }
    }
    const verdict = decide(found?.lineage, attempt);
    if (verdict === 'applied') return { status: 'applied', newer: found ?? undefined } as const;
    if (verdict === 'not-applied' || verdict === 'pending') return { status: 'conflict', image: found } as const;
    return { status: 'lost', reason: verdict } as const;
  }
}

function isOver(operation: Operation): boolean {
  return operation.phase === 'over';
}

function sameItem(one: Known, other: Known): boolean {
  if (one.adopted !== undefined || other.adopted !== undefined) return one.held?.equals(other.held as Held) === true;
  return one.image?.lineage.token === other.image?.lineage.token;
}

/** Waits for an asynchronous function, but no longer than its caller does. */
async function unlessOver<T>(operation: Operation, made: Promise<T>): Promise<T | undefined> {
  const over = new Promise<undefined>((resolve) => {
    operation.onOver = () => resolve(undefined);
  });
  try {
    return await Promise.race([made, over]);
  } finally {
    operation.onOver = undefined;
  }
}

/** Whether `f` is declared `async`, so that it runs under the re-entrancy watch. */
export function isAsyncFunction(f: unknown): boolean {
  return f instanceof AsyncFunction;
}
