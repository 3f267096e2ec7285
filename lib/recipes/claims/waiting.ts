import { after, type Clock, onAbort } from '../../engine/index.js';
import type { Lease } from '../session/lease.js';

/** What ends a wait: the deadline, the caller, the end of the own lease. */
export class Waiting {
  readonly #controller = new AbortController();
  readonly #timeout = Symbol('timeout');
  readonly #leave: (() => void)[];

  constructor(
    clock: Clock,
    lease: Lease,
    { deadlineAt, signal }: { readonly deadlineAt: number; readonly signal: AbortSignal | undefined },
  ) {
    const leftMs = deadlineAt - clock.monotonicMs();
    this.#leave = [lease.onEnd((error) => this.#controller.abort(error))];
    if (leftMs < Number.POSITIVE_INFINITY) {
      this.#leave.push(after(clock, Math.max(0, leftMs), () => this.#controller.abort(this.#timeout)));
    }
    // It may have aborted since the last request looked at it.
    if (signal !== undefined) this.#leave.push(onAbort(signal, () => this.#controller.abort(signal.reason)));
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  isTimeout(error: unknown): boolean {
    return error === this.#timeout || this.#controller.signal.reason === this.#timeout;
  }

  /** Nobody waits any longer. */
  end(): void {
    for (const leave of this.#leave) leave();
    this.#controller.abort();
  }
}
