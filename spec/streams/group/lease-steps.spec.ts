import { describe, expect, it } from '@jest/globals';
import type { LeaseState, Owner } from '../../../lib/streams/group/lease-state.js';
import {
  asked,
  childrenFound,
  created,
  ended,
  handed,
  isBehind,
  isReady,
  patched,
  saved,
  taken,
} from '../../../lib/streams/group/lease-steps.js';
import type { ShardPosition } from '../../../lib/streams/position.js';

const ann: Owner = { id: 'ann', life: 'a1' };
const bob: Owner = { id: 'bob', life: 'b1' };
const fresh = created({ shardId: 's1', position: 'trim-horizon' });
const owned = taken(fresh, 0, ann) as LeaseState;
const hold = { owner: ann, epoch: 1 };
const pending = { to: bob, withinMs: 30_000 };
const never = () => false;

describe('the steps of a lease', () => {
  it('raise the epoch with each owner', () => {
    expect(owned).toMatchObject({ owner: ann, epoch: 1 });
    expect(handed(owned, hold, bob)).toMatchObject({ owner: bob, epoch: 2, position: 'trim-horizon' });
    expect(handed(owned, hold, undefined)).toEqual({ ...fresh, epoch: 2 });
  });

  it('are refused when another epoch was seen', () => {
    expect(taken(owned, 0, bob)).toBeUndefined();
    expect(asked(owned, 0, pending, never)).toBeUndefined();
  });

  it.each([
    ['another epoch', { owner: ann, epoch: 2 }],
    ['another life', { owner: { ...ann, life: 'a2' }, epoch: 1 }],
    ['another owner', { owner: bob, epoch: 1 }],
  ])('are refused to whoever holds %s', (_, other) => {
    expect(saved(owned, other, { after: '5' })).toBeUndefined();
    expect(ended(owned, other, [])).toBeUndefined();
    expect(handed(owned, other, bob)).toBeUndefined();
  });

  it('are refused once the shard has ended', () => {
    const done = ended(owned, hold, ['s2']) as LeaseState;
    expect(done).toMatchObject({ owner: ann, position: 'end', children: ['s2'] });
    expect(taken(done, 1, bob)).toBeUndefined();
    expect(asked(done, 1, pending, never)).toBeUndefined();
    expect(saved(done, hold, { after: '5' })).toBeUndefined();
    expect(handed(done, hold, bob)).toBeUndefined();
    expect(ended(done, hold, ['s2'])).toEqual(done);
  });

  it('keep what was asked first, until it is void', () => {
    const first = asked(owned, 1, pending, never) as LeaseState;
    const later = { to: { id: 'eve', life: 'e1' }, withinMs: 1 };
    expect(asked(first, 1, later, never)).toBeUndefined();
    expect(asked(first, 1, later, ({ to }) => to.life === 'b1')?.pending).toBe(later);
    expect(asked(fresh, 0, pending, never)).toBeUndefined();
  });

  it('forget who has asked when the owner changes', () => {
    const first = asked(owned, 1, pending, never) as LeaseState;
    expect(handed(first, hold, bob)).not.toHaveProperty('pending');
    expect(taken(first, 1, bob)).not.toHaveProperty('pending');
  });

  it('never move a position back, and keep what the worker has stored', () => {
    const ahead = saved(owned, hold, { after: '20' }, { parked: { reason: 'x', sinceMs: 1 }, note: 7 }) as LeaseState;
    const behind = saved(ahead, hold, { after: '9' }, { note: undefined }) as LeaseState;
    expect(behind.position).toEqual({ after: '20' });
    expect(behind.work).toEqual({ parked: { reason: 'x', sinceMs: 1 } });
    expect(handed(behind, hold, bob)).toMatchObject({ position: { after: '20' }, work: behind.work });
  });

  it('take children that are found only where they are unknown', () => {
    const done = ended(owned, hold, 'unknown') as LeaseState;
    expect(childrenFound(done, ['s2'])?.children).toEqual(['s2']);
    expect(childrenFound(ended(owned, hold, []) as LeaseState, ['s2'])).toBeUndefined();
    expect(childrenFound(owned, ['s2'])).toBeUndefined();
  });
});

describe('isReady()', () => {
  const child = created({ shardId: 's2', parent: 's1', position: 'trim-horizon' });
  const among =
    (...leases: LeaseState[]) =>
    (shardId: string) =>
      leases.find((lease) => lease.shardId === shardId);

  it('says of a child that it waits for the end of its parent', () => {
    expect(isReady(child, among(owned))).toBe(false);
    expect(isReady(child, among(ended(owned, hold, ['s2']) as LeaseState))).toBe(true);
  });

  it('waits for the audit where the parent has no item, unless the child was begun', () => {
    expect(isReady(child, among())).toBe(false);
    expect(isReady({ ...child, position: { after: '1' } }, among())).toBe(true);
  });

  it('says yes of a root, and no of what has ended', () => {
    expect(isReady(fresh, among())).toBe(true);
    expect(isReady(ended(owned, hold, []) as LeaseState, among())).toBe(false);
  });
});

describe('isBehind()', () => {
  const order: ShardPosition[] = ['trim-horizon', { at: '9' }, { after: '9' }, { at: '10' }, { after: '100' }, 'end'];

  it('orders what stands in one shard', () => {
    for (const [index, position] of order.entries()) {
      for (const [other, there] of order.entries()) expect(isBehind(position, there)).toBe(index < other);
    }
  });

  it('compares numbers, beyond the exact ones of JavaScript', () => {
    expect(isBehind({ after: '900000000000000000000000000001' }, { after: '900000000000000000000000000002' })).toBe(
      true,
    );
    expect(isBehind({ after: '99' }, { after: '100' })).toBe(true);
  });

  it('puts a shard that is followed from its tip before every record, and beside its beginning', () => {
    expect(isBehind({ latestSince: 5 }, { after: '1' })).toBe(true);
    expect(isBehind({ latestSince: 5 }, 'trim-horizon')).toBe(false);
    expect(isBehind('trim-horizon', { latestSince: 5 })).toBe(false);
  });
});

describe('patched()', () => {
  it('changes, adds and removes', () => {
    expect(patched({ a: 1, b: 2 }, { b: undefined, c: 3 })).toEqual({ a: 1, c: 3 });
    expect(patched(undefined, {})).toEqual({});
  });
});
