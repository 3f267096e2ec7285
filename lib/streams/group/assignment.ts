/** From the items of a group to the plan of who should have what, as one member sees it. Pure. */
import type { LeaseState, MemberState, Owner } from './lease-state.js';
import { isReady } from './lease-steps.js';
import { type Plan, type PlanLease, type PlanMember, planOf } from './plan.js';

/** What one member knows. */
export interface Sight {
  readonly members: readonly MemberState[];
  readonly leases: ReadonlyMap<string, LeaseState>;
  /** Whether a life is over for ever. */
  isOver(owner: Owner): boolean;
  /** This member in its present life, unless it is to be given nothing. */
  readonly self: (Owner & { readonly capacity: number; readonly shardsMax: number }) | undefined;
  /** To be left out: another life of this member, or itself when it stops. */
  readonly without?: string | undefined;
}

/** A plan, and what it was made of. */
export interface Assignment extends Plan {
  /** Members that can be given something, by id. */
  readonly present: ReadonlyMap<string, Owner>;
  /** Leases that can be read now. */
  readonly ready: readonly LeaseState[];
}

export function assign(sight: Sight): Assignment {
  const present = presentOf(sight);
  const { leases } = sight;
  const ready = [...leases.values()].filter((lease) => isReady(lease, (shardId) => leases.get(shardId)));
  const members = [...present.values()].map(({ id, capacity, shardsMax }) => ({ id, capacity, shardsMax }));
  const plan = planOf(
    members,
    ready.map((lease) => planLeaseOf(lease, sight, present)),
  );
  return { ...plan, present, ready };
}

/** Whether somebody who has asked can still be given what was asked for. */
export function canBeGiven(to: Owner, present: ReadonlyMap<string, Owner>): boolean {
  return present.get(to.id)?.life === to.life;
}

/** Members that can be given something, by id. */
export function presentOf({
  members,
  isOver,
  self,
  without,
}: Omit<Sight, 'leases'>): ReadonlyMap<string, Owner & PlanMember> {
  const present = new Map<string, Owner & PlanMember>();
  for (const { id, life, capacity, shardsMax = Number.POSITIVE_INFINITY, leaving, ...rest } of members) {
    if (leaving === true || id === without || isOver({ id, life, ...rest })) continue;
    present.set(id, { id, life, capacity, shardsMax });
  }
  if (self !== undefined) present.set(self.id, self);
  return present;
}

function planLeaseOf(lease: LeaseState, sight: Sight, present: ReadonlyMap<string, Owner>): PlanLease {
  const { shardId, epoch, owner, pending } = lease;
  const dueTo = pending !== undefined && canBeGiven(pending.to, present) ? pending.to.id : undefined;
  const isFree = owner === undefined || sight.isOver(owner) || (owner.id === sight.without && sight.self === undefined);
  if (!isFree) return { shardId, epoch, owner: owner.id, isFixed: !canBeGiven(owner, present), dueTo };
  return { shardId, epoch, dueTo, preferred: owner?.id ?? parentOwnerOf(lease, sight.leases) };
}

/** A child that was not begun goes to the owner of its parent. */
function parentOwnerOf(lease: LeaseState, leases: ReadonlyMap<string, LeaseState>): string | undefined {
  if (lease.parent === undefined || lease.position !== 'trim-horizon') return undefined;
  return leases.get(lease.parent)?.owner?.id;
}
