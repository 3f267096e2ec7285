/**
 * A shard that was split has two children, and the service may tell of one of them first. So some time after a shard has ended, it is asked for
 * its children once more, and one that is new is given a lease. Should the process die meanwhile, the audit finds it.
 */
import { type Clock, unlessAborted } from '../../engine/index.js';
import type { Discovery } from '../discovery.js';
import type { GroupItems } from './group-items.js';
import { created, isEnded } from './lease-steps.js';

/** Children are listed within five seconds, as a rule. */
const laterMs = 10_000;

export interface LateChildrenGround {
  readonly items: GroupItems;
  readonly discovery: Pick<Discovery, 'childrenOf'>;
  readonly clock: Clock;
  readonly stopped: AbortSignal;
}

/** @returns children that were not known. Rejects with what stood in the way, and when the group is stopped meanwhile. */
export async function findLateChildren(
  { items, discovery, clock, stopped }: LateChildrenGround,
  shardId: string,
  known: readonly string[],
): Promise<readonly string[]> {
  await clock.sleep(laterMs, { signal: stopped, background: true });
  const found = await discovery.childrenOf(shardId, { signal: stopped });
  const late = found.map((child) => child.shardId).filter((child) => !known.includes(child));
  for (const child of late) {
    const lease = created({ shardId: child, parent: shardId, position: 'trim-horizon' });
    await items.lease(child).swap((stands) => stands ?? lease);
  }
  if (late.length === 0) return late;
  await unlessAborted(
    items.lease(shardId).swap((stands) => {
      if (stands === undefined || !isEnded(stands)) throw new Error(`Shard ${shardId} has no lease any more`);
      return { ...stands, children: [...new Set([...known, ...late])].sort() };
    }),
    stopped,
  );
  await items.raise();
  return late;
}
