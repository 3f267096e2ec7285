/** Several atoms at once: against the SDK's own transaction, and of eight processes that draw two of ten. DynamoDB Local only. */
import { interleave } from '../plan.js';
import { startWorker, type Worker } from '../processes.js';
import { compare, measure, type Row } from '../row.js';
import { merge, opsOf, p50, p99, perSecond, type Sample } from '../sample.js';
import type { Case, Stage } from '../stage.js';

const size = '200 B';

export const transactions: Case = async (stage) => {
  if (stage.engine.name !== 'DynamoDB Local') return [];
  const rows: Row[] = [];
  for (const atoms of [2, 10]) rows.push(...(await againstRaw(stage, atoms)));
  return [...rows, ...(await pairs(stage, 8))];
};

async function againstRaw({ plan, worker, place }: Stage, atoms: number): Promise<Row[]> {
  const base = { place, key: `transact-${atoms}`, size, atoms } as const;
  const forMs = (warm: boolean) => ({ forMs: warm ? plan.windowMs / 3 : plan.windowMs });
  const { ours, raw } = await interleave(plan.rounds, {
    ours: (warm) => worker.run('transact', { ...base, ...forMs(warm) }),
    raw: (warm) => worker.run('rawTransact', { ...base, ...forMs(warm) }),
  });
  const group = `transact of ${atoms} atoms, one caller`;
  const sides = { group, ours, baseline: raw };
  const all = merge(ours);
  return [
    compare({ ...sides, name: 'transact, warm; raw TransactWriteItems', figure: 'p50' }),
    compare({ ...sides, name: 'CPU of a transaction', figure: 'cpu' }),
    measure({ group, name: 'requests per transaction', values: [all.counts.requests / opsOf(all)], unit: '' }),
    measure({ group, name: 'wrong answers', values: [all.wrong], unit: '', goal: { atMost: 0 } }),
  ];
}

async function pairs({ plan, home, execArgv, place }: Stage, processes: number): Promise<Row[]> {
  const workers = Array.from({ length: processes }, () => startWorker({ home, execArgv }));
  try {
    const [first] = workers as [Worker];
    const base = { place, key: 'pairs', size, atoms: 10 } as const;
    const before = await first.run('lookAll', base);
    let finished = 0;
    const windows = await interleave(plan.contendedRounds, {
      pairs: async (warm): Promise<Sample> => {
        const forMs = warm ? plan.contendedMs / 2 : plan.contendedMs;
        const parts = await Promise.all(
          workers.map((worker) => worker.run('transactPairs', { ...base, callers: 1, forMs })),
        );
        const whole = merge(parts);
        finished += whole.finished;
        return whole;
      },
    });
    const ours = windows.pairs;
    const after = await first.run('lookAll', base);
    const retries = ours.map(({ counts }) => (counts.cancelled ?? 0) / counts.commits);
    const group = `transact of 2 of 10 atoms, ${processes} processes`;
    return [
      measure({ group, name: 'retries per commit', values: retries, unit: '', samples: ours, goal: { atMost: 0.5 } }),
      measure({ group, name: 'transactions', values: ours.map(perSecond), unit: '/s' }),
      measure({ group, name: 'p50', values: ours.map(p50), unit: ' ms' }),
      measure({ group, name: 'p99', values: ours.map(p99), unit: ' ms' }),
      measure({
        group,
        name: 'increments missing in the end',
        values: [before + 2 * finished - after],
        unit: '',
        goal: { atMost: 0 },
      }),
    ];
  } finally {
    await Promise.all(workers.map((worker) => worker.close()));
  }
}
