/**
 * Goal: what a user of read-write locks relies on, between processes that share a store, when all goes well and when it does not.
 * Method: processes in virtual time on one memory engine; every version of the item is looked at.
 */
import { afterEach, describe, expect, it } from '@jest/globals';
import { fenced, ReadWriteLock, type ReadWriteLockOptions } from '../../lib/recipes/index.js';
import { holdersMax, noPermits, type PermitState } from '../../lib/recipes/permits/permit-state.js';
import { PermitWorld } from './permit-world.js';

let world: PermitWorld;

async function open(count = 2, options: ReadWriteLockOptions = {}) {
  world = await PermitWorld.open('rw-lock:catalogue', holdersMax);
  return Array.from({ length: count }, () => {
    const process = world.process();
    return { ...process, lock: new ReadWriteLock(process.session, 'catalogue', options) };
  });
}

type Opened = Awaited<ReturnType<typeof open>>[number];

const run = <R>(work: () => Promise<R>): Promise<R> => world.clock.run(work());

describe('ReadWriteLock', () => {
  afterEach(() => expect(world.violations).toEqual([]));

  it('lets many read, and one write alone', async () => {
    const [first, second] = (await open()) as [Opened, Opened];
    await run(async () => {
      const readers = await Promise.all([first.lock.read(), first.lock.read(), second.lock.read()]);
      expect(readers.map(({ mode }) => mode)).toEqual(['read', 'read', 'read']);
      expect((await first.lock.holders()).readers).toHaveLength(3);
      expect(await second.lock.tryWrite()).toBeUndefined();
      const writing = second.lock.write();
      await world.clock.sleep(2_000);
      for (const reader of readers) expect(await reader.release()).toBe(true);
      const writer = await writing;
      expect(writer.mode).toBe('write');
      const { id } = await second.session.lease();
      expect(await first.lock.holders()).toEqual({ writer: id, readers: [] });
      expect(await first.lock.tryRead()).toBeUndefined();
      expect(await first.lock.tryWrite()).toBeUndefined();
      await writer.release();
      expect((await first.lock.tryRead())?.isHeld).toBe(true);
    });
  });

  it('serves a writer before readers that came after it, and those before the next writer', async () => {
    const [first, second, third] = (await open(3)) as [Opened, Opened, Opened];
    const served: string[] = [];
    const hold = (name: string, lock: ReadWriteLock, mode: 'read' | 'write') =>
      lock[mode === 'read' ? 'withRead' : 'withWrite'](async () => {
        served.push(`${name} in`);
        await world.clock.sleep(3_000);
        served.push(`${name} out`);
      });
    await run(async () => {
      const all = [hold('r1', first.lock, 'read')];
      for (const [name, lock, mode] of [
        ['w1', second.lock, 'write'],
        ['r2', first.lock, 'read'],
        ['r3', third.lock, 'read'],
        ['w2', first.lock, 'write'],
        ['r4', second.lock, 'read'],
      ] as const) {
        await world.clock.sleep(200);
        all.push(hold(name, lock, mode));
      }
      await Promise.all(all);
    });
    expect(served.slice(0, 4)).toEqual(['r1 in', 'r1 out', 'w1 in', 'w1 out']);
    expect(served.slice(4, 8).sort()).toEqual(['r2 in', 'r2 out', 'r3 in', 'r3 out']);
    expect(served.slice(4, 6).sort()).toEqual(['r2 in', 'r3 in']);
    expect(served.slice(8)).toEqual(['w2 in', 'w2 out', 'r4 in', 'r4 out']);
  });

  it('gives readers one token, larger than that of the writer before them and smaller than that of the next', async () => {
    const [first, second] = (await open()) as [Opened, Opened];
    await run(async () => {
      const early = await first.lock.read();
      expect(early.token).toBe(1n);
      await early.release();
      const writer = await first.lock.write();
      await writer.release();
      const [one, two] = await Promise.all([first.lock.read(), second.lock.read()]);
      const next = second.lock.write();
      await Promise.all([one.release(), two.release()]);
      const tokens = [early.token, writer.token, one.token, two.token, (await next).token];
      expect(tokens).toEqual([1n, 2n, 3n, 3n, 4n]);
    });
  });

  it('is refused by a resource that has seen a newer token, to write as well as to read', async () => {
    const [first, second] = (await open()) as [Opened, Opened];
    await run(async () => {
      const pages = fenced(second.machine.table, 'pages', { initial: '' });
      const { name, kind, token } = await first.lock.write();
      const lateWriter = { name, kind, token };
      await pages.swap(lateWriter, () => 'old');
      first.machine.die();
      const reader = await second.lock.read();
      await pages.swap(reader, (text) => text);
      await expect(pages.swap(lateWriter, () => 'late')).rejects.toMatchObject({ code: 'ERR_STALE_TOKEN' });
      const lateReader = { name, kind, token: reader.token };
      await reader.release();
      const writer = await second.lock.write();
      await pages.swap(writer, () => 'new');
      await expect(pages.swap(lateReader, (text) => text)).rejects.toMatchObject({ code: 'ERR_STALE_TOKEN' });
    });
  });

  it.each(['read', 'write'] as const)('goes on after the lease of a process that died to %s', async (mode) => {
    const [first, second, third] = (await open(3)) as [Opened, Opened, Opened];
    await run(async () => {
      await first.lock[mode]();
      if (mode === 'read') await third.lock.read();
      first.machine.die();
      third.machine.die();
      const startedAt = world.clock.monotonicMs();
      const writer = await second.lock.write();
      const took = world.clock.monotonicMs() - startedAt;
      expect(took).toBeGreaterThanOrEqual(15_000);
      expect(took).toBeLessThanOrEqual(17_000);
      await writer.release();
      expect(await world.state()).toMatchObject({ used: 0, count: 0, waiting: 0 });
    });
  });

  it('goes on when a writer died that was waiting', async () => {
    const [first, second, third] = (await open(3)) as [Opened, Opened, Opened];
    await run(async () => {
      const reader = await first.lock.read();
      void second.lock.write().catch(() => {});
      await world.clock.sleep(500);
      second.machine.die();
      const startedAt = world.clock.monotonicMs();
      const other = await third.lock.read({ waitMs: 60_000 });
      expect(world.clock.monotonicMs() - startedAt).toBeLessThanOrEqual(17_000);
      expect(reader.isHeld).toBe(true);
      expect(other.token).toBe(reader.token);
    });
  });

  it('lets readers in again when a writer that waits gives up', async () => {
    const [first, second] = (await open()) as [Opened, Opened];
    await run(async () => {
      const reader = await first.lock.read();
      const writing = expect(second.lock.write({ waitMs: 3_000 })).rejects.toMatchObject({
        code: 'ERR_PERMIT_TIMEOUT',
        message: expect.stringContaining('1 readers held it'),
      });
      await world.clock.sleep(500);
      expect(await first.lock.tryRead()).toBeUndefined();
      const waiting = first.lock.read();
      await writing;
      expect((await waiting).isHeld).toBe(true);
      expect(reader.isHeld).toBe(true);
      const late = second.lock.write({ waitMs: 100 }).catch((error: Error) => error.message);
      expect(await late).toContain('2 readers held it');
    });
  });

  it('says that a writer held it', async () => {
    const [first, second] = (await open()) as [Opened, Opened];
    await run(async () => {
      await first.lock.write();
      await expect(second.lock.read({ waitMs: 100 })).rejects.toThrow('a writer held it');
    });
  });

  it('tells a reader that its lease is over', async () => {
    const [first, second] = (await open()) as [Opened, Opened];
    await run(async () => {
      const reading = first.lock.withRead(async ({ signal }) => {
        first.machine.stop(40_000);
        await first.machine.clock.sleep(1);
        expect(signal.aborted).toBe(true);
      });
      const writer = await second.lock.write();
      await expect(reading).rejects.toMatchObject({ code: 'ERR_LEASE_LOST' });
      expect(writer.isHeld).toBe(true);
      expect((await world.state()).count).toBe(1);
    });
  });

  it('lets as many read as its item has room for, and others wait', async () => {
    const [first, second] = (await open()) as [Opened, Opened];
    await run(async () => {
      const { id } = await second.session.lease();
      const nonces = Array.from({ length: holdersMax }, (_, index) => `reader-${index}`);
      const holders = Object.fromEntries(nonces.map((nonce) => [nonce, { n: 1, session: id }]));
      await world.put({ ...noPermits('rw-lock', holdersMax), used: holdersMax, count: holdersMax, holders });
      await expect(first.lock.read({ waitMs: 500 })).rejects.toThrow(`${holdersMax} readers held it`);
      const waiting = first.lock.read();
      await world.clock.sleep(500);
      await second.session.close();
      expect((await waiting).isHeld).toBe(true);
      expect((await world.state()).count).toBe(1);
    });
  });

  it('refuses wrong arguments before anything is sent', async () => {
    const [{ lock, machine, session }] = (await open(1)) as [Opened];
    expect(() => new ReadWriteLock(session, '')).toThrow(RangeError);
    expect(() => new ReadWriteLock(session, 5 as unknown as string)).toThrow(TypeError);
    expect(() => new ReadWriteLock(session, 'catalogue', { queueMax: 1.5 })).toThrow(RangeError);
    expect(() => new ReadWriteLock(session, 'catalogue', { graceMs: -1 })).toThrow(RangeError);
    for (const verb of ['read', 'write'] as const) {
      await expect(lock[verb]({ waitMs: Number.NaN })).rejects.toThrow(RangeError);
    }
    const reason = new Error('no longer wanted');
    await expect(lock.tryWrite({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(machine.requests).toBe(0);
  });

  it('refuses an item that is none of its kind', async () => {
    const [{ lock }] = (await open(1)) as [Opened];
    await world.put({ kind: 'semaphore' } as unknown as PermitState);
    await run(async () => {
      for (const verb of ['read', 'write', 'tryRead', 'tryWrite', 'holders'] as const) {
        await expect(lock[verb]()).rejects.toMatchObject({ code: 'ERR_RECIPE_KIND' });
      }
    });
  });

  it('enters and leaves once when an answer is lost, whichever it is', async () => {
    for (let lost = 0; lost < 12; lost += 1) {
      const [{ machine, lock }] = (await open(1)) as [Opened];
      await run(async () => {
        machine.faulty.setRules([{ fault: { kind: 'reset-after' }, after: lost, times: 1 }]);
        for (const [mode, used] of [['read', 1] as const, ['write', holdersMax] as const]) {
          const grant = await lock[mode]();
          expect((await world.state()).used).toBe(used);
          expect(await grant.release()).toBe(true);
          expect((await world.state()).used).toBe(0);
        }
      });
    }
  });

  it('needs two requests when it is free, however many readers come at the same time', async () => {
    const [{ machine, lock }] = (await open(1)) as [Opened];
    const costOf = async (work: () => Promise<unknown>) => {
      const before = machine.requests;
      await work();
      return machine.requests - before;
    };
    await run(async () => {
      await lock.withRead(() => {});
      expect(await costOf(() => lock.withRead(() => {}))).toBe(2);
      expect(await costOf(() => lock.withWrite(() => {}))).toBe(2);
      expect(
        await costOf(async () => {
          const readers = await Promise.all([lock.read(), lock.read(), lock.read()]);
          await Promise.all(readers.map((reader) => reader.release()));
        }),
      ).toBe(2);
    });
  });
});
