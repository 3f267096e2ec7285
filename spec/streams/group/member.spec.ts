// Goal: who has what, how soon, and what it costs. Method: whole groups on one table in memory, under a virtual clock, with workers that
// deliver numbered records.
import { describe, expect, it } from '@jest/globals';
import type { GroupMember } from '../../../lib/streams/group/member.js';
import { GroupWorld, type Peer } from './group-world.js';

const leaseMs = 10_000;
const beatMs = 2_500;
/** Of each of twenty members, when they are many. */
const shardsEach = process.env.LEYDEN_SIZE === 'full' ? 25 : 10;

async function inWorld(
  options: ConstructorParameters<typeof GroupWorld>[0],
  run: (world: GroupWorld) => Promise<void>,
) {
  const world = new GroupWorld({ recordMs: 500, ...options });
  await world.clock.run(world.create().then(() => run(world)));
  expect(world.findings).toEqual([]);
}

/** Two members with five shards each, at rest. */
async function twoAtRest(world: GroupWorld): Promise<[Peer, Peer]> {
  const a = await world.join('a');
  await world.until(() => world.isCovered(), 20_000);
  const b = await world.join('b');
  await world.until(() => world.counts().join() === '5,5', 20_000);
  await world.clock.sleep(30_000);
  return [a, b];
}

const repeatsOf = ({ deliveries }: GroupWorld): number =>
  deliveries.length - new Set(deliveries.map(({ shardId, n }) => `${shardId} ${n}`)).size;

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'done',
    (error: { readonly code?: string }) => error.code ?? error,
  );

