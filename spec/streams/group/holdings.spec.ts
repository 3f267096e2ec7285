import { describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../../lib/atom/index.js';
import { MemoryEngine } from '../../../lib/engine/index.js';
import { GroupItems } from '../../../lib/streams/group/group-items.js';
import { Holdings } from '../../../lib/streams/group/holdings.js';
import type { LeaseState, Owner } from '../../../lib/streams/group/lease-state.js';
import { asked, created, handed, taken } from '../../../lib/streams/group/lease-steps.js';
import type { OwnedLease } from '../../../lib/streams/group/owned-lease.js';

const ann: Owner = { id: 'ann', life: 'a1' };
const bob: Owner = { id: 'bob', life: 'b1' };
const fresh = created({ shardId: 's1', position: 'trim-horizon' });
const taken1 = taken(fresh, 0, ann) as LeaseState;

async function bench() {
  const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state', sortKeyName: 'sk' });
  await table.create();
  const items = new GroupItems(table, 'g');
  await items.lease('s1').reset(fresh);
  const granted: OwnedLease[] = [];
  const told: string[] = [];
  const facts = { self: ann as Owner | undefined, dueTo: bob as Owner | undefined };
  const holdings = new Holdings({
    ...{ items, clock: table.sources.clock, self: () => facts.self, look: () => {} },
    dueTo: (_shardId, pending) => pending?.to ?? facts.dueTo,
    canBeGiven: () => true,
    onGranted: (lease) => granted.push(lease),
    onStands: () => {},
    onGiven: () => {},
    tell: ({ type }) => told.push(type),
  });
  const read = (...leases: LeaseState[]) => {
    const found = { leases: new Map(leases.map((lease) => [lease.shardId, lease])), askedAtMs: 0 };
    return holdings.reconcile(found, () => true);
  };
  return { items, holdings, granted, told, facts, read };
}

describe('Holdings', () => {
  it('takes what is free, once', async () => {
    const { holdings, granted, items } = await bench();
    expect(await Promise.all([holdings.take(fresh), holdings.take(fresh)])).toEqual([true, false]);
    expect(granted.map(({ epoch }) => epoch)).toEqual([1]);
    expect(await items.lease('s1').deref()).toEqual(taken1);
  });

  it('takes nothing that was taken since it was seen', async () => {
    const { holdings, granted, items } = await bench();
    await items.lease('s1').reset(taken(fresh, 0, bob) as LeaseState);
    expect(await holdings.take(fresh)).toBe(false);
    expect(granted).toEqual([]);
  });

  it('is granted nothing by a take that is answered after its life has ended', async () => {
    const { holdings, granted, facts } = await bench();
    const taking = holdings.take(fresh);
    facts.self = { ...ann, life: 'a2' };
    await taking;
    expect(granted).toEqual([]);
  });

  it('loses what the items say is another owner’s, and believes no older news', async () => {
    const { holdings, granted, read } = await bench();
    await holdings.take(fresh);
    const [lease] = granted as [OwnedLease];
    read({ ...fresh, epoch: 0, owner: bob });
    expect(lease.signal.aborted).toBe(false);
    read({ ...taken1, epoch: 2, owner: bob });
    expect(lease.signal.reason).toMatchObject({ code: 'ERR_GROUP_LEASE_LOST', reason: 'taken', epoch: 1 });
  });

  it('is granted what was handed to it, and not again what it has given', async () => {
    const { holdings, granted, read } = await bench();
    read({ ...taken1, epoch: 4 });
    expect(granted.map(({ epoch }) => epoch)).toEqual([4]);
    holdings.held.get('s1')?.lose('late');
    expect(read({ ...taken1, epoch: 4 }).map(({ epoch }) => epoch)).toEqual([4]);
    expect(granted.length).toBe(1);
  });

  it('lets a lease be given to whom it is due, and saves nothing more in it', async () => {
    const { holdings, granted, items, told, read } = await bench();
    await holdings.take(fresh);
    const [lease] = granted as [OwnedLease];
    await lease.save({ after: '5' });
    read(asked(taken1, 1, { to: bob, withinMs: 60_000 }, () => false) as LeaseState);
    expect(lease.yielding.aborted).toBe(true);
    expect(lease.signal.aborted).toBe(false);
    await lease.yielded();
    await lease.yielded();
    const stands = { ...taken1, position: { after: '5' } };
    expect(await items.lease('s1').deref()).toEqual(handed(stands, { owner: ann, epoch: 1 }, bob));
    expect(told).toEqual(['lease-taken', 'lease-given']);
    await expect(lease.save({ after: '6' })).rejects.toMatchObject({ code: 'ERR_GROUP_LEASE_LOST', reason: 'given' });
  });

  it('grants a lease anew, in the next epoch, when nobody is due it any more', async () => {
    const { holdings, granted, facts } = await bench();
    await holdings.take(fresh);
    facts.dueTo = ann;
    await granted[0]?.yielded();
    expect(granted.map(({ epoch }) => epoch)).toEqual([1, 2]);
    expect(holdings.held.get('s1')).toBe(granted[1]);
  });

  it('moves the position with a transaction, or fails it', async () => {
    const { holdings, granted, items } = await bench();
    await holdings.take(fresh);
    const [lease] = granted as [OwnedLease];
    const paid = items.table.atom<number>({ pk: 'paid', sk: '#' }, { initial: 0 });
    const pay = (expected: number, next: number) =>
      items.table.transact((tx) => {
        lease.inTransaction(tx, expected === 0 ? 'trim-horizon' : { after: String(expected) }, { after: String(next) });
        void tx.swap(paid, (n) => n + 1);
      });
    await pay(0, 1);
    lease.committed({ after: '1' });
    await expect(pay(0, 2)).rejects.toMatchObject({ code: 'ERR_GROUP_LEASE_LOST', reason: 'moved' });
    await items.lease('s1').swap((state) => taken(state as LeaseState, 1, bob) as LeaseState);
    await expect(pay(1, 2)).rejects.toMatchObject({ code: 'ERR_GROUP_LEASE_LOST', reason: 'taken' });
    expect(await paid.deref()).toBe(1);
    expect((await items.lease('s1').deref())?.position).toEqual({ after: '1' });
  });
});
