/** What a worker does as a member of a consumer group; and whole groups in virtual time. Times are those of the machine's monotonic clock. */
import { setTimeout as sleep } from 'node:timers/promises';
import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { AtomTable } from '../../../lib/atom/index.js';
import { ConsumerGroup, type GroupEvent, SdkStreams, TableStream } from '../../../lib/streams/index.js';
import { StreamSimulator, VirtualClock } from '../../../lib/testing/index.js';
import { clientOf, type Place } from '../clients.js';
import { CopiedShards } from '../copied-shards.js';
import { streamsClientOf } from '../stream-clients.js';

const nowMs = () => Number(process.hrtime.bigint()) / 1e6;

export interface MemberArguments {
  readonly place: Place;
  readonly arn: string;
  readonly group: string;
  readonly shards: number;
  readonly leaseMs: number;
}

/** What a member has seen until now. */
export interface MemberView {
  /** When each shard that it owns was read by it for the first time since it has it. */
  readonly readAtMs: readonly number[];
  /** Of each shard, the numbers that its handler has been given, in that order. */
  readonly delivered: Readonly<Record<string, readonly number[]>>;
  /** How often each shard came to it. */
  readonly taken: number;
}

interface Running {
  readonly group: ConsumerGroup<number>;
  readonly ended: Promise<void>;
  readonly readAtMs: Map<string, number>;
  readonly delivered: Map<string, number[]>;
  taken: number;
}

let running: Running | undefined;

/** Joins a group over copies of one real shard; tells when it has begun. */
export async function joinGroup({ place, arn, group: name, shards, leaseMs }: MemberArguments): Promise<number> {
  const port = new CopiedShards(new SdkStreams(streamsClientOf(place.endpoint)), { shards });
  const table = new AtomTable({ client: clientOf(place.endpoint), tableName: 'stream-groups', sortKeyName: 'sk' });
  await table.ensure();
  const owned = new Set<string>();
  const readAtMs = new Map<string, number>();
  const delivered = new Map<string, number[]>();
  const onEvent = (event: GroupEvent) => {
    if (event.type === 'lease-taken') {
      owned.add(event.shardId);
      if (running !== undefined) running.taken += 1;
    }
    if (event.type === 'lease-given' || event.type === 'lease-lost') {
      owned.delete(event.shardId);
      readAtMs.delete(event.shardId);
    }
    if (event.type === 'read' && owned.has(event.shardId) && !readAtMs.has(event.shardId)) {
      readAtMs.set(event.shardId, nowMs());
    }
  };
  const group = new ConsumerGroup<number>({
    ...{ name, table, stream: new TableStream({ port, arn }), from: 'trim-horizon', member: { leaseMs }, onEvent },
    parser: { parse: ({ dynamodb }) => Number((dynamodb?.NewImage?.n as { readonly N?: string } | undefined)?.N) },
    handler: ({ shardId, records }) => {
      const numbers = delivered.get(shardId) ?? [];
      delivered.set(shardId, numbers);
      numbers.push(...records.map(({ value }) => value));
    },
  });
  const atMs = nowMs();
  running = { group, ended: group.run(), readAtMs, delivered, taken: 0 };
  // Whoever stops it, or looks at it, is told.
  running.ended.catch(() => {});
  return atMs;
}

export async function viewMember(): Promise<MemberView> {
  if (running === undefined) throw new Error('this worker is no member');
  const { readAtMs, delivered, taken } = running;
  return { readAtMs: [...readAtMs.values()], delivered: Object.fromEntries(delivered), taken };
}

/** Leaves in order; tells how long that took. */
export async function leaveGroup(): Promise<number> {
  if (running === undefined) throw new Error('this worker is no member');
  const startedAt = performance.now();
  await running.group.stop();
  await running.ended;
  return performance.now() - startedAt;
}

let writing: (() => Promise<void>) | undefined;
/** No number is written twice. */
let nextNumber = 0;

/** Writes numbers with pauses until {@link stopNumbers}. */
export async function startNumbers({ place, pauseMs }: { place: Place; pauseMs: number }): Promise<void> {
  const client = clientOf(place.endpoint);
  const stop = new AbortController();
  const written = (async () => {
    while (!stop.signal.aborted) {
      const item = { id: { S: `n${nextNumber}` }, n: { N: String(nextNumber) } };
      await client.send(new PutItemCommand({ TableName: place.table, Item: item }));
      nextNumber += 1;
      await sleep(pauseMs);
    }
  })();
  writing = async () => {
    stop.abort();
    await written;
  };
}