describe('GroupMember', () => {
  it('takes every shard within a beat when it is alone', () =>
    inWorld({ shards: 10 }, async (world) => {
      await world.join('a');
      expect(await world.until(() => world.isCovered(), 20_000)).toBeLessThan(beatMs);
    }));

  it('shares ten shards with a second one within two beats, without a repeat, moving five', () =>
    inWorld({ shards: 10 }, async (world) => {
      await world.join('a');
      await world.until(() => world.isCovered(), 20_000);
      await world.clock.sleep(20_000);
      world.moves.clear();
      await world.join('b');
      expect(await world.until(() => world.counts().join() === '5,5', 20_000)).toBeLessThanOrEqual(2 * beatMs);
      await world.clock.sleep(30_000);
      expect(world.counts()).toEqual([5, 5]);
      expect([...world.moves.values()]).toEqual([1, 1, 1, 1, 1]);
      expect(repeatsOf(world)).toBe(0);
    }));

  it('is followed within the lease, a beat and a second when it dies, the auditor as well', () =>
    inWorld({ shards: 10 }, async (world) => {
      const [a, b] = await twoAtRest(world);
      expect(b.member.sight.meta?.auditor?.id).toBe('a');
      a.machine.die();
      expect(await world.until(() => world.counts().join() === '0,10', 20_000)).toBeLessThanOrEqual(
        leaseMs + beatMs + 1_000,
      );
      await world.clock.sleep(beatMs * 2);
      expect(b.member.sight.meta?.auditor?.id).toBe('b');
    }));

  it('leaves nothing unowned and repeats nothing when it stops in order', () =>
    inWorld({ shards: 10 }, async (world) => {
      const [a, b] = await twoAtRest(world);
      const stopped = a.member.stop();
      expect(await world.until(() => world.counts()[1] === 10, 20_000)).toBeLessThanOrEqual(3_000);
      await stopped;
      await a.member.ended;
      await world.clock.sleep(beatMs * 2);
      expect(b.member.sight.members.map(({ id }) => id)).toEqual(['b']);
      expect(b.member.sight.meta?.auditor?.id).toBe('b');
      expect(repeatsOf(world)).toBe(0);
    }));

  it('need not come in when it is stopped before', () =>
    inWorld({ shards: 2 }, async (world) => {
      const { member } = world.peer('a');
      const starting = codeOf(member.start());
      await member.stop();
      expect(await starting).not.toBe('done');
      await world.clock.sleep(20_000);
      expect(world.leases.size).toBe(0);
      const b = await world.join('b');
      expect(b.member.sight.members.map(({ id }) => id)).not.toContain('a');
    }));

  it('lets go of everything when it stops as the last one', () =>
    inWorld({ shards: 3 }, async (world) => {
      const a = await world.join('a');
      await world.until(() => world.isCovered(), 20_000);
      await a.member.stop();
      expect([...world.leases.values()].map(({ life }) => life)).toEqual([undefined, undefined, undefined]);
      const b = await world.join('b');
      expect(await world.until(() => world.counts()[1] === 3, 20_000)).toBeLessThan(beatMs);
      expect(b.member.leases.size).toBe(3);
    }));

  it('fences itself when it was stopped for longer than its lease, before it delivers anything', () =>
    inWorld({ shards: 10 }, async (world) => {
      const [a] = await twoAtRest(world);
      a.machine.stop(25_000);
      const stoppedAt = world.clock.monotonicMs();
      await world.clock.sleep(24_000);
      expect(world.counts()[1]).toBe(10);
      await world.clock.sleep(1_500);
      expect(a.events.some(({ type }) => type === 'self-fenced')).toBe(true);
      const late = world.deliveries.filter(
        ({ by, atMs }) => by === 'a' && atMs > stoppedAt + leaseMs && atMs < stoppedAt + 26_000,
      );
      expect(late).toEqual([]);
      await world.until(() => world.counts().join() === '5,5', 30_000);
    }));

  it('keeps its shards while the table can not be reached for less than its lease, and loses them after', () =>
    inWorld({ shards: 4 }, async (world) => {
      const a = await world.join('a');
      await world.until(() => world.isCovered(), 20_000);
      const down = [{ fault: { kind: 'unreachable' as const }, probability: 1 }];
      a.machine.faulty.setRules(down);
      await world.clock.sleep(5_000);
      a.machine.faulty.setRules([]);
      await world.clock.sleep(10_000);
      expect(a.events.map(({ type }) => type)).not.toContain('self-fenced');
      expect(a.member.leases.size).toBe(4);
      a.machine.faulty.setRules(down);
      await world.clock.sleep(15_000);
      expect(a.events.map(({ type }) => type)).toContain('self-fenced');
      expect(a.member.leases.size).toBe(0);
      a.machine.faulty.setRules([]);
      const before = new Map(world.leases);
      await world.until(() => world.isCovered(), 20_000);
      for (const [name, { epoch, life }] of world.leases) {
        expect(epoch).toBe((before.get(name)?.epoch as number) + 1);
        expect(life).not.toBe(before.get(name)?.life);
      }
    }));

  it('is given a shard at what was saved last, when its owner takes longer than the time of a hand-over', () =>
    inWorld({ shards: 2, stubborn: true, member: { handoffMs: 3_000 } }, async (world) => {
      const a = await world.join('a');
      await world.until(() => world.isCovered(), 20_000);
      await world.join('b');
      await world.until(() => world.counts().join() === '1,1', 20_000);
      const late = world.deliveries.find(({ by }) => by === 'b') as { shardId: string; n: number };
      const before = world.deliveries.filter(({ by, shardId }) => by === 'a' && shardId === late.shardId);
      expect(late.n).toBeLessThanOrEqual(Math.max(...before.map(({ n }) => n)) + 1);
      expect(a.events).toContainEqual(expect.objectContaining({ type: 'lease-given', to: 'b' }));
    }));

  it('keeps what was asked for by a member that dies before it is given', () =>
    inWorld({ shards: 4, stubborn: true }, async (world) => {
      const a = await world.join('a');
      await world.until(() => world.isCovered(), 20_000);
      const b = await world.join('b');
      await world.until(() => b.events.some(({ type }) => type === 'lease-asked'), 20_000);
      b.machine.die();
      await world.clock.sleep(60_000);
      expect(world.counts()).toEqual([4, 0]);
      expect(a.events).toContainEqual(expect.objectContaining({ type: 'lease-given', to: 'a' }));
    }));

  it('waits a beat before it asks, so that five who come together move each shard once', () =>
    inWorld({ shards: 20, recordMs: 60_000 }, async (world) => {
      await world.join('a');
      await world.until(() => world.isCovered(), 20_000);
      world.moves.clear();
      for (const name of ['b', 'c', 'd', 'e']) {
        await world.join(name);
        await world.clock.sleep(500);
      }
      await world.until(() => world.counts().join() === '4,4,4,4,4', 30_000);
      expect(Math.max(...world.moves.values())).toBe(1);
      expect(world.moves.size).toBe(16);
    }));

  it(
    `waits for its turn: 20 members share ${20 * shardsEach} shards, and none is moved twice`,
    () =>
      inWorld({ shards: 20 * shardsEach, recordMs: 60_000 }, async (world) => {
        await world.join('m00');
        await world.until(() => world.isCovered(), 20_000);
        world.moves.clear();
        await Promise.all(
          Array.from({ length: 19 }, async (_, index) => {
            await world.clock.sleep(world.random.int(2_000));
            await world.join(`m${String(index + 1).padStart(2, '0')}`);
          }),
        );
        const isShared = () => world.counts().every((count) => count === shardsEach);
        expect(await world.until(isShared, 60_000)).toBeLessThanOrEqual(30_000);
        expect(world.moves.size).toBe(19 * shardsEach);
        expect(Math.max(...world.moves.values())).toBe(1);
      }),
    60_000,
  );
});

