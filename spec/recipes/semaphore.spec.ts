/**
 * Goal: what a user of semaphores relies on, between processes that share a store, when all goes well and when it does not. Method:
 * processes in virtual time on one memory engine; every version of the item is looked at.
 */
import { afterEach, describe, expect, it } from '@jest/globals';
import { hold, itemBytes } from '../../lib/codec/index.js';
import { RecipeDiffersError, Semaphore, type SemaphoreOptions } from '../../lib/recipes/index.js';
import { holdersMax, noPermits, type PermitState, rivalsOf } from '../../lib/recipes/permits/permit-state.js';
import type { Step } from '../support/stepped-engine.js';
import { type PermitProcess, PermitWorld } from './permit-world.js';

let world: PermitWorld;

async function open(permits = 5, count = 2, options: Partial<SemaphoreOptions> = {}) {
  world = await PermitWorld.open('semaphore:pool', 5);
  const processes = Array.from({ length: count }, () => world.process());
  return processes.map((process) => ({ ...process, pool: poolOf(process, permits, options) }));
}

function poolOf({ session }: PermitProcess, permits: number, options: Partial<SemaphoreOptions> = {}) {
  return new Semaphore(session, 'pool', { permits, ...options });
}

type Opened = Awaited<ReturnType<typeof open>>[number];

const run = <R>(work: () => Promise<R>): Promise<R> => world.clock.run(work());

