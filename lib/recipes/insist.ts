import type { Clock } from '../engine/index.js';
import type { Lease } from './session/lease.js';

/** Pause before something is tried again that only frees others from waiting. */
const againMs = 1_000;

/** Tries `work` in the background until it is done, or until the lease has ended: from then on others can do without it. Whether it was done. */
export async function insist(clock: Clock, lease: Lease, work: () => Promise<unknown>): Promise<boolean> {
  while (lease.end === undefined) {
    try {
      await work();
      return true;
    } catch {
      await clock.sleep(againMs, { background: true });
    }
  }
  return false;
}
