/** What a reader costs while it works, while it waits, and how soon it sees a change. */
import type { Plan } from '../plan.js';
import { startWorker } from '../processes.js';
import { measure, type Row } from '../row.js';
import type { Case } from '../stage.js';
import type { Mark } from '../tasks/watches.js';

/** Five full shards at four pages a second. What is there are four pages, of which the last lacks a record: so it is known to be the last. */
const fullShards = 5;
const fullRate = 20_000;
const idleShards = 1_000;
const busyMs = 250;
const idleMs = 1_000;

/** Five shards, always full, at the default pace. */
export const streamsFull: Case = async ({ plan, engine, worker, place, home, execArgv }) => {
  if (engine.name === 'dynalite') return [];
  const table = { ...place, table: 'stream-full' };
  const arn = await worker.run('fillStream', { place: table, filling: 110, records: 3_999 });
  const reader = startWorker({ home, execArgv });
  try {
    const loads = [];
    for (let round = 0; round <= plan.rounds; round += 1) {
      const load = await reader.run('readFullShards', {
        place: table,
        arn,
        shards: fullShards,
        forMs: 5 * plan.windowMs,
      });
      if (round > 0) loads.push(load);
    }
    const group = `${fullShards} full shards of 110 B, unmarshalled, default pace`;
    return [
      measure({
        group,
        name: 'records a second; asked for',
        values: loads.map((one) => one.recordsPerSecond),
        unit: '',
        baseline: `${fullRate}`,
      }),
      measure({
        group,
        name: `core at ${fullRate} a second`,
        values: loads.map((one) => (100 * one.cpuShare * fullRate) / one.recordsPerSecond),
        unit: ' %',
        goal: { atMost: 70 },
      }),
    ];
  } finally {
    await reader.close();
  }
};

/** A thousand shards that nobody writes to. */
export const streamsIdleShards: Case = async ({ plan, engine, worker, place, home }) => {
  if (engine.name === 'dynalite') return [];
  const table = { ...place, table: 'stream-idle' };
  const arn = await worker.run('fillStream', { place: table, filling: 110, records: 0 });
  const reader = startWorker({ home, execArgv: ['--expose-gc'] });
  try {
    const forMs = 20 * plan.windowMs;
    const load = await reader.run('readIdleShards', { place: table, arn, shards: idleShards, forMs });
    const group = `${idleShards.toLocaleString('en')} idle shards, default pace`;
    return [
      measure({ group, name: 'core', values: [100 * load.cpuShare], unit: ' %', goal: { atMost: 25 } }),
      measure({ group, name: 'reads a second in all', values: [load.readsPerSecond], unit: '' }),
      measure({ group, name: 'heap they take', values: [load.heapMB], unit: ' MB', goal: { atMost: 64 } }),
      measure({ group, name: 'resident set of the process', values: [load.rssMB], unit: ' MB' }),
    ];
  } finally {
    await reader.close();
  }
};

/** From the writer's answer to the reader's loop. */
export const streamsLatency: Case = async ({ plan, engine, worker, place, home, execArgv, log }) => {
  if (engine.name === 'dynalite') return [];
  const table = { ...place, table: 'stream-latency' };
  const arn = await worker.run('fillStream', { place: table, filling: 110, records: 0 });
  const reader = startWorker({ home, execArgv });
  let from = 0;
  const next = (changes: number) => {
    const args = { place: table, arn, from, changes };
    from += changes;
    return args;
  };
  const between = async (changes: number, pauseMs: number) => {
    const args = next(changes);
    const [seen, made] = await Promise.all([
      reader.run('followNumbers', args),
      worker.run('writeNumbers', { ...args, pauseMs }),
    ]);
    return delaysOf(made, seen);
  };
  try {
    log('active');
    const active = await between(80 * plan.rounds, 50);
    log('after idle');
    const idle = await between(2 * plan.rounds + 1, 4 * idleMs);
    log('with nudge');
    const own = await worker.run('writeAndNudge', { ...next(10 * plan.rounds), pauseMs: 1.5 * idleMs });
    const nudged = delaysOf(own.made, own.seen);
    const row = (group: string, name: string, values: readonly number[], share: number, atMost?: number) =>
      measure({
        group,
        name,
        values: [at(values, share)],
        unit: ' ms',
        ...(atMost !== undefined && { goal: { atMost } }),
      });
    const group = 'from commit to loop, default pace';
    const active50 = `a write every 50 ms, by the poll interval of ${busyMs} ms`;
    return [
      row(group, `${active50}: p50`, active, 0.5, 0.75 * busyMs),
      row(group, `${active50}: p99`, active, 0.99, 2 * busyMs),
      row(group, `first write after a pause, by the interval of ${idleMs} ms: p50`, idle, 0.5),
      row(group, `first write after a pause, by the interval of ${idleMs} ms: the latest`, idle, 1, idleMs + 100),
      row(group, 'own write with nudge: p50', nudged, 0.5, 30),
      row(group, 'own write with nudge: p99', nudged, 0.99),
    ];
  } finally {
    await reader.close();
  }
};

/** What was written before the reader had seen anything waited for its beginning. */
function delaysOf(made: readonly Mark[], seen: readonly Mark[]): number[] {
  const seenAt = new Map(seen.map(({ n, atMs }) => [n, atMs]));
  const [first] = seen;
  const later = made.filter(({ atMs }) => first !== undefined && atMs > first.atMs);
  return later.map(({ n, atMs }) => (seenAt.get(n) ?? Number.POSITIVE_INFINITY) - atMs);
}

function at(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Counted in virtual time, and the heap over millions of records. */
export async function streamsVirtual(_plan: Plan, home: string, execArgv: readonly string[]): Promise<Row[]> {
  const worker = startWorker({ home, execArgv: [...execArgv, '--expose-gc'] });
  try {
    const idle = await worker.run('readVirtualHours', { shards: 10, hours: 2, busy: false });
    const busy = await worker.run('readVirtualHours', { shards: 10, hours: 10, busy: true });
    const heaps = await worker.run('heapOfLongRead', { records: 5_000_000, parts: 10 });
    const group = 'ten idle shards, two hours of virtual time';
    const long = 'ten shards that roll and split, ten hours of virtual time';
    const per = (describes: number) => (describes * 10 - 120) / Math.max(1, busy.shardEnds);
    const one = (name: string, value: number, atMost?: number, of: string = group) =>
      measure({ group: of, name, values: [value], unit: '', ...(atMost !== undefined && { goal: { atMost } }) });
    const [first = 0, ...later] = heaps;
    return [
      one('GetRecords a second and shard', idle.readsPerShardSecond, 1.05),
      one('GetShardIterator an hour and shard', idle.iteratorsPerShardHour, 1),
      one('DescribeStream an hour', idle.describesPerHour, 15),
      one('shards that ended', busy.shardEnds, undefined, long),
      one('DescribeStream for each of them, beside 12 an hour', per(busy.describesPerHour), 12, long),
      one('most GetRecords of a shard in a second', busy.readsPerSecondMax, 5, long),
      one('most DescribeStream in a second', busy.describesPerSecondMax, 10, long),
      one('requests that the service would have refused', busy.violations, 0, long),
      measure({
        group: '5,000,000 records of a stream that costs nothing',
        name: 'growth of the heap after the first tenth',
        values: [Math.max(...later) - first],
        unit: ' MB',
        baseline: `${first.toFixed(1)} MB`,
        goal: { atMost: 1 },
      }),
    ];
  } finally {
    await worker.close();
  }
}
