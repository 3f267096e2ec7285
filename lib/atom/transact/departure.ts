/**
 * When the caller of a transaction goes: at its deadline, or when its signal aborts.
 *
 * As for single atoms, the deadline bends: at least one attempt is made, and one that is under way is waited for.
 */
import { after, type Clock, onAbort } from '../../engine/index.js';

/** Thrown to whatever the caller was waiting for when it went. */
export class Gone {
  /** Of its abort signal; `undefined` at the deadline. */
  readonly reason: unknown;
  readonly isAbort: boolean;

  constructor(isAbort: boolean, reason: unknown) {
    this.isAbort = isAbort;
    this.reason = reason;
  }
}

export interface DepartureOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly attemptTimeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

export class Departure {
  /** Attempts that were begun. */
  attempts = 0;
  /** Whether one is under way. */
  isSending = false;
  readonly #options: DepartureOptions;
  readonly #controller = new AbortController();
  #isExtended = false;
  #callOff: () => void;
  #unlisten = (): void => {};

  constructor(options: DepartureOptions) {
    this.#options = options;
    const { clock, timeoutMs, signal } = options;
    this.#callOff = timeoutMs === Number.POSITIVE_INFINITY ? () => {} : after(clock, timeoutMs, () => this.#expire());
    if (signal !== undefined) this.#unlisten = onAbort(signal, () => this.#leave(true, signal.reason));
  }

  /** Aborts, with a {@link Gone} as reason, when the caller goes. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Waits for `promise`, but no longer than the caller does; then rejects with {@link Gone}. */
  race<T>(promise: Promise<T>): Promise<T> {
    const { signal } = this;
    return new Promise((resolve, reject) => {
      const leave = () => reject(signal.reason);
      if (signal.aborted) leave();
      else signal.addEventListener('abort', leave, { once: true });
      promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
    });
  }

  /** Its time is over, and so is the attempt that it was given beyond it: there is no other. @throws Gone */
  assertInTime(): void {
    if (this.#isExtended && this.attempts > 0) this.#leave(false, undefined);
    this.signal.throwIfAborted();
  }

  close(): void {
    this.#callOff();
    this.#unlisten();
  }

  #expire(): void {
    const { clock, attemptTimeoutMs } = this.#options;
    if (this.#isExtended || (this.attempts > 0 && !this.isSending)) {
      this.#leave(false, undefined);
      return;
    }
    this.#isExtended = true;
    this.#callOff = after(clock, (this.isSending ? 1 : 2) * attemptTimeoutMs, () => this.#expire());
  }

  #leave(isAbort: boolean, reason: unknown): void {
    this.#controller.abort(new Gone(isAbort, reason));
  }
}
