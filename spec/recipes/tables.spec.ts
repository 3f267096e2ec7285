// Goal: every recipe works in whatever table its atoms do: with a sort key, under other names of attributes, compressed, encrypted, beside items of others.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { AtomTable, type AtomTableOptions } from '../../lib/atom/index.js';
import { compressed, encrypted, keyRing } from '../../lib/codec/index.js';
import { MemoryEngine } from '../../lib/engine/index.js';
import {
  Barrier,
  Config,
  CountDownLatch,
  Counter,
  CronJob,
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
  ShardedCounter,
  Snowflake,
} from '../../lib/recipes/index.js';
import { WorkQueue } from '../../lib/recipes/unstable-work-queue/index.js';

const hour = 3_600_000;
const keys = keyRing({ current: 'k', keys: { k: randomBytes(32) } });

const tables: Readonly<Record<string, Partial<AtomTableOptions>>> = {
  'with a sort key': { keyName: 'pk', sortKeyName: 'sk' },
  'whose values are compressed': { codec: compressed({ bytesMin: 1 }) },
  'whose values are encrypted': { codec: encrypted({ keys }) },
};

/** Two processes that share a table; what one and then the other gets to see. */
const uses: Readonly<Record<string, (one: Session, two: Session) => Promise<unknown>>> = {
  async Lock(one, two) {
    const grant = await new Lock(one, 'x').acquire();
    const next = new Lock(two, 'x').acquire();
    const holder = (await new Lock(two, 'x').holder())?.token;
    await grant.release();
    return [holder, (await next).token];
  },
  async FencedAtom(one, two) {
    const atom = () => fenced<number>(two.table, two.table.keyNamed('f'), { initial: 0 });
    const grant = await new Lock(one, 'f').acquire();
    await fenced<number>(one.table, one.table.keyNamed('f'), { initial: 0 }).swap(grant, (n) => n + 1);
    return [await atom().deref(), (await atom().seen())?.token];
  },
  async Semaphore(one, two) {
    const [a, b] = [one, two].map((session) => new Semaphore(session, 'x', { permits: 3 })) as [Semaphore, Semaphore];
    const grant = await a.acquire(2);
    const [none, left] = [await b.tryAcquire(2), await b.available()];
    await grant.release();
    const all = await b.acquire(3);
    return [none, left, all.permits, await all.release()];
  },
  async ReadWriteLock(one, two) {
    const reader = await new ReadWriteLock(one, 'x').read();
    const none = await new ReadWriteLock(two, 'x').tryWrite();
    await reader.release();
    return [none, (await new ReadWriteLock(two, 'x').write()).token];
  },
  async Election(one, two) {
    const leadership = await new Election<string>(one, 'x').campaign('a');
    await leadership.proclaim('b');
    return [(await new Election<string>(two, 'x').leader())?.value, await leadership.resign()];
  },
  async Once(one, two) {
    const first = await new Once(one, 'x').run({ id: 7 }, () => 'a');
    const moved = await new Once(two, 'x').transact('k', (tx) =>
      tx.swap(two.table.atom<number>(two.table.keyNamed('n')), () => 1),
    );
    return [first, await new Once(two, 'x').run({ id: 7 }, () => 'b'), moved];
  },
  async Membership(one, two) {
    const member = await new Membership<string>(one, 'x').join('me');
    const seen = (await new Membership<string>(two, 'x').members()).map(({ info }) => info);
    return [seen, await member.leave(), (await new Membership(two, 'x').members()).length];
  },
  async Barriers(one, two) {
    const all = [one, two].map((session) => new Barrier(session, 'x', { parties: 2 }).enter());
    const members = [one, two].map((session) => new DoubleBarrier(session, 'x', { parties: 2 }));
    await Promise.all(members.map((member) => member.enter()));
    await Promise.all(members.map((member) => member.leave()));
    return (await Promise.all(all)).map(({ generation }) => generation);
  },
  async CountDownLatch(one, two) {
    await new CountDownLatch(one.table, 'x', { count: 2 }).countDown('a');
    await new CountDownLatch(two.table, 'x', { count: 2 }).countDown('b');
    return new CountDownLatch(one.table, 'x', { count: 2 }).wait({ waitMs: 10_000 });
  },
  async Counters(one, two) {
    await new Counter(one.table, 'x').inc(2, { opId: 'o' });
    await new ShardedCounter(one.table, 'x', { shards: 3 }).inc(4);
    return [await new Counter(two.table, 'x').inc(2, { opId: 'o' }), await new ShardedCounter(two.table, 'x').get()];
  },
  async Numbers(one, two) {
    const ids = await Promise.all([one, two].map(({ table }) => new Snowflake(table, 'x').next()));
    const numbers = [await new Sequence(one.table, 'x').next(), await new Sequence(two.table, 'x').next()];
    return [new Set(ids).size, numbers];
  },
  async RateLimit(one, two) {
    const forms = ['bucket', 'window', 'sliding-window'] as const;
    const open = ({ table }: Session, by: (typeof forms)[number]) =>
      new RateLimit(table, by, { by, limit: 3, perMs: hour });
    const allowed: boolean[] = [];
    for (const by of forms) {
      for (const session of [one, two, one, two]) allowed.push((await open(session, by).take()).allowed);
    }
    return allowed;
  },
  async Cron(one, two) {
    const claims = [one, two].map(({ table }) => new CronSlot(table, 'x', { everyMs: 100 * 365 * 24 * hour }).claim());
    const job = (session: Session) => new CronJob(session, 'x', { everyMs: 100 * 365 * 24 * hour }).runOnce(() => 1);
    return [
      (await Promise.all(claims)).filter((won) => won !== undefined).length,
      (await job(one)).ran,
      (await job(two)).ran,
    ];
  },
  async Config(one, two) {
    const [a, b] = [one, two].map(({ table }) => new Config(table, 'x', { defaults: { n: 1 } }));
    await a?.start();
    await a?.update(() => ({ n: 2 }));
    await b?.start();
    const seen = b?.get();
    a?.close();
    b?.close();
    return seen;
  },
  async WorkQueue(one, two) {
    await new WorkQueue<string>(one, 'x').put('a', { group: 'g' });
    await one.table.transact((tx) => new WorkQueue<string>(one, 'x').putIn(tx, 'b'));
    const queue = new WorkQueue<string>(two, 'x');
    const seen: string[] = [];
    for (let job = await queue.tryTake(); job !== undefined; job = await queue.tryTake()) {
      seen.push(job.payload);
      await job.ack();
    }
    return seen;
  },
};

async function world(options: Partial<AtomTableOptions>) {
  const engine = new MemoryEngine();
  const open = () => new AtomTable({ engine, tableName: 'state', ...(options as object) });
  const tables = [open(), open()] as const;
  await tables[0].create();
  return tables.map((table) => new Session(table)) as [Session, Session];
}

describe('a table', () => {
  it.each(Object.keys(tables).flatMap((table) => Object.keys(uses).map((recipe) => [table, recipe] as const)))(
    '%s is one for recipes: %s',
    async (table, recipe) => {
      const use = uses[recipe] as (typeof uses)[string];
      const run = async (options: Partial<AtomTableOptions>) => {
        const sessions = await world(options);
        const seen = await use(...sessions);
        for (const session of sessions) await session.close();
        return seen;
      };
      expect(await run(tables[table] as Partial<AtomTableOptions>)).toEqual(await run({}));
    },
  );
});
