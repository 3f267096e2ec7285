/** Options of readers. */
import type { Parser } from './change.js';
import type { Checkpointer } from './checkpoint.js';
import type { Gap } from './errors.js';
import type { ForestTimes } from './forest.js';
import { type PaceOptions, paceOf } from './pace.js';
import type { StreamPosition } from './position.js';
import type { ReaderEvent } from './reader-events.js';
import { requirePosition } from './require-position.js';
import type { AgeLimits } from './shard-reader.js';

/** What to do where records may be missing. */
export type GapPolicy = 'throw' | 'continue' | ((gap: Gap) => 'throw' | 'continue');

/** Options of a single pass, and of a reader that goes on. */
export interface ReadOptions<T> {
  /**
   * Where to begin. With a `checkpointer` that has a token this is for the first time only.
   */
  readonly from: StreamPosition;
  /**
   * What is made of each record.
   * @defaultValue raw()
   */
  readonly parser?: Parser<T>;
  /**
   * Where to leave the token, and to take it from. Without one, `reader.token()` is yours to keep.
   * @defaultValue none
   */
  readonly checkpointer?: Checkpointer;
  /**
   * When a batch counts as done: `'auto'` when the next one is pulled, `'manual'` when you call its `commit()`. The children of a shard are
   * read when all of it is done.
   * @defaultValue 'auto'
   */
  readonly commit?: 'auto' | 'manual';
  /**
   * Records may be missing since this reader was more than a day behind: `'throw'` ends the loop with a {@link StreamGapError}; `'continue'`
   * tells it as an event and goes on with the oldest record that is there. A function decides gap by gap.
   * @defaultValue 'throw'
   */
  readonly onGap?: GapPolicy;
  /**
   * Bytes of records that may wait in memory. One page for each question under way may come on top.
   * @defaultValue 8 MiB
   */
  readonly bufferedBytesMax?: number;
  /**
   * Most records in a batch, 1 to 1,000.
   * @defaultValue 1000
   */
  readonly batchRecordsMax?: number;
  /**
   * Least time between two saves by the checkpointer.
   * @defaultValue 1000
   */
  readonly saveMs?: number;
  /**
   * A pace of its own, for a reader that shares its shards with readers of other processes. That of the `TableStream` holds as well.
   * @defaultValue that of the `TableStream`
   */
  readonly pace?: PaceOptions;
  /**
   * About how often all shards are listed while nothing is in doubt.
   * @defaultValue 300000
   */
  readonly auditMs?: number;
  /**
   * Lets the process end although the reader waits for records.
   * @defaultValue false
   */
  readonly background?: boolean;
  /** Ends the loop, which throws `signal.reason`. The batch in hand counts as not done. */
  readonly signal?: AbortSignal | undefined;
  /** Told of each event, at once; what it throws is lost. `reader.events()` is the same as a loop. */
  readonly onEvent?: (event: ReaderEvent) => void;
  /** How the service ages records and iterators; for simulations that run faster. @defaultValue as the service does */
  readonly ages?: Partial<AgeLimits>;
  /** How the service ages shards; for simulations that run faster. @defaultValue as the service does */
  readonly times?: Partial<ForestTimes>;
}

/** All of them, chosen. */
export interface ReadSettings<T>
  extends Required<Omit<ReadOptions<T>, 'checkpointer' | 'signal' | 'ages' | 'times' | 'parser'>> {
  readonly parser: Parser<T>;
  readonly checkpointer: Checkpointer | undefined;
  readonly signal: AbortSignal | undefined;
  readonly ages: Partial<AgeLimits>;
  readonly times: Partial<ForestTimes>;
}

/** @throws TypeError, RangeError for what is wrong in itself; {@link TokenError} `ERR_STREAM_TOKEN` for a token that is. */
export function settingsOf<T>(options: ReadOptions<T>, parserDefault: Parser<T>): ReadSettings<T> {
  const {
    from,
    parser = parserDefault,
    checkpointer,
    commit = 'auto',
    onGap = 'throw',
    bufferedBytesMax = 8 << 20,
    batchRecordsMax = 1_000,
    saveMs = 1_000,
    auditMs = 300_000,
    pace = {},
    background = false,
    signal,
    onEvent = () => {},
    ages = {},
    times = {},
  } = options ?? {};
  requirePosition('Cannot read a stream: from', from);
  if (typeof parser?.parse !== 'function')
    throw new TypeError('Cannot read a stream: parser must have a function parse');
  if (
    checkpointer !== undefined &&
    !(typeof checkpointer?.load === 'function' && typeof checkpointer.save === 'function')
  ) {
    throw new TypeError(
      'Cannot read a stream: checkpointer must have functions load and save, as fileCheckpointer(path) and atomCheckpointer(atom) do',
    );
  }
  if (typeof onEvent !== 'function') throw new TypeError('Cannot read a stream: onEvent must be a function');
  if (commit !== 'auto' && commit !== 'manual') {
    throw new TypeError(`Cannot read a stream: commit must be 'auto' or 'manual': ${String(commit)}`);
  }
  if (typeof onGap !== 'function' && onGap !== 'throw' && onGap !== 'continue') {
    throw new TypeError(`Cannot read a stream: onGap must be 'throw', 'continue' or a function: ${String(onGap)}`);
  }
  paceOf(pace);
  for (const [name, value, most] of [
    ['bufferedBytesMax', bufferedBytesMax, Number.MAX_SAFE_INTEGER],
    ['batchRecordsMax', batchRecordsMax, 1_000],
    ['auditMs', auditMs, Number.MAX_SAFE_INTEGER],
  ] as const) {
    if (!Number.isSafeInteger(value) || value < 1 || value > most) {
      throw new RangeError(`Cannot read a stream: ${name} must be an integer from 1 to ${most}: ${String(value)}`);
    }
  }
  if (!Number.isFinite(saveMs) || saveMs < 0) {
    throw new RangeError(`Cannot read a stream: saveMs must be 0 or more: ${String(saveMs)}`);
  }
  return {
    from,
    parser,
    checkpointer,
    commit,
    onGap,
    bufferedBytesMax,
    batchRecordsMax,
    saveMs,
    auditMs,
    pace,
    background,
    signal,
    onEvent,
    ages,
    times,
  };
}
