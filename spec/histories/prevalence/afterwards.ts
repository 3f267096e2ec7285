/** When all is over: a fresh instance from the newest snapshot, and one that replays everything, if it is still there. */
import type { Callers, CallersReport } from './callers.js';

export interface AfterwardsOptions {
  /** Callers of a fresh process that make no calls. */
  readonly fresh: (name: string) => Callers;
  /** Removes the pointer to the snapshots, so that there is nothing to begin from. */
  readonly forgetSnapshots: () => Promise<unknown>;
}

export async function lookAfterwards({ fresh, forgetSnapshots }: AfterwardsOptions): Promise<CallersReport[]> {
  const last = fresh('last');
  await last.run();
  const isWhole = await last.isWhole();
  const reports = [await last.finish()];
  if (!isWhole) return reports;
  await forgetSnapshots();
  const replayed = fresh('replayed');
  await replayed.run();
  return [...reports, await replayed.finish()];
}
