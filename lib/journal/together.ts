/**
 * Commits to several journals that take effect together: the heads of all of them in one transaction.
 *
 *   each journal's turn comes ─► fold all to their bases ─► decide, in the order of the entries ─► one TransactWriteItems ─► settled
 *                                      ▲                                                              │ a head has moved on
 *                                      └──────────────────────────────────────────────────────────────┘
 *
 * What is done to each head, and how a lost answer is settled, is what a single append does: `turn.ts`, `settle.ts`.
 */
import type { AtomTable, Transaction } from '../atom/index.js';
import { onAbort, transactionActionsMax } from '../engine/index.js';
import { Appender, foreverMs } from './appender.js';
import type { Appended, Batch, PreparedBody } from './batch.js';
import { Journal } from './journal.js';
import { commitTurns } from './settle.js';
import type { Turn } from './turn.js';

/** A batch for one of several journals. */
export interface TogetherEntry {
  readonly journal: Journal;
  readonly batch: Batch;
  /** As `prepare` of this journal gave it. */
  readonly body?: PreparedBody | undefined;
}

/** Options of {@link appendTogether}. */
export interface TogetherOptions {
  /** Leaves: before anything was sent nothing is committed; after that the fate of the call is told as unknown. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Appends to several journals of one table: all of the commits are in their journals, or none is.
 *
 * **Guarantee.** As for `Journal.append`, of all entries as one: each batch decides on exactly its own base, in the order of the
 * entries, and all bases were the heads at one instant. When any batch has nothing to commit, nothing is committed (`nothing` for
 * all); when any throws, nothing is, and the error is yours. In each journal the order of calls is kept, single appends included.
 * What it can't do: journals of other tables; more than 100; readers of two journals see the one commit before the other.
 *
 * **If the process dies**, all has happened or nothing. A lost answer is settled by the evidence in the heads; where that is gone, by
 * looking for the commits in the journals: what became of one has become of all.
 *
 * @cost 1 request, and for each journal twice the write units of its head. Bodies and pages as for single appends. Each race lost
 * on a head: 1 request more.
 * @iam dynamodb:PutItem, GetItem, BatchGetItem, DeleteItem
 * @throws RangeError for more than 100 entries, TypeError for one journal twice: nothing was sent. `EngineLacksTransactionsError`
 * `ERR_ENGINE_LACKS_TRANSACTIONS` for several journals on such a store; `TransactionTooLargeError` `ERR_TRANSACTION_TOO_LARGE` beyond
 * 4 MB of heads; what `Journal.append` throws.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { appendTogether, Journal } from 'leyden-jar/journal';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * const open = (name: string) => new Journal(table, name, { consumer: { apply: () => {} } });
 * const [ann, bob] = [open('ann'), open('bob')] as const;
 * const appended = await appendTogether(table, [
 *   { journal: ann, batch: { decide: () => ({ text: '{"paid":30}', count: 1 }) } },
 *   { journal: bob, batch: { decide: () => ({ text: '{"got":30}', count: 1 }) } },
 * ]);
 * console.log(appended.map(({ status }) => status)); // [ 'applied', 'applied' ]
 * ```
 */
export async function appendTogether(
  table: AtomTable,
  entries: readonly TogetherEntry[],
  { signal }: TogetherOptions = {},
): Promise<readonly Appended[]> {
  requireDistinct(entries);
  signal?.throwIfAborted();
  const appenders = entries.map(({ journal }) => Journal.appenderOf(journal));
  const turns = entries.map(({ batch, body }, at) => (appenders[at] as Appender).turn(batch, body));
  const links = new Links();
  const stopped = links.to(appenders.map((appender) => appender.signal));
  const leaves = links.to(signal === undefined ? [stopped] : [stopped, signal]);
  try {
    return await Appender.inTurn(
      appenders,
      () => {
        leaves.throwIfAborted();
        const write = () => table.transact((tx) => moveAll(tx, turns), { timeoutMs: foreverMs, signal: leaves });
        const work = () => commitTurns(turns, write, stopped);
        return turns.reduceRight((inner, turn) => () => turn.eagerly(inner), work)();
      },
      leaves,
    );
  } catch (error) {
    await Promise.all(entries.map(({ body }, at) => body && appenders[at]?.removeIfClosed(body, error)));
    throw error;
  } finally {
    links.end();
  }
}

/** Moves all heads, in the function of a transaction. */
async function moveAll(tx: Transaction, turns: readonly Turn[]): Promise<void> {
  await all(turns.map(async (turn) => turn.ground(await tx.deref(turn.head))));
  for (const turn of turns) turn.decide();
  await all(turns.map(async (turn) => tx.reset(turn.head, await turn.next())));
}

/** Waits for all, so that none of them meets the next run; then throws for the first that failed. */
async function all(works: readonly Promise<unknown>[]): Promise<void> {
  for (const work of await Promise.allSettled(works)) if (work.status === 'rejected') throw work.reason;
}

function requireDistinct(entries: readonly TogetherEntry[]): void {
  if (entries.length > transactionActionsMax) {
    throw new RangeError(
      `Cannot append together: there are ${entries.length} journals, the limit is ${transactionActionsMax}`,
    );
  }
  const names = new Set<string>();
  for (const { journal } of entries) {
    if (names.has(journal.name)) throw new TypeError(`Cannot append together: journal ${journal.name} is there twice`);
    names.add(journal.name);
  }
}

/** Signals that abort with others, until the work is done. */
class Links {
  readonly #unlisten: (() => void)[] = [];

  to(signals: readonly AbortSignal[]): AbortSignal {
    const controller = new AbortController();
    for (const signal of signals) {
      if (signal.aborted) controller.abort(signal.reason);
      else this.#unlisten.push(onAbort(signal, () => controller.abort(signal.reason)));
    }
    return controller.signal;
  }

  end(): void {
    for (const unlisten of this.#unlisten) unlisten();
  }
}
