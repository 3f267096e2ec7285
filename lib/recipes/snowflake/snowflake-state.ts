/**
 * Stretches of time, given out by worker number. Pure.
 *
 *   worker 0   |--A--|--A--|......|--C--|
 *   worker 1      |--B--|--B--|
 *              each stretch belongs to whoever took it, for ever; the item keeps where the last one of each worker ends
 *
 * An id is a moment of a stretch, its worker number, and a count within the millisecond. Stretches of one worker number never overlap,
 * so neither a lease nor a right clock is needed for ids to be unique: a process that sleeps for a day and wakes up goes on in a
 * stretch that is still its own.
 */
import { LeydenError } from '../../errors.js';

/** 10 bits of an id. */
export const workersMax = 1_024;
/** How much of its time a worker number gives away at once. */
const stretchMs = 60_000;

/** What is stored. */
export interface SnowflakeState {
  readonly kind: 'snowflake';
  /** 0: nobody has said yet. */
  readonly epochMs: number;
  /** By worker number: up to where its time is given away, in epoch milliseconds. Only grows. */
  readonly upTo: readonly number[];
}

/** Milliseconds of one worker number, from `from` to below `to`. */
export interface Stretch {
  readonly worker: number;
  readonly from: number;
  readonly to: number;
}

/** `ERR_WORKERS_BUSY`: all worker numbers are in use. Nothing was written. */
export class WorkersBusyError extends LeydenError {
  constructor(key: string) {
    super(
      'ERR_WORKERS_BUSY',
      `Cannot take a worker number of ${key}: all ${workersMax} were used within the last ${stretchMs / 1_000} s; make ids in fewer processes, or under several names`,
      { outcome: 'not-done', retryable: true },
    );
  }
}

/**
 * Takes the next stretch: of the own worker number, if nobody else has had it since; else of one whose time is over; else of a new one.
 * Begins at `atMs` at the earliest. `undefined` when all are in use.
 */
export function takeStretch(
  state: SnowflakeState,
  atMs: number,
  own: Stretch | undefined,
): readonly [SnowflakeState, Stretch] | undefined {
  const { upTo } = state;
  const isOwn = own !== undefined && upTo[own.worker] === own.to;
  const over = isOwn ? own.worker : upTo.findIndex((end) => end <= atMs);
  const worker = over >= 0 ? over : upTo.length;
  if (worker >= workersMax) return undefined;
  const from = Math.max(atMs, upTo[worker] ?? 0);
  const ends = [...upTo];
  ends[worker] = from + stretchMs;
  return [
    { ...state, upTo: ends },
    { worker, from, to: from + stretchMs },
  ];
}
