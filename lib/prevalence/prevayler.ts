/**
 * A prevalent system: all business state in RAM, changed only by a pure function of journalled events.
 *
 *   handle ─► pipeline ─► log ─► replica.state
 *                          ▲
 *              other instances, on this machine and others
 *
 * This file is the user's handle: arguments, life and death of the instance. The way of an event is in `pipeline.ts`, the
 * state in `replica.ts`, the store behind the port of `storage.ts`.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { hold, jsonCodec } from '../codec/index.js';
import { Alarm } from '../engine/index.js';
import { isLeydenError } from '../errors.js';
import type { ReadCommit } from '../journal/index.js';
import { digestState } from '../snapshot/index.js';
import { Call, type HandleAnswer, type HandleOptions } from './call.js';
import { Changes } from './changes.js';
import { ClosedError, InvalidEventError, OverloadedError, PoisonedError, ReadOnlyError } from './errors.js';
import { encodeEvent } from './event-text.js';
import { follow } from './follow.js';
import { freezeState } from './freeze.js';
import { type PrevaylerOptions, resolveOptions, type Settings } from './options.js';
import { type Committed, Pipeline } from './pipeline.js';
import { type Captured, type Change, Replica } from './replica.js';
import { SnapshotKeeper } from './snapshot-keeper.js';
import type { Log, PastTarget, PruneReport, SnapshotInfo } from './storage.js';

/** Longest id of an event, in bytes of UTF-8. */
const idBytesMax = 512;
const progressMs = 100;

/** What an instance has done and seen since it was opened. */
export interface PrevaylerStats {
  /** Commits from here, their events, and the JSON text of these. */
  readonly commits: number;
  readonly events: number;
  readonly eventBytes: number;
  /** Races lost to other instances. */
  readonly conflicts: number;
  /** Events of others that were replayed, those of the recovery among them. */
  readonly replayed: number;
  /** Events that wait now. */
  readonly waiting: number;
}

/** A look at the past. */
export interface Past<S> {
  readonly state: S;
  /** Number of the last event in it. */
  readonly seq: number;
  /** Time of the last commit in it, epoch milliseconds; 0 for none. */
  readonly time: number;
}

/**
 * One instance of a prevalent system; open as many as you like, anywhere, with {@link openPrevayler}.
 *
 * **Guarantee.** An event whose `handle` resolves is in the journal exactly once, durable. One whose `handle` rejects left no
 * trace, unless the error says `outcome: 'unknown'`. Every instance sees the same events in the same order, so all have the
 * same state at the same `seq`. A recovery gives what a replay of all events would.
 *
 * **If the process dies**, each event under way is in the journal or not; never half.
 *
 * @example
 * ```ts
 * import { openPrevayler, transientStorage, withResult } from 'leyden-jar/prevalence';
 *
 * type Paid = { to: string; amount: number };
 * const handler = (accounts: Record<string, number>, { to, amount }: Paid) => {
 *   if (!(amount > 0)) throw new RangeError('amount must be positive');
 *   const balance = (accounts[to] ?? 0) + amount;
 *   return withResult({ ...accounts, [to]: balance }, balance);
 * };
 * const storage = transientStorage();
 * await using bank = await openPrevayler({ storage, initialState: {} as Record<string, number>, handler });
 * const { result } = await bank.handle({ to: 'ann', amount: 5 });
 * console.log(result, bank.state); // 5 { ann: 5 }
 * ```
 */
export class Prevayler<S, E, R = unknown> {
  readonly #settings: Settings<S, E, R>;
  readonly #system: string;
  readonly #log: Log;
  readonly #replica: Replica<S, E, R>;
  readonly #pipeline: Pipeline<S, E, R>;
  readonly #changes: Changes<S, E, R>;
  readonly #keeper: SnapshotKeeper | undefined;
  readonly #alarm: Alarm;
  readonly #life = new AbortController();
  #counts = { commits: 0, events: 0, eventBytes: 0, conflicts: 0, replayed: 0 };
  #recovering = true;
  #toldAt = 0;
  #fatal: { readonly cause: unknown } | undefined;
  #closing: Promise<void> | undefined;
  #following: Promise<void> | undefined;
  #ready: (() => void)[] = [];

