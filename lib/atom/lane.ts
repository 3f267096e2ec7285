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
import { Alarm } from '../engine/index.js';
import { answerAll, failAll } from './answers.js';
import { BaseChoice, sameItem, type Waiting } from './base-choice.js';
import { isDeclined, type Run, runBatch } from './batch.js';
import { bytesOf, type Cache, type Known, type Start } from './cache.js';
import { CommuteError } from './commute/commute-errors.js';
import { type BlindDraft, CommuteWriter } from './commute/commute-writer.js';
import { tellFate } from './diagnostics/flight-events.js';
import { Tally, type Trace } from './diagnostics/trace.js';
import { Drafting } from './drafting.js';
import { ElbowRoom, lostToBlind } from './elbow-room.js';
import { ContentionError, DeadlineError, UnknownOutcomeError } from './errors.js';
import { Flight, type KnownFate } from './flight.js';
import type { Ground, Retry } from './ground.js';
import { type Frame, Inside } from './inside.js';
import type { Image } from './item-format.js';
import { BaseMoved } from './large/footing.js';
import { Unwanted } from './large/part-requests.js';
import { Loans } from './loans.js';
import { Operation, type Work } from './operation.js';
import { Queue } from './queue.js';
import type { Register } from './register.js';
import { isPassing } from './sender.js';
import { type Settled, type SettleOptions, settledWithin, type UnknownReason, unknown } from './settlement.js';
import type { Turns } from './turns.js';
import { isThenable, type ValueRules } from './value-rules.js';
import type { Draft, Writer } from './writer.js';

/** Functions run in one batch at most; the rest waits for the next write. */
const combineMax = 4_096;

export class Lane {
  readonly #ground: Ground;
  readonly #retry: Retry;
  readonly #register: Register;
  readonly #cache: Cache;
  /** When this process writes, and on which base. */
  readonly choice: BaseChoice;
  /** The watch against calls from inside a function that runs for this atom. */
  readonly inside: Inside;
  readonly #writer: Writer;
  /** Only while somebody waits: an idle lane is small. */
  #alarm: Alarm | undefined;
  /**
   * Whoever holds this lane (a write under way, an error that can be settled) holds the cell as well, so that there is never a
   * second lane of the same writer for one atom.
   */
  owner: unknown;
  /** Whether it goes on when its table is closed: it belongs to a journal or to snapshots, which are closed by themselves. */
  outlives = false;
  #queue = new Queue();
  #running: Operation[] = [];
  #flight: Flight | undefined;
  /** The draft under way, or one that is ready. */
  #drafting: Drafting | undefined;
  #busy = false;
  /** Whether somebody came since the write under way was last taken up. */
  #called = false;
  /** Operations still to be run one at a time, because their batch could not be written as one. */
  #solo = 0;
  #settlers = 0;
  /** Only once somebody has asked for the lane itself. */
  #loans: Loans | undefined;

  readonly #rules: ValueRules;
  /** Only once somebody has commuted. */
  #commutes: CommuteWriter | undefined;
  /** Only once somebody has commuted, here or elsewhere. */
  #room: ElbowRoom | undefined;

  constructor(
    ground: Ground,
    retry: Retry,
    register: Register,
    cache: Cache,
    turns: Turns,
    writer: Writer,
    rules: ValueRules,
  ) {
    this.#ground = ground;
    this.#retry = retry;
    this.#register = register;
    this.#cache = cache;
    this.choice = new BaseChoice(ground, cache, turns);
    this.inside = new Inside(register.keyText);
    this.#writer = writer;
    this.#rules = rules;
  }

  /** @throws {ReentrantError} `ERR_REENTRANT`, when called from inside a function that this lane is running. */
  assertOutside(action: string, own?: Frame): void {
    this.inside.assertOutside(action, own);
  }

  /** What a call is refused with after its table was closed. */
  refusal(action: string): Error | undefined {
    return this.outlives ? undefined : this.#ground.life.refusal(action, `atom ${this.#register.keyText}`);
  }

  /** Whether anybody waits for what is under way here, or for the lane itself. */
  get isWanted(): boolean {
    return this.#isAwaited();
  }

