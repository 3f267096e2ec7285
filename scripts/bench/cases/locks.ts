/** Locks: the goals, and two packages of npm beside them. */
import type { LockPackage } from '../baselines/lock-packages.js';
import { interleave } from '../plan.js';
import { startWorker, type Worker } from '../processes.js';
import { compare, measure, type Row } from '../row.js';
import { merge, opsOf } from '../sample.js';
import type { Case, Stage } from '../stage.js';
import { median } from '../statistics.js';
import type { GrantMark } from '../tasks/locks.js';

const packages = ['leyden-jar', 'dynamodb-lock', 'dynamodb-lock-client'] as const;
/** The defaults of ours: longer than any window, so that no renewal of the packages falls into one of a caller alone. */
const calm = { leaseMs: 15_000, heartbeatMs: 3_000 };
/** Short, so that who waits a lease at a time gets somewhere within a window. */
const brisk = { leaseMs: 1_500, heartbeatMs: 300 };
/** Longest interval between two looks of somebody who waits for ours. */
const pollMsMax = 1_000;

export const locks: Case = async (stage) => {
  await stage.worker.run('setupLocks', stage.place);
  return [
    ...(await alone(stage)),
    ...(await holding(stage)),
    ...(await localHandOver(stage)),
    ...(await handOver(stage)),
    ...(await waiters(stage)),
    ...(await failover(stage)),
    ...(await pausedHolder(stage)),
  ];
};

const alone: Case = async ({ plan, worker, place }) => {
  const forMs = (warm: boolean) => ({ forMs: warm ? plan.windowMs / 3 : plan.windowMs });
  const cycle = (of: LockPackage) => (warm: boolean) =>
    worker.run('lockCycle', { place, of, terms: calm, name: 'alone', ...forMs(warm) });
  const samples = await interleave(plan.rounds, {
    'leyden-jar': cycle('leyden-jar'),
    'dynamodb-lock': cycle('dynamodb-lock'),
    'dynamodb-lock-client': cycle('dynamodb-lock-client'),
    raw: (warm) => worker.run('rawPutPair', { place, ...forMs(warm) }),
  });
  const group = 'a lock that nobody else wants';
  const ours = samples['leyden-jar'];
  const name = 'acquire + release';
  return [
    compare({
      group,
      name: `${name}; two raw puts`,
      figure: 'p50',
      ours,
      baseline: samples.raw,
      goal: { atMost: 1.2 },
    }),
    compare({ group, name: `${name}; dynamodb-lock`, figure: 'p50', ours, baseline: samples['dynamodb-lock'] }),
    compare({
      group,
      name: `${name}; dynamodb-lock-client`,
      figure: 'p50',
      ours,
      baseline: samples['dynamodb-lock-client'],
    }),
    ...packages.map((of) => {
      const all = merge(samples[of]);
      const values = [all.counts.requests / opsOf(all)];
      return measure({
        group,
        name: `requests: ${of}`,
        values,
        unit: '',
        ...(of === 'leyden-jar' && { goal: { atMost: 2.05 } }),
      });
    }),
  ];
};

const holding: Case = async ({ worker, place }) => {
  const beats = 5;
  const rows: Row[] = [];
  for (const of of packages) {
    const forMs = beats * brisk.heartbeatMs;
    const { requests } = await worker.run('holdLocks', { place, of, terms: brisk, name: 'hold', locks: 100, forMs });
    const goal = of === 'leyden-jar' && { goal: { atMost: 1.5 } };
    rows.push(
      measure({
        group: '100 locks held by one process',
        name: `requests per heartbeat: ${of}`,
        values: [requests / beats],
        unit: '',
        ...goal,
      }),
    );
  }
  return rows;
};

const localHandOver: Case = async ({ plan, worker, place }) => {
  const { grants } = await worker.run('contendForLock', {
    place,
    of: 'leyden-jar',
    terms: calm,
    name: 'local',
    callers: 4,
    holdMs: 0,
    forMs: 2 * plan.windowMs,
  });
  const delays = handOvers([grants]);
  const group = 'four callers of one process want one lock';
  return [
    measure({
      group,
      name: 'from release to the next grant, p50',
      values: [median(delays)],
      unit: ' ms',
      goal: { atMost: 5 },
    }),
    measure({ group, name: 'grants', values: [(grants.length * 1_000) / (2 * plan.windowMs)], unit: '/s' }),
  ];
};

