/**
 * A prevalent system: all business state in RAM, changed only by a pure function of journalled events.
 *
 *   handle ─► pipeline ─► log ─► replica.state
 *                          ▲
 *              other instances, on this machine and others
 *
 * This file is what a user calls: documentation and arguments. What is behind it is in `system.ts`.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { hold, jsonCodec } from '../codec/index.js';
import { digestState } from '../snapshot/index.js';
import type { HandleAnswer, HandleOptions } from './call.js';
import { InvalidEventError } from './errors.js';
import { type PrevaylerOptions, resolveOptions, type Settings } from './options.js';
import type { PastState } from './past.js';
import type { Change } from './replica.js';
import type { PastTarget, PruneReport, SnapshotInfo } from './storage.js';
import { type PrevaylerStats, System } from './system.js';

/** Longest id of an event, in bytes of UTF-8. */
const idBytesMax = 512;

/** From where `changes` goes. */
export interface ChangesFrom extends WaitOptions {
  /** The first event. @defaultValue the next one */
  readonly from?: number | undefined;
}

/** Options of calls that only wait. */
export interface WaitOptions {
  /** Gives up. */
  readonly signal?: AbortSignal | undefined;
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
  readonly #system: System<S, E, R>;

  /** @internal Made by {@link openPrevayler}. */
  constructor(settings: Settings<S, E, R>) {
    this.#system = new System(settings);
  }

  /** @internal */
  recover(): Promise<void> {
    return this.#system.recover();
  }

  /** The newest state that is committed and known here. Frozen. Costs nothing. */
  get state(): S {
    this.#system.requireUse('look at the state of');
    return this.#system.replica.state;
  }

  /** Number of the last event in `state`; 0 before the first. */
  get seq(): number {
    this.#system.requireUse('look at the state of');
    return this.#system.replica.seq;
  }

  /** Time of the last commit in `state`, epoch milliseconds; 0 before the first. */
  get time(): number {
    this.#system.requireUse('look at the state of');
    return this.#system.replica.time;
  }

