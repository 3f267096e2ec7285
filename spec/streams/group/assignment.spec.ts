import { describe, expect, it } from '@jest/globals';
import { assign, type Sight } from '../../../lib/streams/group/assignment.js';
import type { LeaseState, MemberState, Owner } from '../../../lib/streams/group/lease-state.js';
import { created } from '../../../lib/streams/group/lease-steps.js';

const owner = (id: string, life = `${id}1`): Owner => ({ id, life });
const row = (id: string, rest: Partial<MemberState> = {}): MemberState => ({
  ...{ kind: 'stream-member', v: 1, ...owner(id), beat: 1, leaseMs: 10_000, capacity: 1 },
  ...rest,
});
const lease = (shardId: string, rest: Partial<LeaseState> = {}): LeaseState => ({
  ...created({ shardId, position: 'trim-horizon' }),
  ...rest,
});
const sightOf = (members: MemberState[], leases: LeaseState[], over: string[] = []): Sight => ({
  members,
  leases: new Map(leases.map((one) => [one.shardId, one])),
  isOver: ({ life }) => over.includes(life),
  self: undefined,
});

describe('assign()', () => {
  it('gives the children of a shard to its owner, though others have less', () => {
    const leases = [
      lease('s1', { owner: owner('b'), epoch: 1, children: ['s2', 's3'], position: 'end' }),
      lease('s2', { parent: 's1' }),
      lease('s3', { parent: 's1' }),
    ];
    const { claims } = assign(sightOf([row('a'), row('b')], leases));
    expect([...claims]).toEqual([
      ['s2', 'b'],
      ['s3', 'b'],
    ]);
  });

  it('counts a shard that waits for its parent as nothing', () => {
    const leases = [lease('s1', { owner: owner('a'), epoch: 1 }), lease('s2', { parent: 's1' })];
    const { claims, ready, targets } = assign(sightOf([row('a'), row('b')], leases));
    expect(claims.size).toBe(0);
    expect(ready.map(({ shardId }) => shardId)).toEqual(['s1']);
    expect([...targets.values()]).toEqual([1, 0]);
  });

  it('gives what the dead had to the living, and to the same name first', () => {
    const leases = [lease('s1', { owner: owner('a', 'old'), epoch: 1 }), lease('s2', { owner: owner('c'), epoch: 1 })];
    const { claims } = assign(sightOf([row('a'), row('b')], leases, ['old', 'c1']));
    expect([...claims]).toEqual([
      ['s1', 'a'],
      ['s2', 'b'],
    ]);
  });

  it('leaves what a former life had to its name while it may not be over, and asks nobody for it', () => {
    const leases = ['s1', 's2'].map((shardId) => lease(shardId, { owner: owner('a', 'old'), epoch: 1 }));
    const { claims, moves } = assign(sightOf([row('a'), row('b')], leases));
    expect(claims.size + moves.length).toBe(0);
  });

  it('gives nothing to who leaves, is over, or is the one without whom it plans', () => {
    const members = [row('a', { leaving: true }), row('b'), row('c'), row('d')];
    const { claims } = assign({ ...sightOf(members, [lease('s1'), lease('s2')], ['b1']), without: 'c' });
    expect([...claims.values()]).toEqual(['d', 'd']);
  });

  it('plans for what a member leaves behind', () => {
    const leases = ['s1', 's2'].map((shardId) => lease(shardId, { owner: owner('a'), epoch: 1 }));
    const { claims } = assign({ ...sightOf([row('a'), row('b'), row('c')], leases), without: 'a' });
    expect([...claims.values()].sort()).toEqual(['b', 'c']);
  });

  it('counts what is asked for as there, as long as who asked is', () => {
    const pending = { to: owner('b'), withinMs: 1 };
    const leases = [
      lease('s1', { owner: owner('a'), epoch: 1, pending }),
      lease('s2', { owner: owner('a'), epoch: 1 }),
    ];
    expect(assign(sightOf([row('a'), row('b')], leases)).moves).toEqual([]);
    const again = assign(sightOf([row('a'), row('b', { life: 'b2' })], leases));
    expect(again.moves).toEqual([{ shardId: 's2', from: 'a', to: 'b' }]);
  });
});
