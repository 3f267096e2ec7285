/**
 * How a process comes to hold something, and how it gives it up: the steps of a recipe, made by swaps on one atom.
 *
 *   acquire: swap request ---- owner? ----------------------------------------> grant
 *                     \--- ticket: watch the item until it names us ----------> grant
 *                          meanwhile observe the sessions that we wait for;
 *                          one that is over is evicted, and that grants what it held to the next
 *   release: swap withdraw, which hands it to the first ticket
 *
 * Each step is a swap, so it happens once, whatever answers get lost. A step that depends on nothing but a few numbers may be left to
 * the store, as a commute with a condition, where nobody waits: rivals are then not in its way, and it is exact as well.
 *
 * A call that gives up withdraws its claim; where even that can't be settled the claim is remembered as an orphan, and withdrawn by the
 * next swap of this process or in the background. An orphan that outlives its process goes with its session.
 */
import { type CommuteResult, TableClosedError } from '../../atom/index.js';
import type { Clock } from '../../engine/index.js';
import { isLeydenError } from '../../errors.js';
import { Orphans } from '../orphans.js';
import { type CallLimits, type RecipeItem, type RecipeState, requireWaitMs, type WaitOptions } from '../recipe-item.js';
import type { Lease } from '../session/lease.js';
import type { Session } from '../session/session.js';
import { sessionsOver } from '../session/session-observer.js';
import type { BlindStep, Claim, ClaimSteps, Standing } from './claim-steps.js';
import { Lookouts } from './lookouts.js';
import { NextLooks } from './next-looks.js';
import { Rivals } from './rivals.js';
import { Waiting } from './waiting.js';

/** Longest interval between two looks of somebody who waits, in milliseconds. */
const pollMsMax = 1_000;
/** Pause before something is tried again that only frees others from waiting. */
const againMs = 1_000;
/** How long a caller who gives up is kept for the withdrawal; from then on it goes on in the background. */
const giveUpLimits: CallLimits = { timeoutMs: 2_000 };
/** Codes of a call whose time was over. What it may have written all the same is taken back. */
const timeoutCodes: ReadonlySet<unknown> = new Set(['ERR_DEADLINE', 'ERR_CONTENTION', 'ERR_UNKNOWN_OUTCOME']);

const nobody: ReadonlySet<string> = new Set();

/** What was granted: the state that says so, and the lease under which it is held. */
export interface Granted<S, C extends Claim = Claim> {
  readonly claim: C;
  readonly lease: Lease;
  readonly state: S;
}

/** How something is claimed. */
export interface ClaimTerms {
  /** Tickets that the item holds at most. */
  readonly queueMax: number;
  /** Pause between the end of a session and the take-over of what it held. */
  readonly graceMs: number;
  /** Stands in the item, for people. */
  readonly purpose: string | undefined;
}

/** Claims of one process on one item. */
export class Claims<S extends RecipeState, C extends Claim = Claim> {
  readonly session: Session;
  readonly item: RecipeItem<S>;
  readonly #terms: ClaimTerms;
  readonly #steps: ClaimSteps<S, C>;
  readonly #clock: Clock;
  readonly #randomBytes: (count: number) => Uint8Array;
  readonly #orphans: Orphans;
  readonly #lookouts: Lookouts;

  constructor(session: Session, item: RecipeItem<S>, terms: ClaimTerms, steps: ClaimSteps<S, C>) {
    this.session = session;
    this.item = item;
    this.#terms = terms;
    this.#steps = steps;
    const { clock, randomBytes } = session.table.sources;
    this.#clock = clock;
    this.#randomBytes = randomBytes;
    // Written also where there is nothing to take out: a write of ours is what a late copy of the claim can't come after.
    this.#orphans = new Orphans(session, () => item.swap((state) => this.#tidied(state), { noop: 'write' }));
    const { graceMs } = terms;
    this.#lookouts = new Lookouts(session, { graceMs, onOver: (id, _lease, signal) => this.#evict(id, signal) });
  }

