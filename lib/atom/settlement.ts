/** What became of a write whose answer was lost: words for it, and waiting for it. */
import type { Clock } from '../engine/index.js';

/** Why an outcome is not known: `in-flight` can still be settled, the others never. */
export type UnknownReason = 'in-flight' | 'evidence-evicted' | 'incarnation-changed' | 'item-gone';

/** What {@link UnknownOutcomeError.settle} found. */
export type Settled =
  | { readonly outcome: 'done' }
  | { readonly outcome: 'not-done' }
  | { readonly outcome: 'unknown'; readonly reason: UnknownReason };

export interface SettleOptions {
  /**
   * `truth`: send the same write again until its fate is known; it may take effect now. `cancel`: write the value that was
   * there before once more; if that succeeds, the write in question can never take effect.
   * @defaultValue 'truth'
   */
  readonly prefer?: 'truth' | 'cancel';
  /**
   * How long to try.
   * @defaultValue 30000
   */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Waits until it is known what became of a write, for so long; then says that it may still arrive, unless `latest` knows better. */
export async function settledWithin(
  truth: Promise<Settled>,
  clock: Clock,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
  latest: () => Settled | undefined = () => undefined,
): Promise<Settled> {
  const giveUp = new AbortController();
  const until = signal === undefined ? giveUp.signal : AbortSignal.any([giveUp.signal, signal]);
  const timeout = clock.sleep(timeoutMs, { signal: until }).catch(() => undefined);
  try {
    return await Promise.race([truth, timeout.then(() => latest() ?? unknown('in-flight'))]);
  } finally {
    giveUp.abort();
  }
}

export function unknown(reason: UnknownReason): Settled {
  return { outcome: 'unknown', reason };
}