  /** Whether nothing is under way here, and nothing is left that could still take effect. */
  get isIdle(): boolean {
    return !this.#busy && this.#flight === undefined && this.#queue.length === 0;
  }

  submit<R>(work: Work<R>, timeoutMs: number, signal: AbortSignal | undefined, trace?: Trace): Promise<R> {
    const refusal = this.refusal(work.action);
    if (refusal !== undefined) return Promise.reject(refusal);
    return this.submitTaken(work, timeoutMs, signal, trace);
  }

  /** The same for what belongs to a call that was taken before, and goes on though its table was closed since. */
  submitTaken<R>(work: Work<R>, timeoutMs: number, signal: AbortSignal | undefined, trace?: Trace): Promise<R> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const deadlineAt = this.#ground.clock.monotonicMs() + timeoutMs;
    const operation = new Operation<R>(work, work.calledAt ?? this.#cache.tick(), deadlineAt, timeoutMs, trace);
    this.#queue.push(operation as Operation);
    if (signal !== undefined) operation.listen(signal, () => this.#leave(operation as Operation, signal.reason));
    this.#alarm ??= new Alarm(this.#ground.clock, () => this.#expire());
    this.#alarm.set(deadlineAt);
    this.#wake();
    return operation.promise;
  }

  /**
   * Waits until no write of this lane is under way; from then on none begins until the returned function is called. For
   * transactions, which write several atoms at once: the rule of one distinct write at a time holds for them as well.
   * `onWanted` is called whenever somebody else comes meanwhile.
   */
  hold(signal: AbortSignal | undefined, onWanted?: () => void): Promise<() => void> {
    this.#loans ??= new Loans(() => this.#mind());
    const loan = this.#loans.ask(signal, onWanted);
    if (this.#loans.isWanted) this.#wake();
    return loan;
  }

  /** Told by whom it is lent to, who does nothing until somebody comes: then nothing of it is under way either, nor kept alive. */
  rest(rests: boolean): void {
    if (rests) this.#ground.life.ended(this);
    else this.#ground.life.began(this);
  }

  #wake(): void {
    this.#called = true;
    this.#flight?.mind(true);
    this.#loans?.tellHolder();
    if (this.#busy) return;
    this.#busy = true;
    this.#ground.life.began(this);
    // One microtask later, so that all calls of this turn of the event loop share the first write.
    queueMicrotask(() => void this.#work());
  }

  async #work(): Promise<void> {
    try {
      while (this.#flight !== undefined || this.#queue.length > 0 || this.#loans?.isWanted === true) {
        if (this.#flight === undefined) {
          const loan = this.#loans?.next(this.#queue.length > 0);
          // In the context of a caller who is in it: what is traced on the way is his, and not that of who came first of all.
          await (loan ?? this.#queue.all()[0]?.context.runInAsyncScope(this.#round, this));
          continue;
        }
        this.#called = false;
        // Who came in the moment between the pause and here found this lane busy.
        const isOver = await this.#flight.context.runInAsyncScope(this.#drive, this, this.#flight);
        if (!isOver && !(this.#called && this.#isAwaited())) break;
      }
    } catch (error) {
      // Nothing in a round throws for what the store or a user's function did; this is a fault of the library itself.
      for (const operation of this.#takeAll()) operation.reject(error);
      this.#ground.events.fault(this.#register.keyText, error);
    } finally {
      this.#busy = false;
      this.#ground.life.ended(this);
      // A write under way that nobody waits for needs no alarm either.
      if (!this.#isAwaited()) {
        this.#alarm?.clear();
        this.#alarm = undefined;
      }
    }
  }

  /** Base, functions, write. */
  async #round(): Promise<void> {
    const waiting: Waiting = { queue: () => this.#queue.all(), look: () => this.#lookOrFail() };
    const commutes = this.#commutesOf(this.#queue.all()[0]);
    const open = commutes?.base(this.#queue.all(), this.#cache.known);
    // Who rested looks again at who waits by then.
    if (open !== undefined && (await this.#elbowRoom().give(open))) return;
    if (open === undefined && !(await this.#takeTurn(waiting))) return;
    const base = open ?? (await this.choice.choose(waiting));
    if (base === undefined) return;
    const batch = this.#takeBatch(base);
    if (batch.length === 0) return;
    this.#running = batch;
    const { runs, held, changed } = await runBatch(batch, base, this.inside, this.#ground.clock.now());
    if (runs.length === 0) {
      this.#running = [];
      return;
    }
    // Who left while a later one's function ran takes his step along, and all that was computed on it.
    if (runs.some(({ operation }) => operation.isOver)) return this.#requeue(runs.map((one) => one.operation));
    if (!changed) return this.#conclude(runs, base);
    const told = open === undefined ? 0 : declinedCount(runs, base);
    if (told > 0) {
      // No update confirms a base, so they are told before it, and do not wait for one after the other.
      this.#requeue(runs.slice(told).map((one) => one.operation));
      return this.#conclude(runs.slice(0, told), base);
    }
    const start = this.#cache.start();
    let draft: Draft;
    try {
      const blind = commutes?.draft(base, runs, start);
      if (blind !== undefined) return this.#launchBlind(blind, runs, base);
      this.#drafting = new Drafting();
      const drafted = this.#writer.draft(base, held, start, this.#drafting);
      draft = isThenable(drafted) ? await drafted : drafted;
    } catch (error) {
      if (error instanceof Unwanted) return this.#requeue(runs.map((one) => one.operation));
      if (error instanceof BaseMoved) return this.#rebase(runs, error.image, start);
      if (runs.length === 1)
        return this.#conclude(
          runs.map(({ operation }) => ({ operation, error })),
          base,
        );
      // Somebody in this batch makes it impossible to write: find out who by running them one at a time.
      this.#solo = runs.length;
      return this.#requeue(runs.map((one) => one.operation));
    }
    // Layers over the value may have taken their time.
    if (runs.some(({ operation }) => operation.isOver)) {
      draft.aftermath?.lost();
      return this.#requeue(runs.map((one) => one.operation));
    }
    this.#launch(draft, runs, base);
  }

  /** Waits until it is our turn, or for room where there are no turns; `false` when nobody is left to wait for. */
  async #takeTurn(waiting: Waiting): Promise<boolean> {
    if (this.#room?.isMissing !== true || waiting.queue()[0]?.work.onConflict !== undefined)
      return this.choice.awaitTurn(waiting);
    await this.#room.ask();
    return this.#queue.length > 0 && (await this.#lookOrFail()) !== undefined && this.#queue.length > 0;
  }

  #elbowRoom(): ElbowRoom {
    this.#room ??= new ElbowRoom(this.#ground, this.#register);
    return this.#room;
  }

  /** Who makes a blind write of a batch that begins with `first`; `undefined` where it takes a put. */
  #commutesOf(first: Operation | undefined): CommuteWriter | undefined {
    if (first?.work.commute === undefined) return undefined;
    this.#commutes ??= new CommuteWriter(this.#ground, this.#rules, this.#register);
    return this.#commutes;
  }

  /** Those whose steps are in the update; the others go back to the front. */
  #launchBlind({ draft, runs: sent }: BlindDraft, runs: readonly Run[], base: Known): void {
    const carried = new Set(sent);
    this.#requeue(runs.filter((run) => !carried.has(run)).map((one) => one.operation));
    this.#running = sent.map((one) => one.operation);
    this.#launch(draft, sent, base);
  }

  #launch(draft: Draft, runs: readonly Run[], base: Known): void {
    this.#drafting = undefined;
    for (const { operation } of runs) {
      operation.phase = 'sent';
      operation.attempts += 1;
      operation.trace?.share(this.#tallyOf(draft, base));
    }
    this.#flight = new Flight(
      { draft, runs, aged: draft.pending.blind === undefined && this.choice.hasAged(base) },
      { ground: this.#ground, settleMs: this.#retry.settleMs, register: this.#register, cache: this.#cache },
    );
  }

  /** What a write costs, by rule: the larger of the two items counts. */
  #tallyOf({ pending }: Draft, base: Known): Tally {
    const place = { key: this.#register.key, names: this.#ground.names };
    pending.tally ??= new Tally().weigh(pending.item, bytesOf(base, place));
    return pending.tally;
  }

  /** A strong read for the round; on failure fails the callers that can't be helped by asking again. */
  async #lookOrFail(): Promise<Known | undefined> {
    try {
      return await this.#cache.strongRead((tally) => {
        for (const { trace } of this.#queue.all()) trace?.share(tally);
      });
    } catch (error) {
      if (isPassing(error)) {
        const { clock, random } = this.#ground;
        const now = clock.monotonicMs();
        for (const operation of this.#queue.all()) {
          if (operation.deadlineAt <= now) this.#drop(operation, this.#tooLate(operation, error));
        }
        // Those who wait longer than a read is tried must not ask again without a pause.
        if (this.#queue.length > 0) await clock.sleep(random.next() * this.#retry.backoffMs);
      } else for (const operation of this.#queue.all()) this.#drop(operation, error);
      return undefined;
    }
  }

  /** Those whose functions run together on `base`, none of whom wants a newer one. */
  #takeBatch(base: Known): Operation[] {
    const queue = this.#queue.all();
    const first = queue[0];
    if (first === undefined || !isFresh(base, first)) return [];
    let count = 1;
    if (this.#solo > 0) this.#solo -= 1;
    else if (first.work.alone !== true) {
      const countMax = Math.min(queue.length, combineMax);
      while (count < countMax && queue[count]?.work.alone !== true && isFresh(base, queue[count] as Operation))
        count += 1;
    }
    const batch = this.#queue.take(count);
    for (const operation of batch) operation.phase = 'running';
    return batch;
  }

  /** Nothing to write: answers once the base is known to have been current after each call. */
  async #conclude(runs: readonly Run[], base: Known): Promise<void> {
    const latest = runs.reduce((newest, { operation }) => Math.max(newest, operation.calledAt), 0);
    if (base.since < latest) {
      this.#requeue(runs.map((one) => one.operation));
      let seen = await this.#lookOrFail();
      // Who runs once only waits for the read, however often it fails.
      const isOnce = ({ operation }: Run) => operation.work.onConflict !== undefined && !operation.isOver;
      while (seen === undefined && runs.some(isOnce)) seen = await this.#lookOrFail();
      if (seen === undefined) return;
      if (!sameItem(seen, base)) return this.#answerConflicts(runs);
      // Nobody came before them meanwhile, but some of them may have left.
      const kept = runs.filter((one) => !one.operation.isOver);
      this.#queue.take(kept.length);
      return this.#deliver(kept, 'noop', base.image?.lineage.version ?? 0);
    }
    this.#deliver(runs, 'noop', base.image?.lineage.version ?? 0);
  }

  /** Answers those who asked to run once only, and have, on what another writer has replaced. */
  #answerConflicts(runs: readonly Run[]): void {
    for (const { operation } of runs) {
      const { onConflict } = operation.work;
      if (onConflict === undefined || operation.isOver) continue;
      operation.trace?.carried('conflict', 1);
      operation.settle({ outcome: 'not-done' });
      operation.resolve(onConflict({ attempts: operation.attempts }));
      this.#queue.noteLeft();
    }
  }

  #deliver(runs: readonly Run[], status: 'applied' | 'noop', version: number, stands?: Known): void {
    this.#running = [];
    answerAll(runs, status, version, stands);
  }

  #end(runs: readonly Run[], settled: Settled, errorOf: (operation: Operation) => unknown): void {
    this.#running = [];
    failAll(runs, settled, errorOf);
  }

  /** Drives the write under way. `false`: its fate is not known yet, and nobody waits any more. */
  async #drive(flight: Flight): Promise<boolean> {
    const fate = await flight.drive(() => this.#isAwaited());
    tellFate(this.#ground.events, this.#register.keyText, flight, fate);
    if (fate === 'paused') return false;
    this.#flight = undefined;
    if (fate === 'unsent') {
      flight.draft.aftermath?.lost();
      this.#requeue(flight.runs.map((one) => one.operation));
    } else await this.#finish(flight, fate);
    return true;
  }

  async #finish({ draft, runs, aged }: Flight, fate: KnownFate): Promise<void> {
    const judged = fate.status === 'applied' || fate.status === 'conflict';
    if (aged && judged) this.choice.noteStaleness(fate.status === 'conflict');
    switch (fate.status) {
      case 'applied': {
        this.choice.noteCommit();
        this.#room?.noteCommit();
        if (draft.pending.blind !== undefined) return this.#finishBlind(draft, runs, fate);
        this.#cache.wrote(draft.image, draft.held, draft.start);
        draft.aftermath?.applied();
        this.#deliver(runs, 'applied', draft.image.lineage.version);
        if (fate.newer !== undefined) await this.#learn(fate.newer, draft.start);
        return;
      }
      case 'conflict': {
        if (draft.pending.blind === undefined && (this.#room !== undefined || lostToBlind(fate.image))) {
          this.#elbowRoom().noteConflict(fate.image);
        }
        // Where it was to rotate the evidence, somebody else may have done that.
        const isBarred =
          fate.barred === true &&
          draft.pending.blind?.rotates === undefined &&
          this.#commutes?.isDeclinedBy(fate.met, runs) !== true;
        for (const { operation } of runs) operation.isBarred = isBarred;
        // Before anything is waited for: who is in neither list can't be told that his time is over.
        this.#requeue(this.#afterConflict(runs));
        if (fate.proven === true) draft.aftermath?.lost();
        return this.#learn(fate.image, draft.start);
      }
      case 'refused':
        this.#cache.forget();
        draft.aftermath?.lost();
        if (fate.error.name === 'ValidationException' && draft.pending.blind !== undefined) {
          for (const { operation } of runs) operation.isBarred = true;
          return this.#requeue(runs.map((one) => one.operation));
        }
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
          return this.#unknown(operation, draft, fate, async () => settled);
        });
      }
    }
  }

  /** The store made the new value: what stands there is its answer, and may hold what others did since. */
  async #finishBlind({ start }: Draft, runs: readonly Run[], fate: KnownFate & { status: 'applied' }): Promise<void> {
    const image = fate.evaluated ?? fate.newer;
    // Nobody is told anything else from here on.
    for (const { operation } of runs) operation.settle({ outcome: 'done' });
    try {
      if (image === undefined) throw fate.unreadable;
      this.#deliver(runs, 'applied', image.lineage.version, await this.#cache.learnImage(image, start));
    } catch (error) {
      this.#cache.forget();
      const { keyText } = this.#register;
      this.#end(
        runs,
        { outcome: 'done' },
        ({ work }) => new CommuteError(keyText, work.action, '', 'unreadable', error),
      );
    }
  }

