/** The planner as a function: random groups, and groups that come and go. */
import { describe, expect, it } from '@jest/globals';
import { type Random, seededRandom } from '../../../lib/engine/index.js';
import { type Plan, type PlanLease, type PlanMember, planOf } from '../../../lib/streams/group/plan.js';

const seed = Number(process.env.LEYDEN_SEED ?? Math.floor(Math.random() * 1e9));
const runs = 500;

type Owned = Map<string, string | undefined>;

const member = (id: string, rest: Partial<PlanMember> = {}): PlanMember => ({
  id,
  capacity: 1,
  shardsMax: Number.POSITIVE_INFINITY,
  ...rest,
});

const leasesOf = (owned: Owned): PlanLease[] => [...owned].map(([shardId, owner]) => ({ shardId, epoch: 0, owner }));

const countsOf = (owned: Owned, members: readonly PlanMember[]): number[] =>
  members.map(({ id }) => [...owned.values()].filter((owner) => owner === id).length);

/** Does what a plan says. */
function follow(owned: Owned, { claims, moves }: Plan): Owned {
  const next = new Map(owned);
  for (const [shardId, to] of claims) next.set(shardId, to);
  for (const { shardId, to } of moves) next.set(shardId, to);
  return next;
}

function randomGroup(random: Random): { members: PlanMember[]; owned: Owned } {
  const members = Array.from({ length: 1 + random.int(8) }, (_, index) => member(`m${index}`));
  const owners = [...members.map(({ id }) => id), undefined];
  const owned: Owned = new Map();
  const shards = random.int(40);
  for (let index = 0; index < shards; index += 1) owned.set(`s${index}`, owners[random.int(owners.length)]);
  return { members, owned };
}

function each(check: (random: Random) => void): void {
  for (let run = 0; run < runs; run += 1) {
    try {
      check(seededRandom(seed + run));
    } catch (error) {
      console.error(`LEYDEN_SEED=${seed + run}`);
      throw error;
    }
  }
}

