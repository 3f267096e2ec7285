/** Slots: stretches of time of one length, which begin at multiples of it. Which one it is depends on the clock of who asks. */
import type { Clock } from '../../engine/index.js';
import { requireCount, requireFunction } from '../recipe-item.js';

/** Longest sleep: so late at most is it seen that the wall clock was set, or went on while the machine slept. */
const sleepMsMax = 60_000;

/** How slots lie. */
export interface SlotOptions {
  /** Length of a slot, in whole milliseconds. Slots begin at multiples of it since 1970-01-01T00:00Z. */
  readonly everyMs: number;
  /**
   * How much later than at these multiples.
   * @defaultValue 0
   */
  readonly offsetMs?: number;
}

/** Options of the loops over slots. */
export interface RunEveryOptions {
  /** Ends it, once a run under way has ended. */
  readonly signal: AbortSignal;
  /** Told of what the function throws, and of slots of which it can't be told whose they are. It goes on with the next slot. */
  readonly onError: (error: unknown, slotAt: number) => void;
}

/** What `runOnce` answers. */
export type RunOnce<R> =
  | { readonly ran: true; readonly slotAt: number; readonly result: R }
  | { readonly ran: false; readonly slotAt: number };

export class Slots {
  readonly everyMs: number;
  readonly #offsetMs: number;
  readonly #clock: Clock;

  /** @throws RangeError for wrong options. */
  constructor(clock: Clock, { everyMs, offsetMs = 0 }: SlotOptions) {
    requireCount('open a cron slot', 'everyMs', everyMs);
    if (!Number.isSafeInteger(offsetMs) || offsetMs < 0 || offsetMs >= everyMs) {
      throw new RangeError(
        `Cannot open a cron slot: offsetMs must be an integer from 0 to below everyMs ${everyMs}: ${offsetMs}`,
      );
    }
    this.everyMs = everyMs;
    this.#offsetMs = offsetMs;
    this.#clock = clock;
  }

  /** Beginning of the slot that it is. */
  now(): number {
    return Math.floor((this.#clock.now() - this.#offsetMs) / this.everyMs) * this.everyMs + this.#offsetMs;
  }

  /**
   * Calls `run` at the beginning of each slot from the next one on, one call after the other, until `signal` aborts. With `joinsLate`, a
   * slot that has begun during a call is not left out: it is begun as soon as the call has ended.
   */
  async runEach(
    run: (slotAt: number) => Promise<unknown>,
    { signal, onError }: RunEveryOptions,
    { joinsLate }: { readonly joinsLate: boolean },
  ): Promise<void> {
    let slotAt = this.now();
    while ((joinsLate && this.now() > slotAt && !signal.aborted) || (await this.#next(signal))) {
      slotAt = this.now();
      try {
        await run(slotAt);
      } catch (error) {
        if (!signal.aborted || error !== signal.reason) onError(error, slotAt);
      }
    }
  }

  /** Waits for the next slot to begin; false when `signal` aborts before. */
  async #next(signal: AbortSignal): Promise<boolean> {
    const begin = this.now() + this.everyMs;
    // A timer may be early, and the wall clock may be set back meanwhile.
    for (let leftMs = begin - this.#clock.now(); leftMs > 0 && !signal.aborted; leftMs = begin - this.#clock.now()) {
      await this.#clock.sleep(Math.min(Math.ceil(leftMs), sleepMsMax), { signal }).catch(() => {});
    }
    return !signal.aborted;
  }
}

/** @throws TypeError for what can't be run, or ended. */
export function requireRun(action: string, f: unknown, { signal, onError }: RunEveryOptions): void {
  requireFunction(action, f);
  if (typeof signal?.aborted !== 'boolean') throw new TypeError(`Cannot ${action}: signal must be an AbortSignal`);
  if (typeof onError !== 'function') {
    throw new TypeError(`Cannot ${action}: onError must be a function: ${typeof onError}`);
  }
}

/** @throws RangeError for what is no beginning of a slot. */
export function requireSlotAt(action: string, slotAt: number): void {
  if (!Number.isSafeInteger(slotAt) || slotAt < 0) {
    throw new RangeError(`Cannot ${action}: slotAt must be whole milliseconds since 1970: ${slotAt}`);
  }
}
