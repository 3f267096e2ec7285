// Goal: what outlives its caller stays safe: a creation that is resent after its tombstone was removed, and a write under
// way whose atom nobody holds any more. Method: a scripted engine, clocks that are moved by hand, a forced collection.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import type { Item } from '../../lib/codec/index.js';
import { FaultyEngine, MemoryEngine } from '../../lib/engine/index.js';
import { VirtualClock } from '../../lib/testing/index.js';

const tokenOf = (request: unknown): unknown => ((request as { item: Item }).item.l as { S: string }).S;

it('does not create an item again whose tombstone was removed while the process was frozen', async () => {
  const store = new MemoryEngine();
  const engine = new FaultyEngine(store);
  const clock = new VirtualClock();
  const frozen = new AtomTable({ engine, tableName: 'state', clock });
  const rival = new AtomTable({ engine: store, tableName: 'state' });
  await rival.create();
  engine.hold(['put']);
  const swap = frozen.atom<number>('n', { initial: 0 }).swap((n) => n + 1);
  const first = await engine.message(0);
  await first.deliver();
  first.lose();
  // Meanwhile, for two hours: somebody deletes the atom, and time to live removes the tombstone.
  await rival.atom<number>('n', { initial: 0 }).delete();
  await store.delete({ table: 'state', key: { id: { S: 'n' } } });
  clock.step(2 * 60 * 60 * 1_000);
  engine.release();
  await expect(clock.run(swap)).rejects.toMatchObject({ code: 'ERR_UNKNOWN_OUTCOME', reason: 'item-gone' });
  expect(await store.get({ table: 'state', key: { id: { S: 'n' } }, consistent: true })).toBeUndefined();
});

it('never has a second lane for an atom while a write of the first is under way', async () => {
  const store = new MemoryEngine();
  const engine = new FaultyEngine(store);
  const table = new AtomTable({ engine, tableName: 'state', retry: { attemptTimeoutMs: 20 } });
  await table.create();
  await table.atom<number>('n').reset(1);
  engine.hold(['put']);
  await expect(table.atom<number>('n').delete({ timeoutMs: 0 })).rejects.toMatchObject({ reason: 'in-flight' });
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let round = 0; round < 3; round += 1) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const later = table.atom<number>('n').reset(2);
  await new Promise((resolve) => setImmediate(resolve));
  expect(new Set(engine.messages.map((message) => tokenOf(message.request))).size).toBe(1);
  engine.release();
  expect(await later).toBe(2);
  expect((await table.atom<number>('n').snapshot()).version).toBe(3);
});
