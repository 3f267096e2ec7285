/**
 * One life of a session: from the write that opened it to its end, which is for ever.
 *
 *      beat sent          answer came                       own end          others may take over
 *         |--------------------|                                |                    |
 *         |<--------------- 80 % of the lease ----------------->|                    |
 *                  |<-- judged by the store: a whole lease on the observer's clock -->|
 *
 * The holder counts from before it sent a beat, and stops a fifth of a lease earlier; an observer counts from after it saw that beat,
 * which is later than it was sent. So the holder stops first while the rates of the two clocks differ by less than a fifth (a clock
 * at 0.9 and one at 1.1, say). Nothing is assumed of what time the clocks show.
 *
 * A beat whose answer is lost is settled by the atom. Only an item that says so means that the session is over; every other error is
 * met by trying again until the own end.
 */
import type { AtomTable } from '../../atom/index.js';
import { Alarm, after, type Clock, elapsedMs, type Moment, momentOf, watchfulSignal } from '../../engine/index.js';
import type { RecipeItem } from '../recipe-item.js';
import { LeaseLostError, type LostReason, SessionClosedError } from './session-errors.js';
import {
  closed,
  isOver,
  renewed,
  type SessionInfo,
  type SessionState,
  sessionId,
  sessionItem,
} from './session-item.js';
import { tellAll } from './told.js';

/** The share of a lease that its holder relies on. */
const reliedOn = 0.8;
/** Beats come earlier by a random part of their interval, at most this one, so that processes do not beat together. */
const jitterMax = 0.1;
/** Shortest pause after a beat that the store refused. */
const retryMsMin = 50;

/** How a session is renewed: by itself, by calls alone, or by itself as long as there is progress. */
export type Renewal = 'auto' | 'manual' | 'progress';

/** What a lease is made of. */
export interface LeaseTerms {
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  readonly renewal: Renewal;
  readonly info: SessionInfo;
}

/**
 * One life of a session; `Session.lease()` gives the current one.
 *
 * What is held under a lease ends with it, for ever: a session that goes on afterwards does so under another one.
 */
export class Lease {
  /** Names this life in the items of recipes. */
  readonly id: string;
  readonly leaseMs: number;
  readonly #terms: LeaseTerms;
  readonly #clock: Clock;
  readonly #chance: () => number;
  readonly #item: RecipeItem<SessionState>;
  readonly #controller = new AbortController();
  readonly #enders = new Set<(error: Error) => void>();
  readonly #alarm: Alarm;
  #opening: Promise<void> | undefined;
  #beating: Promise<void> | undefined;
  #callOff: (() => void) | undefined;
  /** Before the last acknowledged beat was sent. */
  #provenAt: Moment | undefined;
  #hasProgressed = false;
  #obstacle: unknown;
  #end: Error | undefined;

  /** Aborts before the lease can end for others; each look at it looks at the clocks first. The reason is the error. */
  readonly signal: AbortSignal;

  /** @internal Made by `Session`. */
  constructor(table: AtomTable, terms: LeaseTerms) {
    const { clock, random, randomBytes } = table.sources;
    this.id = sessionId(randomBytes(12), terms.leaseMs);
    this.leaseMs = terms.leaseMs;
    this.#terms = terms;
    this.#clock = clock;
    this.#chance = () => random.next();
    this.#item = sessionItem(table, this.id);
    this.#alarm = new Alarm(clock, () => this.#look(), true);
    this.signal = watchfulSignal(this.#controller, () => this.#look());
  }

  /** Whether what is held under it may be relied on now. Looks at the clocks; costs nothing. */
  isLive(): boolean {
    this.#look();
    return this.#end === undefined && this.#provenAt !== undefined;
  }

  /** @throws {LeaseLostError} `ERR_LEASE_LOST`, {@link SessionClosedError} `ERR_SESSION_CLOSED` */
  assertLive(): void {
    this.#look();
    if (this.#end !== undefined) throw this.#end;
  }

  /** Milliseconds for which it may be relied on if no further beat is acknowledged. */
  get leftMs(): number {
    if (this.#end !== undefined || this.#provenAt === undefined) return 0;
    return Math.max(0, reliedOn * this.leaseMs - elapsedMs(this.#clock, this.#provenAt));
  }

  /** Why it ended. */
  get end(): Error | undefined {
    this.#look();
    return this.#end;
  }

  /** Calls `call` once when it ends, with the reason; at once if it has. Gives what calls that off. */
  onEnd(call: (error: Error) => void): () => void {
    this.#look();
    if (this.#end !== undefined) {
      call(this.#end);
      return () => {};
    }
    this.#enders.add(call);
    return () => this.#enders.delete(call);
  }

  /** @internal Writes the item of the session, once. Callers share it, so no one's time or signal ends it. */
  open(): Promise<void> {
    this.assertLive();
    this.#opening ??= this.#write().catch((error: unknown) => {
      // Whoever asks next tries again: the item is nobody's but ours.
      this.#opening = undefined;
      throw error;
    });
    // Those who asked for it may have left by then.
    this.#opening.catch(() => {});
    return this.#opening;
  }

  /** @internal Renews it now. */
  async beat(): Promise<void> {
    await this.#beating?.catch(() => {});
    await this.#beat();
  }

  /** @internal Tells of progress. */
  tick(): void {
    this.#hasProgressed = true;
  }

  /** @internal Ends it, and says good-bye; whether others know. */
  async close(timeoutMs: number): Promise<boolean> {
    const wasOpened = this.#opening !== undefined;
    const wasLost = this.#end !== undefined;
    this.#finish(new SessionClosedError('rely on what was held'));
    if (!wasOpened || wasLost) return !wasLost;
    return isOver(await this.#item.swap(closed, { timeoutMs }));
  }

  /** Creates the item, or meets its own. */
  async #write(): Promise<void> {
    const { leaseMs, info } = this.#terms;
    const sentAt = momentOf(this.#clock);
    const stands = await this.#item.swap((state) => {
      return state.state === 'none' ? { ...state, state: 'live', leaseMs, info } : renewed(state);
    });
    this.#prove(stands, sentAt);
    this.assertLive();
    this.#schedule();
  }

  #beat(): Promise<void> {
    this.#beating ??= this.#send().finally(() => {
      this.#beating = undefined;
    });
    return this.#beating;
  }

