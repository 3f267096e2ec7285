/**
 * The watch against calling an atom from inside its own function, which would wait for itself for ever.
 *
 * A synchronous function is watched by a flag. A function declared `async` runs in an asynchronous context that remembers
 * for which atoms it runs, through all that it awaits; only such functions pay for that. A plain function that returns a
 * promise is watched while it runs synchronously; what it does later ends at its own deadline.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { ReentrantError } from './errors.js';

interface Frame {
  readonly inside: Inside;
  active: boolean;
  readonly outer: Frame | undefined;
}

const frames = new AsyncLocalStorage<Frame>();
const AsyncFunction = (async () => {}).constructor;

/** Whether `f` is declared `async`. */
export function isAsyncFunction(f: unknown): boolean {
  return f instanceof AsyncFunction;
}

export class Inside {
  readonly #keyText: string;
  #executing = false;

  constructor(keyText: string) {
    this.#keyText = keyText;
  }

  /** @throws {ReentrantError} `ERR_REENTRANT`, when called from inside a function that runs for this atom. */
  assertOutside(action: string): void {
    if (this.#executing) throw new ReentrantError(action, this.#keyText);
    for (let frame = frames.getStore(); frame !== undefined; frame = frame.outer) {
      if (frame.inside === this && frame.active) throw new ReentrantError(action, this.#keyText);
    }
  }

  /** Runs `f` under the watch. */
  run<T>(f: () => T | Promise<T>, isAsync: boolean): T | Promise<T> {
    if (!isAsync) {
      this.#executing = true;
      try {
        return f();
      } finally {
        this.#executing = false;
      }
    }
    const frame: Frame = { inside: this, active: true, outer: frames.getStore() };
    return frames.run(frame, async () => {
      try {
        return await f();
      } finally {
        frame.active = false;
      }
    });
  }
}
