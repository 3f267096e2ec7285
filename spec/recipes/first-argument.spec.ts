// Goal: who mixes up the two kinds of recipes, those of a session and those of a table, is told so when it opens one.
import { describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { MemoryEngine } from '../../lib/engine/index.js';
import * as recipes from '../../lib/recipes/index.js';
import { WorkQueue } from '../../lib/recipes/unstable-work-queue/index.js';

type Opening = new (of: unknown, name: string, options: object) => unknown;

const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
const session = new recipes.Session(table);
const options = { permits: 1, parties: 2, everyMs: 1_000, limit: 1, perMs: 1_000, count: 1, defaults: {} };

const { Barrier, CronJob, DoubleBarrier, Election, Lock, Membership, Once, ReadWriteLock, Semaphore } = recipes;
const ofSessions = {
  Barrier,
  CronJob,
  DoubleBarrier,
  Election,
  Lock,
  Membership,
  Once,
  ReadWriteLock,
  Semaphore,
  WorkQueue,
};
const { Config, CountDownLatch, Counter, CronSlot, RateLimit, Sequence, ShardedCounter, Snowflake } = recipes;
const ofTables = { Config, CountDownLatch, Counter, CronSlot, RateLimit, Sequence, ShardedCounter, Snowflake };

describe('recipes of a session', () => {
  it.each(Object.entries(ofSessions))('%s is opened with one, and says so to who gives a table', (_, recipe) => {
    const Recipe = recipe as unknown as Opening;
    expect(() => new Recipe(session, 'x', options)).not.toThrow();
    for (const [wrong, text] of [
      [table, 'AtomTable'],
      [undefined, 'undefined'],
    ] as const) {
      const open = () => new Recipe(wrong, 'x', options);
      expect(open).toThrow(TypeError);
      expect(open).toThrow(`must be given a Session (await openSession(table)): ${text}`);
    }
  });
});

describe('recipes of a table', () => {
  it.each(Object.entries(ofTables))('%s is opened with one, and says so to who gives a session', (_, recipe) => {
    const Recipe = recipe as unknown as Opening;
    expect(() => new Recipe(table, 'x', options)).not.toThrow();
    const open = () => new Recipe(session, 'x', options);
    expect(open).toThrow(TypeError);
    expect(open).toThrow('must be given an AtomTable (that of a session is session.table): Session');
  });

  it('Session is one', () => {
    expect(() => new recipes.Session(session as never)).toThrow('Cannot open a session: must be given an AtomTable');
  });
});
