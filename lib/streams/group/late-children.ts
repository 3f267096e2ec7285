/**
 * Children that the service tells of late: all of a shard that ended, or the second one of a shard that was split, up to a minute after the first.
 * So a shard without children, and one that ended earlier than shards roll by themselves and has one child, is asked twice more; what is new
 * is given a lease. A shard that rolled has one child, and is not asked again. Should the process die meanwhile, or a shard be split
 * just when it would have rolled, the audit finds it.
 */
import type { Clock } from '../../engine/index.js';
import type { Discovery } from '../discovery.js';
import { creationTimeOf } from '../shard-id.js';
import type { GroupItems } from './group-items.js';
import { created, isEnded } from './lease-steps.js';

/** Children are listed within five seconds as a rule, and within a minute nearly always. */
const pausesMs = [10_000, 55_000] as const;
/** Shards roll after about four hours, a sixth of what records live; whatever ends before an eighth of it was split. */
const rolledShare = 1 / 8;

export interface LateChildrenGround {
  readonly items: GroupItems;
  readonly discovery: Pick<Discovery, 'childrenOf'>;
  readonly clock: Clock;
  readonly retentionMs: number;
  readonly stopped: AbortSignal;
  onTrouble(error: unknown): void;
}

/** Whether these are all children that the shard can have, as far as their names tell. */
function isComplete(shardId: string, children: readonly string[], retentionMs: number): boolean {
  const [only] = children;
  if (only === undefined || children.length > 1) return only !== undefined;
  const [bornMs, childBornMs] = [creationTimeOf(shardId), creationTimeOf(only)];
  return bornMs !== undefined && childBornMs !== undefined && childBornMs - bornMs >= retentionMs * rolledShare;
}

/** Looks for the children of a shard that are not `known`. Ends when the group is stopped; never rejects. */
export async function findLateChildren(
  ground: LateChildrenGround,
  shardId: string,
  known: readonly string[],
): Promise<void> {
  const { discovery, clock, retentionMs, stopped, onTrouble } = ground;
  let children = known;
  for (const pauseMs of pausesMs) {
    if (isComplete(shardId, children, retentionMs)) return;
    try {
      await clock.sleep(pauseMs, { signal: stopped, background: true });
      const found = (await discovery.childrenOf(shardId, { signal: stopped })).map((child) => child.shardId);
      const late = found.filter((child) => !children.includes(child));
      if (late.length === 0) continue;
      await bear(ground.items, shardId, late);
      children = [...children, ...late];
    } catch (error) {
      if (stopped.aborted) return;
      onTrouble(error);
    }
  }
}

/** Leases first: whoever finds the children in the lease of their parent finds them. */
async function bear(items: GroupItems, parent: string, late: readonly string[]): Promise<void> {
  for (const shardId of late) {
    const lease = created({ shardId, parent, position: 'trim-horizon' });
    await items.lease(shardId).swap((stands) => stands ?? lease);
  }
  await items.lease(parent).swap((stands) => {
    if (stands === undefined || !isEnded(stands)) throw new Error(`Shard ${parent} has no lease any more`);
    const known = stands.children === 'unknown' ? [] : (stands.children ?? []);
    return { ...stands, children: [...new Set([...known, ...late])].sort() };
  });
  await items.raise();
}
