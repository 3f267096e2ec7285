// Goal: what watches fed by a stream cost, in requests and in memory, while nothing happens and while much does. Method: a simulated
// stream, whose questions are counted, on a virtual clock. How quick they are is measured by the bench, not here.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import type { Item } from '../../lib/codec/index.js';
import { changes, StreamWatchSource } from '../../lib/streams/index.js';
import { breathe, openBench } from '../atom/bench.js';
import { FakeFeed } from './fake-feed.js';
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

  it('in memory does not grow with what is written, whether somebody wants it or not', async () => {
    const bench = await openBench();
    const feed = new FakeFeed(bench.clock);
    const source = new StreamWatchSource({ stream: feed.stream, via: 'stream' });
    const table = bench.table({ watchSource: source });
    let told = 0;
    (async () => {
      for await (const _ of changes(table, { source, prefix: 'wanted' })) told += 1;
    })().catch(() => {});
    await breathe();
    feed.reader.isReady();
    const lineage = (await bench.run(
      bench
        .calm()
        .atom('x')
        .reset(1)
        .then(() => bench.item('x')),
    )) as Item;
    const last = new Map<string, Item>();
    const bring = async (from: number, until: number) => {
      for (let at = from; at < until; at += 100) {
        const page = Array.from({ length: 100 }, (_, n) => {
          const id = { S: `${n % 2 === 0 ? 'wanted' : 'other'}#${(at + n) % 5_000}` };
          const before = last.get(id.S);
          const after = {
            ...lineage,
            id,
            v: { N: `${at + n + 1}` },
            l: { S: `w:${at + n}` },
            pad: { S: 'x'.repeat(500) + at },
          };
          last.set(id.S, after);
          return { before, after };
        });
        await feed.reader.bring(page);
        feed.records.length = 0;
      }
    };
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const heap = () => {
      gc();
      return process.memoryUsage().heapUsed;
    };
    await bring(0, 5_000);
    const before = heap();
    await bring(5_000, 25_000);
    expect(told).toBe(12_500);
    expect(heap() - before).toBeLessThan(1_000_000);
    await bench.run(source.close());
  });
});
