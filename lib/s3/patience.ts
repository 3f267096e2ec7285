/**
 * Trying again what a passing trouble ended, for requests that no atom sends: parts of snapshots, probes, listings.
 *
 * The loop is p-retry's; the pauses are slept on the injected clock with full jitter. An attempt that is not answered in its time is
 * given up, and what it was to do may still be done. It ends by time, as an atom's does: how many attempts fit, the trouble decides.
 */
import pRetry from 'p-retry';
import {
  after,
  type Clock,
  fullJitterMs,
  isTransient,
  type Random,
  systemClock,
  systemRandom,
} from '../engine/index.js';
import type { Outcome } from '../errors.js';
import { BucketUnavailableError } from './errors.js';
import { under } from './own-signal.js';

/** Where time and chance come from. */
export interface Sources {
  readonly clock: Clock;
  readonly random: Random;
}

export const systemSources: Sources = { clock: systemClock, random: systemRandom };

/** Thrown within an attempt to have another one. `cause` is what was in the way. */
export class Passing extends Error {
  constructor(cause: unknown) {
    super('passing', { cause });
  }
}

/** Why an attempt was given up. */
class Late extends Error {
  constructor(ms: number) {
    super(`no answer within ${ms} ms`);
    this.name = 'TimeoutError';
  }
}

/** What is tried. */
export interface Effort {
  /** Name of the bucket, for what is said in the end. */
  readonly bucket: string;
  readonly sources: Sources;
  readonly signal: AbortSignal | undefined;
  /** @defaultValue what 8 MB take at a megabit a second */
  readonly attemptMs?: number | undefined;
  /** What is known of what was to be done when all attempts were in vain. @defaultValue `not-done` */
  readonly outcome?: Outcome | undefined;
}

/** As an atom tries. */
const patienceMs = 30_000;
/** So many also where each takes long. */
const attemptsMin = 3;
const backoff = { leastMs: 50, mostMs: 5_000 } as const;
const attemptMsMax = 64_000;

/**
 * Runs `attempt` again after each {@link Passing}, and after each that was not done within `attemptMs`.
 *
 * @throws {BucketUnavailableError} `ERR_BUCKET_UNAVAILABLE` with the last obstacle; the reason of `signal`, or what `attempt` throws besides.
 */
export async function persist<T>(effort: Effort, attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { bucket, sources, signal, attemptMs = attemptMsMax, outcome = 'not-done' } = effort;
  const { clock, random } = sources;
  signal?.throwIfAborted();
  const startMs = clock.monotonicMs();
  const triedMs = () => clock.monotonicMs() - startMs;
  try {
    return await pRetry(() => limited(clock, attemptMs, signal, attempt), {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: 0,
      async shouldRetry({ error, attemptNumber }) {
        if (!(error instanceof Passing) || (attemptNumber >= attemptsMin && triedMs() >= patienceMs)) return false;
        await clock.sleep(fullJitterMs(random, backoff, attemptNumber - 1), { signal });
        return true;
      },
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof Passing ? new BucketUnavailableError(bucket, triedMs(), outcome, error.cause) : error;
  }
}

/** Reads within an attempt: what passes, or was given up, is {@link Passing}. */
export async function passing<T>(signal: AbortSignal, read: (signal: AbortSignal) => Promise<T>): Promise<T> {
  try {
    return await read(signal);
  } catch (error) {
    throw isTransient(error) || signal.aborted ? new Passing(error) : error;
  }
}

/** One attempt, which is given up after `attemptMs`: {@link Passing}. */
export async function limited<T>(
  clock: Clock,
  attemptMs: number,
  signal: AbortSignal | undefined,
  attempt: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new Late(attemptMs);
  return under(signal, async (limit) => {
    const callOff = after(clock, attemptMs, () => limit.abort(late), true);
    try {
      return await attempt(limit.signal);
    } catch (error) {
      throw error === late ? new Passing(late) : error;
    } finally {
      callOff();
    }
  });
}
