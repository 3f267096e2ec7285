/**
 * Which member should have which shard. Pure, and the same on every member that sees the same, so that nobody has to lead.
 *
 *   1. Targets: shards in proportion to capacity, in whole numbers; whoever has more than its floor already keeps the odd one.
 *   2. Free shards: to whom they are preferred for (the owner of the parent, the former owner), else to who is below target, the least
 *      loaded first, in the order of ids.
 *   3. Hand-overs: from who is above target to who is below, and no more than that.
 *
 * So nothing moves that need not: the number of hand-overs is the sum of what members have beyond their targets, and once all are at their
 * targets nothing is asked for. A shard that is on its way to somebody counts as theirs, so a plan that is made again while its moves
 * are under way asks for nothing twice.
 */

/** A member that is alive and stays. */
export interface PlanMember {
  readonly id: string;
  readonly capacity: number;
  readonly shardsMax: number;
}

/** A shard that can be read now. */
export interface PlanLease {
  readonly shardId: string;
  readonly epoch: number;
  /** Who has it; absent: it is free. Somebody who is not among the members counts for nobody, and keeps it. */
  readonly owner?: string | undefined;
  /** It can't be asked for: its owner is a former life of that member. */
  readonly isFixed?: boolean;
  /** To whom it is being handed. */
  readonly dueTo?: string | undefined;
  /** Of a free one: who should have it, if there is room. */
  readonly preferred?: string | undefined;
}

/** A shard that should be handed over. */
interface PlannedMove {
  readonly shardId: string;
  readonly from: string;
  readonly to: string;
}

export interface Plan {
  /** Free shards, and whose they should be; those for which nobody has room are left out. */
  readonly claims: ReadonlyMap<string, string>;
  readonly moves: readonly PlannedMove[];
  /** How many shards each member should have. */
  readonly targets: ReadonlyMap<string, number>;
}

interface Standing extends PlanMember {
  count: number;
  target: number;
  /** What it has and can give. */
  readonly movable: PlanLease[];
}

export function planOf(members: readonly PlanMember[], leases: readonly PlanLease[]): Plan {
  const standings = new Map<string, Standing>();
  for (const member of [...members].sort(byId))
    standings.set(member.id, { ...member, count: 0, target: 0, movable: [] });
  const free: PlanLease[] = [];
  let shared = 0;
  for (const lease of [...leases].sort(byShard)) {
    if (lease.owner === undefined) free.push(lease);
    const holder = standings.get(lease.dueTo ?? '') ?? standings.get(lease.owner ?? '');
    if (holder === undefined && lease.owner !== undefined) continue;
    shared += 1;
    if (holder === undefined) continue;
    holder.count += 1;
    if (holder.id === lease.owner && lease.isFixed !== true) holder.movable.push(lease);
  }
  const all = [...standings.values()];
  setTargets(all, shared);
  const claims = claim(free, standings, all);
  return { claims, moves: movesOf(all), targets: new Map(all.map(({ id, target }) => [id, target])) };
}

/** Floors first, then the odd ones, one each: to who has more than its floor, then by what the floor has cut off. */
function setTargets(all: readonly Standing[], shared: number): void {
  const shares = sharesOf(all, shared);
  const floors = all.map((_, index) => Math.floor((shares[index] as number) + rounding));
  let odd = Math.min(shared, roomOf(all)) - floors.reduce((sum, floor) => sum + floor, 0);
  const cutOff = (index: number) => Math.max(0, (shares[index] as number) - (floors[index] as number));
  const hasMore = (index: number) => Number((all[index] as Standing).count > (floors[index] as number));
  // Whose share is a whole number is given no odd one.
  const order = all.flatMap((_, index) => (cutOff(index) > rounding ? [index] : []));
  order.sort((a, b) => hasMore(b) - hasMore(a) || cutOff(b) - cutOff(a) || a - b);
  for (const [index, member] of all.entries()) member.target = floors[index] as number;
  for (const index of order) {
    const member = all[index] as Standing;
    if (odd < 1 || member.target + 1 > member.shardsMax) continue;
    member.target += 1;
    odd -= 1;
  }
}

/** Sums of shares are no whole numbers. */
const rounding = 1e-9;

function roomOf(all: readonly Standing[]): number {
  return all.reduce((sum, { shardsMax }) => sum + shardsMax, 0);
}

/** In proportion to capacity; what goes beyond the limit of one is shared among the others. */
function sharesOf(all: readonly Standing[], shared: number): number[] {
  const shares = all.map(() => 0);
  let open = all.map((_, index) => index);
  let left = shared;
  while (open.length > 0) {
    const capacity = open.reduce((sum, index) => sum + (all[index] as Standing).capacity, 0);
    const shareOf = (index: number) => (left * (all[index] as Standing).capacity) / capacity;
    const full = open.filter((index) => shareOf(index) >= (all[index] as Standing).shardsMax);
    if (full.length === 0) {
      for (const index of open) shares[index] = shareOf(index);
      break;
    }
    for (const index of full) shares[index] = (all[index] as Standing).shardsMax;
    left -= full.reduce((sum, index) => sum + (shares[index] as number), 0);
    open = open.filter((index) => !full.includes(index));
  }
  return shares;
}

function claim(free: readonly PlanLease[], standings: ReadonlyMap<string, Standing>, all: readonly Standing[]) {
  const claims = new Map<string, string>();
  const give = ({ shardId }: PlanLease, to: Standing) => {
    claims.set(shardId, to.id);
    to.count += 1;
  };
  const rest: PlanLease[] = [];
  for (const lease of free) {
    if (standings.has(lease.dueTo ?? '')) {
      // It counts already.
      claims.set(lease.shardId, lease.dueTo as string);
      continue;
    }
    const preferred = standings.get(lease.preferred ?? '');
    if (preferred !== undefined && preferred.count < preferred.shardsMax) give(lease, preferred);
    else rest.push(lease);
  }
  for (const lease of rest) {
    const hungry = leastLoaded(all, ({ count, target }) => count < target);
    const to = hungry ?? leastLoaded(all, ({ count, shardsMax }) => count < shardsMax);
    if (to !== undefined) give(lease, to);
  }
  return claims;
}

function leastLoaded(all: readonly Standing[], fits: (member: Standing) => boolean): Standing | undefined {
  let least: Standing | undefined;
  for (const member of all) {
    if (!fits(member)) continue;
    if (least === undefined || member.count / member.capacity < least.count / least.capacity) least = member;
  }
  return least;
}

/** From the richest to the poorest. What was moved least often goes first, then what was made last: it will live longest. */
function movesOf(all: readonly Standing[]): PlannedMove[] {
  const moves: PlannedMove[] = [];
  const rich = all.filter(({ count, target }) => count > target).sort((a, b) => excess(b) - excess(a) || byId(a, b));
  const poor = all.filter(({ count, target }) => count < target).sort((a, b) => excess(a) - excess(b) || byId(a, b));
  for (const from of rich) {
    const movable = [...from.movable].sort((a, b) => a.epoch - b.epoch || byShard(b, a));
    for (const { shardId } of movable) {
      const to = poor.find(({ count, target }) => count < target);
      if (from.count <= from.target || to === undefined) break;
      moves.push({ shardId, from: from.id, to: to.id });
      from.count -= 1;
      to.count += 1;
    }
  }
  return moves;
}

function excess({ count, target }: Standing): number {
  return count - target;
}

function byId(a: PlanMember, b: PlanMember): number {
  return compare(a.id, b.id);
}

function byShard(a: PlanLease, b: PlanLease): number {
  return compare(a.shardId, b.shardId);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
