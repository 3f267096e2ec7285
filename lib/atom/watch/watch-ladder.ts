/**
 * How often a watched atom is looked at: a ladder of intervals, each twice the one before.
 *
 *   finest   |--|--|--|--|--|--|--|--|--|--|--|--|--|--|--|--|     after a change, or when somebody joins
 *            |-----|-----|-----|-----|-----|-----|-----|-----|
 *            |-----------|-----------|-----------|-----------|
 *   coarsest |-----------------------|-----------------------|     quiet
 *   safety   |----- ... while a source says that it tells of every change
 *
 * An atom that was found quiet goes one rung up. The rungs lie on one grid, so that atoms of the same rung, and rungs that fall
 * due together, share requests; and each step up waits between the old interval and the new one. The grid begins at a point of
 * each table's own, so that processes that were started together do not all ask together.
 *
 * Pure: numbers in, numbers out.
 */

/** How often polling looks; the options of a table's watches. */
export interface WatchPollOptions {
  /**
   * Interval after a change was seen, or when a watch begins, in milliseconds.
   * @defaultValue 100
   */
  readonly pollMsMin?: number;
  /**
   * Longest interval; each look that finds nothing new doubles it up to here.
   * @defaultValue 12800
   */
  readonly pollMsMax?: number;
  /**
   * Interval while the table's `watchSource` says that it tells of every change.
   * @defaultValue 60000
   */
  readonly safetyMs?: number;
}

const pollDefault: Required<WatchPollOptions> = { pollMsMin: 100, pollMsMax: 12_800, safetyMs: 60_000 };
/** Looks are late by a random part of their interval, at most this one. */
const jitterMax = 0.25;

/** Fills in the defaults. @throws RangeError for wrong options. */
export function requirePolling(options: WatchPollOptions): Required<WatchPollOptions> {
  const polling = { ...pollDefault, ...options };
  const { pollMsMin, pollMsMax, safetyMs } = polling;
  if (!(pollMsMin >= 1 && pollMsMin <= pollMsMax && Number.isFinite(pollMsMax))) {
    throw new RangeError(
      `Cannot poll: pollMsMin must be at least 1 and at most pollMsMax, a finite number: ${pollMsMin}, ${pollMsMax}`,
    );
  }
  if (!(safetyMs >= pollMsMin && Number.isFinite(safetyMs))) {
    throw new RangeError(`Cannot poll: safetyMs must be finite and at least pollMsMin ${pollMsMin}: ${safetyMs}`);
  }
  return polling;
}

export class Ladder {
  /** Finest first; the last one is the safety interval. */
  readonly intervalsMs: readonly number[];
  readonly #startMs: number;

  /** `chance` in [0, 1) chooses where the grid begins. @throws RangeError for wrong options. */
  constructor(options: WatchPollOptions, chance: number) {
    const { pollMsMin, pollMsMax, safetyMs } = requirePolling(options);
    const rungs = Math.floor(Math.log2(pollMsMax / pollMsMin));
    // From the top down: what a quiet atom costs is what was asked for, and the finest interval the next one above `pollMsMin`.
    const intervals = Array.from({ length: rungs + 1 }, (_, rung) => pollMsMax / 2 ** (rungs - rung));
    this.intervalsMs = [...intervals, safetyMs];
    this.#startMs = Math.floor(chance * pollMsMax);
  }

  get finestMs(): number {
    return this.intervalsMs[0] as number;
  }

  /** The rung of the safety interval. */
  get safety(): number {
    return this.intervalsMs.length - 1;
  }

  /** The coarsest rung whose interval is at most `ms`; the finest one where none is. */
  within(ms: number): number {
    let rung = 0;
    while (rung + 1 < this.safety && (this.intervalsMs[rung + 1] as number) <= ms) rung += 1;
    return rung;
  }

  /** The first point of a rung's grid after `now`. */
  pointAfter(rung: number, now: number): number {
    const interval = this.intervalsMs[rung] as number;
    return this.#startMs + (Math.floor((now - this.#startMs) / interval) + 1) * interval;
  }

  /** How late a look of this rung is. */
  lateness(rung: number, chance: number): number {
    return chance * jitterMax * (this.intervalsMs[rung] as number);
  }
}
