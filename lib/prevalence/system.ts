/**
 * The inside of an instance: its parts, and its life and death.
 *
 *   recover ─► use ─► close
 *                └─► poisoned: what is here can't be trusted any more; every use throws, close still works
 *
 * What a user calls is in `prevayler.ts`, the way of an event in `pipeline.ts`, the state in `replica.ts`.
 */
import { Alarm, unlessAborted } from '../engine/index.js';
import { isLeydenError } from '../errors.js';
import type { ReadCommit } from '../journal/index.js';
import { FrozenBytes, freezeState, type PaceOptions } from '../snapshot/index.js';
import { Call, type HandleAnswer } from './call.js';
import { Changes } from './changes.js';
import { ClosedError, HandleDeadlineError, OverloadedError, PoisonedError, ReadOnlyError } from './errors.js';
import { encodeEvent } from './event-text.js';
import { follow } from './follow.js';
import type { Settings } from './options.js';
import { Past } from './past.js';
import { type Committed, Pipeline } from './pipeline.js';
import { type Captured, Replica } from './replica.js';
import { SnapshotKeeper } from './snapshot-keeper.js';
import type { Log } from './storage.js';

const progressMs = 100;
/** Looks may fail for so long before it is told. */
const blindMs = 10_000;

/** After these, what an instance holds can't be trusted, or can't go on. */
const fatalCodes: ReadonlySet<string> = new Set([
  'ERR_APPEND_UNKNOWN',
  'ERR_REPLAY',
  'ERR_STATE_DIVERGED',
  'ERR_STATE_SPOILED',
  'ERR_JOURNAL_GAP',
  'ERR_JOURNAL_FORMAT',
  'ERR_JOURNAL_DAMAGED',
  'ERR_DIRECTORY_HELD',
]);

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

export class System<S, E, R> {
  readonly settings: Settings<S, E, R>;
  readonly name: string;
  readonly log: Log;
  readonly replica: Replica<S, E, R>;
  readonly changes: Changes<S, E, R>;
  readonly past: Past<S, E, R>;
  readonly keeper: SnapshotKeeper | undefined;
  readonly #pipeline: Pipeline<S, E, R>;
  readonly #alarm: Alarm;
  readonly #life = new AbortController();
  readonly #isBusy = (): boolean => this.#pipeline.isBusy;
  readonly #bytes = new FrozenBytes();
  #counts = { commits: 0, events: 0, eventBytes: 0, conflicts: 0, replayed: 0 };
  #recovering = true;
  #toldAt = 0;
  #fatal: { readonly cause: unknown } | undefined;
  #closing: Promise<void> | undefined;
  #following: Promise<void> | undefined;
  #holds = false;
  /** Work on the store that `close` waits for. */
  readonly #underWay = new Set<Promise<unknown>>();
  #ready: (() => void)[] = [];
  /** Since when looks for what others do have failed; infinite once that was told. */
  #blindSince: number | undefined;

