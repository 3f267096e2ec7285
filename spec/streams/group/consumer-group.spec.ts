// Goal: what a user of `ConsumerGroup` relies on: all records once and in order across members, rolls and stops; status, retry, reset; errors
// for wrong use. Method: a simulated stream on a virtual clock, members with tables of their own.
import { describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../../lib/atom/index.js';
import { MemoryEngine } from '../../../lib/engine/index.js';
import {
  ConsumerGroup,
  type ConsumerGroupOptions,
  type GroupHandler,
  TableStream,
} from '../../../lib/streams/index.js';
import { ConsumerWorld, type Seen, upTo, watched } from './consumer-world.js';

/** A handler that notes what it does. */
function noting(): { readonly done: Seen[]; readonly handler: GroupHandler<Seen> } {
  const done: Seen[] = [];
  return {
    done,
    handler: ({ records }) => {
      done.push(...records.map(({ value }) => value));
    },
  };
}

/** Nothing is left that would happen by itself. */
async function requireQuiet(world: ConsumerWorld): Promise<void> {
  await world.clock.advance(60_000);
  expect(world.clock.pending).toBe(0);
}

const sorted = (seen: readonly Seen[]): number[] => seen.map(({ n }) => n).sort((a, b) => a - b);

describe('ConsumerGroup', () => {
  it('delivers every record once, shares shards among members, and ends in order', async () => {
    const world = await new ConsumerWorld({ partitions: 6 }).create();
    const { done, handler } = noting();
    await world.writeMany(100);
    const [a, b] = [world.member({ handler }), world.member({ handler })];
    const first = a.run();
    await world.clock.advance(10_000);
    const second = b.run();
    await world.clock.advance(30_000);
    await world.writeMany(100);
    await world.clock.advance(10_000);
    expect(sorted(done)).toEqual(upTo(200));
    const { members, shards } = await world.clock.run(a.status());
    expect(members.map((member) => member.shards)).toEqual([3, 3]);
    expect(shards.map(({ state }) => state)).toEqual(Array.from({ length: 6 }, () => 'reading'));
    expect(a.metrics()).toMatchObject({ leasesOwned: 3, iteratorAgeMs: 0, members: 2 });
    await world.clock.run(a.stop());
    await world.clock.run(first);
    await world.writeMany(100);
    await world.clock.advance(20_000);
    expect(sorted(done)).toEqual(upTo(300));
    await world.clock.run(b.stop());
    await world.clock.run(second);
    expect((await world.clock.run(a.status())).members).toEqual([]);
    await requireQuiet(world);
  });

  it('is harmed by no onEvent that throws or rejects', async () => {
    const world = await new ConsumerWorld({ partitions: 1 }).create();
    await world.writeMany(3);
    const { done, handler } = noting();
    let told = 0;
    // What nobody who is careful would give. A rejection that nobody looks at would end the process, and fails this run.
    const onEvent = () => {
      told += 1;
      if (told % 2 === 0) throw new Error('of no interest');
      return Promise.reject(new Error('of no interest'));
    };
    const group = world.member({ handler, onEvent: onEvent as never });
    const running = group.run();
    await world.clock.advance(10_000);
    await world.clock.run(group.stop());
    await world.clock.run(running);
    expect(sorted(done)).toEqual(upTo(3));
    expect(told).toBeGreaterThan(3);
  });

  it('keeps the order of each item across rolls and splits', async () => {
    const world = await new ConsumerWorld({ partitions: 2, profile: 'service', seed: 5 }).create();
    const { done, handler } = noting();
    const group = world.member({ handler });
    const running = group.run();
    for (let round = 0; round < 6; round += 1) {
      await world.writeMany(40);
      await world.clock.advance(2_000);
      for (const { shardId, lastSequence } of world.simulator.shards(watched)) {
        if (lastSequence !== undefined) continue;
        if (round % 2 === 0) world.simulator.roll(shardId);
        else if (round === 3) world.simulator.split(shardId);
      }
    }
    await world.clock.advance(120_000);
    expect(sorted(done)).toEqual(upTo(240));
    for (let key = 0; key < 10; key += 1) {
      const own = done.filter((seen) => seen.key === `k${key}`).map(({ n }) => n);
      expect(own).toEqual([...own].sort((x, y) => x - y));
    }
    const { shards } = await world.clock.run(group.status());
    expect(shards.filter(({ state }) => state === 'ended').length).toBeGreaterThan(5);
    for (const shard of shards) if (shard.state === 'reading') expect(shard.why).toBeUndefined();
    await world.clock.run(Promise.all([group.stop(), running]));
  });

  it('hands a shard over without a record twice, whatever the handler is at', async () => {
    const world = await new ConsumerWorld({ partitions: 4 }).create();
    const done: number[] = [];
    const handler: GroupHandler<Seen> = async ({ records }) => {
      await world.clock.sleep(700);
      done.push(...records.map(({ value }) => value.n));
    };
    const members = [world.member({ handler, batch: { recordsMax: 3 } })];
    const runs = [members[0]?.run()];
    let isWriting = true;
    const writing = (async () => {
      while (isWriting) {
        await world.write(`k${world.written % 16}`);
        await world.clock.sleep(150);
      }
    })();
    for (let round = 0; round < 3; round += 1) {
      await world.clock.advance(15_000);
      const member = world.member({ handler, batch: { recordsMax: 3 } });
      members.push(member);
      runs.push(member.run());
    }
    await world.clock.advance(15_000);
    for (const member of members.slice(0, 2)) await world.clock.run(member.stop());
    isWriting = false;
    await world.clock.run(writing);
    await world.clock.advance(60_000);
    expect([...done].sort((x, y) => x - y)).toEqual(upTo(world.written));
    expect(world.events.filter(({ type }) => type === 'lease-taken').length).toBeGreaterThan(6);
    for (const member of members) await world.clock.run(member.stop());
    await world.clock.run(Promise.all(runs));
  });

  it('lets one shard wait for a handler that fails, and in sight of all; others go on', async () => {
    const world = await new ConsumerWorld({ partitions: 8 }).create();
    const done: Seen[] = [];
    let isBad = true;
    const handler: GroupHandler<Seen> = ({ records }) => {
      for (const { value } of records) {
        if (isBad && value.key === 'k3') throw new Error('not k3');
        done.push(value);
      }
    };
    await world.writeMany(200, 40);
    const group = world.member({ handler, errors: { retry: { attempts: 2 } } });
    const running = group.run();
    await world.clock.advance(120_000);
    const { shards } = await world.clock.run(group.status());
    const parked = shards.filter(({ state }) => state === 'parked');
    expect(parked).toHaveLength(1);
    expect(parked[0]).toMatchObject({
      why: expect.stringMatching(/^parked for \d+ s: not k3$/),
      owner: expect.any(String),
    });
    expect(shards.filter(({ state }) => state === 'reading')).toHaveLength(7);
    expect(new Set(done.map(({ key }) => key)).size).toBeGreaterThan(30);
    expect(group.metrics()).toMatchObject({ parkedShards: 1, iteratorAgeMs: expect.any(Number) });
    expect(group.metrics().iteratorAgeMs).toBeGreaterThan(100_000);
    isBad = false;
    const { shardId = '' } = parked[0] ?? {};
    expect(await world.clock.run(world.member().retry(shardId))).toBe(true);
    await world.clock.advance(20_000);
    expect(new Set(done.map(({ n }) => n)).size).toBe(200);
    expect(await world.clock.run(group.retry(shardId))).toBe(false);
    expect(group.metrics().iteratorAgeMs).toBe(0);
    await world.clock.run(Promise.all([group.stop(), running]));
  });

  it('keeps other shards going while a handler never comes to an end', async () => {
    const world = await new ConsumerWorld({ partitions: 8 }).create();
    const done = new Set<string>();
    await world.writeMany(80, 40);
    const group = world.member({
      handlerMsMax: 30_000,
      member: { handoffMs: 5_000 },
      handler: ({ records }) => {
        if (records.some(({ value }) => value.key === 'k3')) return new Promise(() => {});
        for (const { value } of records) done.add(value.key);
      },
    });
    const running = group.run();
    await world.clock.advance(60_000);
    expect(done.size).toBeGreaterThan(28);
    expect(world.events.filter(({ type }) => type === 'handler-slow')).toHaveLength(1);
    const { shards } = await world.clock.run(group.status());
    expect(shards.filter(({ handlerMs }) => (handlerMs ?? 0) > 30_000)).toHaveLength(1);
    const before = world.clock.monotonicMs();
    await world.clock.run(Promise.all([group.stop(), running]));
    expect(world.clock.monotonicMs() - before).toBeLessThan(12_000);
  });

  it('delivers in a loop, and again what was in hand when the loop was left', async () => {
    const world = await new ConsumerWorld().create();
    await world.writeMany(10, 2);
    const taken: number[][] = [];
    const loop = async (count: number) => {
      for await (const { records, context } of world.member({ batch: { recordsMax: 4 } }).batches()) {
        expect(context.epoch).toBeGreaterThan(0);
        taken.push(records.map(({ value }) => value.n));
        if (taken.length === count) break;
      }
    };
    await world.clock.run(loop(2));
    await world.clock.run(loop(4));
    expect(taken).toEqual([
      [1, 2, 3, 4],
      [5, 6, 7, 8],
      [5, 6, 7, 8],
      [9, 10],
    ]);
    await requireQuiet(world);
  });

  it('goes on where it was, also with another `from`, and begins anew only by reset', async () => {
    const world = await new ConsumerWorld({ partitions: 2 }).create();
    await world.writeMany(20);
    const first = noting();
    const a = world.member({ handler: first.handler });
    const running = a.run();
    await world.clock.advance(20_000);
    await expect(a.reset({ to: 'trim-horizon' })).rejects.toThrow('it runs in this process');
    const b = world.member();
    await expect(world.clock.run(b.reset({ to: 'trim-horizon' }))).rejects.toMatchObject({ code: 'ERR_GROUP_LIVE' });
    await world.clock.run(Promise.all([a.stop(), running]));
    await world.writeMany(20);
    const second = noting();
    const c = world.member({ handler: second.handler, from: 'latest' });
    const again = c.run();
    await world.clock.advance(20_000);
    await world.clock.run(Promise.all([c.stop(), again]));
    expect(sorted(second.done)).toEqual(upTo(40).slice(20));
    await world.clock.run(b.reset({ to: 'trim-horizon' }));
    const third = noting();
    const d = world.member({ handler: third.handler });
    const last = d.run();
    await world.clock.advance(20_000);
    expect(sorted(third.done)).toEqual(upTo(40));
    await world.clock.run(Promise.all([d.stop(), last]));
    const { shards } = await world.clock.run(b.status());
    const { shardId = '', epoch = 0 } = shards[0] ?? {};
    await world.clock.run(b.reset({ shardId, to: 'trim-horizon' }));
    const [shard] = (await world.clock.run(b.status())).shards;
    expect(shard).toMatchObject({ position: 'trim-horizon', epoch: epoch + 1, owner: undefined });
    await expect(world.clock.run(b.reset({ shardId: 'none', to: 'trim-horizon' }))).rejects.toThrow(RangeError);
  });

  it('ends with what it cannot go on with, after everything was given up', async () => {
    const world = await new ConsumerWorld().create();
    await world.writeMany(5);
    const { done, handler } = noting();
    const group = world.member({ handler });
    const running = group.run();
    running.catch(() => {});
    await world.clock.advance(5_000);
    await world.simulator.engine.deleteTable('groups');
    await expect(world.clock.run(running)).rejects.toBeDefined();
    expect(done).toHaveLength(5);
    await world.clock.advance(60_000);
    await requireQuiet(world);
  });

  it('says what is wrong before it begins', async () => {
    const world = await new ConsumerWorld().create();
    const { handler } = noting();
    const group = world.member({ handler, from: undefined as never });
    await expect(world.clock.run(group.run())).rejects.toMatchObject({ code: 'ERR_GROUP_FROM' });
    await expect(world.clock.run(world.member().run())).rejects.toThrow(TypeError);
    await expect(world.clock.run(world.member({ name: 'none', handler }).retry('x'))).rejects.toThrow(RangeError);
    const table = new AtomTable({
      engine: world.simulator.engine,
      tableName: watched,
      sortKeyName: 'sk',
      clock: world.clock,
    });
    await expect(world.clock.run(world.member({ handler, table }).run())).rejects.toMatchObject({
      code: 'ERR_GROUP_TABLE',
    });
    const own = world.member({ handler });
    const running = own.run();
    await expect(own.run()).rejects.toThrow('it runs already');
    await world.clock.run(Promise.all([own.stop(), running]));
  });

  it('ends at once where its signal has aborted', async () => {
    const world = await new ConsumerWorld().create();
    const { handler } = noting();
    await world.clock.run(world.member({ handler }).run({ signal: AbortSignal.abort() }));
    const stop = new AbortController();
    const running = world.member({ handler }).run({ signal: stop.signal });
    await world.clock.advance(10_000);
    stop.abort();
    await world.clock.run(running);
    await requireQuiet(world);
  });

  const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'groups', sortKeyName: 'sk' });
  const stream = new TableStream({ port: new ConsumerWorld().simulator.port(), table: 'orders' });
  const wrong: readonly (readonly [string, Partial<Record<keyof ConsumerGroupOptions<never>, unknown>>])[] = [
    ['a name that is none', { name: 7 }],
    ['an empty name', { name: '' }],
    ['a long name', { name: 'x'.repeat(257) }],
    ['no stream', { stream: {} }],
    ['no table', { table: {} }],
    ['a table without sort key', { table: new AtomTable({ engine: new MemoryEngine(), tableName: 'one-key' }) }],
    ['a beginning that is none', { from: 'earliest' }],
    ['a time that is text', { from: { since: '2026-01-01' } }],
    ['a parser that is none', { parser: () => 1 }],
    ['a handler that is none', { handler: {} }],
    ['a filter that is none', { filter: true }],
    ['an onGap that is none', { onGap: 'throw' }],
    ['an onEvent that is none', { onEvent: 1 }],
    ['empty batches', { batch: { recordsMax: 0 } }],
    ['a window that is none', { batch: { windowMs: -1 } }],
    ['no lanes', { concurrency: 0 }],
    ['half a lane', { concurrency: 1.5 }],
    ['saves that never come', { saveMs: Number.NaN }],
    ['handlers without time', { handlerMsMax: 0 }],
    ['no attempts', { errors: { retry: { attempts: 0 } } }],
    ['a pause that is none', { errors: { retry: { backoffMs: -1 } } }],
    ['an end that is none', { errors: { exhausted: 'forget' } }],
    ['bisect that is none', { errors: { bisect: 1 } }],
  ];
  it.each(wrong)('refuses %s', (_what, options) => {
    expect(() => new ConsumerGroup({ name: 'g', stream, table, ...options } as never)).toThrow(
      /^Cannot open (a )?group/,
    );
  });

  it.each([{ leaseMs: 100 }, { beatMs: 9_000 }, { capacity: 0 }, { shardsMax: 0.5 }, { handoffMs: -1 }, { id: '' }])(
    'refuses a member with %j',
    (member) => {
      expect(() => new ConsumerGroup({ name: 'g', stream, table, member })).toThrow(/^Cannot be a member of group g/);
    },
  );

  it('refuses to be reset to no position', async () => {
    const group = new ConsumerGroup({ name: 'g', stream, table });
    await expect(group.reset({} as never)).rejects.toThrow('to must be given');
    await expect(group.reset({ to: 'begin' } as never)).rejects.toThrow(TypeError);
    await expect(group.reset({ shardId: 's', to: { after: 'x' } })).rejects.toThrow(TypeError);
    await expect(group.reset({ shardId: 's', to: { since: new Date() } } as never)).rejects.toThrow(TypeError);
  });

  it('says at once that its coordination table is not there', async () => {
    const world = await new ConsumerWorld().create();
    const { handler } = noting();
    const none = new AtomTable({ engine: world.simulator.engine, tableName: 'none', sortKeyName: 'sk' });
    await expect(world.clock.run(world.member({ handler, table: none }).run())).rejects.toMatchObject({
      code: 'ERR_TABLE',
      reason: 'missing',
    });
    const other = new AtomTable({ engine: world.simulator.engine, tableName: 'groups', sortKeyName: 'range' });
    await expect(world.clock.run(world.member({ handler, table: other }).run())).rejects.toMatchObject({
      code: 'ERR_TABLE',
      reason: 'keys-differ',
    });
  });
});