describe('planOf()', () => {
  it('gives every free shard to somebody, and is balanced within one', () =>
    each((random) => {
      const { members, owned } = randomGroup(random);
      const next = follow(owned, planOf(members, leasesOf(owned)));
      expect([...next.values()]).not.toContain(undefined);
      const counts = countsOf(next, members);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }));

  it('asks for nothing once that was done', () =>
    each((random) => {
      const { members, owned } = randomGroup(random);
      const next = follow(owned, planOf(members, leasesOf(owned)));
      const again = planOf(members, leasesOf(next));
      expect(again.moves).toEqual([]);
      expect(again.claims.size).toBe(0);
    }));

  it('asks for nothing twice while moves are under way', () =>
    each((random) => {
      const { members, owned } = randomGroup(random);
      const plan = planOf(members, leasesOf(owned));
      const dueTo = new Map(plan.moves.map(({ shardId, to }) => [shardId, to]));
      const taken = follow(owned, { ...plan, moves: [] });
      const underWay = leasesOf(taken).map((lease) => ({ ...lease, dueTo: dueTo.get(lease.shardId) }));
      expect(planOf(members, underWay).moves).toEqual([]);
    }));

  it('moves no more than it must', () =>
    each((random) => {
      const { members, owned } = randomGroup(random);
      const { moves, claims } = planOf(members, leasesOf(owned));
      const before = countsOf(owned, members);
      const total = [...owned.values()].length;
      const ceiling = Math.ceil(total / members.length);
      const floor = Math.floor(total / members.length);
      const odd = total - floor * members.length;
      // The best that any assignment could do: as many as may keep the ceiling, the richest first.
      const sorted = [...before].sort((a, b) => b - a);
      const least = sorted.reduce((sum, count, index) => sum + Math.max(0, count - (index < odd ? ceiling : floor)), 0);
      expect(moves.length).toBe(least);
      for (const { shardId } of moves) expect(claims.has(shardId)).toBe(false);
    }));

  it('is the same whatever the order of what it is given', () =>
    each((random) => {
      const { members, owned } = randomGroup(random);
      const shuffled = <T>(all: readonly T[]): T[] =>
        all
          .map((one) => ({ one, at: random.next() }))
          .sort((a, b) => a.at - b.at)
          .map(({ one }) => one);
      const leases = leasesOf(owned);
      expect(planOf(shuffled(members), shuffled(leases))).toEqual(planOf(members, leases));
    }));

  it('never goes beyond the limit of a member, and leaves out what nobody has room for', () =>
    each((random) => {
      const { members, owned } = randomGroup(random);
      const limited = members.map((one) => ({ ...one, shardsMax: random.int(6) }));
      const free: Owned = new Map([...owned.keys()].map((shardId) => [shardId, undefined]));
      const next = follow(free, planOf(limited, leasesOf(free)));
      const counts = countsOf(next, limited);
      for (const [index, count] of counts.entries()) {
        expect(count).toBeLessThanOrEqual((limited[index] as PlanMember).shardsMax);
      }
      const room = limited.reduce((sum, { shardsMax }) => sum + shardsMax, 0);
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(Math.min(room, owned.size));
    }));

  it('shares in proportion to capacity, within one', () =>
    each((random) => {
      const { members, owned } = randomGroup(random);
      const weighed = members.map((one) => ({ ...one, capacity: 1 + random.int(4) }));
      const next = follow(owned, planOf(weighed, leasesOf(owned)));
      const capacity = weighed.reduce((sum, one) => sum + one.capacity, 0);
      for (const [index, count] of countsOf(next, weighed).entries()) {
        const share = (owned.size * (weighed[index] as PlanMember).capacity) / capacity;
        expect(Math.abs(count - share)).toBeLessThan(1);
      }
    }));

  it('comes to rest whoever comes and goes, and nothing goes to and fro', () =>
    each((random) => {
      let { members, owned } = randomGroup(random);
      for (let change = 0; change < 6; change += 1) {
        if (random.next() < 0.5 && members.length > 1) {
          const [gone] = members.splice(random.int(members.length), 1);
          for (const [shardId, owner] of owned) if (owner === gone?.id) owned.set(shardId, undefined);
        } else members = [...members, member(`n${change}`)];
        const moved = new Set<string>();
        for (let round = 0; round < 3; round += 1) {
          const plan = planOf(members, leasesOf(owned));
          for (const { shardId } of plan.moves) {
            expect(moved.has(shardId)).toBe(false);
            moved.add(shardId);
          }
          owned = follow(owned, plan);
        }
        const last = planOf(members, leasesOf(owned));
        expect(last.moves.length + last.claims.size).toBe(0);
      }
    }));

  it('gives a free shard to whom it is preferred for, if there is room', () => {
    const members = [member('a'), member('b', { shardsMax: 1 })];
    const leases: PlanLease[] = [
      { shardId: 's1', epoch: 1, owner: 'a' },
      { shardId: 's2', epoch: 0, preferred: 'a' },
      { shardId: 's3', epoch: 0, preferred: 'b' },
      { shardId: 's4', epoch: 0, preferred: 'b' },
    ];
    expect([...planOf(members, leases).claims]).toEqual([
      ['s2', 'a'],
      ['s3', 'b'],
      ['s4', 'a'],
    ]);
  });

  it('leaves alone what somebody has who is no member any more, and counts it for nobody', () => {
    const leases: PlanLease[] = [
      { shardId: 's1', epoch: 1, owner: 'gone' },
      { shardId: 's2', epoch: 1, owner: 'a' },
      { shardId: 's3', epoch: 1, owner: 'a' },
    ];
    const { moves, claims, targets } = planOf([member('a'), member('b')], leases);
    expect(moves).toEqual([{ shardId: 's3', from: 'a', to: 'b' }]);
    expect(claims.size).toBe(0);
    expect([...targets.values()]).toEqual([1, 1]);
  });

  it('moves first what was moved least often, then what was made last', () => {
    const leases: PlanLease[] = [
      { shardId: 's1', epoch: 1, owner: 'a' },
      { shardId: 's2', epoch: 1, owner: 'a' },
      { shardId: 's3', epoch: 2, owner: 'a' },
    ];
    expect(planOf([member('a'), member('b')], leases).moves).toEqual([{ shardId: 's2', from: 'a', to: 'b' }]);
  });

  it('shares 500 shards among 20 members in a few milliseconds, moving 475', () => {
    const members = Array.from({ length: 20 }, (_, index) => member(`m${index}`));
    const owned: Owned = new Map(Array.from({ length: 500 }, (_, index) => [`s${index}`, 'm0']));
    const { moves } = planOf(members, leasesOf(owned));
    expect(moves.length).toBe(475);
    expect(new Set(moves.map(({ shardId }) => shardId)).size).toBe(475);
  });
});