  /** @internal Made by {@link openPrevayler}. */
  constructor(settings: Settings<S, E, R>) {
    const { storage, handler, handlerVersion, format, clock, retention, onWarning, stateDigestEvery, snapshots } =
      settings;
    this.#settings = settings;
    this.#system = storage.name;
    this.#replica = this.#newReplica();
    this.#log = storage.open({
      ...{ format, clock, retention, onWarning },
      consumer: {
        apply: (read) => this.#apply(read),
        capture: () => this.#replica.capture(),
        restore: (captured, at) => this.#restore(captured as Captured<S, R> | undefined, at),
      },
    });
    this.#pipeline = new Pipeline({
      ...{ log: this.#log, replica: this.#replica, handler, handlerVersion, stateDigestEvery, clock },
      onCommit: (committed) => this.#onCommit(committed),
      onFatal: (error) => this.#poisonBy(error),
    });
    this.#changes = new Changes({
      ...{ replica: this.#replica, upcast: settings.upcast },
      read: (from, signal) => this.#log.read(from, signal),
    });
    const { signal } = this.#life;
    if (snapshots !== false && settings.mode !== 'read-only') {
      const automatic = snapshots === true ? {} : snapshots;
      this.#keeper = new SnapshotKeeper({ log: this.#log, clock, automatic, onWarning, signal });
    }
    this.#alarm = new Alarm(clock, () => this.#expire());
  }

  /** @internal */
  async recover(): Promise<void> {
    const { mode, takeOver, follow: following, signal } = this.#settings;
    await this.#log.recover(signal);
    this.#recovering = false;
    this.#tellProgress(true);
    const newest = this.#keeper && (await this.#log.newestSnapshot());
    if (newest !== undefined) this.#keeper?.published(newest);
    if (mode === 'single-writer') await this.#log.hold({ takeOver });
    if (following !== false) {
      const pauses = { busyMs: 20, idleMs: 1_000, ...(following === true ? {} : following) };
      const { clock } = this.#settings;
      this.#following = follow({ clock, ...pauses, signal: this.#life.signal, look: () => this.#look() });
    }
  }

  /** The newest state that is committed and known here. Frozen. Costs nothing. */
  get state(): S {
    this.#requireUse('look at the state of');
    return this.#replica.state;
  }

  /** Number of the last event in `state`; 0 before the first. */
  get seq(): number {
    this.#requireUse('look at the state of');
    return this.#replica.seq;
  }

  /** Time of the last commit in `state`, epoch milliseconds; 0 before the first. */
  get time(): number {
    this.#requireUse('look at the state of');
    return this.#replica.time;
  }

  /** What this instance has done and seen. */
  stats(): PrevaylerStats {
    return { ...this.#counts, waiting: this.#pipeline.waiting.events };
  }

  /**
   * Handles an event: decides it by the handler on the newest state, journals it, and answers when it is durable.
   *
   * The event is copied. What the handler throws reaches you unchanged, and the event left no trace.
   *
   * @cost Alone: 1 request of 1 write unit, and 1 more every few events. Events that wait together share a commit. See the
   * README's table. A refusal or an event that changes nothing, alone: 1 read.
   * @throws {UnknownOutcomeError} `ERR_UNKNOWN_OUTCOME` when you left, or the deadline came, after it was sent: `settle()` tells.
   * {@link HandleDeadlineError} `ERR_HANDLE_DEADLINE`, {@link OverloadedError} `ERR_OVERLOADED`,
   * {@link InvalidEventError} `ERR_INVALID_EVENT`, `UnsupportedValueError` `ERR_UNSUPPORTED_VALUE`, `AppendTooLargeError`
   * `ERR_APPEND_TOO_LARGE`, {@link HandlerError} `ERR_HANDLER`, `NotWriterError` `ERR_NOT_WRITER`,
   * {@link ReadOnlyError}, {@link ClosedError}, {@link PoisonedError}; errors of the store: nothing was written.
   */
  handle(event: E, options: HandleOptions = {}): Promise<HandleAnswer<S, R>> {
    // No `async`: each promise more is felt at a hundred thousand events a second.
    try {
      const { id, signal, timeoutMs = 30_000 } = options;
      this.#requireWriting('handle an event of');
      requireHandling(this.#system, event, id, timeoutMs);
      signal?.throwIfAborted();
      const { schema } = this.#settings;
      if (schema === undefined) return this.#push(event, id, timeoutMs, signal);
      return this.#check(schema, event).then((checked) => {
        this.#requireWriting('handle an event of');
        signal?.throwIfAborted();
        return this.#push(checked, id, timeoutMs, signal);
      });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Resolves when events may be handled again, after {@link OverloadedError}: when half of what may wait does. */
  async ready(): Promise<void> {
    this.#requireUse('wait for');
    if (this.#isRelaxed()) return;
    await new Promise<void>((resolve) => this.#ready.push(resolve));
  }

  /**
   * Brings the state up to date.
   *
   * @consistency Linearizable: afterwards `state` has everything that was acknowledged anywhere before the call.
   * @cost 1 request, 1 read unit, and what is new.
   */
  async sync(options: { readonly signal?: AbortSignal } = {}): Promise<S> {
    this.#requireUse('bring up to date');
    await this.#orPoison(this.#log.catchUp('strong', options.signal));
    this.#requireUse('look at the state of');
    return this.#replica.state;
  }

  /**
   * All events that take effect, in order, each once: from event `from` on, or from now on. Never ends by itself; leave the
   * loop, abort the signal, or close the system.
   *
   * What was pruned can't be had: `JournalCompactedError` `ERR_JOURNAL_COMPACTED`.
   */
  changes(options: { readonly from?: number; readonly signal?: AbortSignal } = {}): AsyncGenerator<Change<E>, void> {
    this.#requireUse('follow');
    const { from, signal } = options;
    if (from !== undefined && !(Number.isSafeInteger(from) && from >= 1)) {
      throw new RangeError(`Cannot follow ${this.#system}: from must be a whole number of at least 1: ${from}`);
    }
    return this.#changes.from(from, signal);
  }

  /**
   * Stores the whole state, so that a recovery need not replay what is in it. Writers go on meanwhile, here and elsewhere.
   * When nothing happened since the newest one, that one is answered.
   *
   * @cost The write units of the encoded, compressed state; 3 requests more.
   * @throws {SnapshotError} `ERR_SNAPSHOT`: the one before stays current.
   */
  async snapshot(options: { readonly signal?: AbortSignal } = {}): Promise<SnapshotInfo> {
    this.#requireWriting('make a snapshot of');
    const made = (await this.#log.snapshot({ due: false, signal: options.signal })) as SnapshotInfo;
    this.#keeper?.published(made);
    return made;
  }

  /**
   * Removes what the retention does not keep: old snapshots, and the journal that only they wanted.
   *
   * @cost About 1 read unit and 2 write units per KB removed.
   */
  async prune(options: { readonly signal?: AbortSignal } = {}): Promise<PruneReport> {
    this.#requireWriting('prune');
    return this.#log.prune(options.signal);
  }

  /**
   * The state as it was after an event, or at a time (after the last commit not later than it). Found by a replay from the newest
   * kept snapshot before it; nothing of this instance changes.
   *
   * @throws `JournalCompactedError` `ERR_JOURNAL_COMPACTED` when it was pruned; RangeError for an event that is not there yet.
   */
  async at(target: PastTarget, options: { readonly signal?: AbortSignal } = {}): Promise<Past<S>> {
    this.#requireUse('look at the past of');
    const until = requireTarget(this.#system, target);
    const { captured, at, commits } = await this.#log.pastStart(target, options.signal);
    const replica = this.#newReplica(target.seq);
    if (captured !== undefined) replica.restore(captured as Captured<S, R>, at);
    for await (const read of commits()) {
      if (replica.seq >= until.seq || read.commit.time > until.time) break;
      replica.apply(read);
    }
    if (target.seq !== undefined && replica.seq < target.seq) {
      throw new RangeError(`Cannot look at event ${target.seq} of ${this.#system}: the last one is ${replica.seq}`);
    }
    return { state: replica.state, seq: replica.seq, time: replica.time };
  }

  /** Canonical digest of the state: equal in all instances at the same `seq`. Walks the whole state, in slices. */
  async stateDigest(): Promise<string> {
    return digestState(this.state);
  }

  /**
   * Ends this instance: refuses new calls, waits for those under way (`closeTimeoutMs`), and gives up the right to write alone. The
   * store stays as it is, and your client is not touched. Idempotent.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // ---- inside ------------------------------------------------------------------------------------------------------

  #newReplica(untilSeq?: number): Replica<S, E, R> {
    const { handler, handlerVersion, upcast, idsMax, initialState, onSlowEvent, slowEventMs, clock } = this.#settings;
    const slow = onSlowEvent && { ms: slowEventMs, now: () => clock.monotonicMs(), tell: onSlowEvent };
    return new Replica({
      ...{ system: this.#system, handler, handlerVersion, upcast, idsMax, initialState, slow },
      until: untilSeq === undefined ? undefined : { seq: untilSeq },
    });
  }

  #push(event: E, id: string | undefined, timeoutMs: number, signal?: AbortSignal): Promise<HandleAnswer<S, R>> {
    const { waitingEventsMax, waitingBytesMax, clock } = this.#settings;
    const { events, bytes } = this.#pipeline.waiting;
    if (events >= waitingEventsMax) throw new OverloadedError(this.#system, 'events', events, waitingEventsMax);
    if (bytes >= waitingBytesMax) throw new OverloadedError(this.#system, 'bytes', bytes, waitingBytesMax);
    const line = encodeEvent(event, id);
    this.#log.requireSize(Buffer.byteLength(line.text));
    const deadlineAt = clock.monotonicMs() + timeoutMs;
    const call = new Call<S, E, R>(line, id, timeoutMs, deadlineAt);
    if (signal !== undefined) call.listen(signal, () => call.leave(this.#system, signal.reason));
    this.#alarm.set(deadlineAt);
    this.#pipeline.push(call);
    return call.promise;
  }

  async #check(schema: StandardSchemaV1<unknown, E>, event: E): Promise<E> {
    const checked = await schema['~standard'].validate(event);
    if (checked.issues !== undefined) throw new InvalidEventError(this.#system, checked.issues);
    return checked.value;
  }

  #expire(): void {
    const now = this.#settings.clock.monotonicMs();
    let next = Number.POSITIVE_INFINITY;
    for (const call of this.#pipeline.calls()) {
      if (call.isOver) continue;
      if (call.deadlineAt <= now) call.leave(this.#system, undefined);
      else next = Math.min(next, call.deadlineAt);
    }
    this.#alarm.set(next);
  }

  #apply(read: ReadCommit): void {
    const { clock } = this.#settings;
    const startedAt = clock.monotonicMs();
    this.#replica.apply(read);
    const { count } = read.commit;
    this.#counts.replayed += count;
    if (count > 0) {
      this.#keeper?.replayed(count, clock.monotonicMs() - startedAt);
      // Nothing is begun in the background while the state is still being worked out.
      if (!this.#recovering) this.#keeper?.committed(this.#replica.seq, read.text.length);
    }
    if (this.#recovering) this.#tellProgress(false);
  }

  #restore(captured: Captured<S, R> | undefined, at: { readonly seq: number; readonly time: number }): void {
    const { initialState } = this.#settings;
    this.#replica.restore(captured ?? { state: initialState, ids: [] }, at);
  }

  #tellProgress(isLast: boolean): void {
    const { onProgress, clock } = this.#settings;
    if (onProgress === undefined) return;
    const now = clock.monotonicMs();
    if (!isLast && now - this.#toldAt < progressMs) return;
    this.#toldAt = now;
    onProgress({ seq: this.#replica.seq, seqTotal: Math.max(this.#log.seqWanted, this.#replica.seq) });
  }

  #onCommit({ events, bytes, conflicts }: Committed): void {
    const counts = this.#counts;
    this.#counts = {
      ...counts,
      commits: counts.commits + 1,
      events: counts.events + events,
      eventBytes: counts.eventBytes + bytes,
      conflicts: counts.conflicts + conflicts,
    };
    this.#keeper?.committed(this.#replica.seq, bytes);
    if (!this.#isRelaxed()) return;
    const ready = this.#ready;
    this.#ready = [];
    for (const tell of ready) tell();
  }

  #isRelaxed(): boolean {
    const { waitingEventsMax, waitingBytesMax } = this.#settings;
    const { events, bytes } = this.#pipeline.waiting;
    return events * 2 <= waitingEventsMax && bytes * 2 <= waitingBytesMax;
  }

  /** A look for what others have done; `true` when there was something. */
  async #look(): Promise<boolean> {
    const { seq } = this.#replica;
    try {
      await this.#log.catchUp('eventual', this.#life.signal);
    } catch (error) {
      if (this.#life.signal.aborted) return false;
      if (this.#poisonBy(error)) this.#settings.onWarning(error);
      return false;
    }
    return this.#replica.seq > seq;
  }

  async #orPoison<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      this.#poisonBy(error);
      throw error;
    }
  }

  /** Whether, after this, nobody can know the state here any more. */
  #poisonBy(error: unknown): boolean {
    const isFatal = isLeydenError(error) && fatalCodes.has(error.code);
    if (isFatal && this.#fatal === undefined && this.#closing === undefined) {
      this.#fatal = { cause: error };
      this.#pipeline.failAll(new PoisonedError('handle an event of', this.#system, error));
      this.#changes.end(new PoisonedError('follow', this.#system, error));
      this.#life.abort(error);
      this.#tellReady();
    }
    return isFatal;
  }

  #tellReady(): void {
    const ready = this.#ready;
    this.#ready = [];
    for (const tell of ready) tell();
  }

  #requireUse(action: string): void {
    if (this.#fatal !== undefined) throw new PoisonedError(action, this.#system, this.#fatal.cause);
    if (this.#closing !== undefined) throw new ClosedError(action, this.#system);
  }

  #requireWriting(action: string): void {
    this.#requireUse(action);
    if (this.#settings.mode === 'read-only') throw new ReadOnlyError(action, this.#system);
  }

  async #close(): Promise<void> {
    const { closeTimeoutMs, clock, mode } = this.#settings;
    const waiting = new AbortController();
    const timeout = clock.sleep(closeTimeoutMs, { signal: waiting.signal, background: true }).then(
      () => this.#log.stop(new ClosedError('wait for', this.#system)),
      () => {},
    );
    try {
      await this.#pipeline.drained();
      this.#life.abort(new ClosedError('follow', this.#system));
      await this.#keeper?.close();
      await this.#following;
      if (mode === 'single-writer' && this.#fatal === undefined) {
        await this.#log.release().catch(this.#settings.onWarning);
      }
      await this.#log.close();
    } finally {
      waiting.abort();
      await timeout;
      this.#alarm.clear();
      this.#changes.end(undefined);
      this.#tellReady();
    }
  }
}

/** After these, what this instance holds can't be trusted, or can't go on. */
const fatalCodes: ReadonlySet<string> = new Set([
  'ERR_APPEND_UNKNOWN',
  'ERR_REPLAY',
  'ERR_STATE_DIVERGED',
  'ERR_JOURNAL_GAP',
  'ERR_JOURNAL_FORMAT',
]);

function requireHandling(system: string, event: unknown, id: unknown, timeoutMs: number): void {
  if (event === undefined) throw new TypeError(`Cannot handle an event of ${system}: undefined is no event`);
  if (id !== undefined && (typeof id !== 'string' || id === '' || Buffer.byteLength(id) > idBytesMax)) {
    throw new RangeError(`Cannot handle an event of ${system}: id must be a string of 1 to ${idBytesMax} bytes`);
  }
  if (!(timeoutMs >= 0)) {
    throw new RangeError(`Cannot handle an event of ${system}: timeoutMs must be at least 0: ${timeoutMs}`);
  }
}

function requireTarget(system: string, { seq, time }: PastTarget): { readonly seq: number; readonly time: number } {
  if (seq !== undefined) {
    if (!Number.isSafeInteger(seq) || seq < 0) {
      throw new RangeError(`Cannot look at the past of ${system}: seq must be a whole number of at least 0: ${seq}`);
    }
    return { seq, time: Number.POSITIVE_INFINITY };
  }
  if (!Number.isFinite(time)) {
    throw new RangeError(`Cannot look at the past of ${system}: give { seq } or { time }: ${time}`);
  }
  return { seq: Number.POSITIVE_INFINITY, time };
}

/**
 * Opens an instance: recovers the newest state from the store, and follows it from there on.
 *
 * Sends no write, except in mode `single-writer`. A system that nobody has written to is empty; the first event makes it.
 *
 * @cost Recovery reads the newest snapshot and the journal after it: 1 read unit per 4 KB.
 * @throws {ReplayError} `ERR_REPLAY`, {@link StateDivergedError} `ERR_STATE_DIVERGED`, `JournalGapError`
 * `ERR_JOURNAL_GAP`, `JournalFormatError` `ERR_JOURNAL_FORMAT`, `SnapshotDamagedError` `ERR_SNAPSHOT_DAMAGED` when no kept
 * snapshot can be read, `NotWriterError` `ERR_NOT_WRITER`, `TableError` `ERR_TABLE`; TypeError and RangeError for wrong options.
 */
export async function openPrevayler<S, E, R = unknown>(
  options: PrevaylerOptions<S, E, R>,
): Promise<Prevayler<S, E, R>> {
  const settings = resolveOptions(options);
  const initialState = freezeState(hold(settings.initialState, jsonCodec).hand()) as S;
  const prevayler = new Prevayler<S, E, R>({ ...settings, initialState });
  try {
    await prevayler.recover();
  } catch (error) {
    await prevayler.close();
    throw error;
  }
  return prevayler;
}