  constructor(settings: Settings<S, E, R>) {
    const { storage, handler, handlerVersion, format, clock, retention, onWarning, stateDigestEvery, snapshots } =
      settings;
    const { name } = storage;
    this.settings = { ...settings, initialState: freezeState(settings.initialState, this.#bytes) };
    this.name = name;
    const newReplica = (untilSeq: number) => this.#newReplica(untilSeq);
    this.replica = newReplica(Number.POSITIVE_INFINITY);
    this.log = storage.open({
      ...{ format, clock, retention, onWarning, readOnly: settings.mode === 'read-only' },
      consumer: {
        apply: (read) => this.#apply(read),
        applyAll: (reads) => this.#applyAll(reads),
        capture: () => this.replica.capture(),
        isBusy: this.#isBusy,
        restore: (captured, at) => this.#restore(captured as Captured<S, R> | undefined, at),
      },
    });
    const { log, replica } = this;
    this.#pipeline = new Pipeline({
      ...{ log, replica, handler, handlerVersion, stateDigestEvery, clock },
      onCommit: (committed) => this.#onCommit(committed),
      onFatal: (error) => this.poisonBy(error),
      onTurn: () => this.#turned(),
    });
    this.changes = new Changes({
      ...{ replica, upcast: settings.upcast, clock },
      read: (from, signal) => log.read(from, signal),
    });
    this.past = new Past({ system: name, log, handlerVersion, newReplica, pace: this.pace });
    if (snapshots !== false && settings.mode !== 'read-only') {
      const automatic = snapshots === true ? {} : snapshots;
      this.keeper = new SnapshotKeeper({ log, clock, automatic, onWarning, signal: this.#life.signal });
    }
    this.#alarm = new Alarm(clock, () => this.#expire());
  }

  async recover(): Promise<void> {
    const { mode, takeOver, follow: following, signal, clock } = this.settings;
    await this.log.recover(signal);
    this.#recovering = false;
    this.#tellProgress(true);
    const newest = this.keeper && (await this.log.snapshots(signal)).at(-1);
    if (newest !== undefined) this.keeper?.published(newest);
    if (mode === 'single-writer') {
      // Even if its answer is lost: it is given up at the end.
      this.#holds = true;
      await unlessAborted(this.log.hold({ takeOver }), signal);
    }
    if (following === false) return;
    const pauses = { busyMs: 20, idleMs: 1_000, ...(following === true ? {} : following) };
    this.#following = follow({ clock, ...pauses, signal: this.#life.signal, look: () => this.#look() });
  }

  /** How long work goes on beside those who call. */
  get pace(): PaceOptions {
    return { now: () => this.settings.clock.monotonicMs(), isBusy: this.#isBusy };
  }

  get stats(): PrevaylerStats {
    return { ...this.#counts, waiting: this.#pipeline.waiting.events };
  }

  /** @throws {PoisonedError}, {@link ClosedError} */
  requireUse(action: string): void {
    if (this.#fatal !== undefined) throw new PoisonedError(action, this.name, this.#fatal.cause);
    if (this.#closing !== undefined) throw new ClosedError(action, this.name);
  }

  /** @throws {PoisonedError}, {@link ClosedError}, {@link ReadOnlyError} */
  requireWriting(action: string): void {
    this.requireUse(action);
    if (this.settings.mode === 'read-only') throw new ReadOnlyError(action, this.name);
  }

  /** Puts an event into the queue. */
  push(event: E, id: string | undefined, timeoutMs: number, signal?: AbortSignal): Promise<HandleAnswer<S, R>> {
    const { waitingEventsMax, waitingBytesMax, clock } = this.settings;
    const { events, bytes } = this.#pipeline.waiting;
    if (events >= waitingEventsMax) throw new OverloadedError(this.name, 'events', events, waitingEventsMax);
    if (bytes >= waitingBytesMax) throw new OverloadedError(this.name, 'bytes', bytes, waitingBytesMax);
    const line = encodeEvent(event, id);
    this.log.requireSize(line.bytes);
    const deadlineAt = clock.monotonicMs() + timeoutMs;
    const deadlineError = () => new HandleDeadlineError(this.name, timeoutMs);
    const facts = { subject: this.name, writeId: id ?? 'of this event', deadlineAt, deadlineError, clock };
    const call = new Call<S, E, R>(line, id, facts);
    if (signal !== undefined) call.listen(signal);
    this.#alarm.set(deadlineAt);
    this.#pipeline.push(call);
    return call.promise;
  }

  /** Resolves when half of what may wait does. */
  async ready(): Promise<void> {
    if (this.#isRelaxed()) return;
    await new Promise<void>((resolve) => this.#ready.push(resolve));
  }

  /** Work that writes, and that nobody else waits for at the end. */
  underWay<T>(work: Promise<T>): Promise<T> {
    const end = () => this.#underWay.delete(ended);
    const ended: Promise<unknown> = work.then(end, end);
    this.#underWay.add(ended);
    return work;
  }

  async catchUp(signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.log.catchUp('strong', signal);
    } catch (error) {
      this.poisonBy(error);
      throw error;
    }
  }

  /** Puts the instance out of use if, after this, nobody can know its state any more; whether that is so. */
  poisonBy(error: unknown): boolean {
    const isFatal = isLeydenError(error) && fatalCodes.has(error.code);
    if (isFatal && this.#fatal === undefined && this.#closing === undefined) {
      this.#fatal = { cause: error };
      this.#pipeline.failAll(new PoisonedError('handle an event of', this.name, error));
      this.changes.end(new PoisonedError('follow', this.name, error));
      this.#life.abort(error);
      this.#tellReady();
    }
    return isFatal;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #newReplica(untilSeq: number): Replica<S, E, R> {
    const { handler, handlerVersion, upcast, idsMax, initialState, onSlowEvent, slowEventMs, clock } = this.settings;
    const slow = onSlowEvent && { ms: slowEventMs, now: () => clock.monotonicMs(), tell: this.#quietly(onSlowEvent) };
    const system = this.name;
    const bytes = this.#bytes;
    return new Replica({ system, handler, handlerVersion, upcast, idsMax, initialState, bytes, slow, untilSeq });
  }

  /** What is told on the side must not stop what it tells of. */
  #quietly<T>(tell: (what: T) => void): (what: T) => void {
    return (what) => {
      try {
        tell(what);
      } catch (error) {
        this.settings.onWarning(error);
      }
    };
  }

  #expire(): void {
    const { clock } = this.settings;
    const now = clock.monotonicMs();
    let next = Number.POSITIVE_INFINITY;
    for (const call of this.#pipeline.calls()) {
      if (call.isOver) continue;
      if (call.deadlineAt <= now) call.leave();
      else next = Math.min(next, call.deadlineAt);
    }
    this.#alarm.set(next);
  }

  #apply(read: ReadCommit): void {
    const { clock } = this.settings;
    const startedAt = clock.monotonicMs();
    this.replica.apply(read);
    this.#replayed(read.commit.count, read.text.length, startedAt);
  }

  #applyAll(reads: readonly ReadCommit[]): boolean {
    const startedAt = this.settings.clock.monotonicMs();
    if (!this.replica.applyAll(reads)) return false;
    let [events, length] = [0, 0];
    for (const { commit, text } of reads) {
      events += commit.count;
      length += text.length;
    }
    this.#replayed(events, length, startedAt);
    return true;
  }

  #replayed(events: number, length: number, startedAt: number): void {
    this.#counts.replayed += events;
    if (events > 0) {
      this.keeper?.replayed(events, this.settings.clock.monotonicMs() - startedAt);
      // Nothing is begun in the background while the state is still being worked out.
      if (!this.#recovering) this.keeper?.committed(this.replica.seq, length);
    }
    if (this.#recovering) this.#tellProgress(false);
  }

  #restore(captured: Captured<S, R> | undefined, at: { readonly seq: number; readonly time: number }): void {
    this.replica.restore(captured ?? { state: this.settings.initialState, ids: [] }, at);
    this.changes.wake();
  }

  #tellProgress(isLast: boolean): void {
    const { onProgress, clock } = this.settings;
    if (onProgress === undefined) return;
    const now = clock.monotonicMs();
    if (!isLast && now - this.#toldAt < progressMs) return;
    this.#toldAt = now;
    this.#quietly(onProgress)({ seq: this.replica.seq, seqTotal: Math.max(this.log.seqWanted, this.replica.seq) });
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
    this.keeper?.committed(this.replica.seq, bytes);
  }

  #isRelaxed(): boolean {
    const { waitingEventsMax, waitingBytesMax } = this.settings;
    const { events, bytes } = this.#pipeline.waiting;
    return events * 2 <= waitingEventsMax && bytes * 2 <= waitingBytesMax;
  }

  /** After each batch, whatever became of it. */
  #turned(): void {
    if (this.#ready.length > 0 && this.#isRelaxed()) this.#tellReady();
    // An alarm for nobody would keep the process alive until the last deadline.
    if (this.#pipeline.calls().next().done === true) this.#alarm.clear();
  }

  #tellReady(): void {
    const ready = this.#ready;
    this.#ready = [];
    for (const tell of ready) tell();
  }

  /** A look for what others have done; `true` when there was something. */
  async #look(): Promise<boolean> {
    const { seq } = this.replica;
    try {
      await this.log.catchUp('eventual', this.#life.signal);
    } catch (error) {
      if (this.#life.signal.aborted) return false;
      if (this.poisonBy(error)) this.settings.onWarning(error);
      else this.#noteBlind(error);
      return false;
    }
    this.#blindSince = undefined;
    return this.replica.seq > seq;
  }

  /** Who only looks at the state would not notice that it grows old: told once, when it has for a while. */
  #noteBlind(error: unknown): void {
    const now = this.settings.clock.monotonicMs();
    this.#blindSince ??= now;
    if (now - this.#blindSince < blindMs) return;
    this.#blindSince = Number.POSITIVE_INFINITY;
    this.settings.onWarning(error);
  }

  async #close(): Promise<void> {
    const { closeTimeoutMs, clock } = this.settings;
    const waiting = new AbortController();
    const timeout = clock.sleep(closeTimeoutMs, { signal: waiting.signal, background: true }).then(
      () => this.log.stop(new ClosedError('wait for', this.name)),
      () => {},
    );
    try {
      await this.#pipeline.drained();
      this.#life.abort(new ClosedError('follow', this.name));
      await this.#following;
      // A store for snapshots may be silent for ever: it does not stop when the log does.
      await Promise.race([Promise.all([this.keeper?.close(), ...this.#underWay]), timeout]);
      if (this.#holds) {
        // Also of one that can't be trusted: giving up asks for no state. Where the journal is why, it can't, which was told.
        await this.log.release().catch(this.#fatal === undefined ? this.settings.onWarning : () => {});
      }
      await this.log.close();
    } finally {
      waiting.abort();
      await timeout;
      this.#alarm.clear();
      this.changes.end(undefined);
      this.#tellReady();
    }
  }
}
