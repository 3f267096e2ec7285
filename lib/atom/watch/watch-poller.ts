/**
 * Looks at many watched atoms with few requests.
 *
 *   join ──> urgent ──────────────┐                            ┌─> nothing new: one rung up the ladder
 *            rung 0 │ due ──┐     ├──> batches of up to 100 ──>├─> something new: rung 0
 *            rung 1 │ due ──┴─────┘    (4 under way at once)   ├─> not processed: the next look of rung 0
 *             ...                                              └─> in doubt: urgent, consistently
 *
 * One timer for all. Throttling, lost answers and time-outs put off everything by a pause that doubles, with jitter; nobody is
 * told, and nobody is forgotten. What the store refuses for good (no access, no table) goes to those who wait, and the atom is
 * looked at again at the coarsest interval. With nobody to look for there is no timer.
 */
import { after, batchGetKeysMax, fullJitterMs } from '../../engine/index.js';
import type { Start } from '../cache.js';
import type { Ground, Retry } from '../ground.js';
import { isPassing } from '../sender.js';
import type { Activity } from '../table-life.js';
import { Ladder, type WatchPollOptions } from './watch-ladder.js';
import { WatchLook } from './watch-look.js';
import { type Entry, never, type Polled, type Took, WatchQueue } from './watch-queue.js';

interface Batch {
  readonly isStrong: boolean;
  readonly entries: readonly Entry[];
}

const requestsMax = 4;

export class WatchPoller implements Activity {
  readonly outlives = false;
  readonly #ground: Ground;
  readonly #retry: Retry;
  readonly #queue: WatchQueue;
  readonly #look: WatchLook;
  readonly #entries = new Map<Polled, Entry>();
  #batches: Batch[] = [];
  #underWay = 0;
  #keepers = 0;
  #stop = new AbortController();
  #failures = 0;
  #notBefore = never;
  #timer: { readonly at: number; readonly background: boolean; readonly callOff: () => void } | undefined;
  #isNudged = false;
  /** What stands in the way of looks, for messages. */
  obstacle: unknown;

  /** @throws RangeError for wrong options. */
  constructor(ground: Ground, retry: Retry, options: WatchPollOptions) {
    this.#ground = ground;
    this.#retry = retry;
    this.#queue = new WatchQueue(new Ladder(options, ground.random.next()), ground.random);
    this.#look = new WatchLook(ground, retry.attemptTimeoutMs);
  }

  join(polled: Polled): void {
    this.#entries.set(polled, { polled, keepsAlive: false, rung: -1, place: undefined, askedAt: never });
  }

  leave(polled: Polled): void {
    const entry = this.#entries.get(polled);
    if (entry === undefined) return;
    this.#queue.leave(entry);
    this.#entries.delete(polled);
    if (entry.keepsAlive) this.#keepers -= 1;
    if (this.#entries.size === 0) this.#rest();
    else this.#schedule();
  }

  /** Something happened: back to the finest interval. */
  hasten(polled: Polled): void {
    const entry = this.#entries.get(polled);
    if (entry === undefined) return;
    entry.rung = -1;
    if (this.#queue.isOnRung(entry) && !polled.isHealthy) this.#waitOn(0, entry);
  }

  /** A consistent look, now; where nobody waits for it, not more often than the finest interval. */
  ask(polled: Polled): void {
    const entry = this.#entries.get(polled);
    // After the look that is under way it is asked for anew.
    if (entry !== undefined && (entry.place !== undefined || entry.askedAt === never)) this.#waitForNow(entry);
  }

  /** Who watches has changed. */
  mind(polled: Polled): void {
    const entry = this.#entries.get(polled);
    if (entry === undefined || entry.keepsAlive === polled.keepsAlive) return;
    entry.keepsAlive = !entry.keepsAlive;
    this.#keepers += entry.keepsAlive ? 1 : -1;
    this.#schedule();
  }

  /** With nobody to look for. */
  #rest(): void {
    this.#stop.abort();
    this.#stop = new AbortController();
    this.#batches = [];
    this.#timer?.callOff();
    this.#timer = undefined;
  }

  // ---- places -----------------------------------------------------------------------------------------------------

  #waitForNow(entry: Entry): void {
    const isEarly = this.#ground.clock.monotonicMs() - entry.askedAt < this.#queue.ladder.finestMs;
    if (isEarly && !entry.polled.isAwaited) this.#waitOn(0, entry);
    else {
      this.#queue.waitForNow(entry);
      this.#schedule();
    }
  }

