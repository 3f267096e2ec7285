/**
 * Goal: a process may die at any of its requests, before or after it was applied, and others get the lock, under a larger token. Method: each
 * step of each way through a lock (acquire, wait, renew, release, evict), on a memory engine in virtual time. And the same steps with their answers
 * lost: every call ends as it would have. Of the later steps, which are mostly looks, each fourth; LEYDEN_MODEL=full takes all.
 */
import { describe, expect, it } from '@jest/globals';
import { MemoryEngine } from '../../lib/engine/index.js';
import { Lock, type LockGrant, Session } from '../../lib/recipes/index.js';
import { VirtualClock } from '../../lib/testing/index.js';
import { Machine } from '../support/machine.js';
import { isWriteStep } from '../support/stepped-engine.js';

const leaseMs = 3_000;
const full = process.env.LEYDEN_MODEL === 'full';
const next = (at: number) => at + (full || at < 8 ? 1 : 4);

interface Actor {
  readonly machine: Machine;
  readonly session: Session;
  readonly lock: Lock;
}

type Way = (actor: Actor, other: Actor, clock: VirtualClock) => Promise<unknown>;

/** What the process that dies does; the other one is there before it. */
const ways: Readonly<Record<string, Way>> = {
  'acquire and release': async ({ lock }) => (await lock.acquire()).release(),
  'acquire, renew and release': async ({ lock, session }, _other, clock) => {
    const grant = await lock.acquire();
    await clock.sleep(2_000);
    await session.beat();
    await grant.extend();
    return grant.release();
  },
  'wait, get it and release': async ({ lock }, other, clock) => {
    const held = await other.lock.acquire();
    const waiting = lock.acquire();
    waiting.catch(() => {});
    await clock.sleep(700);
    await held.release();
    return (await waiting).release();
  },
  'wait, give up': async ({ lock }, other, clock) => {
    const held = await other.lock.acquire();
    const waiting = lock.acquire({ waitMs: 500 }).catch(() => undefined);
    await clock.sleep(1_500);
    await held.release();
    return waiting;
  },
  'expire the session of the dead, evict and release': async ({ lock }, other) => {
    await other.lock.acquire();
    other.machine.die();
    return (await lock.acquire()).release();
  },
  'try for what a dead one holds': async ({ lock }, other, clock) => {
    await other.lock.acquire();
    other.machine.die();
    for (;;) {
      const grant = await lock.tryAcquire();
      if (grant !== undefined) return grant.release();
      await clock.sleep(1_000);
    }
  },
  'acquire, and close the session': async ({ lock, session }) => {
    await lock.acquire();
    return session.close();
  },
};

async function world(onStep?: ConstructorParameters<typeof Machine>[2]) {
  const clock = new VirtualClock();
  const engine = new MemoryEngine({ clock, latency: () => 2 });
  const actor = (seed: number, options: ConstructorParameters<typeof Machine>[2] = {}): Actor => {
    const machine: Machine = new Machine(engine, clock, { seed, ...options });
    const session = new Session(machine.table, { leaseMs });
    return { machine, session, lock: new Lock(session, 'report') };
  };
  await clock.run(new Machine(engine, clock).table.create());
  const other = actor(2);
  const dying = actor(1, onStep);
  return { clock, actor, other, dying };
}

/** Somebody who comes afterwards, and all who are left, get it one after the other. */
async function getsIt(clock: VirtualClock, actors: readonly Actor[], beforeToken: bigint): Promise<void> {
  let last = beforeToken;
  for (const { lock, machine } of actors) {
    if (machine.isDead) continue;
    const startedAt = clock.monotonicMs();
    const grant: LockGrant = await clock.run(lock.acquire());
    expect(grant.token > last).toBe(true);
    last = grant.token;
    // Two sessions may have to be found silent one after the other.
    expect(clock.monotonicMs() - startedAt).toBeLessThanOrEqual(2 * (leaseMs + 1_500));
    expect(await clock.run(grant.release())).toBe(true);
  }
}

describe('a process that dies', () => {
  it.each(Object.keys(ways))(
    'at any step of "%s" leaves the lock to others',
    async (name) => {
      const way = ways[name] as Way;
      let steps = 0;
      for (let at = 0, done = false; !done; at = next(at)) {
        for (const when of ['before', 'after'] as const) {
          let count = 0;
          let isRead = false;
          const { clock, actor, other, dying } = await world({
            onStep: (step) => {
              count += 1;
              if (count - 1 !== at) return undefined;
              isRead = !isWriteStep(step);
              if (when === 'before') dying.machine.die();
              return when === 'before'
                ? new Promise(() => {})
                : step.send().then(() => {
                    dying.machine.die();
                    return new Promise(() => {});
                  });
            },
          });
          const ended = way(dying, other, clock).then(
            () => true,
            () => true,
          );
          const isOver = await clock.run(Promise.race([ended, clock.sleep(20_000).then(() => false)]));
          done = isOver && !dying.machine.isDead;
          if (done) break;
          steps += 1;
          const newcomer = actor(3);
          const seen = (await clock.run(newcomer.lock.holder()))?.token ?? 0n;
          await getsIt(clock, [newcomer, other], seen);
          // Whether a read was judged is all the same.
          if (isRead) break;
        }
      }
      expect(steps).toBeGreaterThan(3);
    },
    600_000,
  );
});

describe('an answer that is lost', () => {
  it.each(Object.keys(ways))(
    'at any step of "%s" changes nothing of how it ends',
    async (name) => {
      const way = ways[name] as Way;
      const { clock: calm, other: calmOther, dying: calmActor } = await world();
      const usual = await calm.run(way(calmActor, calmOther, calm));
      let lost = 0;
      for (let at = 0, done = false; !done; at = next(at)) {
        let count = 0;
        const { clock, actor, other, dying } = await world({
          onStep: (step) => {
            count += 1;
            if (count - 1 !== at) return undefined;
            return step.send().then(() => {
              const error = Object.assign(new Error('the answer was lost'), { name: 'TimeoutError' });
              if (isWriteStep(step)) return { status: 'unclear', error };
              throw error;
            });
          },
        });
        expect(await clock.run(way(dying, other, clock))).toEqual(usual);
        done = count <= at;
        if (done) break;
        lost += 1;
        await getsIt(clock, [actor(3), other], 0n);
      }
      expect(lost).toBeGreaterThan(1);
    },
    600_000,
  );
});
