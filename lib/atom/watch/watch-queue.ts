/**
 * Who is to be looked at next: a set of entries for each rung of the ladder, and one for those who can't wait for a rung.
 *
 * All entries of a rung fall due at the same point of the grid, so that they share requests; so do rungs that fall due together.
 * It knows nothing of requests, and sleeps for nobody: `nextAt` is for the timer of whoever does.
 */
import type { Item } from '../../codec/index.js';
import type { Random } from '../../engine/index.js';
import type { Start } from '../cache.js';
import type { Ladder } from './watch-ladder.js';

/** `again`: something passing stood in the way; `failed`: those who wait were told. */
export type Took = 'taken' | 'again' | 'failed';

/** An atom that is looked at. */
export interface Polled {
  readonly key: Item;
  readonly keepsAlive: boolean;
  readonly pollMsMax: number;
  /** Whether a source tells of every change. */
  readonly isHealthy: boolean;
  /** Whether a consistent look is needed, and not only at the next interval. */
  readonly isInDoubt: boolean;
  /** Whether somebody waits for it. */
  readonly isAwaited: boolean;
  readonly wantsStrong: boolean;
  start(): Start;
  /** Never rejects. */
  answered(item: Item | undefined, start: Start, isStrong: boolean): Promise<Took>;
  /** The store refuses to let it be looked at. */
  refused(error: unknown): void;
}

/** An atom's place in the queue. */
export interface Entry {
  readonly polled: Polled;
  keepsAlive: boolean;
  /** The rung that it was last on; -1 = the next one is the finest. */
  rung: number;
  /** Where it waits; `undefined` while it is being looked at. */
  place: Set<Entry> | undefined;
  /** When it was last looked at. */
  askedAt: number;
}

/** Those who wait on one rung. */
interface Level {
  readonly entries: Set<Entry>;
  /** The point of the grid at which it falls due; it may be taken along from here on. */
  pointAt: number;
  /** When the timer rings for it. */
  ringAt: number;
}

/** Before all time. */
export const never: number = Number.NEGATIVE_INFINITY;

export class WatchQueue {
  readonly ladder: Ladder;
  readonly #random: Random;
  readonly #levels: readonly Level[];
  readonly #urgent = new Set<Entry>();

  constructor(ladder: Ladder, random: Random) {
    this.ladder = ladder;
    this.#random = random;
    this.#levels = ladder.intervalsMs.map(() => ({ entries: new Set(), pointAt: 0, ringAt: 0 }));
  }

  /** Whether it waits for its rung to fall due. */
  isOnRung({ place }: Entry): boolean {
    return place !== undefined && place !== this.#urgent;
  }

  waitOn(rung: number, entry: Entry, now: number): void {
    const level = this.#levels[rung] as Level;
    if (level.entries.size === 0) {
      level.pointAt = this.ladder.pointAfter(rung, now);
      level.ringAt = level.pointAt + this.ladder.lateness(rung, this.#random.next());
    }
    this.#put(entry, level.entries);
  }

  /** To be looked at as soon as a request may be sent. */
  waitForNow(entry: Entry): void {
    this.#put(entry, this.#urgent);
  }

  leave(entry: Entry): void {
    entry.place?.delete(entry);
    entry.place = undefined;
  }

  /** When somebody is to be looked at; infinite when nobody waits. */
  get nextAt(): number {
    if (this.#urgent.size > 0) return never;
    let at = Number.POSITIVE_INFINITY;
    for (const { entries, ringAt } of this.#levels) if (entries.size > 0) at = Math.min(at, ringAt);
    return at;
  }

  /** Takes all who are due. */
  take(now: number): Entry[] {
    const due = [...this.#urgent];
    this.#urgent.clear();
    for (const { entries, pointAt } of this.#levels) {
      if (entries.size === 0 || pointAt > now) continue;
      due.push(...entries);
      entries.clear();
    }
    for (const entry of due) {
      entry.place = undefined;
      entry.askedAt = now;
    }
    return due;
  }

  #put(entry: Entry, place: Set<Entry>): void {
    entry.place?.delete(entry);
    entry.place = place;
    place.add(entry);
  }
}
