/**
 * How often a shard is asked: the numbers, and when the next question is due.
 *
 * A poll costs one read request unit and about a millisecond of CPU, and the service bears about five a second and shard. So a busy
 * shard is asked four times a second, one that gives nothing less and less, and many idle shards share what is left of the process's
 * budget.
 */

/** Numbers of polling; all have defaults that the service bears. */
export interface PaceOptions {
  /**
   * Most questions for records per second and shard, of all readers of this `TableStream` together. The service bears about 5. `Infinity`
   * is for stores that meter nothing.
   * @defaultValue 4
   */
  readonly shardReadsPerSecondMax?: number;
  /**
   * Longest pause between two questions to an idle shard.
   * @defaultValue 1000
   */
  readonly idleMsMax?: number;
  /**
   * Most questions for records per second of this process. With many shards, idle ones are asked less often to keep within it.
   * @defaultValue 100
   */
  readonly readsPerSecondMax?: number;
  /**
   * Most questions for records under way at a time.
   * @defaultValue 16
   */
  readonly readsInFlightMax?: number;
  /**
   * Most questions for shards (DescribeStream) per second of this process. The service bears 10 of all processes together.
   * @defaultValue 2
   */
  readonly describesPerSecondMax?: number;
}

/** All numbers, chosen. */
export type Pace = Required<PaceOptions>;

/** Empty pages in a row after which a shard counts as read to its tip: an empty page alone says nothing. */
export const emptyPagesAtTip: number = 5;
/** A page of at least so many bytes is full: there is more. */
const fullPageBytes = 800 * 1_024;
/** Pause after a page that had something and was not full. */
const busyMs = 250;
/** By how much pauses of an idle shard grow. */
const idleGrowth = 1.5;
/** Share of the budget that idle shards may use. */
const idleShare = 0.8;

/** @throws RangeError for what is no pace. */
export function paceOf(options: PaceOptions = {}): Pace {
  const {
    shardReadsPerSecondMax = 4,
    idleMsMax = 1_000,
    readsPerSecondMax = 100,
    readsInFlightMax = 16,
    describesPerSecondMax = 2,
  } = options;
  const pace = { shardReadsPerSecondMax, idleMsMax, readsPerSecondMax, readsInFlightMax, describesPerSecondMax };
  for (const [name, value] of Object.entries(pace)) {
    if (typeof value !== 'number' || !(value > 0)) {
      throw new RangeError(`Cannot read a stream: ${name} must be a positive number: ${String(value)}`);
    }
  }
  if (readsInFlightMax < 1)
    throw new RangeError(`Cannot read a stream: readsInFlightMax must be at least 1: ${readsInFlightMax}`);
  return pace;
}

/** What was found when a shard was asked last. */
export interface LastPage {
  readonly records: number;
  readonly bytes: number;
  /** Empty pages in a row, this one included. */
  readonly emptyPages: number;
}

/** Milliseconds from one question to the next, of a shard among `shards` that this process reads. */
export function pauseMs(pace: Pace, last: LastPage, pageRecordsMax: number, shards: number): number {
  const least = 1_000 / pace.shardReadsPerSecondMax;
  if (last.records >= pageRecordsMax || last.bytes >= fullPageBytes) return least;
  const busy = Math.max(least, busyMs);
  if (last.records > 0) return busy;
  const idleMost = Math.max(pace.idleMsMax, (shards / (pace.readsPerSecondMax * idleShare)) * 1_000);
  return Math.max(busy, Math.min(idleMost, busy * idleGrowth ** Math.min(last.emptyPages, 32)));
}
