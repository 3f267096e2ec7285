/**
 * Goal: permits on real engines: the store judges the very updates that the model takes for granted, what waits is served, and calls cost
 * what is said of them. Method: two processes on each engine.
 */
import { afterEach, describe, expect, it } from '@jest/globals';
import type { AtomTable } from '../../lib/atom/index.js';
import { ReadWriteLock, Semaphore, Session } from '../../lib/recipes/index.js';
import { onEngines } from './on-engines.js';

onEngines((stage) => {
  const sessions: Session[] = [];
  const sessionOf = (table: AtomTable): Session => {
    const session = new Session(table, { leaseMs: 60_000 });
    sessions.push(session);
    return session;
  };
  afterEach(() => Promise.all(sessions.splice(0).map((session) => session.close())));

  describe('Semaphore', () => {
    const open = (permits: number) => {
      const name = stage.name();
      const [session, other] = [sessionOf(stage.table), sessionOf(stage.rival)];
      return {
        mine: new Semaphore(session, name, { permits }),
        others: new Semaphore(other, name, { permits }),
        session,
      };
    };

    it('never grants more than there is to calls that come together', async () => {
      const { mine, others } = open(7);
      const tries = Array.from({ length: 12 }, (_, i) => (i % 2 === 0 ? mine : others).tryAcquire(1 + (i % 3)));
      const grants = (await Promise.all(tries)).flatMap((grant) => (grant === undefined ? [] : [grant]));
      const sum = grants.reduce((total, { permits }) => total + permits, 0);
      expect(sum).toBeGreaterThanOrEqual(5);
      expect(sum).toBeLessThanOrEqual(7);
      expect(await mine.available()).toBe(7 - sum);
      expect(await mine.holders()).toHaveLength(grants.length);
      expect(await Promise.all(grants.map((grant) => grant.release()))).not.toContain(false);
      expect(await others.available()).toBe(7);
      expect(await others.holders()).toEqual([]);
    });

    it('serves all who wait', async () => {
      const { mine, others } = open(3);
      let [inUse, most] = [0, 0];
      const works = Array.from({ length: 12 }, (_, i) =>
        (i % 2 === 0 ? mine : others).withPermits(1 + (i % 3), async ({ permits, isHeld }) => {
          inUse += permits;
          most = Math.max(most, inUse);
          await Promise.resolve();
          inUse -= permits;
          return isHeld;
        }),
      );
      expect(await Promise.all(works)).not.toContain(false);
      expect(most).toBeLessThanOrEqual(3);
      expect(await mine.available()).toBe(3);
    });

    it('costs an update to take and an update to give back, whoever else does', async () => {
      const { mine, others, session } = open(5);
      await session.lease();
      expect(await stage.cost(() => mine.acquire())).toEqual({
        ...{ sent: ['get', 'put'], readUnits: 1, writeUnits: 1 },
      });
      const other = await others.acquire();
      let grant = await mine.acquire();
      await other.release();
      expect(await stage.cost(() => grant.release())).toEqual({ sent: ['update'], readUnits: 0, writeUnits: 1 });
      await (await others.acquire()).release();
      expect(
        await stage.cost(async () => {
          grant = await mine.acquire(2);
        }),
      ).toEqual({ sent: ['update'], readUnits: 0, writeUnits: 1 });
      expect(
        await stage.cost(async () => {
          const all = await Promise.all([mine.acquire(), mine.acquire()]);
          await Promise.all(all.map((one) => one.release()));
        }),
      ).toEqual({ sent: ['update', 'update'], readUnits: 0, writeUnits: 2 });
      expect((await stage.cost(() => mine.available())).sent).toEqual(['get']);
      await grant.release();
    });
  });

  describe('ReadWriteLock', () => {
    const open = () => {
      const name = stage.name();
      const [session, other] = [sessionOf(stage.table), sessionOf(stage.rival)];
      return { mine: new ReadWriteLock(session, name), others: new ReadWriteLock(other, name), session };
    };

    it('serves readers together and writers alone', async () => {
      const { mine, others } = open();
      let [readers, writers] = [0, 0];
      const seen: string[] = [];
      const works = Array.from({ length: 12 }, (_, i) => {
        const lock = i % 2 === 0 ? mine : others;
        return i % 4 === 1
          ? lock.withWrite(async () => {
              writers += 1;
              seen.push(`${readers} ${writers}`);
              await Promise.resolve();
              writers -= 1;
            })
          : lock.withRead(async () => {
              readers += 1;
              seen.push(`+ ${writers}`);
              await Promise.resolve();
              readers -= 1;
            });
      });
      await Promise.all(works);
      expect(new Set(seen)).toEqual(new Set(['0 1', '+ 0']));
      expect(await mine.holders()).toEqual({ writer: undefined, readers: [] });
    });

    it('costs an update to enter and an update to leave, whoever else reads', async () => {
      const { mine, others } = open();
      await (await mine.read()).release();
      const reader = await others.read();
      expect(await stage.cost(() => mine.withRead(() => {}))).toEqual({
        ...{ sent: ['update', 'update'], readUnits: 0, writeUnits: 2 },
      });
      await reader.release();
      // What is known is that somebody reads: that is looked at again.
      expect(await mine.holders()).toEqual({ writer: undefined, readers: [] });
      expect((await stage.cost(() => mine.withWrite(() => {}))).sent).toEqual(['update', 'update']);
      await others.write();
      // What is known is that it is free, so an update meets the writer and is ruled out; then the writer's session.
      const ownSent = (sent: string[]) => sent.filter((kind) => kind !== 'batchGet');
      const stale = await stage.cost(() => mine.tryRead());
      expect(ownSent(stale.sent)).toEqual(
        stage.supports.images ? ['update', 'update', 'get'] : ['update', 'get', 'update', 'get'],
      );
      // The item, and the session of the writer.
      expect(ownSent((await stage.cost(() => mine.tryRead())).sent)).toEqual(['get', 'get']);
    });
  });
});
