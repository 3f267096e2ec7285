/**
 * How a process comes to a barrier, and waits there: the steps of `barrier-state.ts`, made by swaps and commutes on one atom.
 *
 *   enter: ---------------- complete? ------------------------------------------> passed
 *                    \---- watch the item until the generation is over --------> passed, or broken
 *                          meanwhile observe the session of the next one in the ring; if it is over, break the generation
 *
 * Each step is a swap, or a commute where the store can make it by itself, so it happens once, whatever answers get lost. A call that gives up breaks the generation in which it waits, or finds
 * that it has passed; where even that can't be settled it is tried again in the background, until the session goes with it.
 */
import { TableClosedError } from '../../atom/index.js';
import type { Clock } from '../../engine/index.js';
import { isLeydenError } from '../../errors.js';
import { Lookouts } from '../claims/lookouts.js';
import { Rivals } from '../claims/rivals.js';
import { Waiting } from '../claims/waiting.js';
import { RecipeDiffersError } from '../errors.js';
import { insist } from '../insist.js';
import { RecipeItem, requireCount, requireWaitMs, tableOf, type WaitOptions } from '../recipe-item.js';
import type { Lease } from '../session/lease.js';
import type { Session } from '../session/session.js';
import { BarrierTimeoutError, BrokenBarrierError } from './barrier-errors.js';
import {
  type BarrierState,
  blindEnter,
  blindLeave,
  blindSettle,
  enter,
  evict,
  generationOf,
  giveUp,
  isGathering,
  leave,
  type Member,
  neighbourOf,
  type Outcome,
  outcomeOf,
  reset,
  settled,
  untouched,
} from './barrier-state.js';

/** Longest interval between two looks of somebody who waits, in milliseconds. */
const pollMsMax = 1_000;
/** Each member takes about 50 bytes of the item, which all who wait read again and again. */
const partiesMax = 1_000;

/** How often the store is asked to enter a call before that is done in its turn. */
const blindTries = 3;

/** What a wait is for. */
interface Wanted extends Member {
  /** `member`: that all enter; `leaver`: that all leave; `outsider`: that the place is free. */
  readonly role: 'member' | 'leaver' | 'outsider';
}

/** What a call to enter has come to. */
interface Arrival {
  readonly before: BarrierState;
  readonly isLast: boolean;
}

/** What is left of a call's time. */
interface Limits {
  readonly waitMs: number;
  readonly deadlineAt: number;
  readonly signal: AbortSignal | undefined;
}

export class Gathering {
  readonly item: RecipeItem<BarrierState>;
  readonly #session: Session;
  readonly #parties: number;
  readonly #clock: Clock;
  readonly #randomBytes: (count: number) => Uint8Array;
  readonly #lookouts: Lookouts;

  constructor(session: Session, kind: 'barrier' | 'double-barrier', name: string, parties: number) {
    this.item = new RecipeItem<BarrierState>(tableOf(kind, session), name, untouched(kind));
    requireCount(`open ${this.item.subject}`, 'parties', parties);
    if (parties > partiesMax) {
      throw new RangeError(`Cannot open ${this.item.subject}: parties must be at most ${partiesMax}: ${parties}`);
    }
    const { clock, randomBytes } = session.table.sources;
    this.#session = session;
    this.#parties = parties;
    this.#clock = clock;
    this.#randomBytes = randomBytes;
    this.#lookouts = new Lookouts(session, { onOver: (id, lease) => this.#evict(id, lease) });
  }