  /** Claims it, and waits for it if need be. `extra` is what such a claim has beyond others. */
  async acquire(options: WaitOptions, extra: object = {}): Promise<Granted<S, C>> {
    const { waitMs = Number.POSITIVE_INFINITY, signal } = options;
    requireWaitMs(`acquire ${this.item.subject}`, waitMs);
    signal?.throwIfAborted();
    const deadlineAt = this.#clock.monotonicMs() + waitMs;
    const limits = { signal, ...(waitMs < Number.POSITIVE_INFINITY && { timeoutMs: waitMs }) };
    let nonce = '';
    try {
      const { lease, claim } = await this.#claim(extra, limits);
      nonce = claim.nonce;
      const state = await this.#request(claim, this.#terms.queueMax, limits);
      if (this.standingOf(state, nonce) === 'owner') return this.#granted({ claim, lease, state });
      return await this.#wait({ claim, lease, state }, { waitMs, deadlineAt, signal });
    } catch (error) {
      if (!isLeydenError(error) || !timeoutCodes.has(error.code) || this.#clock.monotonicMs() < deadlineAt) throw error;
      const known = this.item.peek();
      if (known === undefined) throw error;
      throw this.#steps.timeoutError(this.item.subject, waitMs, known, nonce, error);
    }
  }

  /**
   * Claims it if it is free, or if whoever holds it has a session that is over; `undefined` if not. In that case the sessions of those
   * who hold it are observed for a while, so that one of the next calls finds them expired if they are silent.
   */
  async tryAcquire(limits: CallLimits, extra: object = {}): Promise<Granted<S, C> | undefined> {
    limits.signal?.throwIfAborted();
    const { lease, claim } = await this.#claim(extra, limits);
    let state = await this.#request(claim, 0, limits);
    if (this.standingOf(state, claim.nonce) !== 'owner') {
      const rivals = this.#rivalsOf(state, claim);
      // Where there is a pause of grace, nobody is taken from before it is over.
      const over = this.#terms.graceMs > 0 ? nobody : await sessionsOver(this.session.table, rivals, limits);
      if (over.size > 0) state = await this.#request(claim, 0, limits, over);
      for (const id of rivals) if (!over.has(id)) this.#lookouts.keep(id, lease);
    }
    return this.standingOf(state, claim.nonce) === 'owner' ? this.#granted({ claim, lease, state }) : undefined;
  }

  standingOf(state: S, nonce: string): Standing {
    return this.#steps.standingOf(state, nonce);
  }

  /** Gives it up; whether it was still held. What cannot be settled is tried again in the background. */
  async release(nonce: string): Promise<boolean> {
    try {
      const blind = await this.#blindly(this.#steps.blindWithdraw?.(this.#known(), nonce), {});
      if (blind?.applied === true) return true;
      return await this.item.swapWith((state) => [
        this.#steps.withdraw(this.#tidied(state), nonce, this.#clock.now()),
        this.standingOf(state, nonce) === 'owner',
      ]);
    } catch (error) {
      this.#orphans.add(nonce);
      throw error;
    }
  }

  async #claim(extra: object, limits: CallLimits): Promise<{ lease: Lease; claim: C }> {
    const lease = await this.session.lease(limits);
    const { purpose } = this.#terms;
    const { host, pid } = this.session.info;
    const nonce = Buffer.from(this.#randomBytes(9)).toString('base64url');
    const claim = { nonce, session: lease.id, host, pid, ...(purpose !== undefined && { purpose }), ...extra };
    return { lease, claim: claim as unknown as C };
  }

  /** Asks for it, or for a ticket; what was claimed under the sessions `over` goes first. */
  async #request(claim: C, queueMax: number, limits: CallLimits, over?: ReadonlySet<string>): Promise<S> {
    const next = (state: S): S => {
      const now = this.#clock.now();
      const tidy = this.#steps.evict(this.#tidied(state), (session) => over?.has(session) === true, now);
      return this.#steps.request(tidy, claim, queueMax, now);
    };
    try {
      if (this.#isIdle(next)) {
        // A read is enough to make sure; a swap might wait for its turn among those who have something to write.
        const state = await this.item.read(limits);
        if (next(state) === state) return state;
      }
      const step = over === undefined ? this.#steps.blindRequest?.(this.#known(), claim) : undefined;
      const blind = await this.#blindly(step, limits);
      // What did not satisfy the condition was confirmed, so there may be nothing left to ask.
      if (blind?.applied === true || (blind !== undefined && next(blind.value) === blind.value)) return blind.value;
      return await this.item.swap(next, limits);
    } catch (error) {
      if (isLeydenError(error) && error.outcome !== 'not-done') this.#orphans.add(claim.nonce);
      // The claim is taken back whatever became of it, so there is nothing that the caller has to be told beyond the own reason.
      limits.signal?.throwIfAborted();
      throw error;
    }
  }

