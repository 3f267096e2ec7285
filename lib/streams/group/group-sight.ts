/**
 * What one member knows of its group: who is there as of the last look, and the leases as of the last time that they were read, with
 * its own steps since.
 */

import { type Assignment, assign, presentOf, type Sight } from './assignment.js';
import type { GroupItems, LeasesFound } from './group-items.js';
import type { LeaseState, MemberState, MetaState, Owner } from './lease-state.js';
import { Silence } from './silence.js';

/** All leases are read so often at least, whatever `rev` says. */
const netMs = 30_000;

/** What a look has found out. */
export interface Look {
  /** Lives that were silent for their lease. */
  readonly over: readonly Owner[];
  /** The leases, if they were read. */
  readonly found: LeasesFound | undefined;
}

export class GroupSight {
  readonly silence: Silence;
  readonly #items: GroupItems;
  readonly #leases = new Map<string, LeaseState>();
  /** When this process left an item so by a step of its own. */
  readonly #notedAtMs = new Map<string, number>();
  #meta: MetaState | undefined;
  #members: readonly MemberState[] = [];
  #rev: number | undefined;
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor(items: GroupItems, leaseMs: number) {
    this.#items = items;
    this.silence = new Silence(leaseMs);
  }

  get meta(): MetaState | undefined {
    return this.#meta;
  }

  get members(): readonly MemberState[] {
    return this.#members;
  }

  get leases(): ReadonlyMap<string, LeaseState> {
    return this.#leases;
  }

  /** @cost 1 query; 1 more when a lease has changed hands, and every half minute. @throws what the store refuses. */
  async look(signal: AbortSignal): Promise<Look> {
    const { meta, members, askedAtMs, answeredAtMs } = await this.#items.present(signal);
    this.#meta = meta;
    this.#members = members;
    const over = this.silence.see(members, askedAtMs, answeredAtMs);
    let found: LeasesFound | undefined;
    if (meta?.rev !== this.#rev || answeredAtMs - this.#readAtMs >= netMs) {
      found = await this.#items.leases(signal);
      this.#take(found);
      // As it stood before: what was changed meanwhile is read once more.
      this.#rev = meta?.rev;
      this.#readAtMs = answeredAtMs;
    }
    const owners = [...this.#leases.values()].flatMap(({ owner }) => owner ?? []);
    const auditor = meta?.auditor;
    this.silence.expect(auditor === undefined ? owners : [...owners, auditor], answeredAtMs);
    return { over, found };
  }

  /** A step of this process has left an item so. */
  note(state: LeaseState): void {
    this.#leases.set(state.shardId, state);
    this.#notedAtMs.set(state.shardId, this.#items.table.sources.clock.monotonicMs());
  }

  assign(self: Sight['self'], without?: string): Assignment {
    return assign({ ...this.#seen(self, without), leases: this.#leases });
  }

  /** Members that can be given something, by id. */
  present(self: Sight['self'], without?: string): ReadonlyMap<string, Owner> {
    return presentOf(this.#seen(self, without));
  }

  #seen(self: Sight['self'], without: string | undefined): Omit<Sight, 'leases'> {
    const isOver = (owner: Owner) => this.silence.isOver(owner);
    return { members: this.#members, isOver, self, without };
  }

  /** What was read replaces what was known, but for steps of this process that the walk may not have seen. */
  #take({ leases, askedAtMs }: LeasesFound): void {
    for (const shardId of this.#leases.keys()) {
      if (!leases.has(shardId) && !this.#isNewer(shardId, askedAtMs)) this.#leases.delete(shardId);
    }
    for (const [shardId, state] of leases) if (!this.#isNewer(shardId, askedAtMs)) this.#leases.set(shardId, state);
    for (const [shardId, atMs] of this.#notedAtMs) if (atMs < askedAtMs) this.#notedAtMs.delete(shardId);
  }

  #isNewer(shardId: string, askedAtMs: number): boolean {
    return (this.#notedAtMs.get(shardId) ?? Number.NEGATIVE_INFINITY) >= askedAtMs;
  }
}
