// Goal: what `settle()` says of a call that shared a write with others is about that call. Method: one write, held.
import { expect, it } from '@jest/globals';
import { AtomTable, UnknownOutcomeError } from '../../lib/atom/index.js';
import { FaultyEngine, MemoryEngine } from '../../lib/engine/index.js';

it('a compare-and-set that lost, in a write that another call made necessary, is not done', async () => {
  const store = new MemoryEngine();
  await store.createTable({ table: 'jars', partitionKey: { name: 'id', type: 'S' }, billing: { mode: 'on-demand' } });
  const engine = new FaultyEngine(store);
  const atom = new AtomTable({ engine, tableName: 'jars' }).atom<number>('a');
  await atom.reset(1);
  engine.hold();
  const leaving = new AbortController();
  const swapped = atom.swap((n) => (n ?? 0) + 1);
  const lost = atom.compareAndSet(7, 8, { signal: leaving.signal });
  const won = atom.compareAndSet(2, 3, { signal: leaving.signal });
  const message = await engine.message(0);
  leaving.abort();
  const errorOf = (call: Promise<boolean>) =>
    call.then(
      () => undefined,
      (error: unknown) => error as UnknownOutcomeError,
    );
  const [one, other] = [await errorOf(lost), await errorOf(won)];
  expect([one, other]).toEqual([expect.any(UnknownOutcomeError), expect.any(UnknownOutcomeError)]);
  engine.release();
  await message.pass();
  expect(await swapped).toBe(2);
  expect(await one?.settle()).toEqual({ outcome: 'not-done' });
  expect(await other?.settle()).toEqual({ outcome: 'done' });
  expect(await atom.deref()).toBe(3);
});
