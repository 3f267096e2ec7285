/** How watches are fed by a stream: the options, checked. */
import type { AtomTable } from '../../atom/index.js';
import type { TableStream } from '../table-stream.js';
import { tell } from '../tell.js';
import { slotsMax } from './reader-slots.js';
import type { WatchHint } from './watch-hint.js';

/** How watches learn of changes: by reading the stream, by polling alone, or by the stream if there is a place for one more reader. */
export type WatchVia = 'auto' | 'stream' | 'poll';

/** Options of {@link StreamWatchSource}. */
export interface StreamWatchSourceOptions {
  /** The stream of the watched table. */
  readonly stream: TableStream;
  /**
   * `'auto'`: reads the stream while it holds one of the places for readers, and leaves it to polling while others hold them; needs
   * `coordination`. `'stream'`: reads it whoever else does; for a single process, or two. `'poll'`: never reads it; what
   * {@link StreamWatchSource.receive} is given still counts.
   *
   * @defaultValue 'auto'
   */
  readonly via?: WatchVia;
  /** Where the places for readers are kept: a table of atoms, and not the watched one. */
  readonly coordination?: AtomTable;
  /**
   * How many processes may read this stream for watches. A shard bears two readers: give 1 where a consumer group (or Lambda) reads it as
   * well, or where the table is a global table; 0 is `via: 'poll'`. All processes must say the same.
   *
   * @defaultValue 2
   */
  readonly slots?: number;
  /**
   * Most questions for records per second and shard, of this process's watches. The service bears about 5 of all readers together.
   *
   * @defaultValue 0.45 of that of the `TableStream` (so 1.8) where there are two places, for two readers at 2 a second are at times six
   * within one; a quarter where there is one, since somebody else reads as well; all of it with `via: 'stream'`
   */
  readonly shardReadsPerSecondMax?: number;
  /**
   * How often a process without a place asks for one, in milliseconds; up to a quarter more or less, at random.
   * @defaultValue 30000
   */
  readonly slotRetryMs?: number;
  /**
   * How long the stream is read on after the last watch has ended, in milliseconds.
   * @defaultValue 30000
   */
  readonly lingerMs?: number;
  /**
   * How long nothing may be heard of a shard (throttling, a network that is away) before polling begins beside it.
   * @defaultValue 5000
   */
  readonly slowMs?: number;
  /**
   * Called with each change of the table that this process reads, for whatever carries it to others; they hand it to
   * {@link StreamWatchSource.receive}. Keep it short: it runs between two pages.
   *
   * @defaultValue none
   */
  readonly publish?: (hint: WatchHint) => unknown;
  /**
   * Told of what stands in the way of reading. Watches go on by polling meanwhile, and it is tried again.
   * @defaultValue warnings of the process
   */
  readonly onError?: (error: unknown) => void;
}

/** What was chosen. */
export interface WatchChoice {
  readonly via: WatchVia;
  readonly slots: number;
  readonly shardReadsPerSecondMax: number;
  readonly slotRetryMs: number;
  readonly lingerMs: number;
  readonly slowMs: number;
  readonly onError: (error: unknown) => void;
}

const where = 'Cannot feed watches from a stream';

/** @throws TypeError, RangeError for wrong options. */
export function watchChoiceOf(options: StreamWatchSourceOptions): WatchChoice {
  const { stream, coordination, publish, slots = slotsMax } = options ?? {};
  const { slotRetryMs = 30_000, lingerMs = 30_000, slowMs = 5_000, onError = warn } = options ?? {};
  if (typeof stream?.resolve !== 'function') throw new TypeError(`${where}: stream must be a TableStream`);
  const { via = 'auto' } = options;
  if (!['auto', 'stream', 'poll'].includes(via)) {
    throw new TypeError(`${where}: via must be 'auto', 'stream' or 'poll': ${String(via)}`);
  }
  if (!(Number.isSafeInteger(slots) && slots >= 0 && slots <= slotsMax)) {
    throw new RangeError(`${where}: slots must be 0, 1 or 2: ${String(slots)}`);
  }
  if (coordination !== undefined && coordination?.sources === undefined) {
    throw new TypeError(`${where}: coordination must be an AtomTable`);
  }
  if (coordination === undefined && via === 'auto' && slots > 0) {
    throw new TypeError(
      `${where}: give coordination, an AtomTable beside the watched one in which readers agree who reads; ` +
        "or via: 'stream' where at most two processes read, or via: 'poll'",
    );
  }
  const share = via === 'stream' ? 1 : slots === slotsMax ? 0.45 : 0.25;
  const { shardReadsPerSecondMax = share * stream.pace.shardReadsPerSecondMax } = options;
  if (!(typeof shardReadsPerSecondMax === 'number' && shardReadsPerSecondMax > 0)) {
    throw new RangeError(`${where}: shardReadsPerSecondMax must be a positive number: ${shardReadsPerSecondMax}`);
  }
  for (const [name, value] of Object.entries({ slotRetryMs, lingerMs, slowMs })) {
    if (typeof value === 'number' && value >= (name === 'lingerMs' ? 0 : 1)) continue;
    throw new RangeError(`${where}: ${name} must be a number of milliseconds: ${String(value)}`);
  }
  for (const [name, value] of Object.entries({ publish, onError })) {
    if (value !== undefined && typeof value !== 'function') throw new TypeError(`${where}: ${name} must be a function`);
  }
  return {
    via: slots === 0 && via === 'auto' ? 'poll' : via,
    slots,
    shardReadsPerSecondMax,
    slotRetryMs,
    lingerMs,
    slowMs,
    onError: (error) => tell(onError, error),
  };
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error));
}
