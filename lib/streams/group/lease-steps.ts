/**
 * The steps of a lease. Pure: each takes the state that stands in the item and gives the next one, or `undefined` where the step is
 * refused. The swap that applies it is the only way into the item, so what is decided here is decided once.
 *
 *   who      step      condition                     epoch
 *   anybody  created   there is no item              as given
 *   anybody  taken     epoch is the one seen         + 1
 *   anybody  asked     epoch is the one seen         -
 *   owner    saved     owner and epoch are its own   -
 *   owner    ended     owner and epoch are its own   -
 *   owner    handed    owner and epoch are its own   + 1
 */
import type { ShardPosition } from '../position.js';
import type { LeaseState, LeaseWork, Owner, Pending } from './lease-state.js';
import type { LeasePatch } from './owned-lease.js';

/** What an owner holds: itself, in one epoch. */
export interface Hold {
  readonly owner: Owner;
  readonly epoch: number;
}

/** What is known of a shard whose lease is created. */
export interface NewLease {
  readonly shardId: string;
  readonly position: ShardPosition;
  readonly parent?: string | undefined;
  readonly epoch?: number;
}

export function created({ shardId, position, parent, epoch = 0 }: NewLease): LeaseState {
  return { kind: 'stream-lease', v: 1, shardId, epoch, position, ...(parent !== undefined && { parent }) };
}

/** Whether the shard was read to its end. */
export function isEnded({ children }: LeaseState): boolean {
  return children !== undefined;
}

export function isHeldBy(state: LeaseState, { owner, epoch }: Hold): boolean {
  return state.epoch === epoch && state.owner?.life === owner.life;
}

/** Whoever takes it must know that its owner, if there is one, is over. */
export function taken(state: LeaseState, epochSeen: number, by: Owner): LeaseState | undefined {
  if (state.epoch !== epochSeen || isEnded(state)) return undefined;
  const { pending: _, ...rest } = state;
  return { ...rest, owner: by, epoch: epochSeen + 1 };
}

/** Asks for it. `isVoid`: whoever asked before can't be given it any more. */
export function asked(
  state: LeaseState,
  epochSeen: number,
  pending: Pending,
  isVoid: (pending: Pending) => boolean,
): LeaseState | undefined {
  if (state.epoch !== epochSeen || state.owner === undefined || isEnded(state)) return undefined;
  if (state.pending !== undefined && !isVoid(state.pending)) return undefined;
  return { ...state, pending };
}

/** A position never moves back: an earlier one leaves it where it is. */
export function saved(
  state: LeaseState,
  hold: Hold,
  position: ShardPosition,
  patch?: LeasePatch,
): LeaseState | undefined {
  if (!isHeldBy(state, hold) || isEnded(state)) return undefined;
  const next = { ...state, position: isBehind(position, state.position) ? state.position : position };
  return patch === undefined ? next : { ...next, work: patched(state.work, patch) };
}

/** The same step again changes nothing, but for children that were found meanwhile. */
export function ended(state: LeaseState, hold: Hold, children: readonly string[] | 'unknown'): LeaseState | undefined {
  if (!isHeldBy(state, hold)) return undefined;
  const { pending: _, ...rest } = state;
  return { ...rest, position: 'end', children };
}

/** Gives it on, at the position where it stands; to nobody when `to` is absent. */
export function handed(state: LeaseState, hold: Hold, to: Owner | undefined): LeaseState | undefined {
  if (!isHeldBy(state, hold) || isEnded(state)) return undefined;
  const { pending: _, owner: __, ...rest } = state;
  return { ...rest, epoch: state.epoch + 1, ...(to !== undefined && { owner: to }) };
}

/** Children of a shard that ended before they were known. By whoever finds them. */
export function childrenFound(state: LeaseState, children: readonly string[]): LeaseState | undefined {
  return state.children === 'unknown' ? { ...state, children } : undefined;
}

/**
 * Whether a shard may be read now: its parent is done. A lease whose parent has no item was begun, or waits for the audit, which
 * decides what became of the parent.
 */
export function isReady(lease: LeaseState, leaseOf: (shardId: string) => LeaseState | undefined): boolean {
  if (isEnded(lease)) return false;
  if (lease.parent === undefined || lease.position !== 'trim-horizon') return true;
  const parent = leaseOf(lease.parent);
  return parent !== undefined && isEnded(parent);
}

/** Whether `position` is certain to stand before `other`, in one shard. */
export function isBehind(position: ShardPosition, other: ShardPosition): boolean {
  if (position === 'end' || other === 'trim-horizon') return false;
  if (other === 'end') return true;
  const [at, otherAt] = [placeOf(position), placeOf(other)];
  if (otherAt === undefined) return false;
  return at === undefined || at < otherAt;
}

/** Twice the number of the next record, so that "at" and "after" can be told apart. */
function placeOf(position: ShardPosition): bigint | undefined {
  if (typeof position !== 'object') return undefined;
  if ('after' in position) return 2n * BigInt(position.after) + 1n;
  return 'at' in position ? 2n * BigInt(position.at) : undefined;
}

/** What the worker keeps, with its changes. */
export function patched(work: LeaseWork | undefined, patch: LeasePatch): LeaseWork {
  const next: Record<string, unknown> = { ...work };
  for (const [name, value] of Object.entries(patch)) {
    if (value === undefined) delete next[name];
    else next[name] = value;
  }
  return next;
}
