/** Consumer groups: how soon shards are read again after a kill, how they are shared out, and what a group costs while nothing happens. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Plan } from '../plan.js';
import { startWorker, type Worker } from '../processes.js';
import { measure, type Row } from '../row.js';
import type { Case, Stage } from '../stage.js';
import type { MemberArguments, MemberView } from '../tasks/streams-group.js';

const shards = 10;
const lookMs = 25;
const waitMsMax = 60_000;
/** Between two writes; each comes to all ten shards. */
const writeMs = 100;

const nowMs = () => Number(process.hrtime.bigint()) / 1e6;

/** A killed member, and one that leaves, by the lease. */
export const streamsFailover: Case = async (stage) => {
  if (stage.engine.name === 'dynalite') return [];
  return [...(await failovers(stage, 10_000, 13_500)), ...(await failovers(stage, 3_000, 5_000))];
};

async function failovers(stage: Stage, leaseMs: number, atMost: number): Promise<Row[]> {
  const { plan, worker, log } = stage;
  const table = { ...stage.place, table: 'stream-failover' };
  const arn = await worker.run('fillStream', { place: table, filling: 110, records: 0 });
  const killed: number[] = [];
  const repeatedByKill: number[] = [];
  const left: number[] = [];
  const readAfterLeave: number[] = [];
  let repeatedByLeave = 0;
  for (let round = 0; round < plan.rounds; round += 1) {
    log(`lease ${leaseMs} ms, round ${round}`);
    const group = `failover-${leaseMs}-${round}`;
    const [one, other] = await twoMembers(stage, { place: table, arn, group, shards, leaseMs });
    await worker.run('startNumbers', { place: table, pauseMs: writeMs });
    await sleep(2_000);
    try {
      const before = await other.run('viewMember', undefined);
      const killedAt = nowMs();
      other.signal('SIGKILL');
      const after = await viewWhen(one, (view) => view.readAtMs.length === shards);
      killed.push(Math.max(...after.readAtMs) - killedAt);
      repeatedByKill.push(doubles(before, await settled(one)) / (shards / 2));
      const third = startWorker(stage);
      await third.run('joinGroup', { place: table, arn, group, shards, leaseMs });
      await viewWhen(third, (view) => view.readAtMs.length === shards / 2);
      await sleep(1_500);
      const leavesAt = nowMs();
      left.push(await third.run('leaveGroup', undefined));
      const gone = await third.run('viewMember', undefined);
      const last = await viewWhen(one, (view) => view.readAtMs.length === shards);
      readAfterLeave.push(Math.max(...last.readAtMs) - leavesAt);
      repeatedByLeave += doubles(gone, await settled(one), after);
      await third.close();
    } finally {
      await worker.run('stopNumbers', undefined);
      await Promise.all([one.close(), other.close()]);
    }
  }
  const group = `two members, ${shards} shards, lease ${leaseMs / 1_000} s`;
  return [
    measure({
      group,
      name: 'SIGKILL of one: all shards read again, worst',
      values: [Math.max(...killed)],
      unit: ' ms',
      goal: { atMost },
    }),
    measure({ group, name: 'the same', values: killed, unit: ' ms' }),
    measure({
      group,
      name: 'records twice per shard after a kill; written in a second',
      values: [Math.max(...repeatedByKill)],
      unit: '',
      baseline: `${1_000 / writeMs}`,
    }),
    measure({ group, name: 'one leaves: it takes', values: [Math.max(...left)], unit: ' ms', goal: { atMost: 3_000 } }),
    measure({
      group,
      name: 'one leaves: all its shards are read by the other after',
      values: readAfterLeave,
      unit: ' ms',
    }),
    measure({ group, name: 'records twice after one left', values: [repeatedByLeave], unit: '', goal: { atMost: 0 } }),
  ];
}

async function twoMembers(stage: Stage, args: MemberArguments): Promise<[Worker, Worker]> {
  const [one, other] = [startWorker(stage), startWorker(stage)];
  await one.run('joinGroup', args);
  await viewWhen(one, (view) => view.readAtMs.length === shards);
  await other.run('joinGroup', args);
  await viewWhen(other, (view) => view.readAtMs.length === shards / 2);
  await viewWhen(one, (view) => view.readAtMs.length === shards / 2);
  return [one, other];
}

