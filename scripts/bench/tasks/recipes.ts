/** One operation of each recipe, again and again, by one caller to whom nobody is a rival. */
import {
  Barrier,
  CountDownLatch,
  Counter,
  CronSlot,
  Election,
  FencedAtom,
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
} from '../../../lib/recipes/index.js';
import { WorkQueue } from '../../../lib/recipes/unstable-work-queue/index.js';
import type { Place } from '../clients.js';
import { open } from '../opened.js';
import { closedLoop, type Sample } from '../sample.js';

export interface RecipeArguments {
  readonly place: Place;
  readonly recipe: string;
  readonly forMs: number;
}

interface Ground {
  readonly session: Session;
  readonly table: Session['table'];
  /** The next number of this process. */
  readonly next: () => number;
}

type Operation = () => Promise<unknown>;

/** What is measured, by what is written beside it. Each is made once for a process, and stays warm. */
const operations: Readonly<Record<string, (ground: Ground) => Promise<Operation>>> = {
  'lock: acquire, release': async ({ session }) => {
    const lock = new Lock(session, 'bench');
    return async () => (await lock.acquire()).release();
  },
  'semaphore: acquire, release': async ({ session }) => {
    const semaphore = new Semaphore(session, 'bench', { permits: 10 });
    return async () => (await semaphore.acquire(2)).release();
  },
  'read-write lock: read, release': async ({ session }) => {
    const lock = new ReadWriteLock(session, 'bench');
    return async () => (await lock.read()).release();
  },
  'election: campaign, resign': async ({ session }) => {
    const election = new Election<string>(session, 'bench');
    return async () => (await election.campaign('me')).resign();
  },
  'fenced atom: swap': async ({ session, table }) => {
    const grant = await new Lock(session, 'fence').acquire();
    const atom = new FencedAtom<number, number>(table, 'fenced', { initial: 0 });
    return () => atom.swap(grant, (n) => n + 1);
  },
  'membership: join, leave': async ({ session }) => {
    const group = new Membership<string>(session, 'bench');
    return async () => (await group.join('me')).leave();
  },
  'once: first run': async ({ session, next }) => {
    const once = new Once(session, 'bench');
    return () => once.run(`first-${next()}`, () => 42);
  },
  'once: later run': async ({ session }) => {
    const once = new Once(session, 'bench');
    return () => once.run('again', () => 42);
  },
  'barrier: two enter': async ({ session, next }) => {
    const name = `bench-${next()}`;
    const barrier = new Barrier(session, name, { parties: 2 });
    return () => Promise.all([barrier.enter(), barrier.enter()]);
  },
  'latch: count down': async ({ table, next }) => {
    const name = `bench-${next()}`;
    const latch = new CountDownLatch(table, name, { count: 1_000 });
    return async () => {
      await latch.countDown();
      if ((await latch.standing({ consistency: 'cached' })).isOpen) await latch.reset();
    };
  },
  'counter: inc': async ({ table }) => {
    const counter = new Counter(table, 'bench');
    return () => counter.inc();
  },
  'sharded counter: inc': async ({ table }) => {
    const counter = new ShardedCounter(table, 'bench', { shards: 8 });
    return () => counter.inc();
  },
  'sequence: next, blocks of 100': async ({ table }) => {
    const sequence = new Sequence(table, 'bench', { block: 100 });
    return () => sequence.next();
  },
  'snowflake: next': async ({ table }) => {
    const ids = new Snowflake(table, 'bench');
    return () => ids.next();
  },
  'rate limit: take, bucket': async ({ table }) => {
    const limit = new RateLimit(table, 'bucket', { limit: 1_000_000, perMs: 1_000 });
    return () => limit.take();
  },
  'rate limit: take, window': async ({ table }) => {
    const limit = new RateLimit(table, 'window', { by: 'window', limit: 1_000_000, perMs: 3_600_000 });
    return () => limit.take();
  },
  'rate limit: take, shares of 5 %': async ({ table }) => {
    const limit = new RateLimit(table, 'shares', { limit: 1_000_000, perMs: 1_000, share: 50_000 });
    return () => limit.take();
  },
  'cron slot: claim, lost': async ({ table }) => {
    const slot = new CronSlot(table, 'bench', { everyMs: 3_600_000 });
    await slot.claim();
    return () => slot.claim();
  },
  'work queue: put, take, ack': async ({ session, next }) => {
    const queue = new WorkQueue<number>(session, `bench-${next()}`);
    return async () => {
      await queue.put(1);
      const job = await queue.tryTake();
      if (job === undefined) throw new Error('the job is not there');
      await job.ack();
    };
  },
};

export const recipeNames: readonly string[] = Object.keys(operations);

const sessions = new Map<string, Session>();
const made = new Map<string, Operation>();
let numbers = 0;

export async function recipe({ place, recipe: name, forMs }: RecipeArguments): Promise<Sample> {
  const { table, engine } = open(place);
  const session = sessions.get(place.endpoint) ?? new Session(table, { leaseMs: 60_000 });
  sessions.set(place.endpoint, session);
  const next = () => {
    numbers += 1;
    return numbers;
  };
  const key = `${place.endpoint} ${name}`;
  const op =
    made.get(key) ?? (await (operations[name] as (ground: Ground) => Promise<Operation>)({ session, table, next }));
  made.set(key, op);
  return closedLoop({ callers: 1, forMs, counts: () => engine.counts(), op });
}
