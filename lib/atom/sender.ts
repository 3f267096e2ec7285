/**
 * Sending with patience: one attempt with its own time-out, and the loop that tries again.
 *
 * It knows nothing of what is sent. Who sends decides what an answer means, and throws {@link Again} to go round once more.
 * The loop and its limits are p-retry's; the pauses are slept on the injected clock, so that a simulation needs no timers.
 */
import pRetry from 'p-retry';
import { after, fullJitterMs, isTransient, refusalKind, type WriteAnswer } from '../engine/index.js';
import type { Ground, Retry } from './ground.js';

/** What ends a loop of tries. */
interface Until {
  readonly signal?: AbortSignal;
  readonly deadlineAt?: number;
}

/** What it works with. */
type SenderGround = Pick<Ground, 'clock' | 'random' | 'pace' | 'events'>;

/** What is in the way decides how long the pause is. */
type Obstacle = 'throttled' | 'brief';

/** Thrown inside the loop to go round once more. */
export class Again extends Error {
  readonly obstacle: Obstacle;

  constructor(obstacle: Obstacle, cause: unknown) {
    super('again', { cause });
    this.obstacle = obstacle;
  }
}

/** A timer that fires this late tells that this process was not running. */
const stalledMs = 20;
/** First pause after a lost answer or a passing conflict: soon, as the store itself is not in trouble. */
const briefBackoffMs = 5;

export class Sender {
  /** What stands in the way of the request under way; `undefined` when nothing does. */
  obstacle: unknown;
  /** The same of reads alone. */
  readObstacle: unknown;
  /** What stood in the way of any read. */
  readonly #met = new WeakSet<object>();
  readonly #ground: SenderGround;
  readonly #retry: Retry;

  constructor(ground: SenderGround, retry: Retry) {
    this.#ground = ground;
    this.#retry = retry;
  }

  /**
   * Reads, asking again until the deadline or until `signal` aborts while that makes sense; then rejects with the last obstacle.
   */
  async read<T extends object | undefined>(
    key: string,
    deadlineAt: number,
    send: (signal: AbortSignal) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    // What stood in the way of an earlier read says nothing of this one.
    this.readObstacle = undefined;
    try {
      return await this.persist(key, { deadlineAt, ...(signal && { signal }) }, async () => {
        try {
          const answer = await this.tryRead(send);
          this.readObstacle = undefined;
          return answer;
        } catch (error) {
          if (error instanceof Again) {
            this.readObstacle = error.cause;
            if (typeof error.cause === 'object' && error.cause !== null) this.#met.add(error.cause);
          }
          throw error;
        }
      });
    } catch (error) {
      throw error instanceof Again ? error.cause : error;
    }
  }

  metReading(error: unknown): boolean {
    return typeof error === 'object' && error !== null && this.#met.has(error);
  }

  /** One attempt of a read; {@link Again} after what passes. */
  async tryRead<T extends object | undefined>(send: (signal: AbortSignal) => Promise<T>): Promise<T> {
    try {
      return await this.timed(send);
    } catch (error) {
      if (!isPassing(error)) throw error;
      throw new Again(refusalKind(error) === 'throttled' ? 'throttled' : 'brief', error);
    }
  }

  /** One attempt with its own time-out; tells the pace what it saw. */
  async timed<T extends object | undefined>(send: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, pace } = this.#ground;
    const timeoutMs = pace.attemptTimeoutMs;
    const timeout = new AbortController();
    const giveUp = () => timeout.abort(new AttemptTimeout());
    const startedAt = clock.monotonicMs();
    let callOff = after(
      clock,
      timeoutMs,
      () => {
        // Late ourselves: the process was busy or stopped, and the answer may lie in the socket already. Let it be read first.
        const lateMs = clock.monotonicMs() - startedAt - timeoutMs;
        if (lateMs > stalledMs) callOff = after(clock, Math.min(lateMs, timeoutMs), giveUp, true);
        else giveUp();
      },
      true,
    );
    try {
      const answer = await send(timeout.signal);
      if (timeout.signal.aborted) pace.timedOut();
      else {
        pace.answered(clock.monotonicMs() - startedAt);
        this.obstacle = undefined;
      }
      return answer;
    } catch (error) {
      if (timeout.signal.aborted) {
        pace.timedOut();
        throw timeout.signal.reason;
      }
      throw error;
    } finally {
      callOff();
    }
  }

  /** One attempt of a write; `undefined` when no answer came in its time. */
  async tryWrite(send: (signal: AbortSignal) => Promise<WriteAnswer>): Promise<WriteAnswer | undefined> {
    try {
      return await this.timed(send);
    } catch (error) {
      if (error instanceof AttemptTimeout) return undefined;
      throw error;
    }
  }

  /**
   * Runs `body` again after each {@link Again}, pausing in between, until `signal` aborts or the deadline comes. `key` is what
   * it is about, for those who are told of pauses.
   */
  async persist<T>(key: string, until: Until, body: () => Promise<T>): Promise<T> {
    try {
      return await body();
    } catch (error) {
      if (!(error instanceof Again)) throw error;
      return this.#goOn(key, until, body, error);
    }
  }

  /** The loop begins where the first try failed: most succeed, and need none. */
  #goOn<T>(key: string, until: Until, body: () => Promise<T>, first: Again): Promise<T> {
    const { signal, deadlineAt = Number.POSITIVE_INFINITY } = until;
    const { clock, random, events } = this.#ground;
    const { backoffMs, backoffMsMax } = this.#retry;
    let throttled = 0;
    let brief = 0;
    const bodyAfterFirst = (attempt: number) => (attempt === 1 ? Promise.reject(first) : body());
    return pRetry(bodyAfterFirst, {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: 0,
      shouldRetry: ({ error }) => error instanceof Again,
      onFailedAttempt: async ({ error }) => {
        if (!(error instanceof Again)) return;
        this.obstacle = error.cause;
        const pauseMs =
          error.obstacle === 'throttled'
            ? fullJitterMs(random, { leastMs: backoffMs, mostMs: backoffMsMax }, throttled++)
            : fullJitterMs(random, { leastMs: briefBackoffMs, mostMs: backoffMsMax }, brief++);
        if (clock.monotonicMs() + pauseMs >= deadlineAt) throw error;
        if (events.wants('retry')) {
          const errorName = (error.cause as Error | undefined)?.name;
          events.tell('retry', { key, obstacle: error.obstacle, pauseMs, errorName });
        }
        try {
          await clock.sleep(pauseMs, { signal });
        } catch {
          throw error;
        }
      },
    });
  }
}

/** What a refused write throws: to be tried again, or for good. */
export function refusalOf({ kind, error }: WriteAnswer & { readonly status: 'not-applied' }): Error {
  if (kind !== 'refused') return new Again(kind === 'conflict' ? 'brief' : 'throttled', error);
  return error;
}

/** Whether a failed read may be asked again by a caller that still has time. */
export function isPassing(error: unknown): boolean {
  return error instanceof AttemptTimeout || isTransient(error);
}

/** No answer came within the attempt's time. */
class AttemptTimeout extends Error {
  constructor() {
    super('no answer within the time-out of one attempt');
    this.name = 'AttemptTimeout';
  }
}
