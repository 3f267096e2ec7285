/**
 * Turns between the processes that write one atom: advice that spares failed writes; correctness is the compare-and-swap
 * alone.
 *
 * Nothing is stored for it. The evidence in the item already names the recent writers, and every writer sees the same item.
 * Sorted by name they form a ring; the writer who follows the last committer in the ring goes at once, the others wait
 * until those before them have had their time.
 *
 *   ring  A -> B -> C -> D -> A      last commit by B:  C sends now, D waits 1 place, A 2, B (who just won) 3
 *
 * So a winner yields to the others, which is what keeps one process with a warm cache from starving the rest, and what
 * fills the batches of those who wait. The length of a place is measured: the time between two commits as seen from here.
 * A writer counts as active while its number in the evidence keeps moving; one that died or stopped is left out after a
 * few rounds and costs a wait of one place until then.
 *
 * Pure but for the clock readings that are passed in.
 */
import { type Lineage, writerOf } from './evidence.js';

// How whoever waits for a turn does so, lanes and transactions alike.

/** Looks at what is to be written while waiting for a turn, at most. */
export const turnLooksMax = 24;
/** However many are before it, a writer waits for so many at a time: by then the ring may have turned out shorter. */
export const placesMax = 16;
/** A waiting writer looks this much of a place before its turn should come: the look itself takes time. */
export const lookAhead = 0.6;
/** How many times its share of the ring a writer waits, with nothing committed, before it goes out of turn. */
export const placesBeforeBarging = 2;

/** A writer keeps its place while it has missed no more than this many rounds of the ring, … */
const roundsMissedMax = 2;
/** … for this long at most, … */
const idleMsMax = 2_000;
/** … and while its last two commits were no more rounds apart than this: nobody waits for a visitor. */
const roundsBetweenMax = 4;
/**
 * Turns are taken only while commits follow each other within this many round trips. With more room between them writers
 * seldom meet, and waiting for one who has nothing to write would cost more than the odd lost race.
 */
const crowdedRoundTrips = 5;
const gapSmoothing = 1 / 8;
/** One silence says nothing about the next crowd. */
const gapMsMax = 100;

/** Most atoms have one writer; their cells share this. */
const nobody: ReadonlyMap<string, Sighting> = new Map();

interface Sighting {
  readonly seq: number;
  /** Monotonic milliseconds and version at which its number was last seen to move. */
  readonly movedAt: number;
  readonly movedVersion: number;
  /** Versions between its last two moves; at most so many for one that was not in the evidence before. */
  readonly interval: number;
}

export class Turns {
  readonly #me: string;
  #rivals: ReadonlyMap<string, Sighting> | undefined;
  #version = 0;
  #seenAt = 0;
  /** Smoothed time between two commits of whomever; `undefined` before two images were seen. */
  #gapMs: number | undefined;

  constructor(me: string) {
    this.#me = me;
  }

  /** Takes note of who has committed, from any newer image of the item. */
  observe(lineage: Lineage, nowMs: number): void {
    const commits = lineage.version - this.#version;
    if (this.#version > 0 && commits > 0) {
      const gap = Math.min(gapMsMax, (nowMs - this.#seenAt) / commits);
      this.#gapMs = this.#gapMs === undefined ? gap : this.#gapMs + (gap - this.#gapMs) * gapSmoothing;
    }
    this.#version = lineage.version;
    this.#seenAt = nowMs;
    const before = this.#rivals;
    // Of writers that were there when we first looked we know nothing yet: they may be long gone.
    const movedAt = before === undefined ? Number.NEGATIVE_INFINITY : nowMs;
    let after: Map<string, Sighting> | undefined;
    for (const generation of [lineage.previous, lineage.current]) {
      for (const writer of Object.keys(generation)) {
        if (writer === this.#me) continue;
        const seq = generation[writer] as number;
        const known = before?.get(writer);
        const moved = known === undefined || known.seq < seq;
        const interval = lineage.version - (known?.movedVersion ?? lineage.floor);
        after ??= new Map();
        after.set(writer, moved ? { seq, movedAt, movedVersion: lineage.version, interval } : known);
      }
    }
    this.#rivals = after ?? nobody;
  }

  /** How long one place in the ring takes: the time between two commits. */
  placeMs(roundTripMs: number): number {
    return Math.max(this.#gapMs ?? roundTripMs, roundTripMs);
  }

  /** How many writers have their turn before ours, counted from the last committer. 0 = send now. */
  ahead(lineage: Lineage, nowMs: number, roundTripMs: number): number {
    const rivals = this.#rivals;
    if (rivals === undefined || rivals.size === 0) return 0;
    if (this.placeMs(roundTripMs) > crowdedRoundTrips * roundTripMs) return 0;
    const ring = [this.#me];
    // The most recent first: each may have missed some rounds of the ring as it is without those who come after it, so that a
    // crowd that was here once, or never, is left out after a few commits of those who are here.
    const intervalMax = roundsBetweenMax * (rivals.size + 1);
    const recent = [...rivals].sort(([, one], [, other]) => other.movedVersion - one.movedVersion);
    for (const [writer, { movedAt, movedVersion, interval }] of recent) {
      if (lineage.version - movedVersion > roundsMissedMax * (ring.length + 1)) break;
      if (nowMs - movedAt < idleMsMax && interval <= intervalMax) ring.push(writer);
    }
    if (ring.length === 1) return 0;
    const last = writerOf(lineage.token);
    if (!ring.includes(last)) ring.push(last);
    ring.sort();
    return (ring.indexOf(this.#me) - ring.indexOf(last) - 1 + ring.length) % ring.length;
  }
}
