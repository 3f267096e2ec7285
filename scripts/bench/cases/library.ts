/** The library without a store: its own CPU, and what idle atoms weigh. */
import { interleave, type Plan, type Variant } from '../plan.js';
import { startWorker } from '../processes.js';
import { compare, measure, type Row } from '../row.js';
import { cpuPerOp } from '../sample.js';
import type { Size } from '../values.js';

const opsPerRound = 20_000;

export async function library(plan: Plan, home: string, execArgv: readonly string[]): Promise<Row[]> {
  return [...(await ownTime(plan, home, execArgv)), ...(await weight(plan, home))];
}

async function ownTime(plan: Plan, home: string, execArgv: readonly string[]): Promise<Row[]> {
  const worker = startWorker({ home, execArgv });
  try {
    const on = (size: Size) => (warm: boolean) => worker.run('swapOnStub', { size, ops: opsPerRound / (warm ? 4 : 1) });
    const listened: Variant = (warm) =>
      worker.run('swapOnStub', { size: '1 KB', ops: opsPerRound / (warm ? 4 : 1), listen: true });
    const samples = await interleave(plan.rounds, { small: on('200 B'), middle: on('1 KB'), listened });
    const large = await interleave(plan.rounds, {
      large: (warm) => worker.run('swapOnStub', { size: '32 KB', ops: opsPerRound / (warm ? 100 : 20) }),
    });
    const row = (size: Size, list: typeof samples.small) =>
      measure({
        group: 'the library alone',
        name: `CPU per swap on an engine that answers at once, ${size}`,
        values: list.map(cpuPerOp),
        unit: ' us',
        ...(size === '1 KB' && { goal: { atMost: 150 } }),
      });
    return [
      row('200 B', samples.small),
      row('1 KB', samples.middle),
      row('32 KB', large.large),
      compare({
        group: 'the library alone',
        name: 'the same, 1 KB, with listeners on all diagnostics channels; without',
        figure: 'cpu',
        ours: samples.listened,
        baseline: samples.middle,
      }),
    ];
  } finally {
    await worker.close();
  }
}

async function weight(plan: Plan, home: string): Promise<Row[]> {
  const worker = startWorker({ home, execArgv: ['--expose-gc'] });
  try {
    const group = `memory, ${plan.cells.toLocaleString('en')} atoms of 200 B`;
    const { valueBytes, atomBytes, leftBytes } = await worker.run('weigh', { count: plan.cells, size: '200 B' });
    return [
      measure({
        group,
        name: 'bytes per idle atom beside its value',
        values: [atomBytes],
        unit: '',
        baseline: `${Math.round(valueBytes)} the value`,
        goal: { atMost: 2_048 },
      }),
      measure({
        group,
        name: 'bytes left per atom that nobody holds',
        values: [leftBytes],
        unit: '',
        goal: { atMost: 20 },
      }),
    ];
  } finally {
    await worker.close();
  }
}
