/** One page of a scan or query, asked for with patience. */
import type { PageAnswer, SendOptions } from '../../engine/index.js';
import { DeadlineError } from '../errors.js';
import { isPassing, Sender } from '../sender.js';
import type { Cells } from './cells.js';

/**
 * Reads one page; `stop` ends it, the request under way included.
 *
 * @throws {DeadlineError} `ERR_DEADLINE` after `retry.timeoutMs`; what the store refuses for good, as it is.
 */
export async function readPage(
  { ground, bulk, retry }: Cells,
  action: string,
  stop: AbortSignal,
  send: (options: SendOptions) => Promise<PageAnswer>,
): Promise<PageAnswer> {
  const table = ground.tableName();
  const deadlineAt = ground.clock.monotonicMs() + retry.timeoutMs;
  let attempts = 0;
  const attempt = (signal: AbortSignal) => {
    attempts += 1;
    return send({ signal: AbortSignal.any([signal, stop]) });
  };
  try {
    return await new Sender(bulk, retry).read(table, deadlineAt, attempt, stop);
  } catch (error) {
    if (stop.aborted || !isPassing(error)) throw error;
    const facts = { key: table, attempts, conflicts: 0, subject: `the atoms of table ${table}` };
    throw new DeadlineError(action, facts, retry.timeoutMs, error);
  }
}