  async #send(): Promise<void> {
    this.assertLive();
    const sentAt = momentOf(this.#clock);
    const stands = await this.#item.swap(renewed, { timeoutMs: this.leftMs });
    this.#prove(stands, sentAt);
    this.assertLive();
  }

  /** What the item says of a beat that was sent at `sentAt`. */
  #prove(stands: SessionState, sentAt: Moment): void {
    if (stands.state !== 'live') {
      this.#lose('expired');
      return;
    }
    if (this.#end !== undefined) return;
    this.#obstacle = undefined;
    this.#provenAt = sentAt;
    this.#look();
    if (this.#end !== undefined) return;
    this.#alarm.clear();
    this.#alarm.set(this.#clock.monotonicMs() + this.leftMs);
  }

  /** The next beat. What the answer to the last one took is part of the interval: a slow store is asked as often as a fast one. */
  #schedule(spentMs = this.#provenAt === undefined ? 0 : elapsedMs(this.#clock, this.#provenAt)): void {
    const { heartbeatMs, renewal } = this.#terms;
    if (renewal === 'manual') return;
    const pauseMs = Math.max(0, heartbeatMs * (1 - jitterMax * this.#chance()) - spentMs);
    this.#pause(pauseMs, () => {
      if (renewal === 'progress' && !this.#hasProgressed) return this.#schedule(0);
      this.#hasProgressed = false;
      this.#keepBeating();
    });
  }

  /** One beat, tried again until it is acknowledged or the lease has ended. */
  #keepBeating(): void {
    this.#beat().then(
      () => this.#schedule(),
      (error: unknown) => {
        if (this.#end !== undefined) return;
        this.#obstacle = error;
        this.#pause(Math.max(retryMsMin, this.#terms.heartbeatMs / 4), () => this.#keepBeating());
      },
    );
  }

  #pause(ms: number, then: () => void): void {
    if (this.#end !== undefined) return;
    this.#callOff = after(
      this.#clock,
      ms,
      () => {
        this.#look();
        if (this.#end === undefined) then();
      },
      true,
    );
  }

  /** Looks at the clocks, and ends the lease if its time is over. */
  #look(): void {
    if (this.#end !== undefined || this.#provenAt === undefined) return;
    const leftMs = reliedOn * this.leaseMs - elapsedMs(this.#clock, this.#provenAt);
    if (leftMs <= 0) this.#lose('silent');
    else this.#alarm.set(this.#clock.monotonicMs() + leftMs);
  }

  #lose(reason: LostReason): void {
    const facts = { reason, session: this.id, leaseMs: this.leaseMs, cause: this.#obstacle };
    this.#finish(new LeaseLostError('what was held', facts));
  }

  #finish(error: Error): void {
    if (this.#end !== undefined) return;
    this.#end = error;
    this.#alarm.clear();
    this.#callOff?.();
    this.#controller.abort(error);
    tellAll(this.#enders, error);
    this.#enders.clear();
  }
}
