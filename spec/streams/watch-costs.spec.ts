// Goal: what watches fed by a stream cost, in requests and in memory, while nothing happens and while much does. Method: a simulated stream, whose
// questions are counted, on a virtual clock. How quick they are is measured by the bench, not here.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { seed, WatchWorld } from './watch-world.js';

const open = (partitions: number) => WatchWorld.open({ seed, profile: 'calm', partitions });

describe('the cost of watches fed by a stream', () => {
  it('of a quiet table is at most 1.05 GetRecords a second and open shard, and no look but that of the safety interval', async () => {
    const world = await open(3);
    const watcher = world.watcher('w1');
    const seen = Array.from({ length: 300 }, (_, n) => world.watch(watcher, `k${n}`));
    await world.clock.advance(60_000);
    expect([watcher.source.status.state, seen.every((values) => values.length === 1)]).toEqual(['live', true]);
    const before = { streams: watcher.stream.port.spent(), table: watcher.table.spent() };
    const places = world.coordination.spent();
    const minutes = 20;
    await world.clock.advance(minutes * 60_000);
    const after = { streams: watcher.stream.port.spent(), table: watcher.table.spent() };
    const perShard = (after.streams.reads - before.streams.reads) / (minutes * 60) / 3;
    expect(perShard).toBeGreaterThan(0.9);
    expect(perShard).toBeLessThanOrEqual(1.05);
    expect(after.streams.iterators - before.streams.iterators).toBeLessThanOrEqual(3 * 3);
    expect(after.streams.describes - before.streams.describes).toBeLessThanOrEqual(minutes / 4);
    // The engine is one for all: what was read is the three batches of 100 once a minute, and each 10 s a heartbeat was written.
    const requests = after.table.requests - before.table.requests;
    expect(requests).toBeLessThanOrEqual(minutes * (3 + 6) * 1.1);
    expect(world.coordination.spent().writeUnits - places.writeUnits).toBeLessThanOrEqual(minutes * 6 * 1.1);
    await world.run(watcher.source.close());
  });

  it('is no read for a change, however many watch', async () => {
    const world = await open(1);
    const watcher = world.watcher('w1', { via: 'stream' });
    const seen = Array.from({ length: 100 }, () => world.watch(watcher, 'n'));
    await world.count('n');
    await world.clock.advance(10_000);
    const before = watcher.table.spent().readUnits;
    for (let n = 0; n < 20; n += 1) {
      await world.count('n');
      await world.clock.advance(1_000);
    }
    expect(seen.every((values) => values.at(-1) === 21)).toBe(true);
    // One cold read of each of two writers, and at most one look of the safety interval.
    expect(watcher.table.spent().readUnits - before).toBeLessThanOrEqual(25);
    await world.run(watcher.source.close());
  });

  it('is nothing once nobody watches', async () => {
    const world = await open(1);
    const watcher = world.watcher('w1');
    const leaving = new AbortController();
    const loop = (async () => {
      for await (const _ of watcher.table.atom<number>('n', { initial: 0 }).watch({ signal: leaving.signal }));
    })().catch(() => {});
    await world.clock.advance(60_000);
    leaving.abort();
    await loop;
    await world.clock.advance(60_000);
    await world.run(watcher.source.close());
    const before = [watcher.stream.port.spent(), watcher.table.spent()];
    await world.clock.advance(3_600_000);
    expect([watcher.stream.port.spent(), watcher.table.spent()]).toEqual(before);
    expect(world.clock.pending).toBe(0);
  });

  it('in memory does not grow with what is written, watched or not', async () => {
    const world = await WatchWorld.open({ seed, profile: 'calm', keepsHistory: false });
    const watcher = world.watcher('w1', { via: 'stream' });
    const seen = world.watch(watcher, 'n');
    const every = world.changes(watcher, { prefix: 'watched#' });
    await world.clock.advance(5_000);
    const write = async (rounds: number) => {
      for (let round = 0; round < rounds; round += 1) {
        await world.count('n');
        const key = { S: `other#${round}` };
        const value = { S: 'x'.repeat(1_000) };
        await world.run(world.simulator.engine.put({ table: 'state', item: { id: key, value } }));
        if (round % 10 === 9) await world.clock.advance(600);
      }
      seen.length = 1;
    };
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const heap = () => {
      gc();
      return process.memoryUsage().heapUsed;
    };
    await write(500);
    const before = heap();
    await write(500);
    expect(every.end).toEqual([]);
    // What the simulated table itself keeps is the same items; a reader that kept its records would keep a megabyte.
    expect(heap() - before).toBeLessThan(500_000);
    await world.run(watcher.source.close());
  });
});