/** Ends the writing. */
export async function stopNumbers(): Promise<void> {
  await writing?.();
}

export interface Convergence {
  /** Until all have their share, after the others have joined. */
  readonly convergedMs: number;
  /** Moves of shards, by the least that could be. */
  readonly moves: number;
  readonly movesLeast: number;
  readonly movedTwice: number;
  readonly idle: {
    readonly readsPerShardSecond: number;
    readonly writeUnitsPerMemberSecond: number;
    readonly requestsPerMemberSecond: number;
  };
}

/** One member has all shards; then all others join at once. And what the group costs an hour in which nothing happens. */
export async function convergeInVirtualTime(args: { members: number; shards: number }): Promise<Convergence> {
  const { members, shards } = args;
  const clock = new VirtualClock({ runMsMax: Number.MAX_SAFE_INTEGER });
  const limits = { rollMs: 1e12 };
  const simulator = new StreamSimulator({ clock, partitions: shards, keepsHistory: false, limits });
  const { engine } = simulator;
  const watched = new AtomTable({ engine, tableName: 'state', clock });
  await clock.run(watched.create({ streamViewType: 'NEW_AND_OLD_IMAGES' }));
  await clock.run(new AtomTable({ engine, tableName: 'groups', sortKeyName: 'sk', clock }).create());
  const owned = Array.from({ length: members }, () => new Set<string>());
  const moves = new Map<string, number>();
  const join = (at: number) => {
    const table = new AtomTable({ engine, tableName: 'groups', sortKeyName: 'sk', clock });
    const stream = new TableStream({ port: simulator.port(`p${at}`), table: 'state', clock });
    const own = owned[at] as Set<string>;
    const onEvent = (event: GroupEvent) => {
      if (event.type === 'lease-taken') {
        own.add(event.shardId);
        moves.set(event.shardId, (moves.get(event.shardId) ?? -1) + 1);
      }
      if (event.type === 'lease-given' || event.type === 'lease-lost') own.delete(event.shardId);
    };
    const group = new ConsumerGroup({
      ...{ name: 'g', stream, table, from: 'trim-horizon', handler: () => {}, onEvent },
      member: { id: `m${String(at).padStart(3, '0')}` },
    });
    return { group, ended: group.run() };
  };
  const until = async (isTrue: () => boolean, stepMs: number): Promise<number> => {
    const from = clock.monotonicMs();
    while (!isTrue() && clock.monotonicMs() - from < 600_000) await clock.advance(stepMs);
    return clock.monotonicMs() - from;
  };
  const all = [join(0)];
  await until(() => owned[0]?.size === shards, 1_000);
  await clock.advance(20_000);
  for (let at = 1; at < members; at += 1) all.push(join(at));
  const [least, most] = [Math.floor(shards / members), Math.ceil(shards / members)];
  const convergedMs = await until(() => owned.every(({ size }) => size >= least && size <= most), 250);
  const moved = [...moves.values()];
  await clock.advance(60_000);
  const idleSeconds = 300;
  const before = { ...engine.spent(), reads: simulator.traffic().shards.reduce((sum, { reads }) => sum + reads, 0) };
  await clock.advance(idleSeconds * 1_000);
  const after = { ...engine.spent(), reads: simulator.traffic().shards.reduce((sum, { reads }) => sum + reads, 0) };
  await clock.run(Promise.all(all.map(({ group }) => group.stop())));
  const perMember = (amount: number) => amount / members / idleSeconds;
  return {
    convergedMs,
    moves: moved.reduce((sum, count) => sum + count, 0),
    movesLeast: shards - most,
    movedTwice: moved.filter((count) => count > 1).length,
    idle: {
      readsPerShardSecond: (after.reads - before.reads) / shards / idleSeconds,
      writeUnitsPerMemberSecond: perMember(after.writeUnits - before.writeUnits),
      requestsPerMemberSecond: perMember(after.requests - before.requests),
    },
  };
}
