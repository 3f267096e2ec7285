/** Asks again while the network or the service fails: full jitter, doubled each time. */
import { type Clock, fullJitterMs, type Random, refusalKind } from '../engine/index.js';
import { refusalOf } from './refusals.js';

export interface PersistOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  /** Longest pause between two tries. */
  readonly waitMsMax: number;
  /** Gives up where nobody answers, with the last failure: the endpoint is a wrong one. @defaultValue never */
  readonly givesUp?: boolean | undefined;
  /** Lets the process end meanwhile. @defaultValue false */
  readonly background?: boolean | undefined;
  onRetry(error: unknown, waitMs: number): void;
}

const waitMsMin = 200;
/** So long nobody may be there, or know the name. */
const unreachableMsMax = 5_000;
/** So long answers may get lost on their way. */
const silentMsMax = 60_000;

/** @throws what is no failure of that kind, at once; `signal.reason`. */
export async function persist<Result>(work: () => Promise<Result>, options: PersistOptions): Promise<Result> {
  const { clock, random, signal, waitMsMax, givesUp = false, background = false, onRetry } = options;
  let silentSince: number | undefined;
  for (let failures = 0; ; failures += 1) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal !== 'throttled' && refusal !== 'transient') throw error;
      const waitMs = fullJitterMs(random, { leastMs: waitMsMin, mostMs: waitMsMax }, failures);
      const now = clock.monotonicMs();
      silentSince = hasAnswered(error) ? undefined : (silentSince ?? now);
      const limitMs = refusalKind(error) === 'unreachable' ? unreachableMsMax : silentMsMax;
      if (givesUp && silentSince !== undefined && now + waitMs - silentSince > limitMs) throw error;
      onRetry(error, waitMs);
      await clock.sleep(waitMs, { signal, background });
    }
  }
}

const hasAnswered = (error: unknown): boolean =>
  (error as { readonly $metadata?: { readonly httpStatusCode?: number } }).$metadata?.httpStatusCode !== undefined;
