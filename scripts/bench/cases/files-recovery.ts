/** Recovery from files, beside a loop that reads the same lines and parses each. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { landAll } from '../flights.js';
import type { Plan } from '../plan.js';
import { startWorker, type Worker } from '../processes.js';
import { measure, type Row, ratioRow } from '../row.js';

const togetherCounts = [1, 1_000];

export async function filesRecovery(plan: Plan, home: string, execArgv: readonly string[]): Promise<Row[]> {
  const worker = startWorker({ home, execArgv });
  const folder = await mkdtemp(path.join(tmpdir(), 'leyden-bench-'));
  const count = plan.recoveredEvents.at(-1) as number;
  try {
    const rows: Row[] = [];
    for (const together of togetherCounts) {
      const directory = path.join(folder, `journal-of-${together}`);
      rows.push(...(await measureRecovery(plan, worker, { directory, count, together })));
    }
    return rows;
  } finally {
    await worker.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function measureRecovery(
  plan: Plan,
  worker: Worker,
  journal: { readonly directory: string; readonly count: number; readonly together: number },
): Promise<Row[]> {
  const { directory, count, together } = journal;
  const { bytes, lines, events } = await worker.run('fillFiles', journal);
  const ours = [];
  const linesAlone = [];
  const eventsAlone = [];
  // In turn, and one round before for warming up.
  for (let round = 0; round <= plan.contendedRounds; round += 1) {
    const recovered = await worker.run('recoverFiles', { directory });
    const all = await worker.run('parseLineFile', { path: lines });
    const some = await worker.run('parseLineFile', { path: events });
    if (round === 0) continue;
    ours.push(recovered);
    linesAlone.push(all);
    eventsAlone.push(some);
  }
  const commits = together === 1 ? 'a commit each' : `${together.toLocaleString('en')} to a commit`;
  const group = `recovery of ${count.toLocaleString('en')} events from files, ${commits}`;
  const rates = (all: readonly { readonly ms: number }[]) => all.map(({ ms }) => (count * 1_000) / ms);
  const cpu = (all: readonly { readonly cpuUs: number }[]) => all.map(({ cpuUs }) => cpuUs / count);
  const whole = JSON.stringify(landAll(0, count));
  return [
    ratioRow({
      ...{ group, name: 'events a second; the same lines read and parsed', unit: '/s', goal: { atLeast: 0.5 } },
      ...{ ours: rates(ours), baseline: rates(linesAlone) },
    }),
    ratioRow({
      ...{ group, name: 'events a second; lines of events alone', unit: '/s' },
      ...{ ours: rates(ours), baseline: rates(eventsAlone) },
    }),
    ratioRow({
      ...{ group, name: 'CPU per event; the same lines read and parsed', unit: ' us' },
      ...{ ours: cpu(ours), baseline: cpu(linesAlone) },
    }),
    measure({ group, name: 'time', values: ours.map(({ ms }) => ms), unit: ' ms' }),
    measure({ group, name: 'stored per event', values: [bytes / count], unit: ' bytes' }),
    measure({
      ...{ group, name: 'states that differ from the sequential computation', unit: '', goal: { atMost: 0 } },
      values: [ours.filter(({ board }) => JSON.stringify(board) !== whole).length],
    }),
  ];
}
