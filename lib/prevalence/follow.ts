/**
 * Following the journal by polling its head, so that the state here is never old: often while something happens, seldom when
 * nothing does.
 *
 *   something new ─► 20 ms ─► 40 ─► 80 ─► … ─► 1 s, as long as nothing is new
 */
import type { Clock } from '../engine/index.js';

/** How often an instance looks for commits of others. */
export interface FollowOptions {
  /**
   * Pause after something new was found.
   * @defaultValue 20
   */
  readonly busyMs?: number;
  /**
   * Longest pause; each look that finds nothing doubles it.
   * @defaultValue 1000
   */
  readonly idleMs?: number;
}

export interface FollowLoop extends Required<FollowOptions> {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Looks; `true` when there was something new. */
  readonly look: () => Promise<boolean>;
}

/** Looks until `signal` aborts. @cost Half a read unit a look. */
export async function follow({ clock, signal, look, busyMs, idleMs }: FollowLoop): Promise<void> {
  let pauseMs = busyMs;
  while (!signal.aborted) {
    try {
      await clock.sleep(pauseMs, { signal, background: true });
    } catch {
      return;
    }
    pauseMs = (await look()) ? busyMs : Math.min(idleMs, pauseMs * 2);
  }
}
