/**
 * A clock whose time passes only when nothing else can happen, so that a day of leases and back-offs runs in a moment and
 * always in the same order.
 *
 * ```
 *   run(promise):  drain all microtasks ─► settled? ─yes─► its result
 *                        ▲                    │no
 *                        └── fire the next timer, time jumps to it
 * ```
 *
 * Invariant: timers fire in the order of their due times, equal ones in the order in which they were set, one at a time, and
 * everything that a timer sets going has come to rest before the next one fires. That holds for promises, `nextTick` and
 * `setImmediate` of one turn; work on real sockets, files or threads is not seen, so keep it out of a simulation, or say by
 * `elsewhere` how to wait for it.
 */
import type { Clock } from '../engine/index.js';

/** Options of {@link VirtualClock}. */
export interface VirtualClockOptions {
  /**
   * Wall-clock time at the start, in epoch milliseconds.
   * @defaultValue 2026-01-01T00:00:00Z
   */
  readonly nowMs?: number;
  /**
   * `run` rejects when this much virtual time went by without an end.
   * @defaultValue 7 days
   */
  readonly runMsMax?: number;
  /**
   * Asked before each timer, when all else has come to rest, for what {@link VirtualClock.elsewhere} is not told of: waits for one piece of work that goes on outside the event loop, on
   * another thread for instance, and answers `true`; or `false` when there is none. Time stands still meanwhile.
   * @defaultValue none
   */
  readonly elsewhere?: () => Promise<boolean>;
  /**
   * Says that all that happens waits for promises, `nextTick` and this clock alone: no `setImmediate`, no sockets, files or threads.
   * Then timers fire many to a turn of the event loop, which takes half the time. What waits for more after all is let down: time goes
   * by meanwhile.
   * @defaultValue false
   */
  readonly promisesOnly?: boolean;
}

interface Timer {
  readonly dueMs: number;
  fire(): void;
}

/**
 * A clock that a test moves by hand or lets run.
 *
 * @example
 * ```ts
 * import { VirtualClock } from 'leyden-jar/testing';
 * const clock = new VirtualClock();
 * await clock.run(clock.sleep(86_400_000));
 * console.log(clock.monotonicMs()); // 86400000
 * ```
 */
export class VirtualClock implements Clock {
  readonly #startMs: number;
  readonly #runMsMax: number;
  readonly #elsewhere: (() => Promise<boolean>) | undefined;
  readonly #settle: () => Promise<void>;
  readonly #timers: Timer[] = [];
  #stepMs = 0;
  #elapsedMs = 0;
  #worksElsewhere = 0;

  constructor(options: VirtualClockOptions = {}) {
    const { nowMs = Date.UTC(2026, 0, 1), runMsMax = 7 * 86_400_000, elsewhere, promisesOnly = false } = options;
    this.#elsewhere = elsewhere;
    this.#settle = promisesOnly ? settleMany() : settle;
    this.#startMs = nowMs;
    this.#runMsMax = runMsMax;
  }

  now(): number {
    return this.#startMs + this.#stepMs + this.#elapsedMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  /** Timers that are set and have not fired. */
  get pending(): number {
    return this.#timers.length;
  }

  sleep(ms: number, options: Parameters<Clock['sleep']>[1] = {}): Promise<void> {
    const { signal } = options;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const timer = this.#set(ms, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      const onAbort = () => {
        this.#timers.splice(this.#timers.indexOf(timer), 1);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Lets time stand still until `work` on another thread has ended. */
  elsewhere<Result>(work: Promise<Result>): Promise<Result> {
    this.#worksElsewhere += 1;
    return work.finally(() => {
      this.#worksElsewhere -= 1;
    });
  }

  /** Moves the wall clock alone, as a correction of the machine's time does; durations and timers are untouched. */
  step(ms: number): void {
    this.#stepMs += ms;
  }

  /** The same time and the same timers as seen by a machine whose wall clock is `offsetMs` off. */
  skewed(offsetMs: number): Clock {
    return {
      now: () => this.now() + offsetMs,
      monotonicMs: () => this.monotonicMs(),
      sleep: (ms, options) => this.sleep(ms, options),
      elsewhere: (work) => this.elsewhere(work),
    };
  }

  /** Lets `ms` pass: fires what falls due on the way, each after the one before has come to rest. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#elapsedMs + ms;
    await this.#rest();
    while ((this.#timers[0]?.dueMs ?? Number.POSITIVE_INFINITY) <= untilMs) {
      this.#fireNext();
      await this.#rest();
    }
    this.#elapsedMs = untilMs;
  }

  /**
   * Lets time pass until `promise` settles, and passes its result on.
   *
   * @throws Error when nothing is left that could ever settle it, or after `runMsMax` of virtual time.
   */
  async run<Result>(promise: Promise<Result>): Promise<Result> {
    let settled = false;
    const mark = () => {
      settled = true;
    };
    promise.then(mark, mark);
    const untilMs = this.#elapsedMs + this.#runMsMax;
    await this.#rest();
    while (!settled) {
      const next = this.#timers[0];
      if (next === undefined) throw new Error('Cannot run on: no timer is set and the promise is still pending');
      if (next.dueMs > untilMs) throw new Error(`Cannot run on: still pending after ${this.#runMsMax} ms`);
      this.#fireNext();
      await this.#rest();
    }
    return promise;
  }

  /** Comes back when nothing can happen any more but the next timer. */
  async #rest(): Promise<void> {
    do await this.#settle();
    while (this.#worksElsewhere > 0 || (this.#elsewhere !== undefined && (await this.#elsewhere())));
  }

  #fireNext(): void {
    const timer = this.#timers.shift() as Timer;
    this.#elapsedMs = Math.max(this.#elapsedMs, timer.dueMs);
    timer.fire();
  }

  #set(ms: number, fire: () => void): Timer {
    const timer = { dueMs: this.#elapsedMs + Math.max(0, ms), fire };
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#timers[middle] as Timer).dueMs <= timer.dueMs) low = middle + 1;
      else high = middle;
    }
    this.#timers.splice(low, 0, timer);
    return timer;
  }
}

/** Comes back when every microtask, and what those set going, has run. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Callbacks of one turn of the event loop: between any two of them all microtasks run, and nothing else does. */
const turnCallbacks = 64;

/** {@link settle} without what only the next turn of the event loop would run. */
function settleMany(): () => Promise<void> {
  let queued = 0;
  let go: (() => void) | undefined;
  const next = () => {
    queued -= 1;
    const resolve = go;
    go = undefined;
    resolve?.();
  };
  return () =>
    new Promise((resolve) => {
      go = resolve;
      if (queued > 0) return;
      for (; queued < turnCallbacks; queued += 1) setImmediate(next);
    });
}
