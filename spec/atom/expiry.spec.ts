// Goal: an expired value is missing to every verb from that millisecond on, versions go on over it, and the service may remove
// the item no sooner than an hour later. Method: virtual clocks on the memory engine; the item itself on every engine.
import { expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { type Clock, MemoryEngine, systemClock } from '../../lib/engine/index.js';
import { VirtualClock } from '../../lib/testing/index.js';
import { describeEngine, engines } from '../support/engines.js';

const ttlMs = 60_000;

async function opened() {
  const clock = new VirtualClock();
  const store = new MemoryEngine({ clock });
  const table = new AtomTable({ engine: store, tableName: 'state', clock });
  await table.create();
  const other = new AtomTable({ engine: store, tableName: 'state', clock });
  const raw = () => store.get({ table: 'state', key: { id: { S: 'session' } }, consistent: true });
  return { clock, store, table, other, raw };
}

it('is missing from the millisecond on at which it expires, to every way of reading', async () => {
  const { clock, table, other } = await opened();
  const atom = table.atom<string>('session', { ttlMs });
  await atom.reset('alice');
  const expiresAt = clock.now() + ttlMs;
  clock.step(ttlMs - 1);
  expect(await atom.deref()).toBe('alice');
  expect(atom.peek()).toBe('alice');
  expect(await atom.snapshot()).toMatchObject({ value: 'alice', exists: true, expiresAt, version: 1 });
  clock.step(1);
  const requests = table.spent().requests;
  expect(atom.peek()).toBeUndefined();
  expect(await atom.deref({ consistency: 'cached' })).toBeUndefined();
  expect(table.spent().requests).toBe(requests);
  expect(await atom.deref()).toBeUndefined();
  // Also where nobody said that it expires: it is in the item.
  expect(await other.atom('session').deref()).toBeUndefined();
  expect(await atom.snapshot()).toMatchObject({ value: undefined, exists: false, version: 1 });
  const withInitial = other.atom<string>('other', { initial: 'nobody', ttlMs });
  await withInitial.reset('bob');
  clock.step(ttlMs);
  expect(await withInitial.deref()).toBe('nobody');
});

it('gives a swap the absence, and the version goes on', async () => {
  const { clock, table } = await opened();
  const atom = table.atom<number>('session', { ttlMs });
  await atom.reset(7);
  clock.step(ttlMs);
  const seen: unknown[] = [];
  const spent = table.spent().requests;
  await atom.swap((value, { exists }) => {
    seen.push(value, exists);
    return 1;
  });
  expect(seen).toEqual([undefined, false]);
  // On a warm cache: the item's condition does the rest.
  expect(table.spent().requests - spent).toBe(1);
  expect(await atom.snapshot()).toMatchObject({ value: 1, version: 2 });
});

it('begins anew with each write, but not with a no-op', async () => {
  const { clock, table } = await opened();
  const atom = table.atom<number>('session', { ttlMs });
  await atom.reset(1);
  clock.step(ttlMs / 2);
  await atom.swap((n) => n ?? 0);
  clock.step(ttlMs / 2);
  expect(await atom.deref()).toBeUndefined();
  await atom.reset(1);
  clock.step(ttlMs / 2);
  await atom.swap((n) => n ?? 0, { noop: 'write' });
  clock.step(ttlMs / 2);
  expect(await atom.deref()).toBe(1);
});

it('passes for absent in compareAndSet, also with a snapshot of when it was there', async () => {
  const { clock, table } = await opened();
  const atom = table.atom<number>('session', { ttlMs });
  await atom.reset(1);
  const before = await atom.snapshot();
  clock.step(ttlMs);
  expect(await atom.compareAndSet(1, 2)).toBe(false);
  expect(await atom.compareAndSet(before, 2)).toBe(false);
  expect(await atom.delete()).toBe(false);
  expect(await atom.compareAndSet(await atom.snapshot(), 3)).toBe(true);
  clock.step(ttlMs);
  expect(await atom.compareAndSet(undefined, 4)).toBe(true);
});

it('keeps the item an hour longer for the service, and a longer life when written without ttlMs', async () => {
  const { clock, table, other, raw } = await opened();
  await table.atom<number>('session', { ttlMs }).reset(1);
  const until = clock.now() + ttlMs;
  expect(await raw()).toMatchObject({
    y: { N: String(until) },
    x: { N: String(Math.ceil((until + 3_600_000) / 1_000)) },
  });
  await other.atom<number>('session').reset(2);
  const item = await raw();
  expect([item?.y, item?.x]).toEqual([undefined, undefined]);
  clock.step(10 * ttlMs);
  expect(await other.atom('session').deref()).toBe(2);
});

it('is removed by a sweep an hour after it expired, and not if it was written since', async () => {
  const { clock, table, raw } = await opened();
  const atom = table.atom<number>('session', { ttlMs });
  await atom.reset(1);
  clock.step(ttlMs + 3_600_000);
  expect(await table.sweep()).toBe(0);
  await atom.reset(2);
  clock.step(2_000);
  expect(await table.sweep()).toBe(0);
  clock.step(ttlMs + 3_600_000);
  expect(await table.sweep()).toBe(1);
  expect(await raw()).toBeUndefined();
  // A new life: what was remembered of the old one is no base any more.
  expect(await atom.swap((n) => (n ?? 0) + 10)).toBe(10);
});

it('of a fraction of a millisecond is rounded up, and read by all; so is one that nobody lives to see', async () => {
  const { clock, table, other } = await opened();
  const atom = table.atom<number>('session', { ttlMs: ttlMs - 0.5 });
  expect(table.atom('session', { ttlMs: ttlMs - 0.5 })).toBeDefined();
  await atom.reset(1);
  await atom.commute({ add: 1 });
  expect(await other.atom('session').snapshot()).toMatchObject({ value: 2, expiresAt: clock.now() + ttlMs });
  await table.atom('other', { ttlMs: 1e15 }).reset(1);
  expect(await other.atom('other').snapshot()).toMatchObject({ value: 1, expiresAt: clock.now() + 1e15 });
});

it('refuses a ttlMs that is none, and another one for the same atom', async () => {
  const { table } = await opened();
  for (const wrong of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1.1e15]) {
    expect(() => table.atom('session', { ttlMs: wrong })).toThrow(RangeError);
  }
  const held = table.atom('session', { ttlMs });
  expect(() => table.atom('session', { ttlMs: 2 * ttlMs })).toThrow(expect.objectContaining({ option: 'ttlMs' }));
  expect(held.key).toBe('session');
});

for (const row of engines) {
  describeEngine(row, () => {
    it('expires on this engine as well', async () => {
      const { engine, uniqueTable, close } = await row.open();
      const tableName = uniqueTable();
      let aheadMs = 0;
      const clock: Clock = {
        now: () => systemClock.now() + aheadMs,
        monotonicMs: () => systemClock.monotonicMs(),
        sleep: (ms, options) => systemClock.sleep(ms, options),
      };
      const table = new AtomTable({ engine, tableName, clock });
      await table.create();
      const atom = table.atom<number>('n', { initial: 0, ttlMs: 1_000 });
      await atom.swap((n) => n + 5);
      expect(await atom.deref()).toBe(5);
      aheadMs = 1_001;
      expect(await atom.deref()).toBe(0);
      expect(await atom.swap((n) => n + 1)).toBe(1);
      expect((await atom.snapshot()).version).toBe(2);
      await engine.deleteTable(tableName);
      await close();
    });
  });
}
