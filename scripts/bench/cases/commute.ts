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
    const tallies = { commute: new Tally(), swap: new Tally() };
    const forMs = (warm: boolean) => (warm ? plan.contendedMs / 2 : plan.contendedMs);
    const adding = (by: 'commute' | 'swap') => async (warm: boolean) => {
      const args = { place, key: `add-by-${by}`, size, callers, by, forMs: forMs(warm) } as const;
      const parts = await Promise.all(workers.map((worker) => worker.run('add', args)));
      for (const part of parts) tallies[by].note(part);
      return merge(parts);
    };
    const look = (by: 'commute' | 'swap') => first.run('look', { place, key: `add-by-${by}`, size });
    const before = { commute: await look('commute'), swap: await look('swap') };
    const { ours, raw, swap } = await interleave(plan.contendedRounds, {
      ours: adding('commute'),
      raw: async (warm) => {
        const args = { place, key: 'commute-raw', callers, forMs: forMs(warm) } as const;
        return merge(await Promise.all(workers.map((worker) => worker.run('rawUpdate', args))));
      },
      swap: adding('swap'),
    });
    const ends = (['commute', 'swap'] as const).map(async (by) => {
      const made = (await look(by)) - before[by];
      const group = groupOf(count);
      return [
        measure({ group, name: `${by}: results that are wrong`, values: [tallies[by].wrong(made)], unit: '', goal }),
        measure({ group, name: `${by}: calls that failed`, values: [tallies[by].failed], unit: '' }),
      ];
    });
    return [...rowsOf(count, { ours, raw, swap }), ...(await Promise.all(ends)).flat()];
  } finally {
    await Promise.all(workers.map((worker) => worker.close()));
  }
};

const goal = { atMost: 0 } as const;
const groupOf = (count: number) => `commute(add), ${count} processes x ${callers} callers, one atom`;

/** What was answered: all of it must be in the counter, and of what failed at most all. */
class Tally {
  failed = 0;
  #done = 0;

  note({ finished, failed }: { readonly finished: number; readonly failed: number }): void {
    this.#done += finished;
    this.failed += failed;
  }

  wrong(made: number): number {
    return Math.max(0, this.#done - made, made - this.#done - this.failed);
  }
}

function rowsOf(
  count: number,
  { ours, raw, swap }: Readonly<Record<'ours' | 'raw' | 'swap', readonly Sample[]>>,
): Row[] {
  const group = groupOf(count);
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
    measure({ group, name: 'failed updates per commit', values: failed, unit: '', goal }),
    measure({
      group,
      name: 'Jain index of the callers; raw',
      values: ours.map((sample) => jain(sample.opsByCaller)),
      unit: '',
      baseline: median(raw.map((sample) => jain(sample.opsByCaller))).toFixed(2),
    }),
  ];
}
