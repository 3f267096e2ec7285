/**
 * Goal: who leaves a call is in nobody's way, at whatever moment it leaves. Method: for each recipe that waits or holds, a call is aborted, or its
 * session closed, before or after each of its requests, while the thing is free and while another holds it; then a third process must have it
 * long before any lease is over.
 */
import { describe, expect, it } from '@jest/globals';
import { MemoryEngine } from '../../lib/engine/index.js';
import {
  Barrier,
  BrokenBarrierError,
  CronJob,
  Election,
  Lock,
  Membership,
  Once,
  ReadWriteLock,
  Semaphore,
  Session,
} from '../../lib/recipes/index.js';
import { WorkQueue } from '../../lib/recipes/unstable-work-queue/index.js';
import { VirtualClock } from '../../lib/testing/index.js';
import { Machine } from '../support/machine.js';
import type { OnStep } from '../support/stepped-engine.js';

const leaseMs = 20_000;
/** In virtual time: far below a lease, and enough for looks, and for what is tried again in the background. */
const soonMs = 6_000;

interface Waits {
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

/** What somebody does who has it: gives it back, if it can be given back. */
type Had = { release(): Promise<unknown> } | undefined;

interface Subject {
  /** Has it, or waits for it. */
  take(session: Session, waits: Waits): Promise<Had>;
  /** What stands there before anybody comes. */
  prepare?(session: Session): Promise<unknown>;
  /** Whether somebody else may have it, if that is not by `take`. */
  isFree?(session: Session): Promise<boolean>;
}

const subjects: Readonly<Record<string, Subject>> = {
  Lock: { take: (session, waits) => new Lock(session, 'x').acquire(waits) },
  'Lock.tryAcquire': { take: (session, { signal }) => new Lock(session, 'x').tryAcquire(signal ? { signal } : {}) },
  Semaphore: { take: (session, waits) => new Semaphore(session, 'x', { permits: 3 }).acquire(2, waits) },
  'ReadWriteLock.write': { take: (session, waits) => new ReadWriteLock(session, 'x').write(waits) },
  'ReadWriteLock.read': {
    take: (session, waits) => new ReadWriteLock(session, 'x').read(waits),
    isFree: async (session) => (await new ReadWriteLock(session, 'x').tryWrite()) !== undefined,
  },
  Election: {
    async take(session, waits) {
      const leadership = await new Election(session, 'x').campaign('me', waits);
      return { release: () => leadership.resign() };
    },
  },
  Once: {
    async take(session, waits) {
      await new Once(session, 'x').run('k', () => session.table.sources.clock.sleep(1_000), waits);
      return undefined;
    },
  },
  CronJob: {
    async take(session, { signal }) {
      const job = new CronJob(session, 'x', { everyMs: 3_600_000 });
      await job.runOnce(() => session.table.sources.clock.sleep(1_000), { signal });
      return undefined;
    },
  },
  Barrier: {
    take: async (session, waits) => {
      await new Barrier(session, 'x', { parties: 3 }).enter(waits);
      return undefined;
    },
    // With the one who waits there, or without: three more let two of them pass at least.
    async isFree(session) {
      const { clock } = session.table.sources;
      const barrier = new Barrier(session, 'x', { parties: 3 });
      let passed = 0;
      const meet = async (): Promise<void> => {
        try {
          await barrier.enter({ waitMs: soonMs });
          passed += 1;
        } catch (error) {
          if (error instanceof BrokenBarrierError) await barrier.reset(error).then(meet);
        }
      };
      await Promise.race([Promise.all([meet(), meet(), meet()]), clock.sleep(soonMs)]);
      return passed >= 2;
    },
  },
  Membership: {
    async take(session, { signal }) {
      const member = await new Membership(session, 'x').join('me', signal ? { signal } : {});
      return { release: () => member.leave() };
    },
    isFree: async (session) => (await new Membership(session, 'x').members()).length === 0,
  },
  WorkQueue: {
    prepare: (session) => new WorkQueue<string>(session, 'x').put('job'),
    async take(session, waits) {
      const job = await new WorkQueue<string>(session, 'x').take(waits);
      return job && { release: () => job.nack() };
    },
  },
};

interface Leaving {
  readonly at: number;
  readonly when: 'before' | 'after';
  readonly how: 'abort' | 'close' | 'both';
  readonly isHeld: boolean;
}

/** Whether the request was reached at which the caller was to leave; `free`: whether another had it soon. */
async function leave(
  subject: Subject,
  { at, when, how, isHeld }: Leaving,
): Promise<{ reached: boolean; free: boolean }> {
  const clock = new VirtualClock({ runMsMax: 3_600_000 });
  const engine = new MemoryEngine({ clock, latency: () => 3 });
  const open = (seed: number, onStep?: OnStep) => {
    const machine = new Machine(engine, clock, { seed, ...(onStep && { onStep }) });
    return new Session(machine.table, { leaseMs, heartbeatMs: leaseMs / 3 });
  };
  const holder = open(1);
  await clock.run(holder.table.create());
  await clock.run(subject.prepare?.(holder) ?? Promise.resolve());
  const held = isHeld ? subject.take(holder, {}).catch(() => undefined) : undefined;
  if (isHeld) await clock.advance(100);
  const abort = new AbortController();
  let reached = false;
  const go = () => {
    reached = true;
    if (how !== 'close') abort.abort(new Error('left'));
    if (how !== 'abort') void leaver.close();
  };
  const leaver = open(2, (step) => {
    if (step.index !== at) return undefined;
    if (when === 'before') go();
    return step.send().finally(() => {
      if (when === 'after') go();
    });
  });
  const call = subject.take(leaver, { signal: abort.signal }).then(
    (had) => (how === 'close' ? undefined : had?.release()),
    () => undefined,
  );
  await clock.advance(2_000);
  await clock.run(Promise.race([Promise.resolve(held).then((had) => had?.release()), clock.sleep(1_000)]));
  // Nobody left it: it must not be in the way of the others for that.
  if (!reached) return { reached, free: true };
  await clock.run(Promise.race([call, clock.sleep(soonMs)]));
  await clock.advance(3_000);
  const third = open(3);
  const free =
    subject.isFree?.(third) ??
    subject.take(third, { waitMs: soonMs }).then(
      () => true,
      () => false,
    );
  return { reached, free: await clock.run(Promise.race([free, clock.sleep(soonMs + 1_000).then(() => false)])) };
}

describe('a call that is left', () => {
  it.each(Object.keys(subjects))(
    'is in nobody’s way, at whatever request it is left: %s',
    async (name) => {
      const inTheWay: string[] = [];
      let left = 0;
      for (const isHeld of [false, true]) {
        for (const how of ['abort', 'close', 'both'] as const) {
          for (const when of ['before', 'after'] as const) {
            for (let at = 0; at < 12; at += 1) {
              const leaving = { at, when, how, isHeld };
              const { reached, free } = await leave(subjects[name] as Subject, leaving);
              if (!reached) break;
              left += 1;
              if (!free) inTheWay.push(JSON.stringify(leaving));
            }
          }
        }
      }
      expect(inTheWay).toEqual([]);
      expect(left).toBeGreaterThan(12);
    },
    120_000,
  );
});
