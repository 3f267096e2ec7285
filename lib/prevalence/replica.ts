/**
 * The state of a prevalent system in this process: what the journal says up to here, and nothing else.
 *
 * It changes in two ways only: by a commit that is replayed (`apply`), and by a decision whose commit is known to be in the
 * journal (`adopt`). Both in the order of the journal, each commit once.
 */
import type { Commit, ReadCommit } from '../journal/index.js';
import { digestStateNow, type FrozenBytes, freezeState } from '../snapshot/index.js';
import type { Decision } from './decision.js';
import { ReplayError, StateDivergedError, StateSpoiledError } from './errors.js';
import { decodeCommits, decodeEvents } from './event-text.js';
import { type Handler, runHandler } from './handler.js';
import { type IdEntry, IdWindow } from './id-window.js';

/** An event that took effect. */
export interface Change<E> {
  readonly seq: number;
  /** Epoch milliseconds of its commit. */
  readonly time: number;
  readonly event: E;
  readonly id: string | undefined;
}

/** Told of the events of a commit, and of about how many bytes their text has. */
export type Listener<E> = (changes: readonly Change<E>[], bytes: number) => void;

/** Makes an old event a new one: what it was, and who wrote it. */
export type Upcast<E> = (
  event: unknown,
  context: { readonly handlerVersion: string | undefined; readonly seq: number },
) => E;

export interface ReplicaOptions<S, E, R> {
  readonly system: string;
  readonly handler: Handler<S, E, R>;
  readonly handlerVersion: string | undefined;
  readonly upcast: Upcast<E> | undefined;
  readonly idsMax: number;
  /** Frozen. */
  readonly initialState: S;
  /** Bytes in this state and in others of the system: states share them. */
  readonly bytes: FrozenBytes;
  /** Told of handlers that take long at a replay. */
  readonly slow?: SlowWatch<E> | undefined;
  /** Stops there, in the middle of a commit if need be, for a look at the past. */
  readonly untilSeq: number;
}

/** Tells of events whose handler took long. */
interface SlowWatch<E> {
  readonly ms: number;
  readonly now: () => number;
  readonly tell: (slow: { readonly seq: number; readonly event: E; readonly ms: number }) => void;
}

/** What a snapshot stores of a replica. */
export interface Captured<S, R> {
  readonly state: S;
  readonly ids: readonly IdEntry<R>[];
}

export class Replica<S, E, R> {
  readonly #options: ReplicaOptions<S, E, R>;
  #state: S;
  /** Those in the state, which can't be frozen. */
  readonly bytes: FrozenBytes;
  #ids: IdWindow<R>;
  #seq = 0;
  #time = 0;
  /** Where the state was last known to be what others have. */
  #verifiedSeq = 0;
  #versionsSince = new Set<string | undefined>();
  #listeners = new Set<Listener<E>>();

  constructor(options: ReplicaOptions<S, E, R>) {
    this.#options = options;
    this.bytes = options.bytes;
    this.#state = options.initialState;
    this.#ids = new IdWindow(options.idsMax);
  }

  get state(): S {
    return this.#state;
  }

  /** Number of the last event in the state. */
  get seq(): number {
    return this.#seq;
  }

  /** Time of the last commit in the state, epoch milliseconds. */
  get time(): number {
    return this.#time;
  }

  get ids(): IdWindow<R> {
    return this.#ids;
  }