  /** What this instance has done and seen. */
  stats(): PrevaylerStats {
    return this.#system.stats;
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
      const system = this.#system;
      const { id, signal, timeoutMs = 30_000 } = options;
      system.requireWriting('handle an event of');
      requireHandling(system.name, event, id, timeoutMs);
      signal?.throwIfAborted();
      const { schema } = system.settings;
      if (schema === undefined) return system.push(event, id, timeoutMs, signal);
      return this.#check(schema, event).then((checked) => {
        system.requireWriting('handle an event of');
        requireEvent(system.name, checked);
        signal?.throwIfAborted();
        return system.push(checked, id, timeoutMs, signal);
      });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Resolves when events may be handled again, after {@link OverloadedError}: when half of what may wait does. */
  async ready(): Promise<void> {
    this.#system.requireUse('wait for');
    await this.#system.ready();
  }

  /**
   * Brings the state up to date.
   *
   * @consistency Linearizable: afterwards `state` has everything that was acknowledged anywhere before the call.
   * @cost 1 request, 1 read unit, and what is new.
   */
  async sync(options: WaitOptions = {}): Promise<S> {
    this.#system.requireUse('bring up to date');
    await this.#system.catchUp(options.signal);
    return this.state;
  }

  /**
   * All events that take effect, in order, each once: from event `from` on, or from now on. Never ends by itself; leave the
   * loop, abort the signal (the loop throws its reason), or close the system (the loop ends). Keeps the process alive meanwhile.
   *
   * What takes place after this call is not missed, however late the loop begins and however slow it is. Where it was is yours to
   * keep: store `seq` with what you make of the events, and go on `from` the next.
   *
   * @cost Nothing beyond following, as long as the loop keeps up; otherwise what it reads of the journal.
   * @throws `JournalCompactedError` `ERR_JOURNAL_COMPACTED` for what was pruned, {@link PoisonedError} `ERR_POISONED`,
   * {@link ClosedError} `ERR_CLOSED`; RangeError for a `from` that is none.
   *
   * @example
   * ```ts
   * import { openPrevayler, transientStorage } from 'leyden-jar/prevalence';
   *
   * const handler = (sum: number, amount: number) => sum + amount;
   * await using till = await openPrevayler({ storage: transientStorage(), initialState: 0, handler });
   * await till.handle(5);
   * for await (const { seq, event } of till.changes({ from: 1 })) {
   *   console.log(seq, event); // 1 5
   *   break;
   * }
   * ```
   */
  changes(options: ChangesFrom = {}): AsyncGenerator<Change<E>, void> {
    const { name, changes, replica } = this.#system;
    this.#system.requireUse('follow');
    const { from, signal } = options;
    if (from !== undefined && !(Number.isSafeInteger(from) && from >= 1)) {
      throw new RangeError(`Cannot follow ${name}: from must be a whole number of at least 1: ${from}`);
    }
    return changes.from(from ?? replica.seq + 1, signal);
  }

  /**
   * Stores the whole state, so that a recovery need not replay what is in it. Writers go on meanwhile, here and elsewhere.
   * When nothing happened since the newest one, that one is answered.
   *
   * @cost The write units of the encoded, compressed state; 3 requests more.
   * @throws {SnapshotError} `ERR_SNAPSHOT`: the one before stays current. `UnknownOutcomeError` `ERR_UNKNOWN_OUTCOME` when the answer to a
   * step of the pointer stayed lost: `snapshots()` shows whether the new one is there.
   */
  async snapshot(options: WaitOptions = {}): Promise<SnapshotInfo> {
    const { log, keeper } = this.#system;
    this.#system.requireWriting('make a snapshot of');
    const making = log.snapshot({ due: false, signal: options.signal });
    const made = (await this.#system.underWay(making)) as SnapshotInfo;
    keeper?.published(made);
    return made;
  }

  /** The snapshots that are kept, the oldest first. @cost 1 request. */
  async snapshots(options: WaitOptions = {}): Promise<readonly SnapshotInfo[]> {
    this.#system.requireUse('look at the snapshots of');
    return this.#system.log.snapshots(options.signal);
  }

  /**
   * Removes what the retention does not keep: old snapshots, and the journal that only they wanted.
   *
   * @cost 1 write unit per KB removed, and 1 request an item; 1 read unit a page, and the same once more at the next prune. If it
   * fails or the process dies, the next one goes on with it.
   */
  async prune(options: WaitOptions = {}): Promise<PruneReport> {
    this.#system.requireWriting('prune');
    return this.#system.underWay(this.#system.log.prune(options.signal));
  }

  /**
   * The state as it was after an event, or at a time (after the last commit not later than it). Found by a replay from the newest
   * kept snapshot before it; nothing of this instance changes.
   *
   * @throws `JournalCompactedError` `ERR_JOURNAL_COMPACTED` when it was pruned; RangeError for an event that is not there yet.
   */
  async at(target: PastTarget, options: WaitOptions = {}): Promise<PastState<S>> {
    this.#system.requireUse('look at the past of');
    return this.#system.past.at(target, options.signal);
  }

  /**
   * An audit: replays the journal from each kept snapshot to the next, and compares what comes out with what was stored. Finds a
   * handler that is not pure, or that changed its mind about old events. Returns how many snapshots were compared; the oldest can't
   * be once what is before it was pruned.
   *
   * @cost Reads all kept snapshots and the journal between them.
   * @throws {StateDivergedError} `ERR_STATE_DIVERGED` with the first range of events that gives another state here.
   */
  async verify(options: WaitOptions = {}): Promise<number> {
    this.#system.requireUse('verify the snapshots of');
    return this.#system.past.verify(options.signal);
  }

  /** Canonical digest of the state: equal in all instances at the same `seq`. Walks the whole state, in slices. */
  async stateDigest(): Promise<string> {
    return digestState(this.state, this.#system.pace);
  }

  /**
   * Ends this instance: refuses new calls, waits for those under way (`closeTimeoutMs`), and gives up the right to write alone. The
   * store stays as it is, and your client is not touched. Idempotent. An instance that nobody closes does not keep the process alive.
   */
  close(): Promise<void> {
    return this.#system.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #check(schema: StandardSchemaV1<unknown, E>, event: E): Promise<E> {
    const checked = await schema['~standard'].validate(event);
    if (checked.issues !== undefined) throw new InvalidEventError(this.#system.name, checked.issues);
    return checked.value;
  }
}

function requireEvent(system: string, event: unknown): void {
  if (event === undefined) throw new TypeError(`Cannot handle an event of ${system}: undefined is no event`);
}

function requireHandling(system: string, event: unknown, id: unknown, timeoutMs: number): void {
  requireEvent(system, event);
  if (id !== undefined && (typeof id !== 'string' || id === '' || Buffer.byteLength(id) > idBytesMax)) {
    throw new RangeError(`Cannot handle an event of ${system}: id must be a string of 1 to ${idBytesMax} bytes`);
  }
  if (!(timeoutMs >= 0)) {
    throw new RangeError(`Cannot handle an event of ${system}: timeoutMs must be at least 0: ${timeoutMs}`);
  }
}

/**
 * Opens an instance: recovers the newest state from the store, and follows it from there on.
 *
 * Sends no write, except in mode `single-writer`. A system that nobody has written to is empty; the first event makes it. A store that
 * does not answer is asked again for `retry.timeoutMs` of the table (30 s); then its own error comes.
 *
 * Two instances with different handlers under one name are not refused, they differ: see `stateDigestEvery`. Two kinds of systems
 * need two names, or two `format`s.
 *
 * @cost Recovery reads the newest snapshot and the journal after it: 1 read unit per 4 KB, and at least 1 a page of the journal.
 * @throws {ReplayError} `ERR_REPLAY`, {@link StateDivergedError} `ERR_STATE_DIVERGED`, `JournalGapError`
 * `ERR_JOURNAL_GAP`, `JournalFormatError` `ERR_JOURNAL_FORMAT`, `SnapshotDamagedError` `ERR_SNAPSHOT_DAMAGED` when no kept
 * snapshot can be read, `NotWriterError` `ERR_NOT_WRITER`, `TableError` `ERR_TABLE`; TypeError and RangeError for wrong options.
 */
export async function openPrevayler<S, E, R = unknown>(
  options: PrevaylerOptions<S, E, R>,
): Promise<Prevayler<S, E, R>> {
  const settings = resolveOptions(options);
  const initialState = hold(settings.initialState, jsonCodec).hand() as S;
  const prevayler = new Prevayler<S, E, R>({ ...settings, initialState });
  try {
    await prevayler.recover();
  } catch (error) {
    await prevayler.close();
    throw error;
  }
  return prevayler;
}
