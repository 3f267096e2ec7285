/** A large state in files: how fast it is written, and what those who call meanwhile notice of it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Plan } from '../plan.js';
import { inNewProcess, startWorker, type Worker } from '../processes.js';
import { compare, measure, type Row, ratioRow } from '../row.js';

const paces = [20, 500];

export async function filesSnapshots(plan: Plan, home: string, execArgv: readonly string[]): Promise<Row[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'leyden-bench-'));
  const where = { directory: path.join(folder, 'archive') };
  const archive = { ...where, megabytes: plan.snapshotMegabytes };
  const worker = startWorker({ home, execArgv });
  try {
    const { jsonBytes } = await worker.run('openFileArchive', archive);
    const group = `snapshot of ${plan.snapshotMegabytes} MB of JSON in files`;
    const rows = [
      ...(await speed(plan, worker, where, group, jsonBytes)),
      ...(await beside(plan, worker, where, group)),
    ];
    await worker.run('closeFileArchive', where);
    const weighed = await inNewProcess(home, async (scales) => {
      await scales.run('openFileArchive', archive);
      const bytes = await scales.run('weighFileSnapshot', where);
      await scales.run('closeFileArchive', where);
      return bytes;
    });
    return [
      ...rows,
      measure({
        ...{ group, name: 'memory alive beside the state, at most', unit: ' MB', goal: { atMost: 64 } },
        values: [weighed / 2 ** 20],
      }),
    ];
  } finally {
    await worker.close();
    await rm(folder, { recursive: true, force: true });
  }
}

type Where = { readonly directory: string };

async function speed(plan: Plan, worker: Worker, where: Where, group: string, jsonBytes: number): Promise<Row[]> {
  const found = [];
  // The first round is for warming up.
  for (let round = 0; round <= plan.contendedRounds; round += 1) {
    const one = await worker.run('writeFileSnapshot', where);
    if (round > 0) found.push(one);
  }
  const rate = (ms: number) => jsonBytes / 1e3 / ms;
  const cpu = (cpuUs: number) => cpuUs / 1e3 / (jsonBytes / 1e6);
  return [
    ratioRow({
      ...{ group, name: 'written; the codec alone', unit: ' MB/s', goal: { atLeast: 0.5 } },
      ours: found.map(({ written }) => rate(written.ms)),
      baseline: found.map(({ encoded }) => rate(encoded.ms)),
    }),
    ratioRow({
      ...{ group, name: 'CPU per MB; the codec alone', unit: ' ms' },
      ours: found.map(({ written }) => cpu(written.cpuUs)),
      baseline: found.map(({ encoded }) => cpu(encoded.cpuUs)),
    }),
    measure({ group, name: 'stored', values: found.map(({ storedBytes }) => storedBytes / 1e6), unit: ' MB' }),
  ];
}

async function beside(plan: Plan, worker: Worker, where: Where, group: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (const perSecond of paces) {
    const load = { ...where, perSecond, forMs: plan.contendedMs };
    const [during, alone] = [[], []] as [Awaited<ReturnType<typeof once>>[], Awaited<ReturnType<typeof once>>[]];
    const once = (snapshots: boolean) => worker.run('handleBeside', { ...load, snapshots });
    await once(true);
    for (let round = 0; round < plan.contendedRounds; round += 1) {
      alone.push(await once(false));
      during.push(await once(true));
    }
    const name = (figure: string) => `${figure} of ${perSecond} events a second, snapshots under way; none`;
    const ours = during.map(({ sample }) => sample);
    const baseline = alone.map(({ sample }) => sample);
    rows.push(
      compare({ group, name: name('p50'), figure: 'p50', ours, baseline }),
      compare({ group, name: name('p99'), figure: 'p99', ours, baseline, goal: { atMost: 3 } }),
      measure({
        ...{ group, name: `longest pause of the event loop, ${perSecond} events a second`, unit: ' ms' },
        ...{ values: during.map(({ pauseMs }) => pauseMs), goal: { atMost: 20 } },
        baseline: `${Math.max(...alone.map(({ pauseMs }) => pauseMs)).toFixed(1)} ms`,
      }),
    );
  }
  return rows;
}
