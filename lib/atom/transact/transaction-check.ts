/**
 * Whether the states that a run read were all there at one instant, after the call. Nothing of a run that writes nothing, and no
 * error of one, is shown before that.
 *
 * Several atoms are read together by TransactGetItems: the tokens never return, so a state that is still there has been there all
 * the while, and a transactional read never sees one half of another transaction.
 */
import type { Item } from '../../codec/index.js';
import { refusalKind, type TransactGetRequest, transactionBytesMax } from '../../engine/index.js';
import { sameItem } from '../base-choice.js';
import { bytesOf, type Known, type Start } from '../cache.js';
import type { Cell } from '../cell.js';
import type { Tally } from '../diagnostics/trace.js';
import type { Ground } from '../ground.js';
import { Again, isPassing, type Sender } from '../sender.js';
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
  /** Whether a state was seen after the call. */
  readonly isOfNow: (cell: Cell, known: Known) => boolean;
  /** Counts what it costs, where somebody listens. */
  readonly tally: Tally | undefined;
  /** Is given what a read costs that others share. */
  readonly share: ((tally: Tally) => void) | undefined;
}

/** Finds out, and tells the caches what it found. */
export class Together {
  readonly #rooms: CheckRooms;
  /** What the last look found, all of it at one instant. */
  #instant = new Map<Cell, Known>();

  constructor(rooms: CheckRooms) {
    this.#rooms = rooms;
  }

  /** Whether all of it was there at one instant after the call. If not, a run on what was found will have been. */
  async stood(seen: readonly Seen[]): Promise<boolean> {
    const [first] = seen;
    if (first === undefined) return true;
    const { isOfNow, share } = this.#rooms;
    if (seen.length === 1 && isOfNow(first.cell, first.base)) return true;
    if (seen.every((one) => this.#isOfInstant(one))) return true;
    if (seen.length === 1) return sameItem(await first.cell.cache.strongRead(share), first.base);
    await this.#look(seen);
    return seen.every((one) => this.#isOfInstant(one));
  }

  #isOfInstant({ cell, base }: Seen): boolean {
    const known = this.#instant.get(cell);
    return known !== undefined && sameItem(known, base);
  }

  async #look(seen: readonly Seen[]): Promise<void> {
    const { ground } = this.#rooms;
    const bytes = seen.reduce((sum, { cell, base }) => sum + bytesOf(base, cell), 0);
    if (bytes > transactionBytesMax) throw new TransactionTooLargeError('bytes', bytes, transactionBytesMax);
    const starts = seen.map(({ cell }) => cell.cache.start());
    const items = await this.#get(seen.map(({ cell }) => ({ table: ground.tableName(), key: cell.key })));
    this.#instant = new Map();
    for (const [at, { cell }] of seen.entries()) {
      try {
        this.#instant.set(cell, await cell.cache.learn(items[at], starts[at] as Start));
      } catch {
        // Unreadable by now: the next run meets it, and reports it.
        cell.cache.forget();
      }
    }
  }

  async #get(gets: TransactGetRequest['gets']): Promise<readonly (Item | undefined)[]> {
    const { ground, sender, signal, tally } = this.#rooms;
    const [first] = gets;
    const name = Object.values(first?.key ?? {}).map((one) => ('S' in one ? one.S : ''))[0] ?? '';
    try {
      return await sender.persist(name, { signal }, async () => {
        try {
          return await sender.timed((until) => {
            const answer = ground.engine.transactGet({ gets }, { signal: until });
            return tally === undefined ? answer : tally.readingTogether(answer);
          });
        } catch (error) {
          throw againOr(error, ground);
        }
      });
    } catch (error) {
      throw error instanceof Again ? error.cause : error;
    }
  }
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
