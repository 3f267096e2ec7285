/** Asks again while the network or the service fails: full jitter, doubled each time. */
import type { Clock, Random } from '../engine/index.js';
import { refusalOf } from './refusals.js';

export interface PersistOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  /** Longest pause between two tries. */
  readonly waitMsMax: number;
  /** Gives up, with the last failure, when for so long nobody has answered at all: the endpoint is a wrong one. @defaultValue never */
  readonly silenceMsMax?: number | undefined;
  onRetry(error: unknown, waitMs: number): void;
}

const waitMsMin = 200;

/** @throws what is no failure of that kind, at once; `signal.reason`. */
export async function persist<Result>(work: () => Promise<Result>, options: PersistOptions): Promise<Result> {
  const { clock, random, signal, waitMsMax, silenceMsMax = Number.POSITIVE_INFINITY, onRetry } = options;
  let silentSince: number | undefined;
  for (let failures = 0; ; failures += 1) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal !== 'throttled' && refusal !== 'transient') throw error;
      const waitMs = random.next() * Math.min(waitMsMax, waitMsMin * 2 ** Math.min(failures, 16));
      const now = clock.monotonicMs();
      silentSince = hasAnswered(error) ? undefined : (silentSince ?? now);
      if (silentSince !== undefined && now + waitMs - silentSince > silenceMsMax) throw error;
      onRetry(error, waitMs);
      await clock.sleep(waitMs, { signal });
    }
  }
}

const hasAnswered = (error: unknown): boolean =>
  (error as { readonly $metadata?: { readonly httpStatusCode?: number } }).$metadata?.httpStatusCode !== undefined;
