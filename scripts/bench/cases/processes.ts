/** Several processes with 16 callers each, all on one atom: turns, against the ancestor's loop with jitter. */
import { interleave } from '../plan.js';
import { startWorker, type Worker } from '../processes.js';
import { type Bound, compare, measure, type Row } from '../row.js';
import { merge, opsOf, p50, p99, type Sample } from '../sample.js';
import type { Case, Stage } from '../stage.js';
import { jain, median } from '../statistics.js';

const size = '200 B';
const callers = 16;

interface Goals {
  readonly rate: Bound;
  readonly failedPuts: Bound;
  readonly shares?: Bound;
  readonly fairness?: Bound;
  /** p99 as a multiple of a raw put's median, or of the ancestor's p99. */
  readonly p99: { readonly puts: number } | { readonly ancestor: number };
}

export const fourProcesses: Case = (stage) =>
  measureProcesses(stage, 4, {
    rate: { atLeast: 30 },
    failedPuts: { atMost: 0.2 },
    shares: { atLeast: 0.8 },
    // 60 ms where a put takes 2.
    p99: { puts: 30 },
  });

export const eightProcesses: Case = (stage) =>
  measureProcesses(stage, 8, {
    rate: { atLeast: 25 },
    failedPuts: { atMost: 0.4 },
    fairness: { atLeast: 0.95 },
    p99: { ancestor: 0.1 },
  });

/** What each process did in one window, and all of them together. */
interface Window {
  readonly parts: readonly Sample[];
  readonly whole: Sample;
}

async function measureProcesses({ plan, home, execArgv, place }: Stage, count: number, goals: Goals): Promise<Row[]> {
  const workers = Array.from({ length: count }, () => startWorker({ home, execArgv }));
  try {
    const [first] = workers as [Worker];
    const key = `processes-${count}`;
    await first.run('ancestorMake', { place, key: `${key}-ancestor`, size });
    const before = await first.run('look', { place, key, size });
    let swapped = 0;
    const windows = { swap: [] as Window[], ancestor: [] as Window[] };
    const all = async (each: (worker: Worker, index: number) => Promise<Sample>): Promise<Window> => {
      const parts = await Promise.all(workers.map(each));
      return { parts, whole: merge(parts) };
    };
    const forMs = (warm: boolean) => ({ forMs: warm ? plan.contendedMs / 2 : plan.contendedMs });
    const { put } = await interleave(plan.contendedRounds, {
      put: async (warm) => {
        const base = { place, size, callers: 1, request: 'put', forMs: forMs(warm).forMs / 4 } as const;
        return (await all((worker, index) => worker.run('raw', { ...base, key: `${key}-${index}` }))).whole;
      },
      swap: async (warm) => {
        const window = await all((worker) =>
          worker.run('swap', { place, key, size, atoms: 'one', callers, ...forMs(warm) }),
        );
        swapped += window.whole.finished;
        if (!warm) windows.swap.push(window);
        return window.whole;
      },
      ancestor: async (warm) => {
        const theirs = { place, key: `${key}-ancestor`, size, callers, pause: 'jitter' } as const;
        const window = await all((worker) => worker.run('ancestor', { ...theirs, ...forMs(warm) }));
        if (!warm) windows.ancestor.push(window);
        return window.whole;
      },
    });
    const after = await first.run('look', { place, key, size });
    return rowsOf(count, goals, windows, put, before + swapped - after);
  } finally {
    await Promise.all(workers.map((worker) => worker.close()));
  }
}

function rowsOf(
  count: number,
  goals: Goals,
  windows: { readonly swap: readonly Window[]; readonly ancestor: readonly Window[] },
  puts: readonly Sample[],
  missing: number,
): Row[] {
  const group = `${count} processes x ${callers} callers`;
  const [ours, theirs] = [windows.swap, windows.ancestor].map((all) => all.map(({ whole }) => whole)) as [
    Sample[],
    Sample[],
  ];
  const perCommit = ({ counts }: Sample) => counts.failedPuts / counts.commits;
  const fairness = (sample: Sample) => jain(sample.opsByCaller);
  const share = ({ parts }: Window) => Math.min(...parts.map(opsOf)) / Math.max(...parts.map(opsOf));
  const putMs = median(puts.map(p50));
  const theirP99 = median(theirs.map(p99));
  const p99Most = 'puts' in goals.p99 ? goals.p99.puts * putMs : goals.p99.ancestor * theirP99;
  return [
    compare({
      group,
      name: 'swap; the ancestor, jitter',
      figure: 'rate',
      ours,
      baseline: theirs,
      goal: goals.rate,
    }),
    measure({
      group,
      name: 'failed puts per commit; the ancestor',
      values: ours.map(perCommit),
      unit: '',
      baseline: median(theirs.map(perCommit)).toFixed(2),
      goal: goals.failedPuts,
    }),
    measure({
      group,
      name: 'slowest by fastest process; the ancestor',
      values: windows.swap.map(share),
      unit: '',
      baseline: median(windows.ancestor.map(share)).toFixed(2),
      ...(goals.shares && { goal: goals.shares }),
    }),
    measure({
      group,
      name: 'Jain index of the callers; the ancestor',
      values: ours.map(fairness),
      unit: '',
      baseline: median(theirs.map(fairness)).toFixed(2),
      ...(goals.fairness && { goal: goals.fairness }),
    }),
    measure({
      group,
      name: `p99; the ancestor (a raw put of each process: ${putMs.toFixed(2)} ms)`,
      values: ours.map(p99),
      unit: ' ms',
      baseline: `${Math.round(theirP99).toLocaleString('en')} ms`,
      goal: { atMost: p99Most },
    }),
    measure({ group, name: 'swaps missing in the end', values: [missing], unit: '', goal: { atMost: 0 } }),
  ];
}
