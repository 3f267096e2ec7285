/** Events in files: by 1, 100 and 1,000 callers, beside a sync per event, and beside a journal that never waits for the disk. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { interleave, type Plan } from '../plan.js';
import { startWorker } from '../processes.js';
import { compare, measure, type Row } from '../row.js';
import { opsOf, type Sample } from '../sample.js';
import type { FileWay } from '../tasks/files.js';

const callerCounts = [1, 100, 1_000];

export async function files(plan: Plan, home: string, execArgv: readonly string[]): Promise<Row[]> {
  const worker = startWorker({ home, execArgv });
  const folder = await mkdtemp(path.join(tmpdir(), 'leyden-bench-'));
  try {
    const rows: Row[] = [];
    for (const callers of callerCounts) {
      const run = (way: FileWay) => (warm: boolean) =>
        worker.run('fileEvents', {
          ...{ way, callers, directory: path.join(folder, 'journal') },
          forMs: warm ? plan.windowMs / 3 : plan.windowMs,
        });
      const samples = await interleave(plan.rounds, {
        ours: run('ours'),
        sealed: run('ours, sealed'),
        unsynced: run('ours, never synced'),
        syncEach: run('a sync per event'),
        ancestor: run('never synced'),
      });
      rows.push(...rowsOf(callers, samples));
    }
    return rows;
  } finally {
    await worker.close();
    await rm(folder, { recursive: true, force: true });
  }
}

type Sides = Readonly<Record<'ours' | 'sealed' | 'unsynced' | 'syncEach' | 'ancestor', Sample[]>>;

function rowsOf(callers: number, { ours, sealed, unsynced, syncEach, ancestor }: Sides): Row[] {
  const group = `files, ${callers.toLocaleString('en')} at once`;
  const events = { group, figure: 'rate', ours } as const;
  const all = [...ours, ...sealed, ...unsynced, ...syncEach, ...ancestor];
  return [
    compare({
      ...{ ...events, name: 'events; a sync per event', baseline: syncEach },
      ...(callers === 1_000 && { goal: { atLeast: 20 } }),
    }),
    compare({ ...events, name: "events; the ancestor's way: one at a time, never synced", baseline: ancestor }),
    compare({ ...events, name: 'events; ours, never synced', baseline: unsynced }),
    compare({ ...events, name: 'events, sealed; plain', ours: sealed, baseline: ours }),
    compare({ ...events, name: 'p50; a sync per event', figure: 'p50', baseline: syncEach }),
    compare({ ...events, name: 'p99; a sync per event', figure: 'p99', baseline: syncEach }),
    compare({ ...events, name: 'CPU per event; a sync per event', figure: 'cpu', baseline: syncEach }),
    measure({ group, name: 'events per sync', values: ours.map((one) => opsOf(one) / one.counts.commits), unit: '' }),
    measure({
      group,
      name: 'bytes written per event; sealed',
      values: ours.map(bytesPerEvent),
      unit: '',
      baseline: Math.round(Math.max(...sealed.map(bytesPerEvent))).toLocaleString('en'),
    }),
    measure({
      group,
      name: 'wrong answers',
      values: [all.reduce((sum, { wrong }) => sum + wrong, 0)],
      unit: '',
      goal: { atMost: 0 },
    }),
  ];
}

const bytesPerEvent = (one: Sample): number => (one.counts.bytesWritten ?? 0) / opsOf(one);
