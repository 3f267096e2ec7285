/**
 * Which states of its atoms a transaction may be run on.
 *
 * The first run takes what this process knows; the commit finds out whether it was current. After a lost race only what was told
 * by the failure, or by a strong read after it, is good enough, and the tokens that it found unchanged.
 */
import type { Known } from './cache.js';
import type { Cell } from './cell.js';
import type { Ground } from './ground.js';
import { isPassing } from './sender.js';
import type { Member } from './shipment.js';
import type { Tally } from './trace.js';

export class Bases {
  readonly #ground: Ground;
  readonly #backoffMs: number;
  readonly #signal: AbortSignal;
  /** Monotonic time as of which states must have been seen. */
  #asOfMs: number;
  readonly #share: ((tally: Tally) => void) | undefined;
  /** Tokens that the last answer did not object to. */
  #confirmed = new Map<Cell, string | undefined>();

  /**
   * `signal` ends reads that are tried again; states must have been seen at `asOfMs` or later. `share` is given what reads cost,
   * while somebody listens.
   */
  constructor(
    ground: Ground,
    backoffMs: number,
    signal: AbortSignal,
    asOfMs: number,
    share: ((tally: Tally) => void) | undefined,
  ) {
    this.#share = share;
    this.#asOfMs = asOfMs;
    this.#ground = ground;
    this.#backoffMs = backoffMs;
    this.#signal = signal;
  }

  async of(cell: Cell): Promise<Known> {
    const { known } = cell.cache;
    if (known !== undefined && this.#isGood(cell, known)) return known;
    return this.read(cell);
  }

  /** A strong read, asked again as long as the caller waits and it makes sense. */
  async read(cell: Cell): Promise<Known> {
    const { clock, random } = this.#ground;
    for (;;) {
      try {
        return await cell.cache.strongRead(this.#share);
      } catch (error) {
        if (!isPassing(error) || this.#signal.aborted) throw error;
        await clock.sleep(random.next() * this.#backoffMs, { signal: this.#signal });
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
    if (known.seenAtMs >= this.#asOfMs) return true;
    return this.#confirmed.has(cell) && this.#confirmed.get(cell) === known.image?.lineage.token;
  }
}
