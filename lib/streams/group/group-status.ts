/**
 * Who owns which shard, how far it is, and why one is not being read: what people ask of a group. Pure: made of its items.
 */
import type { Gap } from '../errors.js';
import type { ShardPosition } from '../position.js';
import type { ParkedKeyState } from './dead-letter.js';
import type { LeaseState, MemberState } from './lease-state.js';
import { isEnded, isReady } from './lease-steps.js';
import type { WorkerStatus } from './shard-worker.js';

/**
 * What becomes of a shard: it is read; it is handed over; nobody owns it (yet); its parent is not done; its handler failed for good, or it
 * stands at a gap, and it waits for `retry`; all of it is done.
 */
export type GroupShardState = 'reading' | 'handing-over' | 'free' | 'waiting' | 'parked' | 'ended';

/** One shard of a group. */
export interface GroupShardStatus {
  readonly shardId: string;
  readonly state: GroupShardState;
  /** Why it is not being read, in words; `undefined` where it is. */
  readonly why: string | undefined;
  /** Id of the member that owns it. */
  readonly owner: string | undefined;
  readonly epoch: number;
  /** Everything up to here is done, and stored. */
  readonly position: ShardPosition;
  /**
   * Age of the oldest record that is not done, in milliseconds; 0 when it has caught up. Of a shard of another process it is as that one has
   * stored it last; `undefined` when nothing is known.
   */
  readonly ageMs: number | undefined;
  readonly parent: string | undefined;
  readonly children: readonly string[] | undefined;
  readonly parkedSinceMs: number | undefined;
  /** Sequence number of the record at which it is parked. */
  readonly parkedAt: string | undefined;
  /** Where records may be missing, the last ten. */
  readonly gaps: readonly Gap[];
  /** Of shards of this process: records that were taken and are not done, and how long the handler has been at it. */
  readonly waiting: number | undefined;
  readonly handlerMs: number | undefined;
}

/** One member of a group. */
export interface GroupMemberStatus {
  readonly id: string;
  readonly host: string | undefined;
  readonly pid: number | undefined;
  readonly capacity: number;
  readonly shards: number;
  /** It was silent for its whole lease; `undefined`: nobody has watched it from here. */
  readonly isOver: boolean | undefined;
}

/** A group at a glance. */
export interface GroupStatus {
  readonly group: string;
  /** ARN of the stream; `undefined` for a group that never ran. */
  readonly stream: string | undefined;
  readonly members: readonly GroupMemberStatus[];
  /** In the order of their ids, so parents before their children. */
  readonly shards: readonly GroupShardStatus[];
  /** Keys of items whose records are all set aside, as JSON. */
  readonly parkedKeys: readonly string[];
}

/** What a status is made of. */
export interface StatusFacts {
  readonly group: string;
  readonly stream: string | undefined;
  readonly members: readonly MemberState[];
  readonly leases: ReadonlyMap<string, LeaseState>;
  readonly parkedKeys: readonly ParkedKeyState['itemKey'][];
  /** By the clock of whoever asks. */
  readonly nowMs: number;
  isOver(member: MemberState): boolean | undefined;
  /** Of shards of this process. */
  workerOf(shardId: string): WorkerStatus | undefined;
}

export function statusOf(facts: StatusFacts): GroupStatus {
  const { group, stream, leases, parkedKeys } = facts;
  const all = [...leases.values()].sort((a, b) => (a.shardId < b.shardId ? -1 : 1));
  const owned = (id: string) => all.filter((lease) => lease.owner?.id === id && !isEnded(lease)).length;
  const members = facts.members.map((member) => ({
    id: member.id,
    host: member.host,
    pid: member.pid,
    capacity: member.capacity,
    shards: owned(member.id),
    isOver: facts.isOver(member),
  }));
  return { group, stream, members, shards: all.map((lease) => shardOf(lease, facts)), parkedKeys };
}

function shardOf(lease: LeaseState, facts: StatusFacts): GroupShardStatus {
  const { shardId, epoch, position, parent, children, owner, work = {} } = lease;
  const state = stateOf(lease, facts);
  const worker = state === 'ended' ? undefined : facts.workerOf(shardId);
  return {
    shardId,
    state,
    why: whyNot(state, lease, facts),
    owner: state === 'ended' ? undefined : owner?.id,
    epoch,
    position,
    ageMs: state === 'ended' ? 0 : (worker?.ageMs ?? storedAgeMs(lease, facts.nowMs)),
    parent,
    children: Array.isArray(children) ? (children as readonly string[]) : undefined,
    parkedSinceMs: work.parked?.sinceMs,
    parkedAt: work.parked?.at,
    gaps: (work.gaps as readonly Gap[] | undefined) ?? [],
    waiting: worker?.waiting,
    handlerMs: worker?.handlerMs,
  };
}

function stateOf(lease: LeaseState, { leases }: StatusFacts): GroupShardState {
  if (isEnded(lease)) return 'ended';
  if (lease.work?.parked !== undefined) return 'parked';
  if (!isReady(lease, (shardId) => leases.get(shardId))) return 'waiting';
  if (lease.owner === undefined) return 'free';
  return lease.pending === undefined ? 'reading' : 'handing-over';
}

function whyNot(state: GroupShardState, lease: LeaseState, { members, nowMs }: StatusFacts): string | undefined {
  const { work, parent, pending, children } = lease;
  if (state === 'ended')
    return children === 'unknown' ? 'read to its end; its children are not listed yet' : 'read to its end';
  if (state === 'waiting') return `waits for its parent ${parent} to be done`;
  if (state === 'handing-over') return `due to member ${pending?.to.id}`;
  if (work?.parked !== undefined) {
    const { reason, sinceMs } = work.parked;
    return `parked for ${Math.round((nowMs - sinceMs) / 1_000)} s: ${reason}`;
  }
  if (state === 'free') return members.length === 0 ? 'no member' : 'nobody has taken it yet';
  return members.some(({ life }) => life === lease.owner?.life) ? undefined : `its owner ${lease.owner?.id} is gone`;
}

function storedAgeMs({ work = {} }: LeaseState, nowMs: number): number | undefined {
  const { doneAtMs, isCaughtUp } = work;
  if (isCaughtUp === true) return 0;
  return typeof doneAtMs === 'number' ? Math.max(0, nowMs - doneAtMs) : undefined;
}