describe('a member that can not take', () => {
  it('is passed over by those who can', () =>
    inWorld({ shards: 6, recordMs: 10_000_000 }, async (world) => {
      const a = await world.join('a');
      const b = await world.join('b');
      await world.join('c');
      await world.until(() => world.counts().join() === '2,2,2', 30_000);
      const isTake = (request: object) => /"lease#/.test(JSON.stringify(request));
      b.machine.faulty.setRules([{ fault: { kind: 'unreachable' }, on: 'writes', when: isTake }]);
      a.machine.die();
      await world.until(() => world.counts().join() === '0,2,4', 40_000);
    }));
});

describe('the limits of a member', () => {
  it('are kept, and what nobody has room for waits', () =>
    inWorld({ shards: 10, member: { shardsMax: 3 } }, async (world) => {
      await world.join('a');
      await world.join('b');
      await world.clock.sleep(20_000);
      expect(world.counts()).toEqual([3, 3]);
    }));

  it('make shares that follow capacity', () =>
    inWorld({ shards: 8 }, async (world) => {
      await world.join('a', { member: { capacity: 3 } });
      await world.join('b');
      await world.until(() => world.counts().join() === '6,2', 30_000);
    }));
});

describe('the name of a member', () => {
  it('keeps its shards for a process that comes back under it', () =>
    inWorld({ shards: 10 }, async (world) => {
      const [a] = await twoAtRest(world);
      a.machine.die();
      world.moves.clear();
      await world.clock.sleep(1_000);
      await world.join('a');
      await world.until(() => world.counts().join() === '0,5,5', 40_000);
      await world.clock.sleep(20_000);
      expect([...world.moves.values()]).toEqual([1, 1, 1, 1, 1]);
    }));

  it('is refused while a live process has it', () =>
    inWorld({ shards: 2 }, async (world) => {
      await world.join('a');
      const twin = world.peer('a');
      expect(await codeOf(twin.member.start())).toBe('ERR_GROUP_MEMBER');
      expect(await codeOf(twin.member.ended)).toBe('ERR_GROUP_MEMBER');
    }));

  it('is lost to a process that took it over while this one was stopped', () =>
    inWorld({ shards: 4 }, async (world) => {
      const a = await world.join('a');
      await world.until(() => world.isCovered(), 20_000);
      a.machine.stop(8_000);
      const twin = await world.join('a');
      await world.clock.sleep(30_000);
      expect(await codeOf(a.member.ended)).toBe('ERR_GROUP_MEMBER');
      expect(twin.member.leases.size).toBe(4);
    }));
});

