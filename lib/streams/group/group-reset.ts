/** Sets a group, or one shard of it, to another position. Not while members live: they would save theirs over it. */
import { type Clock, systemRandom } from '../../engine/index.js';
import type { Discovery } from '../discovery.js';
import type { ShardPosition, StreamPosition } from '../position.js';
import { GroupAudit } from './audit.js';
import { GroupLiveError } from './consumer-group-errors.js';
import type { GroupItems } from './group-items.js';
import type { LeaseState, MemberState } from './lease-state.js';
import { termsOf } from './member-options.js';
import { Silence } from './silence.js';

/** How often members are looked at while it is not known whether they live. */
const lookMs = 500;
/** Lives without an item that leases name. */
const leaseMsUnknown = 10_000;

export interface ResetGround {
  readonly items: GroupItems;
  readonly clock: Clock;
  /** The service's time. */
  readonly nowMs: () => number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Comes back when all members were silent for their leases.
 *
 * @throws {GroupLiveError} `ERR_GROUP_LIVE` as soon as one gives a sign of life.
 */
export async function requireNobody({ items, clock, signal }: ResetGround): Promise<void> {
  const silence = new Silence(leaseMsUnknown);
  const first = new Map<string, number>();
  for (;;) {
    const { members, askedAtMs, answeredAtMs } = await items.present(signal);
    silence.see(members, askedAtMs, answeredAtMs);
    const moved = members.filter(({ life, beat }) => (first.get(life) ?? beat) !== beat);
    if (moved.length > 0) throw new GroupLiveError('reset', items.group, idsOf(moved));
    if (members.every((member) => silence.isOver(member))) return;
    for (const { life, beat } of members) first.set(life, beat);
    await clock.sleep(lookMs, { signal });
  }
}

/** One shard, also one that was read to its end. Its epoch is raised, so an owner that is not as dead as it looked is refused. */
export async function resetShard(
  { items, nowMs }: ResetGround,
  shardId: string,
  to: ShardPosition | 'latest',
): Promise<void> {
  const position: ShardPosition = to === 'latest' ? { latestSince: nowMs() } : to;
  await items.lease(shardId).swap((stands): LeaseState => {
    if (stands === undefined)
      throw new RangeError(`Cannot reset shard ${shardId} of group ${items.group}: it has no such shard`);
    return { ...(clean(stands) as LeaseState), epoch: stands.epoch + 1, position };
  });
  await items.raise();
}

/**
 * All shards: the leases are made anew, as those of a new group would be. If the process dies meanwhile, some are as they were; call it again.
 */
export async function resetAll(
  { items, clock, nowMs, signal }: ResetGround,
  stream: string,
  discovery: Discovery,
  from: StreamPosition,
): Promise<void> {
  const { leases } = await items.leases(signal);
  const epochMax = Math.max(0, ...[...leases.values()].map(({ epoch }) => epoch));
  // Epochs of leases that are made later begin at `rev`: they must be above all that were.
  await items.meta.swap((stands) => {
    const meta = stands ?? { kind: 'stream-group', v: 1, stream, settings: {}, rev: 0 };
    return { ...meta, stream, rev: Math.max(meta.rev, epochMax) + 1 };
  });
  const { group, table } = items;
  const terms = termsOf({ ...{ group, table, stream, discovery, from, nowMs }, onGranted: () => {} });
  const nothing = () => {};
  const audit = new GroupAudit({
    ...{
      items,
      terms,
      clock,
      random: systemRandom,
      onStands: nothing,
      onChange: nothing,
      onFatal: nothing,
      tell: nothing,
    },
    overLong: (): readonly MemberState[] => [],
  });
  await audit.placeAnew(signal ?? new AbortController().signal);
  await items.raise();
}

function clean({ owner: _, children: __, pending: ___, work: ____, ...rest }: LeaseState): Partial<LeaseState> {
  return rest;
}

function idsOf(members: readonly MemberState[]): string[] {
  return members.map(({ id }) => id).sort();
}
