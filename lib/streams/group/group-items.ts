/**
 * The items of one group in its coordination table, opened as atoms, and the two questions that are asked of them: who is there, once a
 * beat; and all leases, when the first question says that something has changed.
 */
import type { AtomTable, ItemAtom } from '../../atom/index.js';
import { RecipeKindError } from '../../recipes/index.js';
import { groupKeys, type LeaseState, type MemberState, type MetaState } from './lease-state.js';

/** Members that nobody removed vanish after this time without a beat. No lease is nearly as long. */
const forgottenMs = 7 * 24 * 60 * 60 * 1_000;

/** Who is there, as one question found it. */
export interface Present {
  readonly meta: MetaState | undefined;
  readonly members: readonly MemberState[];
  /** When it was asked and answered, by the table's own monotonic clock. */
  readonly askedAtMs: number;
  readonly answeredAtMs: number;
}

/** All leases, as one walk found them. */
export interface LeasesFound {
  readonly leases: ReadonlyMap<string, LeaseState>;
  readonly askedAtMs: number;
}

export class GroupItems {
  readonly table: AtomTable;
  readonly group: string;
  readonly meta: ItemAtom<MetaState>;
  readonly #pk: string;
  /** Held, so that what a walk has read is known to the swap that follows. */
  readonly #leases = new Map<string, ItemAtom<LeaseState>>();

  /** Sends nothing. @throws TypeError for a table without sort key. */
  constructor(table: AtomTable, group: string) {
    if (typeof table.keyNamed('') === 'string') {
      throw new TypeError('Cannot open a group: its coordination table must have a sort key');
    }
    this.table = table;
    this.group = group;
    this.#pk = groupKeys.partition(group);
    this.meta = table.atomOf<MetaState>(this.#key(groupKeys.meta));
  }

  member(id: string): ItemAtom<MemberState> {
    return this.table.atomOf<MemberState>(this.#key(groupKeys.memberPrefix + id), { ttlMs: forgottenMs });
  }

  lease(shardId: string): ItemAtom<LeaseState> {
    let atom = this.#leases.get(shardId);
    if (atom === undefined) {
      atom = this.table.atomOf<LeaseState>(this.#key(groupKeys.leasePrefix + shardId));
      this.#leases.set(shardId, atom);
    }
    return atom;
  }

  /**
   * @cost 1 request, 1 read unit per 4 KB of members: some 25 of them.
   * @throws {RecipeKindError} `ERR_RECIPE_KIND` for items of others under the group's name.
   */
  async present(signal?: AbortSignal): Promise<Present> {
    const { clock } = this.table.sources;
    const askedAtMs = clock.monotonicMs();
    let meta: MetaState | undefined;
    const members: MemberState[] = [];
    const walk = this.table.scan<MetaState | MemberState>({ pk: this.#pk, prefix: groupKeys.livePrefix, signal });
    for await (const { key, value } of walk) {
      const { sk } = key as { readonly sk: string };
      if (sk === groupKeys.meta) meta = kindOf<MetaState>('stream-group', value, sk);
      else if (sk.startsWith(groupKeys.memberPrefix)) members.push(kindOf<MemberState>('stream-member', value, sk));
    }
    return { meta, members, askedAtMs, answeredAtMs: clock.monotonicMs() };
  }

  /** @cost 1 request per 1 MB, 1 read unit per 4 KB: some 12 leases. @throws as {@link GroupItems.present}. */
  async leases(signal?: AbortSignal): Promise<LeasesFound> {
    const askedAtMs = this.table.sources.clock.monotonicMs();
    const leases = new Map<string, LeaseState>();
    const walk = this.table.scan<LeaseState>({ pk: this.#pk, prefix: groupKeys.leasePrefix, signal });
    for await (const { key, value } of walk) {
      const { sk } = key as { readonly sk: string };
      const lease = kindOf<LeaseState>('stream-lease', value, sk);
      leases.set(lease.shardId, lease);
      this.lease(lease.shardId);
    }
    for (const shardId of this.#leases.keys()) if (!leases.has(shardId)) this.#leases.delete(shardId);
    return { leases, askedAtMs };
  }

  /** Tells all members that a lease has changed hands. Lost when the process dies here: then they see it within half a minute. */
  async raise(): Promise<void> {
    await this.meta.commute({ add: { rev: 1 } }, { when: { is: { kind: 'stream-group' } } });
  }

  #key(sk: string): { pk: string; sk: string } {
    return { pk: this.#pk, sk };
  }
}

function kindOf<S extends { readonly kind: string }>(kind: S['kind'], value: unknown, key: string): S {
  const { kind: found } = (value ?? {}) as Partial<S>;
  if (found !== kind) throw new RecipeKindError(key, kind, found);
  return value as S;
}