  /** What this process knows; nothing, if that is of another kind: the item may have become ours since. */
  #known(): S | undefined {
    try {
      return this.item.peek();
    } catch {
      return undefined;
    }
  }

  /** Whether a step would change nothing, by what is known. What it throws is to be judged by what stands there. */
  #isIdle(step: (state: S) => S): boolean {
    const known = this.#known();
    try {
      return known !== undefined && step(known) === known;
    } catch {
      return false;
    }
  }

  /** Leaves a step to the store, unless this process has something to tidy up by the way. */
  #blindly(step: BlindStep<S> | undefined, limits: CallLimits): Promise<CommuteResult<S>> | undefined {
    if (step === undefined || this.#orphans.ids.size > 0) return undefined;
    return this.item.commute(step.changes, step.when, limits);
  }

  /** The sessions of others on which it waits. */
  #rivalsOf(state: S, { nonce, session }: C): ReadonlySet<string> {
    const rivals = new Set(this.#steps.rivalsOf(state, nonce));
    rivals.delete(session);
    return rivals;
  }

  /** A grant under a lease that has ended is none. */
  #granted(granted: Granted<S, C>): Granted<S, C> {
    const { lease, claim } = granted;
    if (!lease.isLive()) this.#orphans.add(claim.nonce);
    lease.assertLive();
    return granted;
  }

  async #wait(
    claimed: Granted<S, C>,
    limits: { readonly waitMs: number; readonly deadlineAt: number; readonly signal: AbortSignal | undefined },
  ): Promise<Granted<S, C>> {
    const { claim, lease } = claimed;
    const waiting = new Waiting(this.#clock, lease, limits);
    const rivals = new Rivals(this.session, (id) => this.#evict(id, waiting.signal));
    const looks = new NextLooks(this.#clock, () =>
      this.item.atom.deref({ consistency: 'eventual', timeoutMs: againMs }),
    );
    let { state } = claimed;
    try {
      for await (const value of this.item.atom.watch({ signal: waiting.signal, pollMsMax })) {
        state = this.item.mine(value);
        let standing = this.standingOf(state, claim.nonce);
        // No room for a ticket yet; or somebody took it away by hand.
        if (standing === 'none' && this.#canRequest(state, claim)) {
          state = await this.#request(claim, this.#terms.queueMax, { signal: waiting.signal });
          standing = this.standingOf(state, claim.nonce);
        }
        if (standing === 'owner') return this.#granted({ claim, lease, state });
        rivals.observe(this.#rivalsOf(state, claim));
        looks.begin(this.#steps.isNext?.(state, claim.nonce) === true);
      }
      throw new TableClosedError('acquire', this.item.subject);
    } catch (error) {
      for (const id of this.#rivalsOf(state, claim)) this.#lookouts.keep(id, lease);
      return await this.#giveUp({ claim, lease, state }, error, waiting, limits, rivals.obstacle);
    } finally {
      waiting.end();
      rivals.close();
      looks.end();
    }
  }

  /** Whether a request would change anything, by what is known. */
  #canRequest(state: S, claim: C): boolean {
    return this.#steps.request(state, claim, this.#terms.queueMax, this.#clock.now()) !== state;
  }

  /** Withdraws a claim that is not waited for any longer; who finds at its deadline that it was granted keeps it. */
  async #giveUp(
    { claim, lease, state }: Granted<S, C>,
    error: unknown,
    waiting: Waiting,
    limits: { readonly waitMs: number },
    obstacle: unknown,
  ): Promise<Granted<S, C>> {
    const { nonce } = claim;
    const isTimeout = waiting.isTimeout(error);
    try {
      const stands = await this.item.swap((now) => {
        const keeps =
          isTimeout && lease.isLive() && !this.#orphans.ids.has(nonce) && this.standingOf(now, nonce) === 'owner';
        return keeps ? now : this.#steps.withdraw(this.#tidied(now), nonce, this.#clock.now());
      }, giveUpLimits);
      if (this.standingOf(stands, nonce) === 'owner') return this.#granted({ claim, lease, state: stands });
    } catch {
      // The first error is what the caller has to know; the claim is withdrawn in the background.
      this.#orphans.add(nonce);
    }
    if (isTimeout) throw this.#steps.timeoutError(this.item.subject, limits.waitMs, state, nonce, obstacle);
    throw error;
  }

  /** Takes out what was claimed under a session that is over; tries until it is done or nobody waits here. */
  async #evict(id: string, signal: AbortSignal): Promise<void> {
    const { graceMs } = this.#terms;
    try {
      if (graceMs > 0) await this.#clock.sleep(graceMs, { signal, background: true });
      while (!signal.aborted) {
        const done = await this.item
          .swap((state) => this.#steps.evict(this.#tidied(state), (session) => session === id, this.#clock.now()))
          .then(
            () => true,
            () => false,
          );
        if (done) return;
        await this.#clock.sleep(againMs, { signal, background: true });
      }
    } catch {
      // Only the sleeps end here, when nobody waits any longer.
    }
  }

  /** Without the claims that this process has given up. */
  #tidied(state: S): S {
    let tidy = state;
    for (const nonce of this.#orphans.ids) tidy = this.#steps.withdraw(tidy, nonce, this.#clock.now());
    return tidy;
  }
}
