/**
 * How much time has passed for a holder, judged so that it never believes too long.
 *
 *   elapsed = the larger of the monotonic and of the wall-clock difference
 *
 * A monotonic clock stands still while a laptop, a virtual machine or a Lambda sleeps; a wall clock goes on. A wall clock can be set
 * back; a monotonic clock can't. The larger of both is right in either case. A wall clock that is set forward costs a holder its
 * lease, which is harmless.
 *
 * Observers do not use this: they count on the monotonic clock alone, where a step forward would make them believe too *short*.
 */
import type { Clock } from './clock.js';

/** A moment by both clocks. */
export interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export function momentOf(clock: Clock): Moment {
  return { monotonicMs: clock.monotonicMs(), wallMs: clock.now() };
}

/** Milliseconds since `moment`, as a holder has to count them. */
export function elapsedMs(clock: Clock, moment: Moment): number {
  return Math.max(clock.monotonicMs() - moment.monotonicMs, clock.now() - moment.wallMs);
}
