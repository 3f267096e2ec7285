/**
 * Goal: what a user of sessions and locks relies on, between processes that share a store. Method: each "process" is an `AtomTable`
 * with its session on one memory engine, under a clock that runs by itself.
 */
import { describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { MemoryEngine } from '../../lib/engine/index.js';
import { Lock, Session } from '../../lib/recipes/index.js';
import { VirtualClock } from '../../lib/testing/index.js';

async function world() {
  const clock = new VirtualClock();
  const engine = new MemoryEngine({ clock });
  const process = () => {
    const table = new AtomTable({ engine, tableName: 'state', clock });
    const session = new Session(table, { leaseMs: 15_000 });
    return { table, session, lock: new Lock(session, 'report') };
  };
  const first = process();
  await first.table.create();
  return { clock, engine, process, first };
}

describe('Lock', () => {
  it('is granted to one at a time, with tokens that grow', async () => {
    const { clock, process, first } = await world();
    await clock.run(
      (async () => {
        const second = process();
        const one = await first.lock.acquire();
        expect(one.token).toBe(1n);
        expect(await second.lock.tryAcquire()).toBeUndefined();
        const waiting = second.lock.acquire({ waitMs: 60_000 });
        await clock.sleep(3_000);
        expect(one.isHeld).toBe(true);
        expect(await one.release()).toBe(true);
        const two = await waiting;
        expect(two.token).toBe(2n);
        expect(await one.release()).toBe(true);
        expect(two.isHeld).toBe(true);
        await two.release();
      })(),
    );
  });

  it('goes to who waits once its holder was silent for a lease', async () => {
    const { clock, process, first } = await world();
    await clock.run(
      (async () => {
        const silent = new Session(first.table, { leaseMs: 15_000, renewal: 'manual' });
        const one = await new Lock(silent, 'report').acquire();
        const second = process();
        const startedAt = clock.monotonicMs();
        const two = await second.lock.acquire();
        expect(clock.monotonicMs() - startedAt).toBeLessThanOrEqual(16_100);
        expect(clock.monotonicMs() - startedAt).toBeGreaterThanOrEqual(15_000);
        expect(one.isHeld).toBe(false);
        expect(one.signal.aborted).toBe(true);
        expect(await one.release()).toBe(false);
        expect(two.isHeld).toBe(true);
      })(),
    );
  });

  it('needs two requests when nobody else wants it', async () => {
    const { clock, first } = await world();
    await clock.run(
      (async () => {
        await (await first.lock.acquire()).release();
        const before = first.table.spent().requests;
        await (await first.lock.acquire()).release();
        expect(first.table.spent().requests - before).toBe(2);
      })(),
    );
  });
});
