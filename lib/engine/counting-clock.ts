/** A clock for what is kept in memory: times are the same in each run. */
import { type Clock, systemClock } from './clock.js';

/** Epoch milliseconds that count up by one at each look; durations and pauses are the process's own. */
export function countingClock(): Clock {
  let now = 0;
  return {
    ...systemClock,
    now() {
      now += 1;
      return now;
    },
  };
}
