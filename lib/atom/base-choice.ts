/**
 * When a lane may write, and on which base: its turn among other processes, and the cache or a read.
 *
 * All of it is about cost and fairness. Whatever is chosen here, the condition of the write decides.
 */
import type { Held } from '../codec/index.js';
import type { Cache, Known } from './cache.js';
import type { Lineage } from './evidence.js';
import type { Ground } from './ground.js';
import type { Operation } from './operation.js';
import { lookAhead, placesBeforeBarging, placesMax, type Turns, turnLooksMax } from './turns.js';

/** A cache is aged when another writer would have had time to read and write since. */
const agedRoundTrips = 2;
/** Aged caches that were found stale in a row before a lane begins to read first, and the most it remembers. */
const stalenessOfRead = 2;
const stalenessMax = 3;

/** What the lane lends for a choice. */
export interface Waiting {
  /** The callers that wait, first come first. */
  queue(): readonly Operation[];
  /** A strong read; `undefined` when it failed and the callers were told. */
  look(): Promise<Known | undefined>;
}

export class BaseChoice {
  readonly #ground: Ground;
  readonly #cache: Cache;
  readonly #turns: Turns;
  /** How often aged caches were found stale lately. */
  #staleness = 0;
  /** Version at which this writer began to wait for a turn; kept over lost races, until it commits. */
  #waitsSince: number | undefined;

  constructor(ground: Ground, cache: Cache, turns: Turns) {
    this.#ground = ground;
    this.#cache = cache;
    this.#turns = turns;
  }

  /** Waits while other writers have their turn; `false` when nobody is left to wait for. */
  async awaitTurn({ queue, look }: Waiting): Promise<boolean> {
    const { clock, pace } = this.#ground;
    let stillSince = clock.monotonicMs();
    for (let looks = 0; looks < turnLooksMax; looks += 1) {
      const lineage = this.#cache.known?.image?.lineage;
      // Who answers a lost race instead of running again does not wait either.
      if (lineage === undefined || queue()[0]?.work.onConflict !== undefined) break;
      if (this.#missedTurn(lineage)) break;
      const now = clock.monotonicMs();
      const places = Math.min(this.#turns.ahead(lineage, now, pace.roundTripMs), placesMax);
      const placeMs = this.#turns.placeMs(pace.roundTripMs);
      // Those before us had their time and did nothing: they have died, or have nothing to write.
      if (places === 0 || now - stillSince >= places * placesBeforeBarging * placeMs) break;
      await clock.sleep((places - lookAhead) * placeMs);
      if (queue().length === 0) return false;
      const seen = await look();
      if (seen === undefined) return false;
      if (seen.image?.lineage.token !== lineage.token) stillSince = clock.monotonicMs();
    }
    return queue().length > 0;
  }

  /**
   * Whether as many commits as there are writers went by since this one began to wait: its turn was among them, and it slept
   * or lost. Nobody leaves a place to a writer that the evidence does not show, so it goes at once until it commits.
   */
  #missedTurn({ version, current, previous }: Lineage): boolean {
    this.#waitsSince = Math.min(this.#waitsSince ?? version, version);
    return version - this.#waitsSince > Object.keys(current).length + Object.keys(previous).length;
  }

  /** A write of this lane was committed. */
  noteCommit(): void {
    this.#waitsSince = undefined;
  }

  /** The cache where it is likely to be current, else a read: a read costs a fraction of a failed write. */
  async choose({ queue, look }: Waiting): Promise<Known | undefined> {
    const { known } = this.#cache;
    if (known === undefined) return look();
    if (queue().some((one) => one.work.fresh === true && known.since < one.calledAt)) return look();
    if (!this.hasAged(known) || this.#staleness < stalenessOfRead) return known;
    const seen = await look();
    if (seen !== undefined) this.noteStaleness(!sameItem(seen, known));
    return seen;
  }

  get staleness(): number {
    return this.#staleness;
  }

  /** Whether another writer may well have come between, had there been one. */
  hasAged(known: Known): boolean {
    const { clock, pace } = this.#ground;
    return clock.monotonicMs() - known.seenAtMs > agedRoundTrips * pace.roundTripMs;
  }

  /** A saturating counter, as branch predictors have it: did an aged cache turn out stale lately? */
  noteStaleness(stale: boolean): void {
    this.#staleness = stale ? Math.min(this.#staleness + 1, stalenessMax) : Math.max(this.#staleness - 1, 0);
  }
}

/** Whether two looks saw the same committed state. */
export function sameItem(one: Known, other: Known): boolean {
  if (one.adopted !== undefined || other.adopted !== undefined) return one.held?.equals(other.held as Held) === true;
  return one.image?.lineage.token === other.image?.lineage.token;
}
