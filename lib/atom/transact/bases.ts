/**
 * Which states of its atoms a transaction may be run on.
 *
 * The first run takes what this process knows; the commit finds out whether it was current. After a lost race only what was told
 * by the failure, or by a strong read after it, is good enough, and the tokens that it found unchanged.
 */
import type { Known } from '../cache.js';
import type { Cell } from '../cell.js';
import type { Tally } from '../diagnostics/trace.js';
import type { Ground } from '../ground.js';
import { isPassing } from '../sender.js';
import type { Member } from './shipment.js';

export interface BasesOptions {
  readonly ground: Ground;
  readonly backoffMs: number;
  /** Whether the first run, too, has to see what is read after the call. */
  readonly isFresh: boolean;
  /** Ends reads that are tried again. */
  readonly signal: AbortSignal;
  /** Is given what reads cost, while somebody listens. */
  readonly share: ((tally: Tally) => void) | undefined;
}

export class Bases {
  readonly #options: BasesOptions;
  /** Monotonic time as of which states must have been seen. */
  #asOfMs = Number.NEGATIVE_INFINITY;
  /** Tokens that the last answer did not object to. */
  #confirmed = new Map<Cell, string | undefined>();
  /** Ticks at which atoms were first touched. */
  readonly #touchedAt = new Map<Cell, number>();

  constructor(options: BasesOptions) {
    this.#options = options;
  }

  async of(cell: Cell): Promise<Known> {
    if (!this.#touchedAt.has(cell)) this.#touchedAt.set(cell, cell.cache.tick());
    const { known } = cell.cache;
    if (known !== undefined && this.#isGood(cell, known)) return known;
    return this.read(cell);
  }

  /** Whether a state was seen after the call. */
  isOfNow(cell: Cell, { since }: Known): boolean {
    return since >= (this.#touchedAt.get(cell) ?? Number.POSITIVE_INFINITY);
  }

  /** A strong read, asked again as long as the caller waits and it makes sense. */
  async read(cell: Cell): Promise<Known> {
    const { ground, backoffMs, signal, share } = this.#options;
    for (;;) {
      try {
        return await cell.cache.strongRead(share);
      } catch (error) {
        if (!isPassing(error) || signal.aborted) throw error;
        await ground.clock.sleep(ground.random.next() * backoffMs, { signal });
      }
    }
  }

  /** A transaction that was sent then has lost at the atoms that `changed`. */
  lost(sentAtMs: number, members: readonly Member[], changed: ReadonlySet<Cell>): void {
    this.#asOfMs = sentAtMs;
    this.#confirmed = new Map(
      members.flatMap(({ cell, base }) => (changed.has(cell) ? [] : [[cell, base.image?.lineage.token] as const])),
    );
  }

  #isGood(cell: Cell, known: Known): boolean {
    if (this.#options.isFresh && !this.isOfNow(cell, known)) return false;
    if (known.seenAtMs >= this.#asOfMs) return true;
    return this.#confirmed.has(cell) && this.#confirmed.get(cell) === known.image?.lineage.token;
  }
}
