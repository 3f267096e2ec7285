// Goal: what a group costs, as its pages say: requests to the coordination table, counted; and what one poisonous record costs the others.
// Method: a simulated stream on a virtual clock; every request of the member is counted by kind.
import { describe, expect, it } from '@jest/globals';
import { type Step, steppedEngine } from '../../support/stepped-engine.js';
import { ConsumerWorld, type WorldOptions } from './consumer-world.js';

async function counted(options: WorldOptions, partitions = 4) {
  const world = await new ConsumerWorld({ partitions }).create();
  const sent: Step[] = [];
  const engine = steppedEngine(world.simulator.engine, (step) => {
    sent.push(step);
    return undefined;
  });
  const group = world.member({ engine, ...options });
  const running = group.run();
  await world.clock.advance(30_000);
  const during = async (ms: number) => {
    sent.length = 0;
    await world.clock.advance(ms);
    const kinds = sent.map(({ kind }) => kind);
    const count = (kind: string) => kinds.filter((one) => one === kind).length;
    const writes = sent.filter(({ kind }) => !/get|query|scan/i.test(kind));
    return {
      queries: count('query'),
      writes: writes.length,
      leases: writes.filter(({ text }) => text.includes('lease#')).length,
      all: kinds,
    };
  };
  const end = () => world.clock.run(Promise.all([group.stop(), running]));
  return { world, group, during, end };
}

describe('ConsumerGroup', () => {
  it('writes nothing for idle shards: a member beats, and asks who is there', async () => {
    const { during, end } = await counted({ handler: () => {} });
    const { queries, writes, leases } = await during(100_000);
    expect(leases).toBe(0);
    // A beat each 2.5 s; a look with each, and at all leases each half minute.
    expect(writes).toBeLessThanOrEqual(42);
    expect(queries).toBeLessThanOrEqual(48);
    await end();
  });

  it('saves a busy shard once a second, whatever its batches are', async () => {
    const { world, during, end } = await counted({ handler: () => {}, batch: { recordsMax: 5 } }, 1);
    let isOver = false;
    const writing = (async () => {
      while (!isOver) {
        await world.write('k');
        await world.clock.sleep(20);
      }
    })();
    await world.clock.advance(5_000);
    const { leases } = await during(60_000);
    expect(leases).toBeGreaterThan(50);
    expect(leases).toBeLessThanOrEqual(61);
    isOver = true;
    await world.clock.run(writing);
    await end();
  });

  it('sends one request for a checkpoint, and one for a transaction', async () => {
    const spent: number[] = [];
    const { world, during, end } = await counted(
      {
        saveMs: 3_600_000,
        handler: async (_batch, { checkpoint, transact }) => {
          const before = world.simulator.engine.spent().requests;
          await (spent.length === 0 ? checkpoint() : transact(() => {}));
          spent.push(world.simulator.engine.spent().requests - before);
        },
      },
      1,
    );
    await world.write('k');
    await during(5_000);
    await world.write('k');
    await during(5_000);
    expect(spent).toEqual([1, 1]);
    await end();
  });

  it('asks three questions for its status', async () => {
    const { world, group, end } = await counted({ handler: () => {} });
    const operator = world.member();
    const before = world.simulator.engine.spent();
    await world.clock.run(operator.status());
    const after = world.simulator.engine.spent();
    expect(after.requests - before.requests).toBe(3);
    expect(group.name).toBe('g');
    await end();
  });

  it('loses no throughput of other shards, nor of other items with park-key, to a record that fails', async () => {
    const rate = async (poison: string | undefined, exhausted: 'park-shard' | 'park-key') => {
      const done = new Map<string, number>();
      const { world, during, end } = await counted(
        {
          errors: { retry: { attempts: 3 }, exhausted },
          handler: ({ records }) => {
            if (records.some(({ value }) => value.key === poison)) throw new Error('poison');
            for (const { value } of records) done.set(value.key, (done.get(value.key) ?? 0) + 1);
          },
        },
        4,
      );
      await world.writeMany(4_000, 40);
      await during(120_000);
      await end();
      return done;
    };
    const clean = await rate(undefined, 'park-shard');
    expect(clean.size).toBe(40);
    const parkedShard = await rate('k7', 'park-shard');
    // Those that share its shard wait; the others have all.
    expect([...parkedShard.values()].filter((count) => count === 100).length).toBeGreaterThan(20);
    const parkedKey = await rate('k7', 'park-key');
    expect(parkedKey).toEqual(new Map([...clean].filter(([key]) => key !== 'k7')));
  });
});
