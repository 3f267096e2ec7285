// Goal: what the doc comments say of requests is counted, for the verbs beside those that the specs of each recipe count. Method: a process that
// has used all of it before ("warm"), beside another one that holds what is asked about; each verb once, on an engine in memory.
import { describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { MemoryEngine } from '../../lib/engine/index.js';
import {
  Barrier,
  CountDownLatch,
  Counter,
  DoubleBarrier,
  Election,
  Lock,
  Membership,
  Once,
  RateLimit,
  ReadWriteLock,
  Semaphore,
  Sequence,
  Session,
  ShardedCounter,
} from '../../lib/recipes/index.js';
import { isWriteStep, steppedEngine } from '../support/stepped-engine.js';

const hour = 3_600_000;

async function world() {
  const spent = { reads: 0, writes: 0 };
  const engine = new MemoryEngine();
  const counted = steppedEngine(engine, (step) => {
    if (isWriteStep(step)) spent.writes += 1;
    else spent.reads += 1;
    return undefined;
  });
  const table = new AtomTable({ engine: counted, tableName: 'state' });
  await table.create();
  const session = new Session(table, { leaseMs: hour, renewal: 'manual' });
  await session.lease();
  /** What one call sent. */
  const cost = async (call: () => Promise<unknown>) => {
    spent.reads = 0;
    spent.writes = 0;
    const result = await call();
    return { ...spent, result };
  };
  const own = { table, session };
  const other = new Session(new AtomTable({ engine, tableName: 'state' }), { leaseMs: hour, renewal: 'manual' });
  return { ...own, other, cost };
}

type World = Awaited<ReturnType<typeof world>>;

/** A verb, prepared; and what its doc comment says that it sends: reads, writes. */
const verbs: Readonly<
  Record<string, readonly [prepare: (world: World) => Promise<() => Promise<unknown>>, ...number[]]>
> = {
  'Session.lease, the first': [
    async ({ table }) =>
      () =>
        new Session(table).lease(),
    1,
    1,
  ],
  'Session.lease, while it lives': [
    async ({ session }) =>
      () =>
        session.lease(),
    0,
    0,
  ],
  'Session.beat': [
    async ({ session }) =>
      () =>
        session.beat(),
    0,
    1,
  ],
  'Session.close': [
    async ({ session }) =>
      () =>
        session.close(),
    0,
    1,
  ],
  'Lock.holder': [
    async ({ session }) =>
      () =>
        new Lock(session, 'x').holder(),
    1,
    0,
  ],
  'Lock.forceRelease': [
    async ({ session }) => {
      const { token } = await new Lock(session, 'x').acquire();
      return () => new Lock(session, 'x').forceRelease({ token });
    },
    0,
    1,
  ],
  'LockGrant.extend': [
    async ({ session }) => {
      const grant = await new Lock(session, 'x').acquire();
      return () => grant.extend();
    },
    1,
    1,
  ],
  'LockGrant.guard': [
    async ({ session }) => {
      const grant = await new Lock(session, 'x').acquire();
      return async () => grant.guard();
    },
    0,
    0,
  ],
  'Lock.acquire, cold': [
    async ({ session }) =>
      () =>
        new Lock(session, 'x').acquire(),
    1,
    1,
  ],
  'Lock.tryAcquire, held by another, with the first look after its session': [
    async ({ session, other }) => {
      await new Lock(other, 'x').acquire();
      await new Lock(session, 'x').holder();
      return () => new Lock(session, 'x').tryAcquire();
    },
    3,
    0,
  ],
  'Semaphore.available': [
    async ({ session }) =>
      () =>
        new Semaphore(session, 'x', { permits: 2 }).available(),
    1,
    0,
  ],
  'Semaphore.holders': [
    async ({ session }) =>
      () =>
        new Semaphore(session, 'x', { permits: 2 }).holders(),
    1,
    0,
  ],
  'Semaphore.resize': [
    async ({ session }) => {
      const pool = new Semaphore(session, 'x', { permits: 2 });
      await pool.acquire();
      return () => pool.resize(3);
    },
    0,
    1,
  ],
  'Semaphore.acquire, the first time': [
    async ({ session }) =>
      () =>
        new Semaphore(session, 'x', { permits: 2 }).acquire(),
    1,
    1,
  ],
  'ReadWriteLock.holders': [
    async ({ session }) =>
      () =>
        new ReadWriteLock(session, 'x').holders(),
    1,
    0,
  ],
  'Election.leader': [
    async ({ session }) =>
      () =>
        new Election(session, 'x').leader(),
    1,
    0,
  ],
  'Membership.members, of two': [
    async ({ session, other }) => {
      await new Membership(session, 'x').join();
      await new Membership(other, 'x').join();
      return () => new Membership(session, 'x').members();
    },
    2,
    0,
  ],
  'Once.look': [
    async ({ session }) =>
      () =>
        new Once(session, 'x').look('k'),
    1,
    0,
  ],
  'Once.forget, of nothing': [
    async ({ session }) =>
      () =>
        new Once(session, 'x').forget('k'),
    1,
    0,
  ],
  'Once.forget, of a result': [
    async ({ session }) => {
      const once = new Once(session, 'x');
      await once.run('k', () => 1);
      return () => once.forget('k');
    },
    1,
    1,
  ],
  'Once.run, of a run of another that is not waited for, with the first look after its session': [
    async ({ session, other }) => {
      new Once(other, 'x').run('k', () => new Promise(() => {})).catch(() => {});
      while ((await new Once(session, 'x').look('k')).state !== 'running');
      return () => new Once(session, 'x').run('k', () => 1, { waitMs: 0 }).catch(({ code }) => code as string);
    },
    3,
    0,
  ],
  'Barrier.look': [
    async ({ session }) =>
      () =>
        new Barrier(session, 'x', { parties: 2 }).look(),
    1,
    0,
  ],
  'Barrier.reset': [
    async ({ session }) => {
      const barrier = new Barrier(session, 'x', { parties: 2 });
      await barrier.enter({ waitMs: 0 }).catch(() => {});
      return () => barrier.reset({ generation: 0 });
    },
    0,
    1,
  ],
  'DoubleBarrier.enter, then leave, of one party': [
    async ({ session }) => {
      const use = async () => {
        const member = new DoubleBarrier(session, 'x', { parties: 1 });
        await member.enter();
        await member.leave();
      };
      await use();
      return use;
    },
    0,
    4,
  ],
  'CountDownLatch.standing': [
    async ({ table }) =>
      () =>
        new CountDownLatch(table, 'x', { count: 1 }).standing(),
    1,
    0,
  ],
  'CountDownLatch.reset': [
    async ({ table }) => {
      const latch = new CountDownLatch(table, 'x', { count: 1 });
      await latch.countDown();
      return () => latch.reset();
    },
    0,
    1,
  ],
  'Counter.get': [
    async ({ table }) =>
      () =>
        new Counter(table, 'x').get(),
    1,
    0,
  ],
  'ShardedCounter.get': [
    async ({ table }) =>
      () =>
        new ShardedCounter(table, 'x', { shards: 8 }).get(),
    1,
    0,
  ],
  'Sequence.next, the first': [
    async ({ table }) =>
      () =>
        new Sequence(table, 'x').next(),
    1,
    1,
  ],
  'Sequence.take': [
    async ({ table }) => {
      const ids = new Sequence(table, 'x');
      await ids.next();
      return () => ids.take(5);
    },
    0,
    1,
  ],
  'Sequence.highest': [
    async ({ table }) =>
      () =>
        new Sequence(table, 'x').highest(),
    1,
    0,
  ],
  'Sequence.skipTo': [
    async ({ table }) => {
      const ids = new Sequence(table, 'x');
      await ids.next();
      return () => ids.skipTo(100);
    },
    0,
    1,
  ],
  'RateLimit.giveBack, of nothing': [
    async ({ table }) =>
      () =>
        new RateLimit(table, 'x', { limit: 9, perMs: hour, share: 3 }).giveBack(),
    ...[0, 0],
  ],
  'RateLimit.giveBack, of a share': [
    async ({ table }) => {
      const limit = new RateLimit(table, 'x', { limit: 9, perMs: hour, share: 3 });
      await limit.take();
      return () => limit.giveBack();
    },
    0,
    1,
  ],
  'RateLimit.redefine, where it is so': [
    async ({ table }) => {
      const limit = new RateLimit(table, 'x', { limit: 9, perMs: hour });
      await limit.take();
      return () => limit.redefine();
    },
    1,
    0,
  ],
  'RateLimit.waitFor': [
    async ({ table }) => {
      const limit = new RateLimit(table, 'x', { limit: 9, perMs: hour });
      await limit.take();
      return () => limit.waitFor();
    },
    0,
    1,
  ],
};

describe('what it costs', () => {
  it.each(Object.entries(verbs))('%s', async (_, [prepare, reads, writes]) => {
    const here = await world();
    const call = await prepare(here);
    const spent = await here.cost(call);
    await here.session.close();
    await here.other.close();
    expect(spent).toMatchObject({ reads, writes });
  });
});
