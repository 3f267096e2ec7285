/**
 * One atom that is watched: its watchers, and what has to be found out for them.
 *
 *   local commits, reads ──> cache.onChange ─┐
 *   looks of the poller ──> cache.learn ─────┼──> Told ──> watchers
 *   hints of a source ────> cache.learn ─────┘     └─ unclear ──> doubt: one consistent look
 *
 * Invariant: a watcher that is to be given the current value first is given none that is older than its call. Ticks of the cache
 * order calls, doubts and looks: a doubt is settled by a consistent look that starts after it.
 */
import type { Item } from '../../codec/index.js';
import { isLeydenError } from '../../errors.js';
import type { Known, Start } from '../cache.js';
import type { Cell } from '../cell.js';
import { writerOf } from '../evidence.js';
import { isPassing } from '../sender.js';
import { relate, Told } from './told.js';
import type { Polled, Took } from './watch-queue.js';
import type { Watcher, WatchRoom } from './watch-room.js';
import { subscribeTo } from './watch-source.js';

/** So many looks in a row may see an older version before a consistent one is made: replicas are late for less. */
const looksBehindMax = 2;

export class Watched implements Polled {
  readonly key: Item;
  readonly #cell: Cell;
  readonly #room: WatchRoom;
  readonly #told: Told;
  readonly #watchers = new Set<Watcher>();
  /** Those of them who wait for the current value, each with the tick of its call. */
  readonly #newcomers = new Map<Watcher, number>();
  /** What is told was current at some instant after this tick. */
  #freshAt = 0;
  /** It is in doubt whether it was at this one. */
  #doubtAt = 0;
  /** Looks in a row that saw an older version than what is known. */
  #looksBehind = 0;
  #isHealthy = false;
  readonly #unsubscribe: () => void;
  /** What the last report was about, so that one damaged item is reported once. */
  #reported: string | undefined;
  #isOver = false;

  constructor(cell: Cell, room: WatchRoom) {
    this.key = cell.key;
    this.#cell = cell;
    this.#room = room;
    this.#told = new Told(room.ground.clock, (next, old) => {
      for (const watcher of [...this.#watchers]) if (!this.#newcomers.has(watcher)) watcher.see(next, old);
    });
    const { cache } = cell;
    cache.onChange = (known) => this.#learnt(known);
    if (cache.known !== undefined) this.#told.take(cache.known);
    room.poller.join(this);
    this.#unsubscribe = this.#subscribe();
  }

  add(watcher: Watcher): void {
    this.#watchers.add(watcher);
    this.#room.poller.mind(this);
    this.#hear();
    if (watcher.wantsFirst) {
      this.#newcomers.set(watcher, this.#doubtAt);
      this.#room.poller.ask(this);
    }
  }