describe('what members agree on', () => {
  it('is compared: other settings are refused while a member runs, and name what differs', () =>
    inWorld({ shards: 2 }, async (world) => {
      await world.join('a');
      const b = world.peer('b', { member: { leaseMs: 20_000, settings: { parser: 'raw' } } });
      const error = await b.member.start().catch((reason: unknown) => reason);
      expect(error).toMatchObject({
        code: 'ERR_GROUP_SETTINGS',
        differing: [
          { name: 'beatMs', theirs: 2_500, ours: 5_000 },
          { name: 'leaseMs', theirs: 10_000, ours: 20_000 },
          { name: 'parser', theirs: undefined, ours: 'raw' },
        ],
      });
    }));

  it('is changed when nobody runs any more', () =>
    inWorld({ shards: 2 }, async (world) => {
      const a = await world.join('a');
      await world.until(() => world.isCovered(), 20_000);
      a.machine.die();
      const b = await world.join('b', { member: { leaseMs: 20_000 } });
      await world.until(() => world.counts()[1] === 2, 60_000);
      expect(b.member.sight.meta?.settings.leaseMs).toBe(20_000);
    }));

  it('is the stream, whoever runs', () =>
    inWorld({ shards: 2 }, async (world) => {
      const a = await world.join('a');
      await a.member.stop();
      const b = world.peer('b', { member: { stream: 'arn:other' } });
      const error = await b.member.start().catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'ERR_GROUP_SETTINGS', differing: [{ name: 'stream' }] });
    }));
});

describe('shards that end', () => {
  it('are followed by their children, at the same owner, and not before they are done', () =>
    inWorld({ shards: 4 }, async (world) => {
      const [a] = [await world.join('a'), await world.join('b')];
      await world.until(() => world.counts().join() === '2,2', 30_000);
      const [shardId] = [...a.member.leases.keys()] as [string];
      const children = world.split(shardId, 2);
      await world.until(() => children.every((child) => a.member.leases.has(child)), 20_000);
      expect(world.leases.get(`lease#${shardId}`)?.place).toBe(Number.POSITIVE_INFINITY);
    }));

  it('are found to have children by the audit, when their owner did not find them', () =>
    inWorld({ shards: 1, member: { auditMs: 20_000 } }, async (world) => {
      const a = await world.join('a');
      await world.until(() => world.isCovered(), 20_000);
      const [shardId] = [...a.member.leases.keys()] as [string];
      const [lease] = [...a.member.leases.values()];
      const born = world.split(shardId, 1);
      const hidden = world.shards.pop();
      await lease?.end('unknown').catch(() => {});
      await world.clock.sleep(3_000);
      world.shards.push(hidden as (typeof world.shards)[0]);
      await world.until(() => a.member.leases.has(born[0] as string), 60_000);
      await world.clock.sleep(beatMs);
      expect(a.member.sight.leases.get(shardId)?.children).toEqual(born);
    }));
});

