/** A group on a machine whose clock is wrong: shards are judged by the service's time, and endpoints by their silence. */
import { describe, expect, it } from '@jest/globals';
import { type StreamsPort, TableStream } from '../../../lib/streams/index.js';
import { ConsumerWorld, watched } from './consumer-world.js';

const hourMs = 3_600_000;

/** A port with some of its methods replaced. */
const overridden = (port: StreamsPort, methods: Partial<StreamsPort>): StreamsPort => ({
  name: port.name,
  streamsOf: (tableName, options) => port.streamsOf(tableName, options),
  describe: (request, options) => port.describe(request, options),
  iterator: (request, options) => port.iterator(request, options),
  records: (request, options) => port.records(request, options),
  spent: () => port.spent(),
  ...methods,
});

describe('ConsumerGroup', () => {
  it('begins at the tip by the service’s time, and is reset to it, though its own clock is an hour ahead', async () => {
    const world = await new ConsumerWorld({ partitions: 1 }).create();
    const clock = world.clock.skewed(hourMs);
    const port = overridden(world.simulator.port('p'), { clockOffsetMs: () => -hourMs });
    const stream = () => new TableStream({ port, table: watched, clock });
    const seen: number[] = [];
    const open = () =>
      world.member({
        clock,
        stream: stream(),
        from: 'latest',
        handler: ({ records }) => {
          seen.push(...records.map(({ value }) => value.n));
        },
      });
    const standsAt = async () => (await world.clock.run(open().status())).shards.map(({ position }) => position);
    const group = open();
    const running = group.run();
    await world.clock.advance(5_000);
    const beganMs = world.clock.now();
    expect(await standsAt()).toEqual([{ latestSince: expect.closeTo(beganMs, -5) }]);
    await world.write('a');
    await world.clock.advance(10_000);
    // Nothing of the next hour counts as older than the beginning.
    expect(seen).toEqual([1]);
    await world.clock.run(group.stop());
    await world.clock.run(running);
    const [shard] = (await world.clock.run(open().status())).shards;
    await world.clock.run(open().reset({ shardId: shard?.shardId ?? '', to: 'latest' }));
    expect(await standsAt()).toEqual([{ latestSince: world.clock.now() }]);
  });

  it('tells of an endpoint where nobody is within seconds', async () => {
    const world = await new ConsumerWorld({ partitions: 1 }).create();
    const refused = () => Promise.reject(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }));
    const port = overridden(world.simulator.port('p'), { streamsOf: refused, describe: refused });
    const stream = new TableStream({ port, table: watched, clock: world.clock });
    const startedAt = world.clock.monotonicMs();
    const running = world.member({ stream, handler: () => {} }).run();
    await expect(world.clock.run(running)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(world.clock.monotonicMs() - startedAt).toBeLessThanOrEqual(10_000);
  });
});
