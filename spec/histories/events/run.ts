/**
 * A run over real processes: workers whose stores share their streams before a fault proxy before a real engine, killed and stopped
 * on the way if wished, and judged by what they wrote down and what stands there in the end.
 *
 *     workers (a process each) ──► fault proxy (a process) ──► dynalite (a process) or DynamoDB Local ◄── the last look (here)
 *        └ notes each                                                                                      └ all streams
 */
import { EventStore } from '../../../lib/events/index.js';
import { type Met, metByAll } from '../closed-loops.js';
import type { Crew } from '../crew.js';
import { notesIn } from '../notebook.js';
import { ProcessRun, type ProcessRunFacts, type ProcessRunOptions } from '../process-run.js';
import type { Store } from '../stores.js';
import { type Judgement, judge } from './judge.js';
import { type Note, openOrders } from './notes.js';
import type { Order } from './purse.js';
import { lookAtAll } from './streams.js';
import type { PurseWork } from './worker.js';

/** The module that the crew of these runs has to be made of. */
export const purseWorker: URL = new URL('./worker.ts', import.meta.url);

export interface PurseRunOptions extends ProcessRunOptions {
  /** @defaultValue 10 */
  readonly streams?: number | undefined;
}

export interface PurseRunReport extends Judgement, ProcessRunFacts, Omit<Met, 'calls'> {}

/** Makes a run on `store` and judges it. The crew's processes run {@link purseWorker}. */
export async function purseRun(store: Store, crew: Crew, options: PurseRunOptions): Promise<PurseRunReport> {
  const { streams = 10 } = options;
  const run = new ProcessRun('purses', store, crew, options);
  return run.make(async () => {
    const { reports, faults } = await run.work<Met, Note, Order>({
      work: (basics, repeat): PurseWork => ({ ...basics, streams, repeat }),
      openOf: openOrders,
    });
    const look = await lookAtAll(() => new EventStore(run.table()), streams);
    const judgement = judge(notesIn<Note>(run.folder), look.rows);
    return { ...judgement, findings: [...look.findings, ...judgement.findings], ...metByAll(reports), faults };
  });
}
