// Goal: a table that was restored from a backup, under another name or the same, is safe to go on with: what a process remembers of
// the later life decides nothing, a write of the later life does not arrive in the new one, and what belongs together comes together.
// Method: the items of one instant copied to a second table of a memory engine, as point-in-time recovery does.
import { describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import type { Item } from '../../lib/codec/index.js';
import { MemoryEngine } from '../../lib/engine/memory.js';
import { atomStorage, openPrevayler } from '../../lib/prevalence/index.js';

/** All items of a table as they are now. */
async function backUp(engine: MemoryEngine, table: string): Promise<readonly Item[]> {
  const items: Item[] = [];
  let startKey: Item | undefined;
  do {
    const page = await engine.scan({ table, consistent: true, startKey });
    items.push(...page.items);
    startKey = page.nextKey;
  } while (startKey !== undefined);
  return items;
}

async function restore(engine: MemoryEngine, table: string, items: readonly Item[]): Promise<void> {
  await new AtomTable({ engine, tableName: table }).ensure();
  for (const item of items) await engine.put({ table, item });
}

async function openShop() {
  const engine = new MemoryEngine();
  let tableName = 'state';
  const table = new AtomTable({ engine, tableName: () => tableName });
  await table.create();
  const moveTo = (name: string) => {
    tableName = name;
  };
  return { engine, table, moveTo };
}

describe('a table restored under another name', () => {
  it('is gone on with by a process that remembers the later life: its base fails, its function runs on what was restored', async () => {
    const { engine, table, moveTo } = await openShop();
    const stock = table.atom<number>('stock', { initial: 0 });
    await stock.reset(10);
    const backup = await backUp(engine, 'state');
    for (let n = 0; n < 5; n += 1) await stock.swap((count) => count - 1);
    await restore(engine, 'state-restored', backup);
    moveTo('state-restored');
    expect(stock.peek()).toBe(5);
    const seen: number[] = [];
    const swap = stock.swap((count) => {
      seen.push(count);
      return count - 1;
    });
    expect(await swap).toBe(9);
    expect(seen).toEqual([5, 10]);
    expect(await new AtomTable({ engine, tableName: 'state-restored' }).atom<number>('stock').deref()).toBe(9);
    expect(await new AtomTable({ engine, tableName: 'state' }).atom<number>('stock').deref()).toBe(5);
  });

  it('an equal value of the later life does not pass for the restored one', async () => {
    const { engine, table, moveTo } = await openShop();
    const flag = table.atom<boolean>('flag', { initial: false });
    await flag.reset(true);
    const backup = await backUp(engine, 'state');
    await flag.reset(false);
    await flag.reset(true);
    const later = await flag.snapshot();
    await restore(engine, 'state-restored', backup);
    moveTo('state-restored');
    expect(await flag.compareAndSet(later, false)).toBe(false);
    expect(await flag.deref()).toBe(true);
  });

  it('has a journal and its snapshots of one instant: a system opens on it with the events up to then, and goes on', async () => {
    const { engine, table } = await openShop();
    const handler = (sum: number, { add }: { add: number }) => sum + add;
    const open = (of: AtomTable) =>
      openPrevayler({ storage: atomStorage(of, 'till'), initialState: 0, handler, snapshots: false });
    const till = await open(table);
    for (let n = 0; n < 10; n += 1) await till.handle({ add: 1 });
    await till.snapshot();
    await till.handle({ add: 5 });
    const backup = await backUp(engine, 'state');
    for (let n = 0; n < 10; n += 1) await till.handle({ add: 1 });
    await till.snapshot();
    await till.close();
    await restore(engine, 'state-restored', backup);
    const restored = await open(new AtomTable({ engine, tableName: 'state-restored' }));
    expect([restored.state, restored.seq]).toEqual([15, 11]);
    await restored.handle({ add: 1 });
    expect(await restored.verify()).toBeGreaterThan(0);
    await restored.close();
  });
});
