/**
 * A group under disturbance, from a seed: members die, are stopped for up to two leases, leave in order, come back under their names; answers
 * get lost; clocks differ; shards roll and split. Then all is calm, and everything must be done.
 */
import type { EngineFaultRule } from '../../../lib/engine/index.js';
import { GroupWorld, type Peer } from './group-world.js';

interface GroupRun {
  readonly seed: number;
  readonly rules?: readonly EngineFaultRule[];
  /** @defaultValue 3 */
  readonly members?: number;
  /** @defaultValue 6 */
  readonly shards?: number;
  /** How long it is disturbed, in virtual time. @defaultValue 2 min */
  readonly disturbedMs?: number;
  /** @defaultValue true */
  readonly skewed?: boolean;
}

export interface GroupReport {
  readonly findings: readonly string[];
  readonly deaths: number;
  readonly stops: number;
  readonly leaves: number;
  readonly fences: number;
  readonly splits: number;
  readonly deliveries: number;
  readonly repeats: number;
  /** From the end of the disturbances until every shard was owned. */
  readonly coveredMs: number;
}

export async function runGroup(options: GroupRun): Promise<GroupReport> {
  const { seed, rules = [], members = 3, shards = 6, disturbedMs = 120_000, skewed = true } = options;
  const world = new GroupWorld({ seed, shards, rules, recordMs: 1_000, saveMs: 3_000 });
  return world.clock.run(disturb(world, { members, disturbedMs, skewed }));
}

async function disturb(
  world: GroupWorld,
  { members, disturbedMs, skewed }: { members: number; disturbedMs: number; skewed: boolean },
): Promise<GroupReport> {
  const { clock, random } = world;
  const facts = () =>
    skewed ? { rate: 0.96 + 0.08 * random.next(), offsetMs: (2 * random.next() - 1) * 3_600_000 } : {};
  let names = 0;
  const live: Peer[] = [];
  const counts = { deaths: 0, stops: 0, leaves: 0, splits: 0 };
  const enter = (name = `m${names++}`) => {
    const peer = world.peer(name, facts());
    live.push(peer);
    peer.member.start().catch(() => {});
  };
  await world.create();
  for (let index = 0; index < members; index += 1) enter();
  const untilMs = clock.monotonicMs() + disturbedMs;
  while (clock.monotonicMs() < untilMs) {
    await clock.sleep(500 + 8_000 * random.next());
    const way = random.next();
    const at = random.int(live.length);
    const peer = live[at] as Peer;
    if (way < 0.2) {
      peer.machine.die();
      counts.deaths += 1;
      live.splice(at, 1);
      // A process that comes back under its name, or another one.
      enter(random.next() < 0.4 ? peer.name : undefined);
    } else if (way < 0.5) {
      counts.stops += 1;
      peer.machine.stop(20_000 * random.next());
    } else if (way < 0.6) {
      counts.leaves += 1;
      live.splice(at, 1);
      void peer.member.stop();
      enter();
    } else if (way < 0.7) {
      const open = world.shards.filter(({ lastSequence }) => lastSequence === undefined);
      const shard = open[random.int(open.length)];
      if (shard === undefined) continue;
      counts.splits += 1;
      world.split(shard.shardId, 1 + random.int(2));
    }
  }
  for (const { machine } of world.peers) machine.faulty.setRules([]);
  await clock.sleep(30_000);
  const coveredMs = await world.until(() => isCovered(world), 120_000, 'all shards to be owned');
  await clock.sleep(60_000);
  if (!isCovered(world)) world.findings.push('a shard was let go of in calm times');
  lookAtDeliveries(world);
  const fences = world.peers.flatMap(({ events }) => events.filter(({ type }) => type === 'self-fenced')).length;
  const distinct = new Set(world.deliveries.map(({ shardId, n }) => `${shardId} ${n}`)).size;
  const deliveries = world.deliveries.length;
  return { findings: world.findings, ...counts, fences, deliveries, repeats: deliveries - distinct, coveredMs };
}

function isCovered(world: GroupWorld): boolean {
  return world.isCovered(world.shards.filter(({ lastSequence }) => lastSequence === undefined).length);
}

/** In each epoch records come without a gap, from one that follows on what was delivered before; and no child before its parent is done. */
function lookAtDeliveries({ deliveries, shards, leases, findings }: GroupWorld): void {
  const highest = new Map<string, number>();
  const last = new Map<string, number>();
  const begun = new Map<string, number>();
  const done = new Map<string, number>();
  for (const { shardId, n, epoch, by, atMs } of deliveries) {
    const run = `${shardId} ${epoch} ${by}`;
    const before = last.get(run);
    const most = highest.get(shardId) ?? 0;
    if (before === undefined ? n > most + 1 : n !== before + 1) {
      findings.push(`${run}: ${n} was delivered after ${before ?? most}`);
    }
    last.set(run, n);
    highest.set(shardId, Math.max(most, n));
    if (!begun.has(shardId)) begun.set(shardId, atMs);
    done.set(shardId, atMs);
  }
  for (const { shardId, parentId } of shards) {
    const lease = leases.get(`lease#${shardId}`);
    if (lease === undefined) findings.push(`${shardId} has no lease`);
    if (parentId === undefined || !begun.has(shardId)) continue;
    const parent = leases.get(`lease#${parentId}`);
    if (parent?.place !== Number.POSITIVE_INFINITY) findings.push(`${shardId} was begun before ${parentId} was done`);
    else if ((begun.get(shardId) as number) < parent.atMs)
      findings.push(`${shardId} was begun before ${parentId} ended`);
  }
}
