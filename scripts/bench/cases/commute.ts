/** Many processes with 16 callers each add to one atom: evaluated by the store, against its bare update rate and against swap. */
import { interleave } from '../plan.js';
import { startWorker, type Worker } from '../processes.js';
import { compare, measure, type Row } from '../row.js';
import { merge, p99, type Sample } from '../sample.js';
import type { Case } from '../stage.js';
import { jain, median } from '../statistics.js';

const size = '200 B';
const callers = 16;

export const commute: Case = async ({ plan, home, execArgv, place }) => {
  const count = plan.commuteProcesses;
  const workers = Array.from({ length: count }, () => startWorker({ home, execArgv }));
  try {
    const [first] = workers as [Worker];
    await first.run('rawUpdateMake', { place, key: 'commute-raw', size });
    const keys = { commute: 'commute', swap: 'commute-swap' } as const;
    const before = await Promise.all(Object.values(keys).map((key) => first.run('look', { place, key, size })));
    const done = { commute: 0, swap: 0 };
    const forMs = (warm: boolean) => (warm ? plan.contendedMs / 2 : plan.contendedMs);
    const all = async (each: (worker: Worker) => Promise<Sample>) => merge(await Promise.all(workers.map(each)));
    const { ours, raw, swap } = await interleave(plan.contendedRounds, {
      ours: async (warm) => {
        const args = { place, key: keys.commute, size, callers, forMs: forMs(warm) } as const;
        const whole = await all((worker) => worker.run('commute', args));
        done.commute += whole.finished;
        return whole;
      },
      raw: (warm) =>
        all((worker) => worker.run('rawUpdate', { place, key: 'commute-raw', callers, forMs: forMs(warm) })),
      swap: async (warm) => {
        const args = { place, key: keys.swap, size, atoms: 'one', callers, forMs: forMs(warm) } as const;
        const whole = await all((worker) => worker.run('swap', args));
        done.swap += whole.finished;
        return whole;
      },
    });
    const after = await Promise.all(Object.values(keys).map((key) => first.run('look', { place, key, size })));
    const missing = [done.commute, done.swap].map((made, at) => (before[at] ?? 0) + made - (after[at] ?? 0));
    return rowsOf(count, { ours, raw, swap }, missing);
  } finally {
    await Promise.all(workers.map((worker) => worker.close()));
  }
};

function rowsOf(
  count: number,
  { ours, raw, swap }: Readonly<Record<'ours' | 'raw' | 'swap', readonly Sample[]>>,
  missing: readonly number[],
): Row[] {
  const group = `commute(add), ${count} processes x ${callers} callers, one atom`;
  const failed = ours.map(({ counts }) => counts.failedPuts / counts.commits);
  return [
    compare({
      group,
      name: 'commute; raw unconditional UpdateItem',
      figure: 'rate',
      ours,
      baseline: raw,
      goal: { atLeast: 0.9 },
    }),
    compare({ group, name: 'commute; swap', figure: 'rate', ours, baseline: swap }),
    compare({ group, name: 'p99; raw', figure: 'p99', ours, baseline: raw }),
    measure({
      group,
      name: 'p99; swap',
      values: ours.map(p99),
      unit: ' ms',
      baseline: `${Math.round(median(swap.map(p99)))} ms`,
    }),
    measure({ group, name: 'failed updates per commit', values: failed, unit: '', goal: { atMost: 0 } }),
    measure({
      group,
      name: 'Jain index of the callers; raw',
      values: ours.map((sample) => jain(sample.opsByCaller)),
      unit: '',
      baseline: median(raw.map((sample) => jain(sample.opsByCaller))).toFixed(2),
    }),
    measure({ group, name: 'additions missing in the end', values: [missing[0] ?? 0], unit: '', goal: { atMost: 0 } }),
    measure({ group, name: 'swaps missing in the end', values: [missing[1] ?? 0], unit: '', goal: { atMost: 0 } }),
  ];
}