describe('Semaphore', () => {
  afterEach(() => expect(world.violations).toEqual([]));

  it('grants as many permits as there are, whoever asks', async () => {
    const [first, second] = (await open()) as [Opened, Opened];
    await run(async () => {
      const three = await first.pool.acquire(3);
      const two = await second.pool.acquire(2);
      expect([three.permits, two.permits]).toEqual([3, 2]);
      expect(await second.pool.tryAcquire()).toBeUndefined();
      expect(await second.pool.available()).toBe(0);
      expect(await three.release()).toBe(true);
      expect(await three.release()).toBe(true);
      expect(await first.pool.available()).toBe(3);
      await using again = await second.pool.acquire();
      expect(again.isHeld).toBe(true);
      expect((await first.pool.holders()).map(({ permits }) => permits)).toEqual([2, 1]);
    });
    expect((await world.state()).used).toBe(2);
  });

  it('hands permits that come back to who waits, under a larger token', async () => {
    const [first, second] = (await open()) as [Opened, Opened];
    await run(async () => {
      const all = await first.pool.acquire(5);
      const waiting = second.pool.acquire(2);
      await world.clock.sleep(3_000);
      expect(all.isHeld).toBe(true);
      await all.release();
      expect((await world.state()).used).toBe(2);
      const two = await waiting;
      expect(two.token).toBeGreaterThan(all.token);
      await two.release();
    });
  });

  it('serves a call that wants many before those that came after it, though there be permits enough for them', async () => {
    const [first, second, third] = (await open(5, 3)) as [Opened, Opened, Opened];
    const served: string[] = [];
    await run(async () => {
      const [one, two] = await Promise.all([first.pool.acquire(2), first.pool.acquire(2)]);
      const large = second.pool.acquire(5).then((grant) => {
        served.push('large');
        return grant;
      });
      await world.clock.sleep(100);
      const small = third.pool.acquire(1).then((grant) => {
        served.push('small');
        return grant;
      });
      await world.clock.sleep(2_000);
      expect(await third.pool.tryAcquire()).toBeUndefined();
      expect(served).toEqual([]);
      await one.release();
      await world.clock.sleep(2_000);
      expect(served).toEqual([]);
      await two.release();
      await (await large).release();
      await (await small).release();
    });
    expect(served).toEqual(['large', 'small']);
  });

  it('refuses what was opened with another capacity, writes nothing, and says what there is to do', async () => {
    const [first, second] = (await open(5)) as [Opened, Opened];
    const larger = poolOf(second, 8);
    await run(async () => {
      await first.pool.acquire();
      const before = await world.state();
      const error = await larger.acquire().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(RecipeDiffersError);
      expect(error).toMatchObject({ code: 'ERR_RECIPE_DIFFERS', fact: 'permits', given: 8, stored: 5 });
      expect((error as Error).message).toMatch(/resize\(\)/);
      await expect(larger.tryAcquire(8)).rejects.toThrow(RecipeDiffersError);
      expect(await world.state()).toEqual(before);
      expect(await larger.available()).toBe(4);
      await larger.resize(8);
      await (await larger.acquire(7)).release();
      await expect(first.pool.acquire()).rejects.toMatchObject({ given: 5, stored: 8 });
      await first.pool.resize(8);
      expect(first.pool.permits).toBe(8);
      await (await first.pool.acquire(7)).release();
    });
  });

  it('lets the capacity shrink: who holds permits keeps them, and none is granted until enough are back', async () => {
    const [first, second] = (await open(5)) as [Opened, Opened];
    await run(async () => {
      const [three, two] = [await first.pool.acquire(3), await second.pool.acquire(2)];
      const refused = expect(second.pool.acquire(4, { waitMs: 60_000 })).rejects.toMatchObject({ given: 5, stored: 3 });
      await world.clock.sleep(100);
      const waiting = first.pool.acquire(1);
      await world.clock.sleep(100);
      world.violations.length = 0;
      await first.pool.resize(3);
      expect(world.violations.splice(0)).toContain('5 of 3 permits are held');
      await refused;
      expect(await first.pool.available()).toBe(0);
      await two.release();
      await world.clock.sleep(2_000);
      expect((await world.state()).used).toBe(3);
      await three.release();
      await (await waiting).release();
      expect(await first.pool.available()).toBe(3);
    });
  });

  it('grows for those who wait', async () => {
    const [first, second] = (await open(2)) as [Opened, Opened];
    await run(async () => {
      const two = await first.pool.acquire(2);
      const waiting = second.pool.acquire(1, { waitMs: 60_000 });
      await world.clock.sleep(100);
      await first.pool.resize(3);
      expect((await waiting).isHeld).toBe(true);
      await two.release();
    });
  });

  it('refuses wrong arguments before anything is sent', async () => {
    const [{ machine, session, pool }] = (await open(5, 1)) as [Opened];
    for (const permits of [0, -1, 1.5, Number.NaN, '3', undefined] as number[]) {
      expect(() => new Semaphore(session, 'pool', { permits })).toThrow(RangeError);
    }
    expect(() => new Semaphore(session, '', { permits: 1 })).toThrow('name must have 1 to 512 bytes');
    expect(() => new Semaphore(session, 'pool', { permits: 1, queueMax: -1 })).toThrow(RangeError);
    for (const n of [0, 6, 1.5, Number.NaN, '1'] as number[]) {
      await expect(pool.acquire(n)).rejects.toThrow(RangeError);
      await expect(pool.tryAcquire(n)).rejects.toThrow(RangeError);
      await expect(pool.withPermits(n, () => {})).rejects.toThrow(RangeError);
    }
    await expect(pool.acquire(6)).rejects.toThrow('its capacity of 5 permits: 6');
    await expect(pool.acquire(1, { waitMs: -1 })).rejects.toThrow(RangeError);
    await expect(pool.resize(0)).rejects.toThrow(RangeError);
    const reason = new Error('no longer wanted');
    await expect(pool.acquire(1, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(machine.requests).toBe(0);
  });

  it('refuses an item that is none of its kind', async () => {
    const [{ pool }] = (await open(5, 1)) as [Opened];
    await world.put({ kind: 'else' } as unknown as PermitState);
    await run(async () => {
      for (const call of [
        () => pool.acquire(),
        () => pool.tryAcquire(),
        () => pool.available(),
        () => pool.resize(3),
      ]) {
        await expect(call()).rejects.toMatchObject({ code: 'ERR_RECIPE_KIND' });
      }
    });
    world.violations.length = 0;
    expect(await world.state()).toEqual({ kind: 'else' });
  });

  it('says so when its item has no room for another holder, though permits are free', async () => {
    const [{ pool, session }, second] = (await open(2_000)) as [Opened, Opened];
    await run(async () => {
      const { id } = await second.session.lease();
      const names = Array.from({ length: holdersMax }, (_, index) => `holder-${String(index).padStart(5, '0')}`);
      const holders = Object.fromEntries(names.map((nonce) => [nonce, { n: 1, session: id }]));
      await world.put({ ...noPermits('semaphore', 2_000), used: holdersMax, count: holdersMax, holders });
      for (const call of [() => pool.acquire(1_000, { waitMs: 1_000 }), () => pool.tryAcquire()]) {
        await expect(call()).rejects.toMatchObject({
          code: 'ERR_SEMAPHORE_FULL',
          holders: holdersMax,
          outcome: 'not-done',
        });
      }
      expect((await world.state()).count).toBe(holdersMax);
      // What many hold is shared out in one step when their session is over.
      await second.session.close();
      const grant = await pool.acquire(2_000, { waitMs: 60_000 });
      expect(grant.isHeld).toBe(true);
      expect(await pool.holders()).toEqual([{ permits: 2_000, session: (await session.lease()).id }]);
    });
  });

  it('has room in its item for as many holders as it allows, and for all tickets', async () => {
    world = await PermitWorld.open('semaphore:pool', 5);
    const session = `${'s'.repeat(16)}.3600000`;
    const bytesOf = (count: number, waiting: number) => {
      const nonces = Array.from({ length: count + waiting }, (_, index) => String(index).padStart(12, 'n'));
      const holders = Object.fromEntries(nonces.slice(0, count).map((nonce) => [nonce, { n: 1, session }]));
      const queue = nonces.slice(count).map((nonce) => ({ nonce, n: 1, session }));
      const { data } = hold({ ...noPermits('semaphore', 9_999), count, holders, waiting, queue }).encode();
      return itemBytes({ d: data });
    };
    expect(bytesOf(holdersMax, 1_000)).toBeLessThan(200_000);
    expect((bytesOf(holdersMax, 0) - bytesOf(0, 0)) / holdersMax).toBeLessThan(60);
  });

  it('gives up after waitMs or on its signal, says what it waited for, and leaves nothing behind', async () => {
    const [first, second] = (await open(5)) as [Opened, Opened];
    await run(async () => {
      const all = await first.pool.acquire(5);
      const late = await second.pool.acquire(2, { waitMs: 500 }).catch((error: unknown) => error);
      expect(late).toMatchObject({
        code: 'ERR_PERMIT_TIMEOUT',
        used: 5,
        permits: 5,
        holders: 1,
        ahead: 0,
        outcome: 'not-done',
      });
      expect((late as Error).message).toContain('5 of 5 permits were in use by 1 holders');
      const abort = new AbortController();
      const reason = new Error('no longer wanted');
      const given = expect(second.pool.acquire(2, { signal: abort.signal })).rejects.toBe(reason);
      await world.clock.sleep(300);
      expect((await world.state()).waiting).toBe(1);
      abort.abort(reason);
      await given;
      expect((await world.state()).waiting).toBe(0);
      await all.release();
      expect(await first.pool.available()).toBe(5);
    });
  });

  it('lets go those behind a call that gives up', async () => {
    const [first, second, third] = (await open(3, 3)) as [Opened, Opened, Opened];
    await run(async () => {
      const two = await first.pool.acquire(2);
      const large = expect(second.pool.acquire(3, { waitMs: 5_000 })).rejects.toMatchObject({
        code: 'ERR_PERMIT_TIMEOUT',
      });
      await world.clock.sleep(100);
      const small = await third.pool.acquire(1, { waitMs: 20_000 });
      await large;
      await Promise.all([two.release(), small.release()]);
    });
  });

  it('takes the permits of a process that died, after its lease and not before', async () => {
    const [first, second] = (await open(3)) as [Opened, Opened];
    await run(async () => {
      await first.pool.acquire(2);
      first.machine.die();
      const startedAt = world.clock.monotonicMs();
      const grant = await second.pool.acquire(2);
      const took = world.clock.monotonicMs() - startedAt;
      expect(took).toBeGreaterThanOrEqual(15_000);
      expect(took).toBeLessThanOrEqual(17_000);
      expect((await world.state()).count).toBe(1);
      await grant.release();
    });
  });

  it('takes the permits of a closed session at once, when it only tries as well', async () => {
    const [first, second, third] = (await open(3, 3)) as [Opened, Opened, Opened];
    await run(async () => {
      const held = [await first.pool.acquire(1), await second.pool.acquire(2)];
      expect(await third.pool.tryAcquire()).toBeUndefined();
      await Promise.all([first.session.close(), second.session.close()]);
      expect(held.map(({ isHeld }) => isHeld)).toEqual([false, false]);
      const grant = await third.pool.tryAcquire(3);
      expect(grant?.permits).toBe(3);
      expect(await held[1]?.release()).toBe(false);
      expect(await third.pool.available()).toBe(0);
    });
  });

  it('takes over from a process that died when it only ever tries', async () => {
    const [first, second] = (await open(3)) as [Opened, Opened];
    await run(async () => {
      await first.pool.acquire(3);
      first.machine.die();
      let tries = 0;
      for (; (await second.pool.tryAcquire()) === undefined; tries += 1) await world.clock.sleep(1_000);
      expect(tries).toBeGreaterThanOrEqual(14);
      expect(tries).toBeLessThanOrEqual(18);
    });
  });

  it('takes over from a process that died when it only ever waits for less than a lease', async () => {
    const [first, second] = (await open(3)) as [Opened, Opened];
    await run(async () => {
      await first.pool.acquire(3);
      first.machine.die();
      const startedAt = world.clock.monotonicMs();
      for (let [grant, tries] = [undefined as unknown, 0]; grant === undefined && tries < 20; tries += 1) {
        grant = await second.pool.acquire(3, { waitMs: 2_000 }).catch(() => undefined);
        await world.clock.sleep(500);
      }
      expect(world.clock.monotonicMs() - startedAt).toBeLessThanOrEqual(18_500);
    });
  });

  it('costs those behind one lease when a holder died together with the call that was next', async () => {
    const [first, second, third] = (await open(3, 3)) as [Opened, Opened, Opened];
    await run(async () => {
      await first.pool.acquire(3);
      void second.pool.acquire(1).catch(() => {});
      await world.clock.sleep(500);
      const waiting = third.pool.acquire(3);
      await world.clock.sleep(1_500);
      first.machine.die();
      second.machine.die();
      const startedAt = world.clock.monotonicMs();
      await waiting;
      expect(world.clock.monotonicMs() - startedAt).toBeLessThanOrEqual(17_500);
    });
  });

  it('tells a holder that its lease is over, and takes nothing back from others for it', async () => {
    const [first, second] = (await open(3)) as [Opened, Opened];
    await run(async () => {
      const work = first.pool.withPermits(3, async (grant) => {
        first.machine.stop(40_000);
        await first.machine.clock.sleep(1);
        expect(grant.signal.aborted).toBe(true);
        expect(grant.isHeld).toBe(false);
        return 'done';
      });
      const other = second.pool.acquire(3);
      await expect(work).rejects.toMatchObject({ code: 'ERR_LEASE_LOST' });
      expect((await other).isHeld).toBe(true);
      expect((await world.state()).used).toBe(3);
    });
  });

  it('commits a transaction that checks the grant only while the item names it', async () => {
    const [{ machine, pool }] = (await open(3, 1)) as [Opened];
    const sold = machine.table.atom<number>('sold', { initial: 0 });
    await run(async () => {
      const grant = await pool.acquire(2);
      const sell = () =>
        machine.table.transact((tx) => {
          void grant.check(tx);
          return tx.swap(sold, (n) => n + 1);
        });
      expect(await sell()).toBe(1);
      const other = await pool.acquire();
      expect(await sell()).toBe(2);
      await other.release();
      // As if others had found its session to be over, of which it does not know yet.
      await world.put({ ...noPermits('semaphore', 3), fence: 9 });
      expect(grant.isHeld).toBe(true);
      await expect(sell()).rejects.toMatchObject({ code: 'ERR_LEASE_LOST', reason: 'taken' });
      expect(grant.isHeld).toBe(false);
      expect(await sold.deref()).toBe(2);
      expect(await grant.release()).toBe(false);
    });
  });

  it('returns what the work returned, passes its error on, and gives the permits back either way', async () => {
    const [{ pool }] = (await open(3, 1)) as [Opened];
    await run(async () => {
      expect(await pool.withPermits(2, async ({ permits }) => permits)).toBe(2);
      const wrong = new Error('wrong');
      await expect(pool.withPermits(2, () => Promise.reject(wrong))).rejects.toBe(wrong);
      expect(await pool.available()).toBe(3);
    });
  });

  it('serves calls without a ticket once there is room', async () => {
    const [first, second] = (await open(2, 2, { queueMax: 0 })) as [Opened, Opened];
    await run(async () => {
      const two = await first.pool.acquire(2);
      const waiting = [second.pool.acquire(1), second.pool.acquire(1), first.pool.acquire(1)];
      await world.clock.sleep(2_000);
      expect((await world.state()).waiting).toBe(0);
      await two.release();
      for (const grant of waiting) await (await grant).release();
    });
  });

  it('takes and gives back once when an answer is lost, whichever it is', async () => {
    for (let lost = 0; lost < 12; lost += 1) {
      const [{ machine, pool }] = (await open(3, 1)) as [Opened];
      const rules = [{ fault: { kind: 'reset-after' }, after: lost, times: 1 }] as const;
      await run(async () => {
        machine.faulty.setRules(rules);
        for (const n of [2, 3]) {
          const grant = await pool.acquire(n);
          expect((await world.state()).used).toBe(n);
          expect(await grant.release()).toBe(true);
          expect((await world.state()).used).toBe(0);
        }
      });
    }
  });

  it('takes back what it does not know to have when the caller has gone', async () => {
    const [{ machine, pool }] = (await open(3, 1)) as [Opened];
    await run(async () => {
      await (await pool.acquire()).release();
      machine.faulty.setRules([{ fault: { kind: 'late', delayMs: 3_000 }, on: 'writes', times: 3 }]);
      const abort = new AbortController();
      const call = expect(pool.acquire(2, { signal: abort.signal })).rejects.toThrow();
      await world.clock.sleep(20);
      abort.abort();
      await call;
      await world.clock.sleep(30_000);
      expect((await world.state()).used).toBe(0);
      expect(await pool.available()).toBe(3);
    });
  });

  it('is served after the lease of a process that died at any of its requests', async () => {
    for (let at = 0; at < 12; at += 1) {
      for (const when of ['before', 'after']) {
        world = await PermitWorld.open('semaphore:pool', 5);
        let sent = 0;
        const onStep = (step: Step) => {
          sent += 1;
          if (sent - 1 !== at) return undefined;
          if (when === 'before') dying.machine.die();
          const answer = when === 'before' ? new Promise(() => {}) : step.send();
          return answer.then(() => {
            dying.machine.die();
            return new Promise(() => {});
          });
        };
        const dying = world.process({ onStep });
        const other = world.process();
        const [mine, others] = [poolOf(dying, 3), poolOf(other, 3)];
        await run(async () => {
          const two = await others.acquire(2);
          void (async () => {
            const one = await mine.acquire(1);
            const waiting = mine.acquire(2);
            await one.release();
            await (await waiting).release();
          })().catch(() => {});
          await world.clock.sleep(5_000);
          await two.release();
          const startedAt = world.clock.monotonicMs();
          const all = await others.acquire(3, { waitMs: 60_000 });
          expect(world.clock.monotonicMs() - startedAt).toBeLessThanOrEqual(17_500);
          await all.release();
          expect(await world.state()).toMatchObject({ used: 0, count: 0, waiting: 0 });
        });
      }
    }
  });

  it('needs two requests when there is room, however many calls come at the same time', async () => {
    const [{ machine, pool }] = (await open(5, 1)) as [Opened];
    const costOf = async (work: () => Promise<unknown>) => {
      const before = machine.requests;
      await work();
      return machine.requests - before;
    };
    await run(async () => {
      await (await pool.acquire()).release();
      expect(await costOf(async () => (await pool.acquire(2)).release())).toBe(2);
      expect(
        await costOf(async () => {
          const all = await Promise.all([1, 2, 1, 1].map((n) => pool.acquire(n)));
          await Promise.all(all.map((grant) => grant.release()));
        }),
      ).toBe(2);
    });
  });
});

describe('rivalsOf()', () => {
  it('leaves many holders to the call that is next', async () => {
    const holders = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`h${at}`, { n: 1, session: `s${at}` }]));
    const queue = ['a', 'b'].map((nonce) => ({ nonce, n: 9, session: nonce }));
    const few = { ...noPermits('semaphore', 99), holders: holders(20), count: 20, queue, waiting: 2 };
    const many = { ...few, holders: holders(21), count: 21 };
    expect(['a', 'b', 'c'].map((nonce) => rivalsOf(few, nonce).length)).toEqual([20, 21, 22]);
    expect(['a', 'b', 'c'].map((nonce) => rivalsOf(many, nonce).length)).toEqual([21, 1, 23]);
  });
});
