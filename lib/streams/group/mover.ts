/** Does a member's own part of a plan: takes what is free and its own, and asks for what is due to it. */
import type { Clock } from '../../engine/index.js';
import { type Assignment, canBeGiven } from './assignment.js';
import type { GroupItems } from './group-items.js';
import type { GroupSight } from './group-sight.js';
import type { Holdings } from './holdings.js';
import { inTurns } from './in-turns.js';
import type { LeaseState, Owner } from './lease-state.js';
import { asked } from './lease-steps.js';
import type { MemberEvent } from './member-events.js';
import type { MemberTerms } from './member-options.js';

/** Steps that are under way at the same time. */
const stepsMax = 16;
/** A free shard that nobody takes for so many beats is taken by whoever has room; each member waits half a beat longer than the one before. */
const idleBeats = 2.5;

export interface MoverGround {
  readonly items: GroupItems;
  readonly holdings: Holdings;
  readonly sight: GroupSight;
  readonly terms: MemberTerms;
  readonly clock: Clock;
  tell(event: MemberEvent): void;
}

class Refused extends Error {}

export class Mover {
  readonly #ground: MoverGround;
  readonly #freeSinceMs = new Map<string, number>();

  constructor(ground: MoverGround) {
    this.#ground = ground;
  }

  /**
   * `strays`: leases that bear this member's name and that it does not hold. `mayAsk`: not a newcomer any more, whose arrival others have
   * not seen.
   *
   * @returns how many items it has changed.
   */
  async carry(plan: Assignment, self: Owner, strays: readonly LeaseState[], mayAsk: boolean): Promise<number> {
    const { holdings, sight } = this.#ground;
    const mine = [...this.#claimsOf(plan, self)].flatMap((shardId) => sight.leases.get(shardId) ?? []);
    const steps = [...mine, ...strays].map((lease) => () => holdings.take(lease));
    if (mayAsk) {
      for (const { shardId, to } of plan.moves) if (to === self.id) steps.push(() => this.#ask(shardId, self, plan));
    }
    return (await inTurns(steps, stepsMax)).filter((done) => done).length;
  }

  #claimsOf({ claims, present, ready }: Assignment, self: Owner): Set<string> {
    const { terms, holdings, clock } = this.#ground;
    const now = clock.monotonicMs();
    const mine = new Set<string>();
    const rank = [...present.keys()].sort().indexOf(self.id);
    const patienceMs = (idleBeats + rank / 2) * terms.beatMs;
    for (const shardId of this.#freeSinceMs.keys()) if (!claims.has(shardId)) this.#freeSinceMs.delete(shardId);
    let room = terms.shardsMax - holdings.held.size;
    for (const { shardId } of ready) {
      const to = claims.get(shardId);
      if (to === undefined) continue;
      const sinceMs = this.#freeSinceMs.get(shardId) ?? now;
      this.#freeSinceMs.set(shardId, sinceMs);
      if (room <= 0 || (to !== self.id && now - sinceMs < patienceMs)) continue;
      mine.add(shardId);
      room -= 1;
    }
    return mine;
  }

  /** Whether it did. */
  async #ask(shardId: string, self: Owner, { present }: Assignment): Promise<boolean> {
    const { items, sight, terms, tell } = this.#ground;
    const seen = sight.leases.get(shardId);
    if (seen?.owner === undefined) return false;
    const { id, life } = self;
    const pending = { to: { id, life }, withinMs: terms.handoffMs };
    try {
      const state = await items.lease(shardId).swap((stands) => {
        const isVoid = (before: { readonly to: Owner }) => !canBeGiven(before.to, present);
        const next = stands === undefined ? undefined : asked(stands, seen.epoch, pending, isVoid);
        if (next === undefined) throw new Refused();
        return next;
      });
      sight.note(state);
      tell({ type: 'lease-asked', shardId, of: seen.owner.id });
      return true;
    } catch (error) {
      if (!(error instanceof Refused)) tell({ type: 'trouble', action: 'ask', error });
      return false;
    }
  }
}