  /** After a lost race: who runs again. Errors that were computed on the lost base run again as well. */
  #afterConflict(runs: readonly Run[]): Operation[] {
    const live: Operation[] = [];
    const now = this.#ground.clock.monotonicMs();
    for (const { operation } of runs) {
      operation.conflicts += 1;
      if (operation.isOver) operation.settle({ outcome: 'not-done' });
      else if (operation.work.onConflict !== undefined) {
        operation.settle({ outcome: 'not-done' });
        operation.trace?.carried('conflict', runs.length);
        operation.resolve(operation.work.onConflict({ attempts: operation.attempts }));
      } else if (operation.extended || operation.deadlineAt <= now) this.#drop(operation, this.#tooLate(operation));
      else live.push(operation);
    }
    this.#running = [];
    return live;
  }

  /** Another writer was first, before anything of a write was sent but what it was to stand on. */
  #rebase(runs: readonly Run[], image: Image | null | undefined, start: Start): Promise<void> {
    for (const { operation } of runs) operation.attempts += 1;
    this.#requeue(this.#afterConflict(runs));
    return this.#learn(image, start);
  }

  /** Takes in what a write met: `null` = no item, `undefined` = not told. */
  async #learn(image: Image | null | undefined, start: Start): Promise<void> {
    if (image === undefined) return this.#cache.forget();
    try {
      if (image === null) await this.#cache.learn(undefined, start);
      else await this.#cache.learnImage(image, start);
    } catch {
      // An unreadable value is met again, and reported to those who wait, by the read that the next round begins with.
      this.#cache.forget();
    }
  }

  /** Puts callers whose step was not written back to the front; those who have left are told so if they ask. */
  #requeue(operations: readonly Operation[]): void {
    const live = operations.filter((one) => !one.isOver);
    for (const operation of live) operation.phase = 'waiting';
    for (const operation of operations) if (operation.isOver) operation.settle({ outcome: 'not-done' });
    this.#running = [];
    this.#queue.putBack(live);
  }

  // ---- leaving: deadlines and aborts ------------------------------------------------------------------------------

  #expire(): void {
    const now = this.#ground.clock.monotonicMs();
    let next = Number.POSITIVE_INFINITY;
    for (const operation of this.#all()) {
      if (operation.isOver) continue;
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
    this.#alarm?.set(next);
  }

  /** A caller goes: `reason` is that of its abort signal, `undefined` at its deadline. */
  #leave(operation: Operation, reason: unknown): void {
    if (operation.isOver || operation.settled !== undefined) return;
    const flight = this.#flight;
    if (operation.phase !== 'sent' || flight === undefined || !flight.mayApply) {
      this.#drop(operation, reason ?? this.#tooLate(operation));
      return;
    }
    const facts = { reason: 'in-flight', cause: reason } as const;
    operation.reject(
      this.#unknown(operation, flight.draft, facts, (options) => this.#settle(operation, flight, options)),
    );
    this.#mind();
  }

  #unknown(
    { work: { action }, context }: Operation,
    { image }: Draft,
    { reason, cause }: { readonly reason: UnknownReason; readonly cause?: unknown },
    settle: (options?: SettleOptions) => Promise<Settled>,
  ): UnknownOutcomeError {
    const { events } = this.#ground;
    const facts = { key: this.#register.keyText, writeId: image.lineage.token, reason };
    if (events.wants('unknown')) context.runInAsyncScope(() => events.tell('unknown', { ...facts, action }));
    return new UnknownOutcomeError(action, { ...facts, cause }, settle);
  }

  /** Fails a caller whose step has certainly not been written. */
  #drop(operation: Operation, error: unknown): void {
    const { phase } = operation;
    if (phase !== 'sent') operation.settle({ outcome: 'not-done' });
    operation.reject(error);
    if (phase === 'waiting') this.#queue.noteLeft();
    if (phase === 'running') this.#drafting?.giveUp();
    this.#mind();
  }

  #tooLate(operation: Operation, cause?: unknown): Error {
    const { work, timeoutMs, attempts, conflicts } = operation;
    const facts = { key: this.#register.keyText, attempts, conflicts };
    if (conflicts > 0 && conflicts === attempts) return new ContentionError(work.action, facts, timeoutMs);
    return new DeadlineError(work.action, facts, timeoutMs, cause ?? this.#register.obstacle);
  }

  /** Whether anybody waits for the write under way. */
  #isAwaited(): boolean {
    return (
      this.#settlers > 0 ||
      this.#loans?.isWanted === true ||
      this.#queue.length > 0 ||
      this.#running.some((one) => !one.isOver)
    );
  }

  #mind(): void {
    this.#flight?.mind(this.#isAwaited());
  }

  #all(): Operation[] {
    return [...this.#running, ...this.#queue.all()];
  }

  #takeAll(): Operation[] {
    const all = this.#all();
    this.#queue = new Queue();
    this.#running = [];
    this.#flight = undefined;
    return all;
  }

  // ---- settling after the caller was told `unknown` ---------------------------------------------------------------

  async #settle(operation: Operation, flight: Flight, options: SettleOptions = {}): Promise<Settled> {
    const { prefer = 'truth', timeoutMs = 30_000, signal } = options;
    if (operation.settled !== undefined) return operation.settled;
    if (prefer === 'cancel' && this.#flight === flight) flight.cancel();
    this.#settlers += 1;
    this.#wake();
    try {
      const truth = new Promise<Settled>((resolve) => operation.whenSettled(resolve));
      return await settledWithin(truth, this.#ground.clock, { timeoutMs, signal }, () => operation.settled);
    } finally {
      this.#settlers -= 1;
      this.#mind();
    }
  }
}

/** How many, from the first on, the base says no to, and is known to have stood after their calls. */
function declinedCount(runs: readonly Run[], base: Known): number {
  const after = runs.findIndex((run) => !isDeclined(run) || base.since < run.operation.calledAt);
  return after === -1 ? runs.length : after;
}

/** Whether `base` is as new as this caller wants it. */
function isFresh(base: Known, { work, calledAt }: Operation): boolean {
  return work.fresh !== true || base.since >= calledAt;
}
