/**
 * One life of a member: from its first beat to its end, which is for ever.
 *
 *      beat sent          answer came                  fenced            others may take over
 *         |--------------------|-------------------------|--------------------|
 *         |<------------ lease less the margin --------->|
 *                 |<--- a whole lease on an observer's clock, from when the beat was seen --->|
 *
 * It may be relied on only while less than the lease, less the margin, has passed since the last acknowledged beat was *sent*, by the larger
 * of both its clocks. After that it is over whatever comes: work under it stops, and the member goes on under another life.
 */
import type { ItemAtom } from '../../atom/index.js';
import { Alarm, after, type Clock, elapsedMs, type Moment, momentOf, type Random } from '../../engine/index.js';
import type { MemberState, Owner } from './lease-state.js';

/** Beats come at random moments of about a tenth of their interval, so that members do not beat together. */
const jitter = 0.1;
/** Shortest pause after a beat that failed. */
const retryMsMin = 50;

/** How a life ended: nobody acknowledged it in time, another process took its item over, or it was ended. */
export type LifeEnd = 'silent' | 'replaced' | 'stopped';

/** What a life is made of. */
export interface LifeTerms {
  readonly owner: Owner;
  readonly atom: ItemAtom<MemberState>;
  readonly clock: Clock;
  readonly random: Random;
  readonly leaseMs: number;
  readonly marginMs: number;
  readonly beatMs: number;
  /** What others are told with each beat. */
  facts(): Pick<MemberState, 'capacity' | 'shardsMax' | 'leaving' | 'host' | 'pid'>;
  /** Whether the item of this life may be written over: that of an earlier life that is over. */
  mayReplace(life: string): boolean;
  /** A beat was acknowledged, so long after it was sent. */
  onBeat(spentMs: number): void;
  /** A beat has failed; it is tried again. */
  onTrouble(error: unknown): void;
  onEnd(end: LifeEnd, cause: unknown): void;
}

export class OwnLife {
  readonly owner: Owner;
  readonly #terms: LifeTerms;
  readonly #alarm: Alarm;
  /** Before the last acknowledged beat was sent. */
  #provenAt: Moment | undefined;
  #beating: Promise<void> | undefined;
  #callOff: (() => void) | undefined;
  #obstacle: unknown;
  #end: LifeEnd | undefined;

  constructor(terms: LifeTerms) {
    this.owner = terms.owner;
    this.#terms = terms;
    this.#alarm = new Alarm(terms.clock, () => this.look(), true);
  }

  /** Whether it may be relied on now. Looks at the clocks; costs nothing. */
  get isLive(): boolean {
    this.look();
    return this.#end === undefined && this.#provenAt !== undefined;
  }

  get end(): LifeEnd | undefined {
    return this.#end;
  }

  /** Milliseconds for which it may be relied on if no further beat is acknowledged. */
  get leftMs(): number {
    const { leaseMs, marginMs, clock } = this.#terms;
    if (this.#end !== undefined || this.#provenAt === undefined) return 0;
    return Math.max(0, leaseMs - marginMs - elapsedMs(clock, this.#provenAt));
  }

  /** Looks at the clocks, and ends it if its time is over. */
  look(): void {
    if (this.#end !== undefined || this.#provenAt === undefined) return;
    const { leftMs } = this;
    if (leftMs <= 0) this.finish('silent', this.#obstacle);
    else this.#alarm.set(this.#terms.clock.monotonicMs() + leftMs);
  }

  /** The first beat; others follow by themselves. @throws what `ItemAtom.swap` throws; {@link Replaced}. */
  async begin(): Promise<void> {
    await this.beat();
    this.#schedule();
  }

  /** One beat now. */
  beat(): Promise<void> {
    this.#beating ??= this.#send().finally(() => {
      this.#beating = undefined;
    });
    return this.#beating;
  }

  finish(end: LifeEnd, cause?: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#alarm.clear();
    this.#callOff?.();
    this.#terms.onEnd(end, cause);
  }

  async #send(): Promise<void> {
    const { atom, clock, owner, leaseMs, mayReplace, facts, onBeat, onTrouble } = this.#terms;
    const sentAt = momentOf(clock);
    const limits = this.#provenAt === undefined ? {} : { timeoutMs: Math.max(1, this.leftMs) };
    try {
      await atom.swap((state) => {
        if (state !== undefined && state.life !== owner.life && !mayReplace(state.life)) throw new Replaced();
        const beat = (state?.beat ?? 0) + 1;
        return { kind: 'stream-member', v: 1, ...owner, beat, leaseMs, ...facts() };
      }, limits);
    } catch (error) {
      if (error instanceof Replaced) this.finish('replaced', error);
      else {
        this.#obstacle = error;
        onTrouble(error);
      }
      throw error;
    }
    if (this.#end !== undefined) return;
    this.#obstacle = undefined;
    this.#provenAt = sentAt;
    this.look();
    if (this.#end !== undefined) return;
    this.#alarm.clear();
    this.look();
    onBeat(elapsedMs(clock, sentAt));
  }

  /** What the answer took is part of the interval: a slow store is asked as often as a fast one. */
  #schedule(): void {
    const { beatMs, clock, random } = this.#terms;
    const spentMs = this.#provenAt === undefined ? 0 : elapsedMs(clock, this.#provenAt);
    this.#pause(Math.max(0, beatMs * (1 + jitter * (random.next() - 0.5)) - spentMs));
  }

  #keepBeating(): void {
    this.beat().then(
      () => this.#schedule(),
      () => this.#pause(Math.max(retryMsMin, this.#terms.beatMs / 4)),
    );
  }

  #pause(ms: number): void {
    if (this.#end !== undefined) return;
    const next = () => {
      this.look();
      if (this.#end === undefined) this.#keepBeating();
    };
    this.#callOff = after(this.#terms.clock, ms, next);
  }
}

/** The item is another life's. */
class Replaced extends Error {}
