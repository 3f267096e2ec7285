/**
 * What becomes of records whose handler fails: tried again, narrowed down, and then one of four ends, none of which is silent.
 */

/** Options of trying again. */
export interface GroupRetryOptions {
  /**
   * Calls of the handler with the same first record.
   * @defaultValue 5
   */
  readonly attempts?: number;
  /**
   * The first pause is at most this long, each next one at most twice as long; how long is left to chance (full jitter).
   * @defaultValue 200
   */
  readonly backoffMs?: number;
  /**
   * Longest pause.
   * @defaultValue 30000
   */
  readonly backoffMsMax?: number;
  /**
   * Records older than this are not tried again.
   * @defaultValue no limit
   */
  readonly recordAgeMsMax?: number;
}

/**
 * What becomes of records that have failed for good. `park-shard`: nothing of this shard is delivered until `retry`, so order is kept;
 * all other shards go on. `park-key`: these records, and all later ones of the same items, go to the dead letters in order until `redrive`;
 * order per item is kept, and nothing else waits. `dead-letter`: these records alone go there; later ones of the same item overtake them.
 * `skip`: they are told of as an event, and are gone.
 */
export type GroupFailureEnd = 'park-shard' | 'park-key' | 'dead-letter' | 'skip';

/** Options of a group for failures. */
export interface GroupErrorOptions {
  readonly retry?: GroupRetryOptions;
  /**
   * Whether a batch that fails is halved until it is known which record it is. Costs log2 of its size calls more. Without it the whole
   * batch is what has failed.
   * @defaultValue true
   */
  readonly bisect?: boolean;
  /** What becomes of what still fails. @defaultValue 'park-shard' */
  readonly exhausted?: GroupFailureEnd;
}

/** All of it, chosen. */
export interface ErrorPolicy {
  readonly attempts: number;
  readonly backoffMs: number;
  readonly backoffMsMax: number;
  readonly recordAgeMsMax: number;
  readonly bisect: boolean;
  readonly exhausted: GroupFailureEnd;
}

const ends: readonly GroupFailureEnd[] = ['park-shard', 'park-key', 'dead-letter', 'skip'];

/** @throws TypeError, RangeError for what is no policy. */
export function errorPolicyOf(options: GroupErrorOptions = {}): ErrorPolicy {
  const { retry = {}, bisect = true, exhausted = 'park-shard' } = options;
  const { attempts = 5, backoffMs = 200, backoffMsMax = 30_000, recordAgeMsMax = Number.POSITIVE_INFINITY } = retry;
  if (!Number.isSafeInteger(attempts) || attempts < 1) {
    throw new RangeError(`Cannot open a group: errors.retry.attempts must be a positive integer: ${String(attempts)}`);
  }
  for (const [name, value] of Object.entries({ backoffMs, backoffMsMax, recordAgeMsMax })) {
    if (typeof value !== 'number' || !(value >= 0)) {
      throw new RangeError(`Cannot open a group: errors.retry.${name} must be 0 or more: ${String(value)}`);
    }
  }
  if (typeof bisect !== 'boolean') {
    throw new TypeError(`Cannot open a group: errors.bisect must be a boolean: ${typeof bisect}`);
  }
  if (!ends.includes(exhausted)) {
    throw new TypeError(
      `Cannot open a group: errors.exhausted must be one of ${ends.join(', ')}: ${String(exhausted)}`,
    );
  }
  return { attempts, backoffMs, backoffMsMax, recordAgeMsMax, bisect, exhausted };
}
