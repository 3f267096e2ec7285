/**
 * Turns between the processes that write one atom: advice that spares failed writes; correctness is the compare-and-swap
 * alone.
 *
 * Nothing is stored for it. The evidence in the item already names the recent writers, and every writer sees the same item.
 * Sorted by name they form a ring; the writer who follows the last committer in the ring goes at once, the others wait about
 * one round trip for each place before them, look again, and then send.
 *
 *   ring  A -> B -> C -> D -> A      last commit by B:  C sends now, D waits 1 place, A 2, B (who just won) 3
 *
 * So a winner yields to the others, which is what keeps one process with a warm cache from starving the rest, and what fills the batches
 * of those who wait. A writer counts as active while its number in the evidence keeps moving; one that died or stopped is
 * left out after `activeMs` and costs a wait of one place until then.
 *
 * Pure but for the clock readings that are passed in.
 */
import { type Lineage, writerOf } from './evidence.js';

/** A writer that has not committed for this long has no place in the ring. */
export const activeMs = 150;

interface Sighting {
  seq: number;
  /** Monotonic milliseconds at which its number was last seen to move. */
  movedAt: number;
}

export class Turns {
  readonly #me: string;
  #rivals: Map<string, Sighting> | undefined;

  constructor(me: string) {
    this.#me = me;
  }

  /** Takes note of who has committed, from any newer image of the item. */
  observe(lineage: Lineage, nowMs: number): void {
    const first = this.#rivals === undefined;
    const before = this.#rivals;
    const after = new Map<string, Sighting>();
    for (const generation of [lineage.previous, lineage.current]) {
      for (const writer of Object.keys(generation)) {
        if (writer === this.#me) continue;
        const seq = generation[writer] as number;
        const known = before?.get(writer);
        if (known !== undefined && known.seq >= seq) after.set(writer, known);
        else after.set(writer, { seq, movedAt: first ? Number.NEGATIVE_INFINITY : nowMs });
      }
    }
    this.#rivals = after;
  }

  /** How many writers have their turn before ours, counted from the last committer. 0 = send now. */
  ahead(lineage: Lineage, nowMs: number): number {
    if (this.#rivals === undefined || this.#rivals.size === 0) return 0;
    const ring = [this.#me];
    for (const [writer, { movedAt }] of this.#rivals) if (nowMs - movedAt < activeMs) ring.push(writer);
    if (ring.length === 1) return 0;
    const last = writerOf(lineage.token);
    if (!ring.includes(last)) ring.push(last);
    ring.sort();
    return (ring.indexOf(this.#me) - ring.indexOf(last) - 1 + ring.length) % ring.length;
  }
}
