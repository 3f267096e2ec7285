/**
 * Goal: what a user of semaphores relies on, between processes that share a store. Method: each "process" is an `AtomTable` with its
 * session on one memory engine, under a clock that runs by itself.
 */
import { describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { MemoryEngine } from '../../lib/engine/index.js';
import { Semaphore, Session } from '../../lib/recipes/index.js';
import { VirtualClock } from '../../lib/testing/index.js';

async function world(permits = 5) {
  const clock = new VirtualClock();
  const engine = new MemoryEngine({ clock });
  const process = () => {
    const table = new AtomTable({ engine, tableName: 'state', clock });
    const session = new Session(table, { leaseMs: 15_000 });
    return { table, session, semaphore: new Semaphore(session, 'pool', { permits }) };
  };
  const first = process();
  await first.table.create();
  return { clock, engine, process, first };
}

describe('Semaphore', () => {
  it('grants as many permits as there are', async () => {
    const { clock, process, first } = await world();
    await clock.run(
      (async () => {
        const second = process();
        const one = await first.semaphore.acquire(3);
        const two = await second.semaphore.acquire(2);
        expect(one.token).toBe(1n);
        expect(two.token).toBe(2n);
        expect(await second.semaphore.tryAcquire()).toBeUndefined();
        expect(await second.semaphore.available()).toBe(0);
        const waiting = second.semaphore.acquire(2, { waitMs: 60_000 });
        await clock.sleep(3_000);
        expect(await one.release()).toBe(true);
        const three = await waiting;
        expect(three.token).toBe(3n);
        expect(await one.release()).toBe(true);
        expect(await two.release()).toBe(true);
        expect(await three.release()).toBe(true);
        expect(await first.semaphore.available()).toBe(5);
      })(),
    );
  });
  it('needs two requests when there is room', async () => {
    const { clock, first } = await world();
    await clock.run(
      (async () => {
        await (await first.semaphore.acquire()).release();
        const before = first.table.spent();
        await (await first.semaphore.acquire()).release();
        expect(first.table.spent().requests - before.requests).toBe(2);
        const all = await Promise.all([1, 2, 1, 1].map((n) => first.semaphore.acquire(n)));
        expect(first.table.spent().requests - before.requests).toBe(3);
        await Promise.all(all.map((one) => one.release()));
        expect(first.table.spent().requests - before.requests).toBe(4);
      })(),
    );
  });
});
