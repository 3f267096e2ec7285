/** Words for what became of a write whose answer was lost. */

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
