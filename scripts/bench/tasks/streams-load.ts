/** What a worker does with many shards: full ones, idle ones, and ones of virtual time. */
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { AtomTable } from '../../../lib/atom/index.js';
import { raw, SdkStreams, type StreamReader, TableStream, unmarshalled } from '../../../lib/streams/index.js';
import { StreamSimulator, VirtualClock } from '../../../lib/testing/index.js';
import type { Place } from '../clients.js';
import { CopiedShards } from '../copied-shards.js';
import { FreeStreams, freeArn } from '../free-streams.js';
import { streamsClientOf, unpaced } from '../stream-clients.js';

export interface ShardsArguments {
  readonly place: Place;
  readonly arn: string;
  readonly shards: number;
  readonly forMs: number;
}

export interface Load {
  readonly recordsPerSecond: number;
  /** Of a core. */
  readonly cpuShare: number;
  readonly readsPerSecond: number;
}

/** Takes whatever comes, and counts it. */
function follow(reader: StreamReader<unknown>): { readonly seen: () => number; readonly ended: Promise<void> } {
  let seen = 0;
  const ended = (async () => {
    for await (const { records } of reader) seen += records.length;
  })();
  return { seen: () => seen, ended };
}

async function loadOf(stream: TableStream, seen: () => number, forMs: number): Promise<Load> {
  const before = { seen: seen(), reads: stream.port.spent().reads, cpu: process.cpuUsage(), atMs: performance.now() };
  await sleep(forMs);
  const { user, system } = process.cpuUsage(before.cpu);
  const seconds = (performance.now() - before.atMs) / 1_000;
  return {
    recordsPerSecond: (seen() - before.seen) / seconds,
    cpuShare: (user + system) / 1e6 / seconds,
    readsPerSecond: (stream.port.spent().reads - before.reads) / seconds,
  };
}

/** So many shards that are always full, at the default pace, unmarshalled. */
export async function readFullShards({ place, arn, shards, forMs }: ShardsArguments): Promise<Load> {
  const port = new CopiedShards(new SdkStreams(streamsClientOf(place.endpoint)), { shards, endless: true });
  const stream = new TableStream({ port, arn });
  await using reader = stream.read({ from: 'trim-horizon', parser: unmarshalled() });
  const { seen, ended } = follow(reader);
  await reader.ready();
  await sleep(forMs / 4);
  const load = await loadOf(stream, seen, forMs);
  await reader.stop();
  await ended;
  return load;
}

/** So many shards that nobody writes to, at the default pace. Needs `--expose-gc`. */
export async function readIdleShards(
  args: ShardsArguments,
): Promise<Load & { readonly heapMB: number; readonly rssMB: number }> {
  const { place, arn, shards, forMs } = args;
  const client = streamsClientOf(place.endpoint);
  const port = new CopiedShards(new SdkStreams(client), { shards });
  await port.describe({ arn });
  const before = await memory();
  const stream = new TableStream({ port, arn });
  await using reader = stream.read({ from: 'latest', parser: raw() });
  const { seen, ended } = follow(reader);
  await reader.ready();
  const load = await loadOf(stream, seen, forMs);
  const after = await memory();
  await reader.stop();
  await ended;
  return { ...load, heapMB: after.heapMB - before.heapMB, rssMB: after.rssMB };
}

/** The heap after each part of a long read of a stream that costs nothing, in MB. Needs `--expose-gc`. */
export async function heapOfLongRead({
  records,
  parts,
}: {
  records: number;
  parts: number;
}): Promise<readonly number[]> {
  const stream = new TableStream({ port: new FreeStreams({ bytes: 110 }), arn: freeArn, pace: unpaced });
  const heaps: number[] = [];
  let seen = 0;
  for await (const batch of stream.read({ from: 'trim-horizon', parser: unmarshalled() })) {
    seen += batch.records.length;
    if (seen < ((heaps.length + 1) * records) / parts) continue;
    heaps.push((await memory()).heapMB);
    if (heaps.length === parts) break;
  }
  return heaps;
}

async function memory(): Promise<{ readonly heapMB: number; readonly rssMB: number }> {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('the worker runs without --expose-gc');
  for (let pass = 0; pass < 6; pass += 1) {
    gc();
    await turn();
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heapMB: (heapUsed + external) / 2 ** 20, rssMB: rss / 2 ** 20 };
}

export interface VirtualTraffic {
  readonly readsPerShardSecond: number;
  readonly iteratorsPerShardHour: number;
  readonly describesPerHour: number;
  readonly shardEnds: number;
  /** The most within any second. */
  readonly readsPerSecondMax: number;
  readonly describesPerSecondMax: number;
  readonly violations: number;
}

export interface VirtualArguments {
  readonly shards: number;
  readonly hours: number;
  /** Shards are written to, and roll and split after some hours. */
  readonly busy: boolean;
}

/** What a reader asks in virtual time. */
export async function readVirtualHours({ shards, hours, busy }: VirtualArguments): Promise<VirtualTraffic> {
  const clock = new VirtualClock();
  const never = { rollMs: 1e12 };
  const simulator = new StreamSimulator({
    clock,
    partitions: shards,
    keepsHistory: false,
    ...(busy ? { profile: 'service' } : { limits: never }),
  });
  const table = new AtomTable({ engine: simulator.engine, clock, tableName: 'state' });
  await clock.run(table.create({ streamViewType: 'NEW_AND_OLD_IMAGES' }));
  const stream = new TableStream({ port: simulator.port(), table, clock });
  const reader = stream.read({ from: 'latest', parser: raw() });
  const { ended } = follow(reader);
  await clock.run(reader.ready());
  const shardCount = () => simulator.shards('state').length;
  const before = { ...simulator.port().spent(), shards: shardCount() };
  for (let minute = 0; minute < hours * 60; minute += 1) {
    if (busy) await clock.run(table.putMany(Array.from({ length: 100 }, (_, n) => [`a${n}`, minute] as const)));
    await clock.advance(60_000);
  }
  const after = simulator.port().spent();
  const traffic = simulator.traffic();
  const shardEnds = shardCount() - before.shards;
  await clock.run(reader.stop());
  await clock.run(ended);
  return {
    readsPerShardSecond: (after.reads - before.reads) / shards / hours / 3_600,
    iteratorsPerShardHour: (after.iterators - before.iterators) / shards / hours,
    describesPerHour: (after.describes - before.describes) / hours,
    shardEnds,
    readsPerSecondMax: Math.max(...traffic.shards.map((shard) => shard.readsPerSecondMax)),
    describesPerSecondMax: traffic.describesPerSecondMax,
    violations: traffic.violationsCount,
  };
}