/** A second member joins one that has all. */
export const streamsRebalance: Case = async (stage) => {
  const { plan, engine, worker, place } = stage;
  if (engine.name === 'dynalite') return [];
  const table = { ...place, table: 'stream-rebalance' };
  const arn = await worker.run('fillStream', { place: table, filling: 110, records: 0 });
  await worker.run('startNumbers', { place: table, pauseMs: writeMs });
  const times: number[] = [];
  let repeated = 0;
  let moves = 0;
  try {
    for (let round = 0; round < plan.rounds; round += 1) {
      const args = { place: table, arn, group: `rebalance-${round}`, shards, leaseMs: 10_000 };
      const [one, other] = [startWorker(stage), startWorker(stage)];
      await one.run('joinGroup', args);
      await viewWhen(one, (view) => view.readAtMs.length === shards);
      await sleep(1_500);
      const joinedAt = await other.run('joinGroup', args);
      const view = await viewWhen(other, ({ readAtMs }) => readAtMs.length === shards / 2);
      times.push(Math.max(...view.readAtMs) - joinedAt);
      await sleep(2_000);
      const [mine, theirs] = [await one.run('viewMember', undefined), await other.run('viewMember', undefined)];
      repeated += doubles(mine, theirs);
      moves = Math.max(moves, mine.taken + theirs.taken - shards);
      await Promise.all([one.close(), other.close()]);
    }
  } finally {
    await worker.run('stopNumbers', undefined);
  }
  const group = `a second member joins, ${shards} shards, lease 10 s`;
  return [
    measure({ group, name: 'until each reads half', values: times, unit: ' ms', goal: { atMost: 6_000 } }),
    measure({ group, name: 'records twice', values: [repeated], unit: '', goal: { atMost: 0 } }),
    measure({
      group,
      name: 'moves; the least',
      values: [moves],
      unit: '',
      baseline: `${shards / 2}`,
      goal: { atMost: shards / 2 },
    }),
  ];
};

/** Twenty members in virtual time. */
export async function streamsGroupVirtual(_plan: Plan, home: string, execArgv: readonly string[]): Promise<Row[]> {
  const worker = startWorker({ home, execArgv });
  try {
    const { convergedMs, moves, movesLeast, movedTwice, idle } = await worker.run('convergeInVirtualTime', {
      members: 20,
      shards: 500,
    });
    const group = 'virtual time: 1 member has 500 shards, 19 join';
    const rest = 'the same, while nothing happens';
    const one = (of: string, name: string, value: number, unit: string, atMost: number) =>
      measure({ group: of, name, values: [value], unit, goal: { atMost } });
    return [
      one(group, 'until each has 25', convergedMs, ' ms', 30_000),
      one(group, `moves, of ${movesLeast} that must be`, moves, '', movesLeast),
      one(group, 'shards that moved twice', movedTwice, '', 0),
      one(rest, 'GetRecords a second and shard', idle.readsPerShardSecond, '', 0.55),
      one(rest, 'write units a second and member', idle.writeUnitsPerMemberSecond, '', 0.45),
      one(rest, 'requests to the table a second and member', idle.requestsPerMemberSecond, '', 0.9),
    ];
  } finally {
    await worker.close();
  }
}

async function viewWhen(worker: Worker, isTrue: (view: MemberView) => boolean): Promise<MemberView> {
  const until = nowMs() + waitMsMax;
  for (;;) {
    const view = await worker.run('viewMember', undefined);
    if (isTrue(view)) return view;
    if (nowMs() > until) throw new Error(`not after ${waitMsMax} ms: ${view.readAtMs.length} shards are read`);
    await sleep(lookMs);
  }
}

/** What a member has seen when what waits has come. */
async function settled(worker: Worker): Promise<MemberView> {
  await sleep(2_500);
  return worker.run('viewMember', undefined);
}

/** Records that both were given, and that the second had not been given before. */
function doubles(one: MemberView, other: MemberView, before?: MemberView): number {
  let count = 0;
  for (const [shardId, numbers] of Object.entries(one.delivered)) {
    const known = before?.delivered[shardId]?.length ?? 0;
    const seen = new Set(other.delivered[shardId]?.slice(known));
    for (const n of numbers) if (seen.has(n)) count += 1;
  }
  return count;
}