const handOver: Case = async (stage) => {
  const group = 'two processes want one lock, lease 1.5 s, held for 50 ms';
  const rows: Row[] = [];
  for (const of of packages) {
    const forMs = 3 * stage.plan.contendedMs;
    const { marks, requests } = await contend(stage, 2, { of, name: `over-${of}`, callers: 1, holdMs: 50, forMs });
    const all = marks.flat();
    const delays = handOvers(marks, true);
    const goal = of === 'leyden-jar' && { goal: { atMost: pollMsMax } };
    rows.push(
      measure({
        group,
        name: `from release to the other's grant, p50: ${of}`,
        values: [median(delays)],
        unit: ' ms',
        ...goal,
      }),
      measure({ group, name: `longest wait for a grant: ${of}`, values: [longestWaitMs(marks)], unit: ' ms' }),
      measure({ group, name: `requests per grant: ${of}`, values: [requests / all.length], unit: '' }),
    );
  }
  return rows;
};

const waiters: Case = async (stage) => {
  const group = '32 waiters from four processes, lease 1.5 s, held for 5 ms';
  const rows: Row[] = [];
  const once = await contend(stage, 4, {
    of: 'leyden-jar',
    name: 'once',
    callers: 8,
    holdMs: 5,
    forMs: 60_000,
    grantsMax: 1,
  });
  rows.push(
    measure({ group, name: 'requests per grant, each served once', values: [once.requests / 32], unit: '' }),
    measure({
      group,
      name: 'requests per grant and waiter',
      values: [once.requests / 32 / 32],
      unit: '',
      goal: { atMost: 4 },
    }),
    measure({
      group,
      name: 'served before one that had asked 100 ms earlier',
      values: [overtakings(once.marks.flat())],
      unit: '',
      goal: { atMost: 0 },
    }),
  );
  for (const of of packages) {
    const forMs = 2 * stage.plan.contendedMs;
    const { marks, requests } = await contend(stage, 4, { of, name: `many-${of}`, callers: 8, holdMs: 5, forMs });
    const within = marks.flat().filter(({ releasedAt }) => releasedAt <= firstAsked(marks) + forMs).length;
    rows.push(
      measure({ group, name: `grants: ${of}`, values: [(within * 1_000) / forMs], unit: '/s' }),
      measure({ group, name: `longest wait for a grant: ${of}`, values: [longestWaitMs(marks)], unit: ' ms' }),
      measure({ group, name: `requests per grant: ${of}`, values: [requests / marks.flat().length], unit: '' }),
    );
  }
  return rows;
};

const failover: Case = async (stage) => {
  const group = 'the holder is killed (SIGKILL), lease 1.5 s';
  const rows: Row[] = [];
  for (const of of packages) {
    const times: number[] = [];
    for (let round = 0; round < stage.plan.rounds; round += 1) {
      const name = `kill-${of}-${round}`;
      times.push(
        await withWorkers(stage, 2, async ([holder, waiter]) => {
          const base = { place: stage.place, of, terms: brisk, name } as const;
          await (holder as Worker).run('takeLock', base);
          const granted = (waiter as Worker).run('takeLock', base);
          // Long enough for the waiter to be at it.
          await pause(500);
          const killedAt = performance.timeOrigin + performance.now();
          (holder as Worker).signal('SIGKILL');
          return (await granted).grantedAt - killedAt;
        }),
      );
    }
    const goal = of === 'leyden-jar' && { goal: { atMost: brisk.leaseMs + 2 * pollMsMax } };
    rows.push(
      measure({
        group,
        name: `until the other's grant, worst of ${times.length}: ${of}`,
        values: [Math.max(...times)],
        unit: ' ms',
        ...goal,
      }),
    );
  }
  return rows;
};

