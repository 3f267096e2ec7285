/**
 * Trying again what a passing trouble ended, for requests that no atom sends: parts of snapshots, probes, listings.
 *
 * The loop is p-retry's; the pauses are slept on the injected clock with full jitter. An attempt that is not answered in its time is
 * given up, and what it was to do may still be done.
 */
import pRetry from 'p-retry';
import {
  after,
  type Clock,
  fullJitterMs,
  isTransient,
  onAbort,
  type Random,
  systemClock,
  systemRandom,
} from '../engine/index.js';

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

const retriesMax = 8;
const backoff = { leastMs: 50, mostMs: 5_000 } as const;
/** 8 MB at a megabit a second. */
const attemptMsMax = 64_000;

/**
 * Runs `attempt` again after each {@link Passing}, and after each that was not done within `attemptMs`.
 *
 * @throws the last obstacle, the reason of `signal`, or what `attempt` throws besides.
 */
export async function persist<T>(
  { clock, random }: Sources,
  signal: AbortSignal | undefined,
  attempt: (signal: AbortSignal) => Promise<T>,
  attemptMs: number = attemptMsMax,
): Promise<T> {
  signal?.throwIfAborted();
  try {
    return await pRetry(() => limited(clock, attemptMs, signal, attempt), {
      retries: retriesMax,
      minTimeout: 0,
      shouldRetry: ({ error }) => error instanceof Passing,
      onFailedAttempt: async ({ error, attemptNumber }) => {
        if (!(error instanceof Passing) || attemptNumber > retriesMax) return;
        await clock.sleep(fullJitterMs(random, backoff, attemptNumber - 1), { signal });
      },
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof Passing ? error.cause : error;
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
  const limit = new AbortController();
  const unlisten = signal && onAbort(signal, () => limit.abort(signal.reason));
  const late = new Late(attemptMs);
  const callOff = after(clock, attemptMs, () => limit.abort(late), true);
  try {
    return await attempt(limit.signal);
  } catch (error) {
    throw error === late ? new Passing(late) : error;
  } finally {
    callOff();
    unlisten?.();
  }
}
