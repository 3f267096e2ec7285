// Goal: through rolls, splits, lying listings, throttling, soft tips and lost places a watch sees the newest value in the end and none
// older after a newer, and changes() tells every version. Method: processes on a simulated stream, seeds; what was written is known.
import { describe, expect, it } from '@jest/globals';
import { scaledStreamLimits } from '../../lib/testing/streams/index.js';
import { isForward, seed, type Watcher, WatchWorld } from './watch-world.js';

const keys = ['a', 'b', 'c', 'd'];
const seeds = Array.from({ length: 4 }, (_, at) => seed * 100 + at);

async function disturb(world: WatchWorld, watchers: readonly Watcher[]): Promise<void> {
  const { random, simulator } = world;
  const open = simulator.shards('state').filter(({ lastSequence }) => lastSequence === undefined);
  const shard = open[random.int(open.length)];
  const chance = random.next();
  if (shard === undefined) return;
  if (chance < 0.2) simulator.roll(shard.shardId);
  else if (chance < 0.3 && open.length < 8) simulator.split(shard.shardId);
  else if (chance < 0.4) simulator.set({ serverFaults: 1 });
  else if (chance < 0.6) simulator.set({ serverFaults: 0.002 });
  else if (chance < 0.65) simulator.set({ softLatest: 1 });
  else if (chance < 0.7) await world.run(watchers[0]?.source.close() ?? Promise.resolve());
}

describe.each(seeds)('seed %i', (one) => {
  it('watches see the newest in the end, and none older after a newer; changes() tells every version', async () => {
    const world = await WatchWorld.open({ seed: one, profile: 'service', limits: scaledStreamLimits, partitions: 2 });
    const watchers = ['w1', 'w2', 'w3'].map((name) => world.watcher(name, { slotRetryMs: 5_000 }));
    const seen = watchers.flatMap((watcher) => keys.map((key) => ({ key, values: world.watch(watcher, key) })));
    const every = watchers.map((watcher) => ({ watcher, ...world.changes(watcher) }));
    const totals = new Map<string, number>();
    for (let step = 0; step < 120; step += 1) {
      await world.clock.advance(world.random.int(10) === 0 ? world.random.int(20_000) : world.random.int(1_500));
      const key = keys[world.random.int(keys.length)] as string;
      totals.set(key, await world.count(key));
      if (step % 6 === 5) await disturb(world, watchers);
    }
    world.simulator.set({ serverFaults: 0 });
    await world.clock.advance(90_000);
    for (const { key, values } of seen) {
      expect([key, values.at(-1), isForward(values)]).toEqual([key, totals.get(key) ?? 0, true]);
    }
    for (const { end, log } of every) {
      expect(end).toEqual([]);
      for (const [key, values] of log) {
        const first = values[0] as number;
        expect([key, values]).toEqual([key, values.map((_, at) => first + at)]);
      }
    }
    const { violations } = world.simulator.traffic();
    expect(violations.filter(({ rule }) => rule !== 'reads-per-second')).toEqual([]);
    // A question that was slow to arrive may come close to the one after it.
    expect(violations.length).toBeLessThanOrEqual(3);
    for (const { source } of watchers) await world.run(source.close());
  });
});
