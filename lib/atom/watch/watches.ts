/**
 * The watches of one table: a watched atom for each cell that somebody watches, kept from the first watcher to the last.
 *
 * Cells are held weakly by their table and strongly from here, so an atom that is watched keeps its cache while nobody holds a
 * handle of it; after the last watch nothing of it is left here, no timer either.
 */
import type { Held } from '../../codec/index.js';
import type { Cell } from '../cell.js';
import { DeadlineError, TableClosedError } from '../errors.js';
import type { Ground, Retry } from '../ground.js';
import { requirePolling, type WatchPollOptions } from './watch-ladder.js';
import { WatchPoller } from './watch-poller.js';
import type { Watcher, WatchRoom } from './watch-room.js';
import type { WatchSource } from './watch-source.js';
import { Watched } from './watched.js';
import { type AtomWatch, awaitState, Callback, type Standing, ValueLoop, type WatchPace } from './watchers.js';

/** Options of a table's watches. */
export interface TableWatchOptions {
  /** How often watched atoms are looked at. */
  readonly watch?: WatchPollOptions;
  /** Tells of changes by push, so that polling is only the fall-back. @defaultValue none */
  readonly watchSource?: WatchSource;
  /**
   * Told of what a function of `addWatch` throws (or rejects with), and of what its watch can't be told otherwise: an item that
   * can't be read, a read that the store refuses.
   * @defaultValue the first is thrown as an unhandled error, as by an `EventTarget`; the others are warnings of the process
   */
  readonly onWatchError?: (error: unknown) => void;
}

/** Options of one watch. */
export interface WatchOptions {
  /**
   * Ends the watch: the loop throws `signal.reason`.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * How atoms are looked at. `strong` costs twice as much, and sees a change at the next look for certain; with `eventual` it may
   * take one more.
   * @defaultValue 'eventual'
   */
  readonly consistency?: 'eventual' | 'strong';
  /**
   * Longest interval between two looks for this watch, in milliseconds.
   * @defaultValue `watch.pollMsMax` of the table
   */
  readonly pollMsMax?: number;
}

/** Options of `waitFor`. */
export interface WaitForOptions extends WatchOptions {
  /**
   * Deadline; `Infinity` for none.
   * @defaultValue `retry.timeoutMs` of the atom
   */
  readonly timeoutMs?: number;
}

export class Watches {
  readonly #ground: Ground;
  readonly #retry: Retry;
  readonly #options: TableWatchOptions;
  readonly #watched = new Map<Cell, Watched>();
  readonly #callbacks = new Map<Cell, Map<unknown, () => void>>();
  /** Made for the first watch. */
  #made: WatchRoom | undefined;
  #isClosed = false;

  /** @throws RangeError for wrong options. */
  constructor(ground: Ground, retry: Retry, options: TableWatchOptions) {
    requirePolling(options.watch ?? {});
    this.#ground = ground;
    this.#retry = retry;
    this.#options = options;
  }

  get #room(): WatchRoom {
    const { watch = {}, watchSource: source } = this.#options;
    const report = (error: unknown) => this.#report(error);
    this.#made ??= { ground: this.#ground, poller: new WatchPoller(this.#ground, this.#retry, watch), source, report };
    return this.#made;
  }

  loop<V>(cell: Cell, options: WatchOptions): AtomWatch<V> {
    return new ValueLoop<V>(this.#standing(cell), paceOf(options), options.signal);
  }

  waitFor<V>(cell: Cell, predicate: (value: V) => unknown, options: WaitForOptions): Promise<V> {
    const { signal, timeoutMs = cell.retry.timeoutMs } = options;
    if (signal?.aborted) return Promise.reject(signal.reason);
    const { keyText } = cell;
    const tooLate = (looks: number) => {
      const facts = { key: keyText, attempts: looks, conflicts: 0 };
      return new DeadlineError('wait for a state of', facts, timeoutMs, this.#made?.poller.obstacle);
    };
    const closed = () => new TableClosedError('wait for a state of', `atom ${keyText}`);
    return awaitState<V>(this.#standing(cell), paceOf(options), { predicate, timeoutMs, signal, tooLate, closed });
  }

  addCallback<V>(cell: Cell, id: unknown, call: (old: V, next: V) => unknown): void {
    this.removeCallback(cell, id);
    const standing = this.#standing<V>(cell);
    const callback = new Callback<V>(standing.handOf, call, (error) => this.#reportThrown(error));
    const leave = standing.enter(callback);
    const callbacks = this.#callbacks.get(cell) ?? new Map<unknown, () => void>();
    this.#callbacks.set(cell, callbacks);
    callbacks.set(id, () => {
      callback.end();
      leave();
    });
  }

  /** Whether there was one. */
  removeCallback(cell: Cell, id: unknown): boolean {
    const callbacks = this.#callbacks.get(cell);
    const leave = callbacks?.get(id);
    if (callbacks === undefined || leave === undefined) return false;
    callbacks.delete(id);
    if (callbacks.size === 0) this.#callbacks.delete(cell);
    leave();
    return true;
  }

  /** Ends all watches, and all that was done for them. */
  close(): void {
    this.#isClosed = true;
    this.#callbacks.clear();
    for (const watched of [...this.#watched.values()]) watched.end();
    this.#watched.clear();
  }

  #standing<V>(cell: Cell): Standing<V> {
    return {
      clock: this.#ground.clock,
      handOf: (held: Held | undefined) => (held ?? cell.initial)?.hand() as V,
      enter: (watcher) => this.#enter(cell, watcher),
    };
  }

  #enter(cell: Cell, watcher: Watcher): () => void {
    if (this.#isClosed) throw new TableClosedError('watch', `atom ${cell.keyText}`);
    const watched = this.#watched.get(cell) ?? this.#open(cell);
    watched.add(watcher);
    return () => {
      if (!watched.remove(watcher) && this.#watched.get(cell) === watched) this.#watched.delete(cell);
    };
  }

  #open(cell: Cell): Watched {
    const watched = new Watched(cell, this.#room);
    this.#watched.set(cell, watched);
    return watched;
  }

  #reportThrown(error: unknown): void {
    if (this.#options.onWatchError !== undefined) this.#report(error);
    else {
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  #report(error: unknown): void {
    const { onWatchError: onError } = this.#options;
    // In a turn of its own: what it throws is nobody's fault here.
    if (onError !== undefined) queueMicrotask(() => onError(error));
    else process.emitWarning(error instanceof Error ? error : String(error));
  }
}

function paceOf({ consistency = 'eventual', pollMsMax = Number.POSITIVE_INFINITY }: WatchOptions): WatchPace {
  if (consistency !== 'eventual' && consistency !== 'strong') {
    throw new TypeError(`Cannot watch: consistency must be 'eventual' or 'strong': ${String(consistency)}`);
  }
  if (!(pollMsMax > 0)) throw new RangeError(`Cannot watch: pollMsMax must be a positive number: ${pollMsMax}`);
  return { isStrong: consistency === 'strong', pollMsMax };
}
