/**
 * A run over real processes: workers before a fault proxy before a real engine, killed and stopped on the way if wished,
 * and judged by what they wrote down.
 *
 *     workers (a process each) ──► fault proxy (a process) ──► dynalite (a process) or DynamoDB Local
 *        └ journal each                                           └ last token of each atom ──► judge
 */
import type { Crew } from './crew.js';
import type { JournalEvent } from './journal.js';
import { type FinalTokens, type Judgement, judge } from './judge.js';
import { notesIn } from './notebook.js';
import { ProcessRun, type ProcessRunFacts, type ProcessRunOptions, type WorkBasics } from './process-run.js';
import type { Store } from './stores.js';
import { finalOf, keyName } from './subject.js';
import type { WorkOrder, WorkReport } from './worker.js';

export interface NetworkRunOptions extends ProcessRunOptions {
  /** @defaultValue 4 */
  readonly atoms?: number | undefined;
  /** @defaultValue 'library' */
  readonly client?: WorkOrder['client'];
}

export interface NetworkRunReport extends Judgement, ProcessRunFacts {
  /** Failures that are none of the documented outcomes, and unknown ones that stayed so. */
  readonly surprises: readonly string[];
  readonly unsettled: readonly string[];
  /** The longest that a call lasted after the faults had ended. */
  readonly afterCalmMs: number;
  /** The longest that a call lasted beyond its own deadline. */
  readonly overtimeMs: number;
  readonly puts: number;
  readonly failedPuts: number;
}

/** Makes a run on `store` and judges it. */
export async function networkRun(store: Store, crew: Crew, options: NetworkRunOptions): Promise<NetworkRunReport> {
  const { atoms = 4, client = 'library' } = options;
  const keys = Array.from({ length: atoms }, (_, index) => `atom-${index}`);
  const run = new ProcessRun('run', store, crew, options);
  return run.make(async () => {
    const work = (basics: WorkBasics): WorkOrder => ({ ...basics, keys, client });
    const { reports, faults } = await run.work<WorkReport>({ work });
    const judgement = judge(notesIn<JournalEvent>(run.folder), await finalsOf(run, keys));
    const most = (of: (report: WorkReport) => number) => Math.max(...reports.map(of));
    const failedPuts = reports.reduce((sum, { spent }) => sum + (spent?.conditionsFailed ?? 0), 0);
    return {
      ...judgement,
      surprises: reports.flatMap((report) => report.surprises),
      unsettled: reports.flatMap((report) => report.unsettled),
      afterCalmMs: most((report) => report.afterCalmMs),
      overtimeMs: most((report) => report.overtimeMs),
      faults,
      puts: judgement.commits + failedPuts,
      failedPuts,
    };
  });
}

async function finalsOf({ engine, tableName: table }: ProcessRun, keys: readonly string[]): Promise<FinalTokens> {
  const finals = new Map<string, { token: string; version: number } | undefined>();
  for (const key of keys) {
    const item = await engine.get({ table, key: { [keyName]: { S: key } }, consistent: true });
    finals.set(key, finalOf(item));
  }
  return finals;
}
