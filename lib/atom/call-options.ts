/** What calls on an atom can be given, what their functions are told, and what `trySwap` answers. */
import type { Consistency } from './cell.js';
import type { CommuteCondition } from './commute/commute-types.js';
import type { Settled, SettleOptions } from './settlement.js';

/** What a function that changes an atom is told beside the value. */
export interface SwapContext {
  /** 1 for the first run, more when another writer won and the function runs again on the newer value. */
  readonly attempt: number;
  /** Whether a value is stored (or was made by a function just before); `false` where `value` is `initial` or `undefined`. */
  readonly exists: boolean;
  /** The caller's own signal. */
  readonly signal: AbortSignal | undefined;
}

/** Options of every call. */
export interface CallOptions {
  /**
   * Gives up. Before anything was sent the call rejects with `signal.reason` itself; after an unsettled send with
   * `UnknownOutcomeError` and `cause: signal.reason`.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * Deadline of this call. At least one attempt is made, and an attempt under way is waited for, so that a call can
   * last up to two attempt time-outs longer.
   * @defaultValue `retry.timeoutMs` of the atom
   */
  readonly timeoutMs?: number;
}

/** Options of `ItemAtom.deref`. */
export interface DerefOptions extends CallOptions {
  /**
   * How current the value must be.
   * @defaultValue 'strong'
   */
  readonly consistency?: Consistency;
}

/** Options of calls that write. */
export interface SwapOptions extends CallOptions {
  /**
   * `skip`: a result that equals the stored value is not written (after the stored value was confirmed). `write`: it is
   * written, and the version moves.
   * @defaultValue 'skip'
   */
  readonly noop?: 'skip' | 'write';
  /**
   * `cache`: the first run sees what this process knows, which saves a read; the write's own condition makes sure that it
   * was current. `read`: the first run sees a strong read made after the call.
   * @defaultValue 'cache'
   */
  readonly from?: 'cache' | 'read';
  /**
   * Whether calls that wait at the same time may share one write.
   * @defaultValue true
   */
  readonly coalesce?: boolean;
}

/** Options of calls that can be made once for ever. */
export interface SwapOnceOptions extends SwapOptions {
  /**
   * Names this call, whoever makes it: a call under an id that was used before changes nothing and gives the first one's result, also
   * after a crash, from another process, and when the atom has changed since. Kept at least for `receiptMs` of the table. At most 512
   * bytes. Such calls share no write with others.
   */
  readonly opId?: string;
}

/** Options of `ItemAtom.commute`. */
export type CommuteOptions = CallOptions & Pick<SwapOnceOptions, 'opId'>;

/** Options of `ItemAtom.commute` with a condition. */
export type CommuteWhenOptions<T> = CommuteOptions & {
  /** The changes are made only if all of this holds of the value that they are made to. */
  readonly when: CommuteCondition<T>;
};

/** Options of `ItemAtom.swap` with a fall-back for the deadline. */
export interface SwapOrElseOptions<E> extends SwapOnceOptions {
  /**
   * Called when the deadline came, with the error that would have been thrown; what it returns is returned. Look at
   * `error.outcome`: it may be `unknown`.
   */
  readonly onTimeout: (error: Error) => E;
}

/** What `ItemAtom.trySwap` found. */
export interface TrySwapResult<T, V> {
  /** `unknown`: the answer was lost; `settle()` asks again. */
  readonly status: 'applied' | 'noop' | 'conflict' | 'unknown';
  /** The value that the function saw; `undefined` when it did not get to run. */
  readonly old: V | undefined;
  /** The new value when applied, else `old`. */
  readonly value: T | V | undefined;
  /** Version of the item after the call, where known. */
  readonly version: number | undefined;
  /** What the call cost. */
  readonly stats: { readonly attempts: number };
  /** For `unknown`: asks what became of it. */
  settle(options?: SettleOptions): Promise<Settled>;
}
