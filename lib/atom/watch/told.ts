/**
 * What the watchers of an atom have been told, and whether something that became known comes after it.
 *
 *   known ──> the same? ────────────────────> nothing, unless it has expired meanwhile
 *             later? ───────────────────────> told, and an alarm set for the moment at which it expires
 *             older, or of another life? ───> told only if a consistent read says so that began after what was told was known
 *
 * So what is told moves forward only. Another incarnation is told after the item was removed and made again, a lower version only
 * after the table was put back to an older state.
 */
import type { Held } from '../../codec/index.js';
import { after, type Clock } from '../../engine/index.js';
import { type Known, liveHeld } from '../cache.js';

/** Where a state lies in the life of the atom, seen from another one; `apart`: in another incarnation, or nowhere. */
export type Relation = 'same' | 'after' | 'before' | 'apart';

export function relate(one: Known, other: Known): Relation {
  const [mine, its] = [one.image?.lineage, other.image?.lineage];
  if (mine === undefined && its === undefined) return isSameValue(one.held, other.held) ? 'same' : 'apart';
  if (mine?.incarnation !== its?.incarnation || mine === undefined || its === undefined) return 'apart';
  if (mine.token === its.token) return 'same';
  return mine.version > its.version ? 'after' : 'before';
}

function isSameValue(one: Held | undefined, other: Held | undefined): boolean {
  return one === undefined || other === undefined ? one === other : one.equals(other);
}

export class Told {
  readonly #clock: Clock;
  readonly #tell: (next: Held | undefined, old: Held | undefined) => void;
  #known: Known | undefined;
  #held: Held | undefined;
  #callOff: (() => void) | undefined;

  /** `tell` is called with each change, not with the first state. */
  constructor(clock: Clock, tell: (next: Held | undefined, old: Held | undefined) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /** The value that was last told; `undefined` where there was none. */
  get held(): Held | undefined {
    return this.#held;
  }

  /** `moved`: it was told; `unclear`: it takes a consistent read to know. */
  take(known: Known): 'moved' | 'same' | 'unclear' {
    const told = this.#known;
    if (told !== undefined) {
      const relation = relate(known, told);
      if (relation === 'same') {
        this.#judge();
        return 'same';
      }
      if (relation !== 'after' && known.since < told.learnedAt) return 'unclear';
    }
    const old = this.#held;
    this.#known = known;
    this.#held = liveHeld(known, this.#clock.now());
    this.#awaitExpiry();
    // From nothing to nothing, as from a tombstone to no item, is no change.
    if (told !== undefined && (old !== undefined || this.#held !== undefined)) this.#tell(this.#held, old);
    return told === undefined ? 'same' : 'moved';
  }

  close(): void {
    this.#callOff?.();
  }

  /** What has expired does not come back when the clock is put back. */
  #judge(): void {
    const old = this.#held;
    if (old === undefined || this.#known === undefined) return;
    if (liveHeld(this.#known, this.#clock.now()) !== undefined) return;
    this.#held = undefined;
    this.#tell(undefined, old);
  }

  /** A value goes at its moment by our clock, and nobody writes anything then. The clock may be corrected before. */
  #awaitExpiry(): void {
    this.#callOff?.();
    this.#callOff = undefined;
    const aliveUntil = this.#known?.image?.aliveUntil;
    if (aliveUntil === undefined || this.#held === undefined) return;
    const ring = () => {
      this.#judge();
      this.#awaitExpiry();
    };
    this.#callOff = after(this.#clock, Math.max(0, aliveUntil - this.#clock.now()), ring, true);
  }
}
