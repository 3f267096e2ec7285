/**
 * A timer that can be called off, as nearly all are here: deadlines and time-outs are set for every request and seldom met.
 *
 * A sleep that ends early wants an `AbortController`, its signal and a rejection, several microseconds in all. On the process's own
 * clock a timer of Node's does instead; any other clock sleeps.
 */
import { type Clock, systemClock } from './clock.js';

/** Node's timers take no more, and fire at once instead. */
const timerMsMax = 2 ** 31 - 1;
/** Why a sleep ends that nobody needs any more. A reason that is given makes no `DOMException`. */
const calledOff = Symbol('called off');

/**
 * Calls `ring` after `ms` milliseconds; returns the function that calls it off.
 *
 * With `background: true` the timer does not keep the process alive.
 */
export function after(clock: Clock, ms: number, ring: () => void, background = false): () => void {
  if (clock === systemClock && ms <= timerMsMax) {
    const timer = setTimeout(ring, Math.ceil(ms));
    if (background) timer.unref();
    return () => clearTimeout(timer);
  }
  const sleep = new AbortController();
  clock.sleep(ms, { signal: sleep.signal, background }).then(
    () => {
      if (!sleep.signal.aborted) ring();
    },
    () => {},
  );
  return () => sleep.abort(calledOff);
}
