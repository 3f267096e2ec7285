/**
 * A process of a run, from the inside: it gets its job, opens the table with a client of its own, works, and says how that
 * ended. It shares nothing with its parent but messages, and ends when its parent does.
 */
import { AtomTable, createClient } from '../../lib/index.js';
import { endWithParent } from './fork.js';
import type { Report, RunJob } from './messages.js';

/** What a member has to work with. */
export interface Tools<Finding> {
  readonly table: AtomTable;
  say(report: Report<Finding>): void;
}

/** Makes this process a member. `work` returns how many chunks it has finished. */
export function beMember<Job extends RunJob, Finding>(
  work: (job: Job, tools: Tools<Finding>) => Promise<number>,
): void {
  const say = (report: Report<Finding>): void => {
    process.send?.(report);
  };
  const run = async (job: Job): Promise<void> => {
    const client = createClient(job.client);
    const table = new AtomTable({ client, tableName: job.tableName, evidenceWritersMax: job.evidenceWritersMax });
    try {
      const chunks = await work(job, { table, say });
      say({ kind: 'finished', chunks, spent: table.spent() });
    } catch (error) {
      say({ kind: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
    client.destroy();
  };
  endWithParent();
  process.once('message', (job: Job) => void run(job));
  say({ kind: 'ready' });
}