  /** Enters, and waits until all have. */
  async enter(options: WaitOptions): Promise<Member & { readonly isLast: boolean }> {
    const limits = this.#limitsOf('enter', options);
    const lease = await this.#session.lease();
    const nonce = Buffer.from(this.#randomBytes(9)).toString('base64url');
    for (;;) {
      const { before, isLast } = await this.#arrive(nonce, lease, limits.signal);
      const generation = generationOf(before);
      if (before.reason !== null) throw new BrokenBarrierError(this.item.subject, generation, before);
      const member = { nonce, generation };
      // Those of the generation before are still inside.
      if (!isGathering(before)) await this.#wait({ ...member, role: 'outsider' }, lease, limits);
      else {
        if (!isLast) await this.#wait({ ...member, role: 'member' }, lease, limits);
        return { ...member, isLast };
      }
    }
  }

  /** Leaves at once, whatever ends the wait, and waits until all have. */
  async leave(member: Member, options: WaitOptions): Promise<void> {
    const limits = this.#limitsOf('leave', options);
    const lease = await this.#session.lease();
    const wanted: Wanted = { ...member, role: 'leaver' };
    let state: BarrierState;
    try {
      state = await this.#depart(member);
    } catch (error) {
      // The others must not wait for one who wants to leave.
      void insist(this.#clock, lease, () => this.#depart(member));
      throw error;
    }
    if (!this.#isPast(state, wanted)) await this.#wait(wanted, lease, limits);
  }

  /** Begins the generation after `generation`; whether it was this call that did. */
  async reset(generation: number): Promise<boolean> {
    if (!(Number.isSafeInteger(generation) && generation >= 0)) {
      throw new RangeError(
        `Cannot reset ${this.item.subject}: generation must be an integer of at least 0: ${String(generation)}`,
      );
    }
    return this.item.swapWith((state) => {
      const now = settled(state);
      const after = reset(now, generation);
      return [after, after !== now];
    });
  }

  #limitsOf(action: string, { waitMs = Number.POSITIVE_INFINITY, signal }: WaitOptions): Limits {
    requireWaitMs(`${action} ${this.item.subject}`, waitMs);
    signal?.throwIfAborted();
    return { waitMs, deadlineAt: this.#clock.monotonicMs() + waitMs, signal };
  }

  /** Enters; `before` is what it has entered, or could not enter. */
  async #arrive(nonce: string, lease: Lease, signal: AbortSignal | undefined): Promise<Arrival> {
    try {
      return (await this.#arriveBlindly(nonce, lease, signal)) ?? (await this.#arriveInTurn(nonce, lease, signal));
    } catch (error) {
      // Perhaps it has entered, and nobody waits for it here: the others must not count on it.
      if (isLeydenError(error) && error.outcome !== 'not-done') this.#giveUpLater(nonce, lease);
      signal?.throwIfAborted();
      throw error;
    }
  }

  #arriveInTurn(nonce: string, lease: Lease, signal: AbortSignal | undefined): Promise<Arrival> {
    return this.item.swapWith(
      (state) => {
        this.#assertAgreed(state);
        const before = settled(state);
        const after = enter(state, nonce, lease.id, this.#parties);
        const isLast = isGathering(before) && after.stage > before.stage;
        return [after, { before, isLast }];
      },
      { signal },
    );
  }

  /** Has the store enter it; `undefined` when that can't be, or has turned out not to be possible. */
  async #arriveBlindly(nonce: string, lease: Lease, signal: AbortSignal | undefined): Promise<Arrival | undefined> {
    let known = this.item.peek();
    for (let tries = 0; known !== undefined && tries < blindTries; tries += 1) {
      const step = blindEnter(known, nonce, lease.id, this.#parties);
      if (step === undefined) break;
      const { applied, value } = await this.item.commute(step.changes, step.when, { signal });
      const wasLast = await this.#settle(value);
      if (applied) return { before: settled(known), isLast: wasLast };
      // Somebody came in before; now it is known where it stands.
      known = value;
    }
    return undefined;
  }

  async #depart(member: Member): Promise<BarrierState> {
    const known = this.item.peek();
    const step = known && blindLeave(known, member);
    if (step !== undefined) {
      const { applied, value } = await this.item.commute(step.changes, step.when);
      if (applied) {
        await this.#settle(value);
        return value;
      }
    }
    return this.item.swap((now) => leave(now, member));
  }

  /** Goes on from a complete stage; whether it was this call that did. What fails is left to whoever comes next. */
  async #settle(state: BarrierState): Promise<boolean> {
    if (settled(state) === state) return false;
    const step = blindSettle(state);
    const goOn = (now: BarrierState): readonly [BarrierState, boolean] => {
      const after = now.stage === state.stage ? settled(now) : now;
      return [after, after !== now];
    };
    const work = step
      ? this.item.commute(step.changes, step.when).then(({ applied }) => applied)
      : this.item.swapWith(goOn);
    return work.catch(() => false);
  }

  /** @throws {RecipeDiffersError} */
  #assertAgreed({ parties }: BarrierState): void {
    if (parties === 0 || parties === this.#parties) return;
    const facts = { fact: 'parties', given: this.#parties, stored: parties };
    throw new RecipeDiffersError(this.item.atom.key, facts, 'open it with that everywhere, or under another name');
  }

  /** Whether it is over, one way. @throws {BrokenBarrierError} the other way. */
  #isPast(state: BarrierState, wanted: Wanted): boolean {
    const outcome = outcomeFor(state, wanted);
    if (outcome === 'broken') throw new BrokenBarrierError(this.item.subject, wanted.generation, state);
    return outcome === 'passed';
  }

  async #wait(wanted: Wanted, lease: Lease, limits: Limits): Promise<void> {
    // Those of one process that come together share a write, and know at once.
    const known = this.item.peek();
    if (known !== undefined && outcomeFor(known, wanted) === 'passed') return;
    limits.signal?.throwIfAborted();
    const waiting = new Waiting(this.#clock, lease, limits);
    const rivals = new Rivals(this.#session, (id) => void this.#evict(id, lease));
    let seen: BarrierState | undefined;
    try {
      waiting.signal.throwIfAborted();
      for await (const value of this.item.atom.watch({ signal: waiting.signal, pollMsMax })) {
        seen = this.item.mine(value);
        if (this.#isPast(seen, wanted)) return;
        rivals.observe(neighboursOf(seen, wanted, lease));
      }
      throw new TableClosedError('wait at', this.item.subject);
    } catch (error) {
      if (isLeydenError(error, 'ERR_BROKEN_BARRIER')) throw error;
      if (wanted.role === 'member' && (await this.#giveUp(wanted, lease))) return;
      for (const id of neighboursOf(seen ?? known, wanted, lease)) this.#lookouts.keep(id, lease);
      if (!waiting.isTimeout(error)) throw error;
      const last = seen ?? { ...untouched(this.item.kind), parties: this.#parties };
      throw new BarrierTimeoutError(this.item.subject, limits.waitMs, wanted.generation, last, rivals.obstacle);
    } finally {
      waiting.end();
      rivals.close();
    }
  }

  /** Breaks what it waits in, unless that has passed meanwhile: then all have come, and it has passed too. */
  async #giveUp(wanted: Wanted, lease: Lease): Promise<boolean> {
    try {
      const state = await this.item.swap((now) => giveUp(now, wanted.nonce));
      return outcomeOf(state, wanted, 'enter') === 'passed';
    } catch {
      // What ended the wait is what the caller has to know.
      this.#giveUpLater(wanted.nonce, lease);
      return false;
    }
  }

  #giveUpLater(nonce: string, lease: Lease): void {
    void insist(this.#clock, lease, () => this.item.swap((now) => giveUp(now, nonce)));
  }

  #evict(id: string, lease: Lease): Promise<boolean> {
    return insist(this.#clock, lease, () => this.item.swap((now) => evict(now, id)));
  }
}

/** Whose session a call looks after while it waits. */
function neighboursOf(state: BarrierState | undefined, { nonce }: Wanted, lease: Lease): ReadonlySet<string> {
  const neighbour = state && neighbourOf(state, nonce, lease.id);
  return new Set(neighbour === undefined ? [] : [neighbour]);
}

function outcomeFor(state: BarrierState, wanted: Wanted): Outcome {
  if (wanted.role !== 'outsider') return outcomeOf(state, wanted, wanted.role === 'member' ? 'enter' : 'leave');
  const now = settled(state);
  return generationOf(now) === wanted.generation && !isGathering(now) && now.reason === null ? 'waiting' : 'passed';
}