  /** Calls `listener` with the events of each commit that takes effect; returns the function that ends it. */
  listen(listener: Listener<E>): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Replays a commit. When it throws, nothing of it has been taken.
   *
   * The state is frozen after each commit, not after each event: whoever journalled these events decided each of them on a frozen
   * state, and nobody sees what is between.
   *
   * @throws {ReplayError} `ERR_REPLAY`, {@link StateDivergedError} `ERR_STATE_DIVERGED`
   */
  apply({ commit, text }: ReadCommit): void {
    const { first, time, handlerVersion, stateDigest } = commit;
    const { untilSeq } = this.#options;
    let state = this.#state;
    let seq = first - 1;
    const ids: [string, R | undefined][] = [];
    const changes: Change<E>[] = [];
    this.#forEach(commit, text, (raw, id) => {
      if (seq >= untilSeq) return;
      seq += 1;
      try {
        const event = this.#eventOf(raw, handlerVersion, seq);
        const handled = this.#run(state, event, { time, seq });
        state = handled.state;
        if (id !== undefined) ids.push([id, freezeState(handled.result, this.bytes)]);
        if (this.#listeners.size > 0) changes.push({ seq, time, event, id });
      } catch (cause) {
        throw this.#replayError(commit, seq, cause);
      }
    });
    this.#freeze(commit, state, seq);
    // The digest is of the state after the whole commit.
    if (stateDigest !== undefined && seq === first + commit.count - 1)
      this.#verify(state, stateDigest, seq, handlerVersion);
    else this.#versionsSince.add(handlerVersion);
    this.#move(state, seq, commit, ids, changes);
  }

  /**
   * Replays commits together: their events are parsed at once, and the state is frozen after the last of them. Where commits have one
   * event each, that is most of the work.
   *
   * @returns `false` when nothing was taken: each of them is to be told of, or to be verified, or one can't be replayed
   */
  applyAll(reads: readonly ReadCommit[]): boolean {
    const last = reads.at(-1)?.commit;
    if (last === undefined || this.#listeners.size > 0 || !reads.every(isPlain)) return false;
    const { untilSeq } = this.#options;
    const end = last.first + last.count - 1;
    if (end > untilSeq) return false;
    const ids: [string, R | undefined][] = [];
    let state = this.#state;
    let seq = (reads[0] as ReadCommit).commit.first - 1;
    try {
      decodeCommits(reads, (raw, id, { time, handlerVersion }) => {
        seq += 1;
        const event = this.#eventOf(raw, handlerVersion, seq);
        const handled = this.#run(state, event, { time, seq });
        state = handled.state;
        if (id !== undefined) ids.push([id, freezeState(handled.result, this.bytes)]);
      });
      freezeState(state, this.bytes);
    } catch {
      return false;
    }
    if (seq !== end || this.bytes.haveChanged()) return false;
    for (const { commit } of reads) this.#versionsSince.add(commit.handlerVersion);
    this.#move(state, seq, last, ids, []);
    return true;
  }

  /** Takes what was decided here, now that its commit is in the journal. */
  adopt(commit: Commit, { state, accepted, ids }: Decision<S, R>, changes: () => readonly Change<E>[]): void {
    if (commit.stateDigest !== undefined) this.#noteVerified(this.#seq + accepted);
    else this.#versionsSince.add(commit.handlerVersion);
    this.#move(state, this.#seq + accepted, commit, ids, this.#listeners.size > 0 ? changes() : []);
  }

  capture(): Captured<S, R> {
    return { state: this.#state, ids: this.#ids.entries() };
  }

  restore({ state, ids }: Captured<S, R>, at: { readonly seq: number; readonly time: number }): void {
    this.#state = freezeState(state, this.bytes);
    for (const [, result] of ids) freezeState(result, this.bytes);
    this.#ids = new IdWindow(this.#options.idsMax, ids);
    this.#seq = at.seq;
    this.#time = at.time;
    this.#noteVerified(at.seq);
  }

  #freeze(commit: Commit, state: S, seq: number): void {
    try {
      freezeState(state, this.bytes);
    } catch (cause) {
      throw this.#replayError(commit, seq, cause);
    }
    if (this.bytes.haveChanged()) throw new StateSpoiledError(this.#seq);
  }

  /** Calls `each` for the events that count. */
  #forEach(commit: Commit, text: string, each: (event: unknown, id: string | undefined) => void): void {
    const { first, skip, count } = commit;
    const skipped = new Set(skip);
    try {
      const lines = decodeEvents(text, (event, id, index) => {
        if (skipped.size === 0 || !skipped.has(index)) each(event, id);
      });
      if (lines - skipped.size !== count)
        throw new Error(`${lines - skipped.size} events where there should be ${count}`);
    } catch (cause) {
      throw cause instanceof ReplayError ? cause : this.#replayError(commit, first, cause);
    }
  }

  #replayError({ handlerVersion }: Commit, seq: number, cause: unknown): ReplayError {
    const { system, handlerVersion: own } = this.#options;
    return new ReplayError(system, seq, handlerVersion, own, cause);
  }

  #eventOf(raw: unknown, handlerVersion: string | undefined, seq: number): E {
    const { upcast } = this.#options;
    return upcast === undefined ? (raw as E) : upcast(raw, { handlerVersion, seq });
  }

  #run(state: S, event: E, context: { readonly time: number; readonly seq: number }) {
    const { handler, slow } = this.#options;
    if (slow === undefined) return runHandler(handler, state, event, context);
    const startedAt = slow.now();
    const handled = runHandler(handler, state, event, context);
    const ms = slow.now() - startedAt;
    if (ms >= slow.ms) slow.tell({ seq: context.seq, event, ms });
    return handled;
  }

  #verify(state: S, stateDigest: string, seq: number, handlerVersion: string | undefined): void {
    if (digestStateNow(state) === stateDigest) {
      this.#noteVerified(seq);
      return;
    }
    const range = { from: this.#verifiedSeq + 1, to: seq };
    const versions = [...this.#versionsSince.add(handlerVersion)];
    throw new StateDivergedError(this.#options.system, range, versions, this.#options.handlerVersion);
  }

  #noteVerified(seq: number): void {
    this.#verifiedSeq = seq;
    this.#versionsSince = new Set();
  }

  #move(
    state: S,
    seq: number,
    { time, text, body }: Commit,
    ids: readonly (readonly [string, R | undefined])[],
    changes: readonly Change<E>[],
  ): void {
    this.#state = state;
    this.#seq = seq;
    this.#time = time;
    for (const [id, result] of ids) this.#ids.add(id, result);
    if (changes.length === 0) return;
    const bytes = body?.bytes ?? text.length;
    for (const listener of this.#listeners) listener(changes, bytes);
  }
}

/** Whether all of its events count, and nothing is said of the state after it. */
function isPlain({ commit }: ReadCommit): boolean {
  return commit.skip.length === 0 && commit.stateDigest === undefined;
}