describe('the audit', () => {
  it.each([
    ['is gone', 'ResourceNotFoundException', 'ERR_STREAM'],
    ['may not be listed', 'AccessDeniedException', undefined],
  ])('ends the member when the stream %s', (_, name, code) =>
    inWorld({ shards: 2 }, async (world) => {
      const refusal = Object.assign(new Error(name), { name, $fault: 'client', $metadata: { httpStatusCode: 400 } });
      const { member } = await world.join('a', { member: { discovery: { listAll: () => Promise.reject(refusal) } } });
      const error = await member.ended.catch((reason: unknown) => reason);
      expect(error).toMatchObject(code === undefined ? { name } : { code });
    }),
  );

  it('asks again when it is told to slow down', () =>
    inWorld({ shards: 2 }, async (world) => {
      let refusals = 0;
      const listAll = async () => {
        refusals += 1;
        if (refusals > 2) return { shards: world.shards, status: 'ENABLED' as const, pages: 1 };
        throw Object.assign(new Error('slow down'), { name: 'LimitExceededException', $fault: 'client' });
      };
      await world.join('a', { member: { discovery: { listAll } } });
      await world.until(() => world.isCovered(), 60_000);
    }));

  it('creates the lease of a shard that turns up', () =>
    inWorld({ shards: 2, member: { auditMs: 10_000 } }, async (world) => {
      const a = await world.join('a');
      await world.until(() => world.isCovered(), 20_000);
      world.shards.push({ shardId: 'shardId-00000001795231062925-6720ee37' });
      await world.until(() => a.member.leases.size === 3, 30_000);
    }));

  it('finds a lease that somebody removed, of which the owner has gone as well', () =>
    inWorld({ shards: 2, member: { auditMs: 10_000 } }, async (world) => {
      const a = await world.join('a');
      await world.until(() => world.isCovered(), 20_000);
      a.machine.die();
      const table = {
        table: 'state',
        key: { id: { S: 'group#billing' }, sk: { S: `lease#${world.shards[0]?.shardId}` } },
      };
      await world.engine.delete(table as never);
      await world.join('b');
      await world.until(() => world.counts()[1] === 2, 60_000);
    }));

  it('leaves a lease that somebody removed to its owner, who writes it again where it stands', () =>
    inWorld({ shards: 2, recordMs: 10_000_000 }, async (world) => {
      const a = await world.join('a');
      await world.until(() => world.isCovered(), 20_000);
      await world.clock.sleep(10_000);
      const shardId = world.shards[0]?.shardId as string;
      const before = a.member.leases.get(shardId)?.epoch;
      await world.engine.delete({
        table: 'state',
        key: { id: { S: 'group#billing' }, sk: { S: `lease#${shardId}` } },
      } as never);
      await world.clock.sleep(40_000);
      expect(world.leases.get(`lease#${shardId}`)).toMatchObject({ epoch: before });
    }));

  it('is done by one member, once in five minutes', () =>
    inWorld({ shards: 2, recordMs: 60_000 }, async (world) => {
      await world.join('a');
      await world.join('b');
      await world.clock.sleep(60_000);
      const before = world.listings;
      await world.clock.sleep(1_800_000);
      expect(world.listings - before).toBeLessThanOrEqual(8);
      expect(world.listings - before).toBeGreaterThanOrEqual(5);
    }));
});

describe('the cost of a group', () => {
  it('is 0.45 writes and 0.45 queries a second and member at most, and no write for idle shards', () =>
    inWorld({ shards: 20, recordMs: 10_000_000 }, async (world) => {
      const peers = [await world.join('a'), await world.join('b'), await world.join('c')];
      await world.clock.sleep(120_000);
      const before = peers.map(({ machine }) => ({ writes: machine.writes, requests: machine.requests }));
      const seconds = 600;
      await world.clock.sleep(seconds * 1_000);
      for (const [index, { machine }] of peers.entries()) {
        const { writes, requests } = before[index] as { writes: number; requests: number };
        const written = machine.writes - writes;
        const asked = machine.requests - requests - written;
        expect(written / seconds).toBeLessThanOrEqual(0.45);
        expect(asked / seconds).toBeLessThanOrEqual(0.45);
      }
    }));
});

describe('options of a member', () => {
  const world = new GroupWorld();
  const made = (member: object): (() => GroupMember) => {
    return () => world.peer('a', { member }).member;
  };

  it.each([
    ['leaseMs', { leaseMs: 1_000 }],
    ['leaseMs', { leaseMs: Number.NaN }],
    ['beatMs', { beatMs: 9_000 }],
    ['beatMs', { beatMs: 0 }],
    ['capacity', { capacity: 0 }],
    ['shardsMax', { shardsMax: -1 }],
    ['handoffMs', { handoffMs: -1 }],
    ['auditMs', { auditMs: 0 }],
    ['id', { id: '' }],
    ['id', { id: 'x'.repeat(257) }],
  ])('are refused: %s %j', (name, member) => {
    expect(made(member)).toThrow(RangeError);
    expect(made(member)).toThrow(new RegExp(name));
  });

  it('are refused: an id that is no string', () => {
    expect(made({ id: 7 })).toThrow(TypeError);
  });
});
