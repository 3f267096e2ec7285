/**
 * When a transaction is sent among those of other processes, and on which states: its turn at each of its atoms, as lanes take
 * turns at one, and a read where it is likely to be needed.
 *
 * All of it is about cost and fairness. Whatever is chosen here, the conditions decide. Without turns whoever won last, with
 * all his states fresh, would win again and again.
 */
import type { Known } from '../cache.js';
import type { Cell } from '../cell.js';
import { ElbowRoom, lostToBlind } from '../elbow-room.js';
import type { Lineage } from '../evidence.js';
import type { Ground } from '../ground.js';
import { lookAhead, placesBeforeBarging, placesMax, turnLooksMax } from '../turns.js';

/** It has to meet others at several atoms, so it lets a little more traffic pass than a lane does before it waits for turns. */
const crowdedShare = 0.85;
/** An aged state that was found stale once lately is read anew: to fail costs several times what a read does. */
const stalenessOfRead = 1;

/** An atom, and its newest known state. */
interface Place {
  readonly cell: Cell;
  readonly lineage: Lineage;
}

/** Reads an atom anew. */
export type Look = (cell: Cell) => Promise<Known>;

export class TransactionTurns {
  readonly #ground: Ground;
  readonly #look: Look;
  readonly #signal: AbortSignal;
  /** Version of each atom at which this transaction began to wait. */
  readonly #since = new Map<Cell, number>();
  /** Atoms whose states are taken as they are, though others had time to write. */
  #trusted: readonly Cell[] = [];
  #hasLost = false;
  /** Of atoms at which it lost to blind writes, which leave no turns. */
  readonly #rooms = new Map<Cell, ElbowRoom>();
  /** Whether they are resting for its sake. */
  #hasRoom = false;

  /** `signal` ends all waiting. */
  constructor(ground: Ground, look: Look, signal: AbortSignal) {
    this.#ground = ground;
    this.#look = look;
    this.#signal = signal;
  }

  /** Waits for its turn; then reads anew, all at once, what has probably changed. The caches know more afterwards. */
  async come(cells: readonly Cell[]): Promise<void> {
    if (await this.#takeRoom(cells)) return;
    await this.#wait(cells);
    const aged = cells.filter(({ cache, lane }) => cache.known !== undefined && lane.choice.hasAged(cache.known));
    // What a failure has just told is as new as a read would be. Reads go side by side: where one is needed, the others take no time.
    const reads = !this.#hasLost && aged.some(({ lane }) => lane.choice.staleness >= stalenessOfRead);
    this.#trusted = reads ? [] : aged;
    if (reads) await Promise.all(aged.map((cell) => this.#lookAgain(cell)));
  }

  /** What came of the transaction: these atoms were no more what they had been. */
  learn(changed: ReadonlySet<Cell>): void {
    for (const cell of this.#trusted) cell.lane.choice.noteStaleness(changed.has(cell));
    this.#hasLost = changed.size > 0;
    for (const cell of changed) {
      const image = cell.cache.known?.image;
      if (!this.#rooms.has(cell) && lostToBlind(image))
        this.#rooms.set(cell, new ElbowRoom(this.#ground, cell.register));
      this.#rooms.get(cell)?.noteConflict(image);
    }
  }

  /** Asks those who commute to rest, reads what is there then, and goes at once when it comes again with that. */
  async #takeRoom(cells: readonly Cell[]): Promise<boolean> {
    if (this.#hasRoom) {
      this.#hasRoom = false;
      this.#trusted = [];
      return true;
    }
    const crowded = cells.filter((cell) => this.#rooms.get(cell)?.isMissing === true);
    if (crowded.length === 0) return false;
    await Promise.all(crowded.map((cell) => this.#rooms.get(cell)?.ask()));
    await Promise.all(crowded.map((cell) => this.#look(cell)));
    this.#trusted = [];
    this.#hasRoom = true;
    return true;
  }

  async #wait(cells: readonly Cell[]): Promise<void> {
    const { clock } = this.#ground;
    let stillSince = clock.monotonicMs();
    for (let looks = 0; looks < turnLooksMax; looks += 1) {
      const places = cells.flatMap(placeOf);
      const waitMs = Math.max(0, ...places.map((place) => this.#waitMs(place)));
      // Those before us had their time and did nothing: they have died, or have nothing to write.
      if (waitMs === 0 || clock.monotonicMs() - stillSince >= placesBeforeBarging * waitMs) return;
      await clock.sleep(waitMs, { signal: this.#signal });
      const seen = await Promise.all(places.map(({ cell }) => this.#look(cell)));
      const moved = seen.some(({ image }, at) => image?.lineage.token !== places[at]?.lineage.token);
      if (moved) stillSince = clock.monotonicMs();
    }
  }

  #waitMs({ cell, lineage }: Place): number {
    const { clock, pace } = this.#ground;
    const { version, current, previous } = lineage;
    const since = Math.min(this.#since.get(cell) ?? version, version);
    this.#since.set(cell, since);
    // As many commits as there are writers went by: its turn was among them, and it slept or lost.
    if (version - since > Object.keys(current).length + Object.keys(previous).length) return 0;
    const places = Math.min(cell.turns.ahead(lineage, clock.monotonicMs(), crowdedShare * pace.roundTripMs), placesMax);
    return places === 0 ? 0 : (places - lookAhead) * cell.turns.placeMs(pace.roundTripMs);
  }

  async #lookAgain(cell: Cell): Promise<void> {
    const before = cell.cache.known?.image?.lineage.token;
    const { image } = await this.#look(cell);
    cell.lane.choice.noteStaleness(image?.lineage.token !== before);
  }
}

function placeOf(cell: Cell): readonly Place[] {
  const lineage = cell.cache.known?.image?.lineage;
  return lineage === undefined ? [] : [{ cell, lineage }];
}