/** The holder is stopped until another has the lock, and goes on: does it know, and would a resource that checks tokens refuse it? */
const pausedHolder: Case = async (stage) => {
  const group = 'the holder is stopped (SIGSTOP) until another has the lock';
  const rows: Row[] = [];
  for (const of of packages) {
    const found = { believes: 0, ended: 0, accepted: 0 };
    for (let round = 0; round < stage.plan.rounds; round += 1) {
      await withWorkers(stage, 2, async ([holder, waiter]) => {
        const base = { place: stage.place, of, terms: brisk, name: `stop-${of}-${round}` } as const;
        const old = await (holder as Worker).run('takeLock', base);
        (holder as Worker).signal('SIGSTOP');
        const next = await (waiter as Worker).run('takeLock', base);
        (holder as Worker).signal('SIGCONT');
        const kept = await (holder as Worker).run('keptLock', undefined as never).catch(() => undefined);
        if (kept === undefined) found.ended += 1;
        else if (kept.isHeld === true) found.believes += 1;
        if (old.token === undefined || next.token === undefined || old.token >= next.token) found.accepted += 1;
      });
    }
    const of100 = (count: number) => [count / stage.plan.rounds];
    const goal = of === 'leyden-jar' && { goal: { atMost: 0 } };
    rows.push(
      measure({
        group,
        name: `believes that it holds it, at its first look: ${of}`,
        values: of100(found.believes),
        unit: '',
        ...goal,
      }),
      measure({
        group,
        name: `its token would be accepted (or there is none): ${of}`,
        values: of100(found.accepted),
        unit: '',
        ...goal,
      }),
      ...(found.ended > 0
        ? [
            measure({
              group,
              name: `its process ended by an unhandled rejection: ${of}`,
              values: of100(found.ended),
              unit: '',
            }),
          ]
        : []),
    );
  }
  return rows;
};

interface Contention {
  readonly of: LockPackage;
  readonly name: string;
  readonly callers: number;
  readonly holdMs: number;
  readonly forMs: number;
  readonly grantsMax?: number;
}

async function contend(
  stage: Stage,
  processes: number,
  contention: Contention,
): Promise<{ marks: GrantMark[][]; requests: number }> {
  return withWorkers(stage, processes, async (workers) => {
    const parts = await Promise.all(
      workers.map((worker) => worker.run('contendForLock', { place: stage.place, terms: brisk, ...contention })),
    );
    const requests = parts.reduce((sum, { counts }) => sum + counts.requests, 0);
    return { marks: parts.map(({ grants }) => grants), requests };
  });
}

async function withWorkers<Result>(
  { home, execArgv }: Stage,
  count: number,
  f: (workers: Worker[]) => Promise<Result>,
): Promise<Result> {
  const workers = Array.from({ length: count }, () => startWorker({ home, execArgv }));
  try {
    return await f(workers);
  } finally {
    await Promise.all(workers.map((worker) => worker.close()));
  }
}

/** From each release to the next grant, if somebody had asked by then; of other processes only, when asked for. */
function handOvers(marks: readonly (readonly GrantMark[])[], othersOnly = false): number[] {
  const all = marks.flatMap((grants, process) => grants.map((mark) => ({ ...mark, process })));
  all.sort((a, b) => a.grantedAt - b.grantedAt);
  return all.flatMap((mark, at) => {
    const before = all[at - 1];
    if (before === undefined || mark.askedAt > before.releasedAt) return [];
    return othersOnly && before.process === mark.process ? [] : [mark.grantedAt - before.releasedAt];
  });
}

function longestWaitMs(marks: readonly (readonly GrantMark[])[]): number {
  return Math.max(...marks.flat().map(({ askedAt, grantedAt }) => grantedAt - askedAt));
}

function overtakings(marks: readonly GrantMark[]): number {
  return marks.filter((mark) =>
    marks.some((other) => other.askedAt + 100 < mark.askedAt && other.grantedAt > mark.grantedAt),
  ).length;
}

function firstAsked(marks: readonly (readonly GrantMark[])[]): number {
  return Math.min(...marks.flat().map(({ askedAt }) => askedAt));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
