/**
 * The three who watch: a loop over values, a callback, and somebody who waits for a state.
 *
 * What a user's function does happens in a microtask of its own, never inside the library's work, and in the asynchronous context of
 * whoever handed it in. A function that throws disturbs nobody else.
 */
import { AsyncResource } from 'node:async_hooks';
import type { Held } from '../../codec/index.js';
import { after, type Clock, onAbort } from '../../engine/index.js';
import { isThenable } from '../value-rules.js';
import type { Watcher } from './watch-room.js';

/** What every watcher has to do with the room that it stands in. */
export interface Standing<V> {
  readonly clock: Clock;
  readonly handOf: (held: Held | undefined) => V;
  /** Begins to watch; gives what ends it. */
  readonly enter: (watcher: Watcher) => () => void;
}

/** How often, and how, an atom is looked at for one watch. */
export interface WatchPace {
  readonly isStrong: boolean;
  readonly pollMsMax: number;
}

/** What `watch()` gives: values as they become known. */
export interface AtomWatch<V> extends AsyncIterableIterator<V, void, undefined>, AsyncDisposable {
  return(): Promise<IteratorResult<V, void>>;
  [Symbol.asyncIterator](): AtomWatch<V>;
}

interface Waiting<V> {
  resolve(result: IteratorResult<V, void>): void;
  reject(error: unknown): void;
}

/** The newest value, conflated: who is slow misses what was between. */
export class ValueLoop<V> implements AtomWatch<V>, Watcher {
  readonly wantsFirst = true;
  readonly keepsAlive = true;
  readonly isStrong: boolean;
  readonly pollMsMax: number;
  readonly #standing: Standing<V>;
  readonly #signal: AbortSignal | undefined;
  readonly #waiting: Waiting<V>[] = [];
  #newest: { readonly held: Held | undefined } | undefined;
  #failure: { readonly error: unknown } | undefined;
  #leave: (() => void) | undefined;
  #isOver = false;

  constructor(standing: Standing<V>, { isStrong, pollMsMax }: WatchPace, signal: AbortSignal | undefined) {
    this.#standing = standing;
    this.isStrong = isStrong;
    this.pollMsMax = pollMsMax;
    this.#signal = signal;
  }

  async next(): Promise<IteratorResult<V, void>> {
    if (this.#leave === undefined && !this.#isOver) this.#begin();
    if (this.#failure !== undefined) {
      const { error } = this.#failure;
      this.#failure = undefined;
      throw error;
    }
    if (this.#isOver) return { done: true, value: undefined };
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#give();
    });
  }

  async return(): Promise<IteratorResult<V, void>> {
    this.end();
    return { done: true, value: undefined };
  }

  async throw(error: unknown): Promise<IteratorResult<V, void>> {
    this.end();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end();
  }

  see(held: Held | undefined): void {
    this.#newest = { held };
    this.#give();
  }

  fail(error: unknown): true {
    if (this.#isOver) return true;
    const first = this.#waiting.shift();
    if (first === undefined) this.#failure = { error };
    else first.reject(error);
    this.end();
    return true;
  }

  end(): void {
    this.#isOver = true;
    this.#newest = undefined;
    const leave = this.#leave;
    this.#leave = undefined;
    leave?.();
    for (const { resolve } of this.#waiting.splice(0)) resolve({ done: true, value: undefined });
  }

  #begin(): void {
    const signal = this.#signal;
    if (signal?.aborted) {
      this.fail(signal.reason);
      return;
    }
    const leave = this.#standing.enter(this);
    const unlisten = signal === undefined ? () => {} : onAbort(signal, () => this.fail(signal.reason));
    this.#leave = () => {
      unlisten();
      leave();
    };
  }

  #give(): void {
    const newest = this.#newest;
    const first = newest === undefined ? undefined : this.#waiting.shift();
    if (newest === undefined || first === undefined) return;
    this.#newest = undefined;
    try {
      first.resolve({ done: false, value: this.#standing.handOf(newest.held) });
    } catch (error) {
      // A codec of the user's that does not take back what it made.
      first.reject(error);
    }
  }
}

/** Called with each change that this process sees. */
export class Callback<V> implements Watcher {
  readonly wantsFirst = false;
  readonly keepsAlive = false;
  readonly isStrong = false;
  readonly pollMsMax: number = Number.POSITIVE_INFINITY;
  readonly #context = new AsyncResource('leyden-jar.watch');
  readonly #handOf: Standing<V>['handOf'];
  readonly #call: (old: V, next: V) => unknown;
  readonly #onThrow: (error: unknown) => void;
  #isOver = false;

  constructor(handOf: Standing<V>['handOf'], call: (old: V, next: V) => unknown, onThrow: (error: unknown) => void) {
    this.#handOf = handOf;
    this.#call = call;
    this.#onThrow = onThrow;
  }

  see(next: Held | undefined, old: Held | undefined): void {
    queueMicrotask(() => {
      if (this.#isOver) return;
      try {
        const called = this.#context.runInAsyncScope(() => this.#call(this.#handOf(old), this.#handOf(next)));
        if (isThenable(called)) called.then(undefined, this.#onThrow);
      } catch (error) {
        this.#onThrow(error);
      }
    });
  }

  /** It goes on: what can't be read now may be readable later. */
  fail(): false {
    return false;
  }

  end(): void {
    this.#isOver = true;
  }
}

/** What a wait for a state is given. */
export interface WaitFacts<V> {
  readonly predicate: (value: V) => unknown;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** The error of the deadline, after so many states were looked at. */
  readonly tooLate: (looks: number) => Error;
  readonly closed: () => Error;
}

/** Resolves with the first state that satisfies the predicate. */
export function awaitState<V>(
  standing: Standing<V>,
  pace: WatchPace,
  { predicate, timeoutMs, signal, tooLate, closed }: WaitFacts<V>,
): Promise<V> {
  const context = new AsyncResource('leyden-jar.waitFor');
  let looks = 0;
  return new Promise((resolve, reject) => {
    let isOver = false;
    let leave = () => {};
    const end = (answer: () => void) => {
      if (isOver) return;
      isOver = true;
      leave();
      answer();
    };
    const fail = (error: unknown): true => {
      end(() => reject(error));
      return true;
    };
    const look = (held: Held | undefined) => {
      if (isOver) return;
      looks += 1;
      try {
        const value = standing.handOf(held);
        const holds = context.runInAsyncScope(predicate, undefined, value);
        if (isThenable(holds)) throw new TypeError('Cannot wait for a state: the predicate must not return a promise');
        if (holds) end(() => resolve(value));
      } catch (error) {
        fail(error);
      }
    };
    const exit = standing.enter({
      ...pace,
      wantsFirst: true,
      keepsAlive: true,
      see: (held) => queueMicrotask(() => look(held)),
      fail,
      end: () => fail(closed()),
    });
    const unlisten = signal === undefined ? () => {} : onAbort(signal, () => fail(signal.reason));
    const callOff =
      timeoutMs === Number.POSITIVE_INFINITY ? () => {} : after(standing.clock, timeoutMs, () => fail(tooLate(looks)));
    leave = () => {
      exit();
      unlisten();
      callOff();
    };
  });
}
