/** Events in a bucket, on a stand-in in the same process: requests and bytes an event, and how many a second beside an object per event. */
import { interleave, type Plan } from '../plan.js';
import { startWorker } from '../processes.js';
import { compare, measure, type Row } from '../row.js';
import { opsOf, type Sample } from '../sample.js';
import type { BucketWay } from '../tasks/s3.js';

const callerCounts = [1, 100, 1_000];
/** Requests an event, at most, goals by callers: a page now and then beside the commits. */
const requestsMax: Readonly<Record<number, number>> = { 1: 1.05, 100: 0.05, 1000: 0.02 };

export async function s3(plan: Plan, home: string, execArgv: readonly string[]): Promise<Row[]> {
  const worker = startWorker({ home, execArgv });
  try {
    const rows: Row[] = [];
    for (const callers of callerCounts) {
      const run = (way: BucketWay) => (warm: boolean) =>
        worker.run('bucketEvents', { way, callers, forMs: warm ? plan.windowMs / 3 : plan.windowMs });
      const { ours, sealed, objects } = await interleave(plan.rounds, {
        ours: run('ours'),
        sealed: run('ours, sealed'),
        objects: run('an object per event'),
      });
      const group = `bucket, ${callers.toLocaleString('en')} at once`;
      const events = { group, figure: 'rate', ours } as const;
      rows.push(
        compare({ ...events, name: 'events; an object per event, one at a time', baseline: objects }),
        compare({ ...events, name: 'events, sealed; plain', ours: sealed, baseline: ours }),
        compare({
          ...events,
          name: 'CPU per event, the stand-in included; an object per event',
          figure: 'cpu',
          baseline: objects,
        }),
        measure({
          ...{ group, name: 'requests per event', values: ours.map(requestsPerEvent), unit: '' },
          goal: { atMost: requestsMax[callers] as number },
        }),
        measure({ group, name: 'bytes put per event', values: ours.map(bytesPerEvent), unit: '' }),
        measure({
          ...{ group, name: 'wrong answers', unit: '', goal: { atMost: 0 } },
          values: [[...ours, ...sealed, ...objects].reduce((sum, { wrong }) => sum + wrong, 0)],
        }),
      );
    }
    return rows;
  } finally {
    await worker.close();
  }
}

const requestsPerEvent = (one: Sample): number => one.counts.requests / opsOf(one);
const bytesPerEvent = (one: Sample): number => (one.counts.bytesWritten ?? 0) / opsOf(one);
