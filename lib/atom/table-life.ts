/**
 * Whether a table is open, and what is under way in it.
 *
 *   open ──close()──> closed        calls made from here on are refused
 *                       │
 *                       └── what was begun before goes on to its end, and close() waits for it
 *
 * A lane counts as under way from the call that wakes it until nothing of it is to be done any more: functions that run, a write on
 * its way, a lost answer that is being settled in the background. A call that writes many atoms, and a sweep, count from their
 * beginning to their end. Lanes of journals and snapshots outlive the table's closing, as those have owners of their own.
 */
import { after, type Clock, onAbort } from '../engine/index.js';
import { TableClosedError } from './errors.js';

/** Something that may be under way. */
export interface Activity {
  /** Whether it belongs to a part of the library that is closed by itself. */
  readonly outlives: boolean;
}

/** How long to wait for what is under way. */
export interface SettledOptions {
  /**
   * How long to wait.
   * @defaultValue 10000
   */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Options of `AtomTable.close`. */
export type CloseOptions = Pick<SettledOptions, 'timeoutMs'>;

const timeoutMsDefault = 10_000;

export class TableLife {
  readonly #clock: Clock;
  readonly #underWay = new Set<Activity>();
  readonly #waiting = new Set<() => void>();
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** From now on calls are refused. */
  end(): void {
    this.#isClosed = true;
  }

  /** What a call is refused with; `undefined` while the table is open. */
  refusal(action: string, subject: string): TableClosedError | undefined {
    return this.#isClosed ? new TableClosedError(action, subject) : undefined;
  }

  began(activity: Activity): void {
    this.#underWay.add(activity);
  }

  ended(activity: Activity): void {
    this.#underWay.delete(activity);
    if (this.#waiting.size > 0) for (const look of this.#waiting) look();
  }

  /** Counts `work` as under way until it has ended. */
  async during<Result>(work: () => Promise<Result>): Promise<Result> {
    const activity = { outlives: false };
    this.began(activity);
    try {
      return await work();
    } finally {
      this.ended(activity);
    }
  }

  /**
   * Waits until nothing is under way, `outliving` activities included or not; whether it came to that in time.
   *
   * @throws RangeError for what is no time-out.
   */
  idle(outliving: boolean, { timeoutMs = timeoutMsDefault, signal }: SettledOptions): Promise<boolean> {
    if (!(timeoutMs >= 0)) {
      throw new RangeError(`Cannot wait for a table: timeoutMs must be a number of at least 0: ${timeoutMs}`);
    }
    if (signal?.aborted) return Promise.reject(signal.reason);
    const isIdle = () => [...this.#underWay].every((one) => !outliving && one.outlives);
    if (isIdle()) return Promise.resolve(true);
    return new Promise((resolve, reject) => {
      let callOff = () => {};
      let unlisten = () => {};
      const leave = () => {
        this.#waiting.delete(look);
        callOff();
        unlisten();
      };
      const end = (settled: boolean) => {
        leave();
        resolve(settled);
      };
      const look = () => {
        if (isIdle()) end(true);
      };
      this.#waiting.add(look);
      if (timeoutMs < Number.POSITIVE_INFINITY) callOff = after(this.#clock, timeoutMs, () => end(false));
      if (signal !== undefined) {
        unlisten = onAbort(signal, () => {
          leave();
          reject(signal.reason);
        });
      }
    });
  }
}