  /** Whether anybody is left. */
  remove(watcher: Watcher): boolean {
    if (this.#isOver) return false;
    this.#watchers.delete(watcher);
    this.#newcomers.delete(watcher);
    if (this.#watchers.size > 0) this.#room.poller.mind(this);
    else this.#close();
    return !this.#isOver;
  }

  /** Ends all watches. */
  end(): void {
    const watchers = [...this.#watchers];
    if (!this.#isOver) this.#close();
    for (const watcher of watchers) watcher.end();
  }

  #close(): void {
    this.#isOver = true;
    this.#watchers.clear();
    this.#newcomers.clear();
    this.#told.close();
    this.#cell.cache.onChange = undefined;
    this.#room.poller.leave(this);
    this.#unsubscribe();
  }

  // ---- for the poller ---------------------------------------------------------------------------------------------

  get keepsAlive(): boolean {
    return some(this.#watchers, (one) => one.keepsAlive);
  }

  get pollMsMax(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const { pollMsMax } of this.#watchers) least = Math.min(least, pollMsMax);
    return least;
  }

  get isHealthy(): boolean {
    return this.#isHealthy;
  }

  /** An eventually consistent look tells nothing where nothing is known. */
  get isInDoubt(): boolean {
    return this.#freshAt < this.#doubtAt || this.#cell.cache.known === undefined;
  }

  get isAwaited(): boolean {
    return this.#newcomers.size > 0;
  }

  get wantsStrong(): boolean {
    return this.isInDoubt || some(this.#watchers, (one) => one.isStrong);
  }

  start(): Start {
    return this.#cell.cache.start();
  }

  async answered(item: Item | undefined, start: Start, isStrong: boolean): Promise<Took> {
    const { cache } = this.#cell;
    try {
      const seen = await cache.learn(item, isStrong ? start : { ...start, tick: 0 });
      if (isStrong) this.#freshAt = Math.max(this.#freshAt, cache.known === undefined ? 0 : start.tick);
      else this.#compareLook(seen);
    } catch (error) {
      return this.#unread(error, item, isStrong);
    }
    this.#reported = undefined;
    if (cache.known !== undefined) this.#learnt(cache.known);
    return 'taken';
  }

  #unread(error: unknown, item: Item | undefined, isStrong: boolean): Took {
    if (isPassing(error) || (isLeydenError(error) && error.retryable)) return 'again';
    // A late replica is no reason to fail anybody: a consistent look has to say so.
    if (isStrong) this.#fail(error, `item ${JSON.stringify(item?.[this.#cell.names.token])}`);
    else this.#doubtAt = this.#cell.cache.tick();
    return isStrong ? 'failed' : 'taken';
  }

  /** What an eventually consistent look saw that is no progress may come from a late replica, or from another life of the item. */
  #compareLook(seen: Known): void {
    const { known } = this.#cell.cache;
    const relation = known === undefined ? 'same' : relate(seen, known);
    this.#looksBehind = relation === 'before' ? this.#looksBehind + 1 : 0;
    if (relation !== 'apart' && this.#looksBehind < looksBehindMax) return;
    this.#looksBehind = 0;
    this.#doubtAt = this.#cell.cache.tick();
  }

  refused(error: unknown): void {
    this.#fail(error, `request ${(error as Error | undefined)?.name}`);
  }

  #fail(error: unknown, what: string): void {
    const untold = [...this.#watchers].filter((watcher) => !watcher.fail(error));
    if (untold.length === 0 || this.#reported === what) return;
    this.#reported = what;
    this.#room.report(error);
  }

  // ---- what is learnt ---------------------------------------------------------------------------------------------

  #learnt(known: Known | undefined): void {
    if (this.#isOver) return;
    if (known === undefined) {
      // Whoever drops what was known reads it himself soon, mostly: no hurry.
      this.#doubtAt = this.#cell.cache.tick();
      this.#room.poller.hasten(this);
      return;
    }
    this.#freshAt = Math.max(this.#freshAt, known.since);
    const taken = this.#told.take(known);
    if (taken === 'unclear') {
      this.#doubtAt = this.#cell.cache.tick();
      this.#room.poller.ask(this);
    }
    // Of our own writes nobody has to be asked.
    const isOwn = writerOf(known.image?.lineage.token ?? '') === this.#room.ground.writer;
    if (taken === 'moved' && !isOwn) this.#room.poller.hasten(this);
    for (const [watcher, calledAt] of this.#newcomers) {
      if (calledAt > this.#freshAt) continue;
      this.#newcomers.delete(watcher);
      watcher.see(this.#told.held, this.#told.held);
    }
  }

  // ---- hints of a source ------------------------------------------------------------------------------------------

  /** Something may have happened that nobody has seen. */
  #hear(): void {
    this.#doubtAt = this.#cell.cache.tick();
    this.#room.poller.hasten(this);
    this.#room.poller.ask(this);
  }

  async #take(item: Item | undefined): Promise<void> {
    const { cache } = this.#cell;
    try {
      const seen = await cache.learn(item, { ...cache.start(), tick: 0 });
      // Hints come in their own time: an older one is none.
      if (cache.known !== undefined && relate(seen, cache.known) !== 'apart') return this.#learnt(cache.known);
    } catch {
      // A consistent look shows whether the item can't be read, or this image of it.
    }
    if (!this.#isOver) this.#hear();
  }

  #subscribe(): () => void {
    const { source, ground, report } = this.#room;
    const target = () => ({ tableName: ground.tableName(), key: this.key, keyText: this.#cell.keyText });
    return subscribeTo(source, target, report, {
      onHint: (change) => {
        if (this.#isOver) return;
        if (change === undefined) this.#hear();
        else void this.#take(change.item);
      },
      onHealth: (isHealthy) => {
        if (this.#isOver || isHealthy === this.#isHealthy) return;
        this.#isHealthy = isHealthy;
        this.#hear();
      },
    });
  }
}

function some<T>(all: Iterable<T>, holds: (one: T) => boolean): boolean {
  for (const one of all) if (holds(one)) return true;
  return false;
}
