/** A worker process: runs the tasks that it is sent, one after the other, and answers each. */
import { type Tasks, tasks } from './tasks/index.js';

/** A task for a worker. */
export interface Order {
  readonly id: number;
  readonly task: keyof Tasks;
  readonly args: never;
}

/** What became of it. */
export type Report = { readonly id: number } & ({ readonly result: unknown } | { readonly error: string });

async function carryOut({ id, task, args }: Order): Promise<void> {
  let report: Report;
  try {
    report = { id, result: await tasks[task](args) };
  } catch (error) {
    report = { id, error: error instanceof Error ? `${error.stack}` : String(error) };
  }
  process.send?.(report);
}

process.on('message', (order: Order) => void carryOut(order));
// The parent has gone.
process.on('disconnect', () => process.exit());