  #waitOn(rung: number, entry: Entry): void {
    this.#queue.waitOn(rung, entry, this.#ground.clock.monotonicMs());
    this.#schedule();
  }

  /** After a look. */
  #replace(entry: Entry, took: Took): void {
    const { polled } = entry;
    if (this.#entries.get(polled) !== entry) return;
    const coarsest = this.#queue.ladder.within(polled.pollMsMax);
    entry.rung = took === 'failed' ? coarsest : Math.min(entry.rung + 1, coarsest);
    if (took !== 'taken') this.#waitOn(entry.rung, entry);
    else if (polled.isInDoubt) this.#waitForNow(entry);
    else this.#waitOn(polled.isHealthy ? this.#queue.ladder.safety : entry.rung, entry);
  }

  // ---- time -------------------------------------------------------------------------------------------------------

  #schedule(): void {
    if (this.#isNudged) return;
    const at = Math.max(this.#queue.nextAt, this.#notBefore);
    const now = this.#ground.clock.monotonicMs();
    if (at <= now) {
      // One microtask later, so that all who join in this turn of the event loop share requests.
      this.#isNudged = true;
      queueMicrotask(() => {
        this.#isNudged = false;
        this.#turn();
      });
    } else this.#setTimer(at, now);
  }

  #setTimer(at: number, now: number): void {
    const background = this.#keepers === 0;
    if (this.#timer?.at === at && this.#timer.background === background) return;
    this.#timer?.callOff();
    this.#timer = undefined;
    if (at === Number.POSITIVE_INFINITY) return;
    const ring = () => {
      this.#timer = undefined;
      this.#turn();
    };
    this.#timer = { at, background, callOff: after(this.#ground.clock, Math.ceil(at - now), ring, background) };
  }

  /** Sends what is due. */
  #turn(): void {
    const now = this.#ground.clock.monotonicMs();
    if (now >= this.#notBefore) {
      const due = this.#queue.take(now);
      for (const isStrong of [true, false]) {
        const alike = due.filter(({ polled }) => polled.wantsStrong === isStrong);
        for (let at = 0; at < alike.length; at += batchGetKeysMax) {
          this.#batches.push({ isStrong, entries: alike.slice(at, at + batchGetKeysMax) });
        }
      }
      this.#pump();
    }
    this.#schedule();
  }

  // ---- requests ---------------------------------------------------------------------------------------------------

  #pump(): void {
    while (this.#underWay < requestsMax && this.#batches.length > 0) {
      const { isStrong, entries } = this.#batches.shift() as Batch;
      const wanted = entries.filter((one) => this.#entries.get(one.polled) === one);
      if (this.#ground.clock.monotonicMs() < this.#notBefore) {
        for (const entry of wanted) this.#queue.waitForNow(entry);
      } else if (wanted.length > 0) this.#send(wanted, isStrong);
    }
  }

  #send(entries: readonly Entry[], isStrong: boolean): void {
    const { life } = this.#ground;
    if (this.#underWay === 0) life.began(this);
    this.#underWay += 1;
    void this.#ask(entries, isStrong).finally(() => {
      this.#underWay -= 1;
      if (this.#underWay === 0) life.ended(this);
      this.#pump();
      this.#schedule();
    });
  }

  /** One request. Never rejects. */
  async #ask(entries: readonly Entry[], isStrong: boolean): Promise<void> {
    const { signal } = this.#stop;
    const starts = entries.map(({ polled }) => polled.start());
    const keys = entries.map(({ polled }) => polled.key);
    try {
      const { itemOf, isLeft, leftCount } = await this.#look.at(keys, isStrong, signal);
      if (signal.aborted) return;
      if (leftCount === entries.length) this.#backOff(new Error('the store processed none of the keys'));
      else {
        this.#failures = 0;
        this.obstacle = undefined;
      }
      for (const [index, entry] of entries.entries()) {
        const { polled } = entry;
        if (this.#entries.get(polled) !== entry) continue;
        if (isLeft(polled.key)) this.#waitOn(0, entry);
        else {
          const answered = polled.answered(itemOf(polled.key), starts[index] as Start, isStrong);
          void answered.then((took) => this.#replace(entry, took));
        }
      }
    } catch (error) {
      if (!signal.aborted) this.#failed(entries, error);
    }
  }

  #failed(entries: readonly Entry[], error: unknown): void {
    const isPassed = isPassing(error);
    if (isPassed) this.#backOff(error);
    for (const entry of entries) {
      if (this.#entries.get(entry.polled) !== entry) continue;
      if (isPassed) this.#queue.waitForNow(entry);
      else {
        entry.polled.refused(error);
        this.#replace(entry, 'failed');
      }
    }
  }

  #backOff(error: unknown): void {
    const { clock, random } = this.#ground;
    const { backoffMs, backoffMsMax } = this.#retry;
    const pauseMs = fullJitterMs(random, { leastMs: backoffMs, mostMs: backoffMsMax }, this.#failures);
    this.#failures += 1;
    this.obstacle = error;
    this.#notBefore = clock.monotonicMs() + pauseMs;
  }
}
