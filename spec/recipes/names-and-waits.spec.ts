// Goal: what is no time to wait, or no name, is refused by every recipe before anything is sent; and names that look alike, or like something
// else, are told apart by all of them.
import { describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { MemoryEngine } from '../../lib/engine/index.js';
import {
  Barrier,
  CountDownLatch,
  Counter,
  CronSlot,
  DoubleBarrier,
  Election,
  fenced,
  Lock,
  Membership,
  Once,
  RateLimit,
  ReadWriteLock,
  Semaphore,
  Sequence,
  Session,
  type WaitOptions,
  withLocks,
} from '../../lib/recipes/index.js';
import { WorkQueue } from '../../lib/recipes/unstable-work-queue/index.js';
import { steppedEngine } from '../support/stepped-engine.js';

/** A table in memory, and how many requests were sent to it. */
async function world() {
  let sent = 0;
  const engine = steppedEngine(new MemoryEngine(), () => {
    sent += 1;
    return undefined;
  });
  const table = new AtomTable({ engine, tableName: 'state' });
  await table.create();
  sent = 0;
  return { table, session: new Session(table, { renewal: 'manual' }), sent: () => sent };
}

type Wait = (session: Session, waits: WaitOptions) => Promise<unknown>;

const waits: Readonly<Record<string, Wait>> = {
  'Lock.acquire': (session, options) => new Lock(session, 'x').acquire(options),
  'Lock.withLock': (session, options) => new Lock(session, 'x').withLock(() => 1, options),
  withLocks: (session, options) => withLocks([new Lock(session, 'x'), new Lock(session, 'y')], () => 1, options),
  'Semaphore.acquire': (session, options) => new Semaphore(session, 'x', { permits: 1 }).acquire(1, options),
  'ReadWriteLock.read': (session, options) => new ReadWriteLock(session, 'x').read(options),
  'Election.campaign': (session, options) => new Election(session, 'x').campaign('me', options),
  'Once.run': (session, options) => new Once(session, 'x').run('k', () => 1, options),
  'Barrier.enter': (session, options) => new Barrier(session, 'x', { parties: 2 }).enter(options),
  'DoubleBarrier.enter': (session, options) => new DoubleBarrier(session, 'x', { parties: 2 }).enter(options),
  'CountDownLatch.wait': ({ table }, options) => new CountDownLatch(table, 'x', { count: 1 }).wait(options),
  'RateLimit.waitFor': ({ table }, options) =>
    new RateLimit(table, 'x', { limit: 1, perMs: 1_000 }).waitFor(1, options),
  'WorkQueue.take': (session, options) => new WorkQueue(session, 'x').take(options),
};

describe('waitMs', () => {
  it.each(Object.entries(waits))(
    'that is no number of at least 0 is refused, and nothing sent: %s',
    async (_, wait) => {
      const { session, sent } = await world();
      for (const waitMs of [-1, Number.NaN, '60000', null, {}]) {
        const call = async () => wait(session, { waitMs: waitMs as number });
        await expect(call()).rejects.toThrow(RangeError);
        await expect(call()).rejects.toThrow(`waitMs must be a number of at least 0: ${String(waitMs)}`);
      }
      expect(sent()).toBe(0);
    },
  );
});

const halves = ['\ud83d', '\ude00'] as const;
const names = [
  ...['é', 'e\u0301', '😀', '\ufffd', 'a/b', 'a%2Fb', 'a:b', '#', '~', '~"x"', ' ', '\0', '__proto__', 'constructor'],
  ...['x'.repeat(200), '字'.repeat(66)],
];

type Open = (session: Session, name: string) => unknown;

/** Opens it and uses it once; what the first use gives. */
const uses: Readonly<Record<string, (session: Session, name: string) => Promise<unknown>>> = {
  Lock: async (session, name) => (await new Lock(session, name).acquire()).token,
  Semaphore: async (session, name) => (await new Semaphore(session, name, { permits: 1 }).acquire()).token,
  ReadWriteLock: async (session, name) => (await new ReadWriteLock(session, name).write()).token,
  Election: async (session, name) => (await new Election(session, name).campaign()).term,
  Once: (session, name) => new Once(session, name).run('k', ({ attempt }) => attempt),
  Membership: async (session, name) => {
    const group = new Membership(session, name);
    await group.join();
    return (await group.members()).length;
  },
  Counter: ({ table }, name) => new Counter(table, name).inc(),
  Sequence: ({ table }, name) => new Sequence(table, name).next(),
  CountDownLatch: async ({ table }, name) => (await new CountDownLatch(table, name, { count: 2 }).countDown()).left,
  CronSlot: async ({ table }, name) => (await new CronSlot(table, name, { everyMs: 3_600_000 }).claim()) !== undefined,
  RateLimit: async ({ table }, name) =>
    (await new RateLimit(table, name, { limit: 2, perMs: 3_600_000 }).take()).remaining,
};

describe('a name', () => {
  it.each(Object.entries(uses))('tells one from the other, whatever is in it: %s', async (_, use) => {
    const { session } = await world();
    const first = await use(session, 'plain');
    for (const name of names) expect([name, await use(session, name)]).toEqual([name, first]);
    await session.close();
  });

  it.each(Object.entries(uses as Readonly<Record<string, Open>>))(
    'that is empty, none, too long or half a character is refused, and nothing sent: %s',
    async (_, open) => {
      const { session, sent } = await world();
      for (const name of ['', 'x'.repeat(513), ...halves, `a${halves[0]}b`]) {
        await expect((async () => open(session, name))()).rejects.toThrow(RangeError);
      }
      for (const name of [undefined, 7, null, {}]) {
        await expect((async () => open(session, name as never))()).rejects.toThrow(TypeError);
      }
      expect(sent()).toBe(0);
    },
  );

  it('is what a fence is known by: an atom takes tokens of that very lock', async () => {
    const { session, table } = await world();
    const grant = await new Lock(session, 'é').acquire();
    const atom = fenced<number>(table, 'total', { initial: 0 });
    await atom.swap(grant, (n) => n + 1);
    const other = await new Lock(session, 'e\u0301').acquire();
    await expect(atom.swap(other, (n) => n + 1)).rejects.toMatchObject({ code: 'ERR_FENCE_MISMATCH' });
    await expect(atom.swap({ name: halves[0], token: 9n }, (n) => n + 1)).rejects.toThrow(TypeError);
    await session.close();
  });
});
