/**
 * Whether the states that a run read were all there at one instant, after the call. Nothing of a run that writes nothing, and no
 * error of one, is shown before that.
 *
 * Several atoms are read together by TransactGetItems: the tokens never return, so a state that is still there has been there all
 * the while, and a transactional read never sees one half of another transaction.
 */
import type { Item } from '../codec/index.js';
import { refusalKind, transactionBytesMax } from '../engine/index.js';
import { sameItem } from './base-choice.js';
import { bytesOf, type Known } from './cache.js';
import type { Cell } from './cell.js';
import type { Ground } from './ground.js';
import { Again, isPassing, type Sender } from './sender.js';
import type { Tally } from './trace.js';
import { weigh } from './transaction-answers.js';
import { EngineLacksTransactionsError, TransactionTooLargeError } from './transaction-errors.js';

/** An atom and the state in which it was read. */
export interface Seen {
  readonly cell: Cell;
  readonly base: Known;
}

export interface CheckRooms {
  readonly ground: Ground;
  readonly sender: Sender;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Monotonic time of the call. */
  readonly calledAtMs: number;
  /** Counts what it costs, where somebody listens. */
  readonly tally: Tally | undefined;
  /** Is given what a read costs that others share. */
  readonly share: ((tally: Tally) => void) | undefined;
}

/** The caches are told what was found. */
export async function stoodTogether(seen: readonly Seen[], rooms: CheckRooms): Promise<boolean> {
  const [first] = seen;
  if (first === undefined) return true;
  if (seen.length > 1) return readTogether(seen, rooms);
  if (first.base.seenAtMs >= rooms.calledAtMs) return true;
  return sameItem(await first.cell.cache.strongRead(rooms.share), first.base);
}

async function readTogether(seen: readonly Seen[], { ground, sender, signal, tally }: CheckRooms): Promise<boolean> {
  const bytes = seen.reduce((sum, { cell, base }) => sum + bytesOf(base, cell), 0);
  if (bytes > transactionBytesMax) throw new TransactionTooLargeError('bytes', bytes, transactionBytesMax);
  const { engine, tableName } = ground;
  const starts = seen.map(({ cell }) => cell.cache.start());
  const gets = seen.map(({ cell }) => ({ table: tableName(), key: cell.key }));
  let items: readonly (Item | undefined)[];
  try {
    items = await sender.persist(first(seen), { signal }, async () => {
      try {
        return await sender.timed((until) => {
          const answer = engine.transactGet({ gets }, { signal: until });
          return tally === undefined ? answer : tally.readingTogether(answer);
        });
      } catch (error) {
        throw againOr(error, ground);
      }
    });
  } catch (error) {
    throw error instanceof Again ? error.cause : error;
  }
  let together = true;
  for (const [at, { cell, base }] of seen.entries()) {
    try {
      const known = await cell.cache.learn(items[at], starts[at] as (typeof starts)[number]);
      if (!sameItem(known, base)) together = false;
    } catch {
      // Unreadable by now: the next run meets it, and reports it.
      cell.cache.forget();
      together = false;
    }
  }
  return together;
}

/** What to make of a transactional read that failed. */
function againOr(error: unknown, { engine }: Ground): unknown {
  const { name, CancellationReasons = [] } = error as {
    readonly name?: string;
    readonly CancellationReasons?: readonly { readonly Code?: string }[];
  };
  if (name === 'UnknownOperationException')
    return new EngineLacksTransactionsError(engine.name, 'read several atoms together');
  if (name === 'TransactionCanceledException') {
    const weight = weigh(CancellationReasons.map(({ Code = 'None' }) => ({ code: Code })));
    return weight === 'refused' ? error : new Again(weight === 'throttled' ? 'throttled' : 'brief', error);
  }
  if (!isPassing(error)) return error;
  return new Again(refusalKind(error) === 'throttled' ? 'throttled' : 'brief', error);
}

function first(seen: readonly Seen[]): string {
  return seen[0]?.cell.keyText ?? '';
}
