/**
 * What one member holds: grants, losses, and what items say that this process did not do itself.
 *
 * Items are read while steps of this very process are under way, so what was read may be older than what is known. The epoch tells: a lease
 * with a lower epoch than the one held is old news, with a higher one it is another owner's.
 */
import type { Clock } from '../../engine/index.js';
import type { LeaseEnd } from './group-errors.js';
import type { GroupItems, LeasesFound } from './group-items.js';
import { HeldLease, type LeaseKeeper } from './held-lease.js';
import type { LeaseState, Owner, Pending } from './lease-state.js';
import { created, isEnded, taken } from './lease-steps.js';
import type { MemberEvent } from './member-events.js';
import type { OwnedLease } from './owned-lease.js';

/** What holdings are told by. */
export interface HoldingsGround {
  readonly items: GroupItems;
  readonly clock: Clock;
  /** This member in its present life; `undefined`: it has none. Looks at the clocks. */
  self(): Owner | undefined;
  look(): void;
  dueTo(shardId: string, pending: Pending | undefined): Owner | undefined;
  canBeGiven(pending: Pending): boolean;
  onGranted(lease: OwnedLease): void;
  /** Its own step has left an item so. */
  onStands(state: LeaseState): void;
  /** A lease was given on or ended. */
  onGiven(state: LeaseState): void;
  tell(event: MemberEvent): void;
}

class Refused extends Error {}

export class Holdings implements LeaseKeeper {
  readonly clock: Clock;
  readonly #ground: HoldingsGround;
  readonly #held = new Map<string, HeldLease>();
  /** The highest epoch of a shard that is known to be no longer, or never to have been, this member's. */
  readonly #past = new Map<string, number>();
  readonly #taking = new Set<string>();
  readonly #askedAtMs = new Map<string, number>();

  constructor(ground: HoldingsGround) {
    this.#ground = ground;
    this.clock = ground.clock;
  }

  get held(): ReadonlyMap<string, HeldLease> {
    return this.#held;
  }

  /** Takes a lease whose owner is over, or that has none. Whether it did. */
  async take(seen: LeaseState): Promise<boolean> {
    const { items, self, tell } = this.#ground;
    const { shardId } = seen;
    const owner = self();
    if (owner === undefined || this.#held.has(shardId) || this.#taking.has(shardId)) return false;
    this.#taking.add(shardId);
    try {
      const state = await items.lease(shardId).swap((stands) => {
        const next = stands === undefined ? undefined : taken(stands, seen.epoch, owner);
        if (next === undefined) throw new Refused();
        return next;
      });
      this.#grant(state, seen.owner === undefined ? 'free' : 'dead');
      return true;
    } catch (error) {
      if (!(error instanceof Refused)) tell({ type: 'trouble', action: 'take', error });
      return false;
    } finally {
      this.#taking.delete(shardId);
    }
  }

  /** Compares what is held with what the items say. @returns leases that are this member's by name, and that it can't simply go on with. */
  reconcile({ leases, askedAtMs }: LeasesFound, isReady: (lease: LeaseState) => boolean): LeaseState[] {
    const self = this.#ground.self();
    const strays: LeaseState[] = [];
    for (const [shardId, lease] of this.#held) {
      if (leases.has(shardId) || lease.grantedAtMs >= askedAtMs) continue;
      lease.restore().catch((error: unknown) => this.#ground.tell({ type: 'trouble', action: 'take', error }));
    }
    for (const state of leases.values()) {
      if (isEnded(state) || this.#taking.has(state.shardId)) continue;
      const held = this.#held.get(state.shardId);
      const isMine = self !== undefined && state.owner?.life === self.life;
      if (held !== undefined) this.#compare(held, state, isMine);
      if (!isMine || this.#held.has(state.shardId) || !isReady(state)) continue;
      if (state.epoch > (this.#past.get(state.shardId) ?? -1)) this.#grant(state, 'handed');
      else strays.push(state);
    }
    for (const shardId of this.#past.keys()) if (!leases.has(shardId)) this.#past.delete(shardId);
    return strays;
  }

  /** All is over. */
  loseAll(end: LeaseEnd, cause?: unknown): void {
    for (const lease of [...this.#held.values()]) lease.lose(end, cause);
  }

  // ---- what a held lease asks for, and tells ---------------------------------------------------------------------

  look(): void {
    this.#ground.look();
  }

  dueTo({ shardId }: HeldLease, pending: Pending | undefined): Owner | undefined {
    return this.#ground.dueTo(shardId, pending);
  }

  onAsked(lease: HeldLease, pending: Pending): void {
    if (!this.#ground.canBeGiven(pending)) return;
    if (!this.#askedAtMs.has(lease.shardId)) this.#askedAtMs.set(lease.shardId, this.clock.monotonicMs());
    lease.ask(pending.withinMs);
  }

  async bear(children: readonly string[], parent: string): Promise<void> {
    for (const shardId of children) {
      const child = created({ shardId, parent, position: 'trim-horizon' });
      this.#ground.onStands(await this.#ground.items.lease(shardId).swap((stands) => stands ?? child));
    }
  }

  onEnd(lease: HeldLease, end: LeaseEnd, stands: LeaseState | undefined): void {
    const { shardId, epoch } = lease;
    if (this.#held.get(shardId) !== lease) return;
    this.#held.delete(shardId);
    const now = this.clock.monotonicMs();
    const askedAtMs = this.#askedAtMs.get(shardId) ?? now;
    this.#askedAtMs.delete(shardId);
    const { tell, onStands, onGiven } = this.#ground;
    if (stands === undefined) {
      this.#past.set(shardId, epoch);
      tell({ type: 'lease-lost', shardId, epoch, reason: end });
      return;
    }
    onStands(stands);
    if (isEnded(stands)) {
      this.#past.set(shardId, epoch);
      tell({ type: 'shard-done', shardId, children: stands.children ?? 'unknown' });
    } else {
      tell({ type: 'lease-given', shardId, epoch, to: stands.owner?.id, handoffMs: now - askedAtMs });
      if (this.#grant(stands, 'handed')) return;
      this.#past.set(shardId, stands.epoch);
    }
    onGiven(stands);
  }

  #compare(held: HeldLease, state: LeaseState, isMine: boolean): void {
    if (state.epoch < held.epoch) return;
    if (state.epoch > held.epoch || !isMine) held.lose('taken');
    else if (state.pending !== undefined) this.onAsked(held, state.pending);
  }

  /** Whether it is this member's in the life that it has now. */
  #grant(state: LeaseState, from: 'free' | 'dead' | 'handed'): boolean {
    const { items, onGranted, onStands, self, tell } = this.#ground;
    const owner = self();
    if (owner === undefined || state.owner?.life !== owner.life) return false;
    onStands(state);
    const lease = new HeldLease(this, items.lease(state.shardId), owner, state);
    this.#held.set(state.shardId, lease);
    tell({ type: 'lease-taken', shardId: state.shardId, epoch: state.epoch, from });
    onGranted(lease);
    return true;
  }
}
