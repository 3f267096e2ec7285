/**
 * The watch against calling an atom from inside its own function, which would wait for itself for ever.
 *
 * A synchronous function is watched by a flag. A function declared `async` runs in an asynchronous context that remembers
 * for which atoms it runs, through all that it awaits; only such functions pay for that. A plain function that returns a
 * promise is watched while it runs synchronously; what it does later ends at its own deadline. The function of a transaction
 * always runs in such a context, which covers every atom that the transaction has touched.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { ReentrantError } from './errors.js';

/** A stretch of work during which some atoms must not be called. */
export interface Frame {
  /** Whether it runs for the atom of this watch. */
  readonly covers: (inside: Inside) => boolean;
  active: boolean;
  readonly outer: Frame | undefined;
}

const frames = new AsyncLocalStorage<Frame>();
const AsyncFunction = (async () => {}).constructor;

/** Whether `f` is declared `async`. */
export function isAsyncFunction(f: unknown): boolean {
  return f instanceof AsyncFunction;
}

/** Whether the caller is inside such a frame that is still at work. */
export function isWithin(sought: (frame: Frame) => boolean): boolean {
  for (let frame = frames.getStore(); frame !== undefined; frame = frame.outer) {
    if (frame.active && sought(frame)) return true;
  }
  return false;
}

/** Runs `f` in a frame; it is over when what `f` returned has settled. */
export function runWithin<T>(covers: Frame['covers'], f: (frame: Frame) => Promise<T>): Promise<T> {
  const frame: Frame = { covers, active: true, outer: frames.getStore() };
  return frames.run(frame, async () => {
    try {
      return await f(frame);
    } finally {
      frame.active = false;
    }
  });
}

export class Inside {
  readonly #keyText: string;
  #executing = false;

  constructor(keyText: string) {
    this.#keyText = keyText;
  }

  /**
   * `own`: the frame of the transaction that calls, which may.
   *
   * @throws {ReentrantError} `ERR_REENTRANT`, when called from inside a function that runs for this atom.
   */
  assertOutside(action: string, own?: Frame): void {
    if (this.#executing) throw new ReentrantError(action, this.#keyText);
    if (isWithin((frame) => frame !== own && frame.covers(this))) throw new ReentrantError(action, this.#keyText);
  }

  /** Runs `f` under the watch. */
  run<T>(f: () => T | Promise<T>, isAsync: boolean): T | Promise<T> {
    if (isAsync)
      return runWithin(
        (inside) => inside === this,
        async () => f(),
      );
    this.#executing = true;
    try {
      return f();
    } finally {
      this.#executing = false;
    }
  }
}
