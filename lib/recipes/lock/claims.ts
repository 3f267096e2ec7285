/**
 * How a process comes to own a lock, and how it gives it up: the steps of `lock-state.ts`, made by swaps on one atom.
 *
 *   acquire: swap request ---- owner? ----------------------------------------> grant
 *                     \--- ticket: watch the item until it names us ----------> grant
 *                          meanwhile observe the sessions of the owner and of whoever waits before us;
 *                          one that is over is evicted, and that grants the lock to the next
 *   release: swap withdraw, which hands the lock to the first ticket
 *
 * Each step is a swap, so it happens once, whatever answers get lost. A call that gives up withdraws its claim; where even that can't
 * be settled the claim is remembered as an orphan, and withdrawn by the next swap of this process or in the background. An orphan that
 * outlives its process goes with its session.
 */

import { after, type Clock, onAbort } from '../../engine/index.js';
import { isLeydenError } from '../../errors.js';
import type { CallLimits, RecipeItem, WaitOptions } from '../recipe-item.js';
import type { Lease } from '../session/lease.js';
import type { Session } from '../session/session.js';
import { isSessionOver, type Observation } from '../session/session-observer.js';
import { LockTimeoutError } from './lock-errors.js';
import { type Claim, evict, type LockState, request, standingOf, withdraw } from './lock-state.js';

/** Longest interval between two looks of somebody who waits, in milliseconds. */
const pollMsMax = 1_000;
/** Leases for which the owner of a lock that was found busy is observed. */
const lookoutLeases = 1.5;
/** Pause before something is tried again that only frees others from waiting. */
const againMs = 1_000;

/** What was granted: the state that says so, and the lease under which it is held. */
export interface Granted<S extends LockState> {
  readonly claim: Claim;
  readonly lease: Lease;
  readonly state: S;
}

/** How a lock is claimed. */
export interface ClaimTerms {
  /** Tickets that the item holds at most. */
  readonly queueMax: number;
  /** Pause between the end of a session and the take-over of what it held. */
  readonly graceMs: number;
  /** Stands in the item, for people. */
  readonly purpose: string | undefined;
}

/** Claims of one process on one lock. */
export class Claims<S extends LockState> {
  readonly session: Session;
  readonly item: RecipeItem<S>;
  readonly #terms: ClaimTerms;
  readonly #clock: Clock;
  readonly #randomBytes: (count: number) => Uint8Array;
  readonly #orphans = new Set<string>();
  readonly #lookouts = new Set<string>();
  #isTidying = false;

  constructor(session: Session, item: RecipeItem<S>, terms: ClaimTerms) {
    this.session = session;
    this.item = item;
    this.#terms = terms;
    const { clock, randomBytes } = session.table.sources;
    this.#clock = clock;
    this.#randomBytes = randomBytes;
  }

  /** Claims it, and waits for it if need be. `extra` is stored with the claim. */
  async acquire(options: WaitOptions, extra: object = {}): Promise<Granted<S>> {
    const { waitMs = Number.POSITIVE_INFINITY, signal } = options;
    if (!(waitMs >= 0)) {
      throw new RangeError(`Cannot acquire ${this.item.subject}: waitMs must be a number of at least 0: ${waitMs}`);
    }
    signal?.throwIfAborted();
    const deadlineAt = this.#clock.monotonicMs() + waitMs;
    const limits = { signal, ...(waitMs < Number.POSITIVE_INFINITY && { timeoutMs: waitMs }) };
    const { lease, claim } = await this.#claim(extra, limits);
    const state = await this.#request(claim, this.#terms.queueMax, limits);
    if (standingOf(state, claim.nonce) === 'owner') return this.#granted({ claim, lease, state });
    return this.#wait({ claim, lease, state }, { waitMs, deadlineAt, signal });
  }

  /**
   * Claims it if it is free, or if the session of its owner is over; `undefined` if it is not. In that case the owner's session is
   * observed for a while, so that one of the next calls finds it expired if it is silent.
   */
  async tryAcquire(limits: CallLimits, extra: object = {}): Promise<Granted<S> | undefined> {
    limits.signal?.throwIfAborted();
    const { lease, claim } = await this.#claim(extra, limits);
    let state = await this.#request(claim, 0, limits);
    const rival = state.owner?.session;
    if (rival !== undefined && rival !== lease.id) {
      if (await isSessionOver(this.session.table, rival, limits)) {
        state = await this.#request(claim, 0, limits, rival);
      } else this.#lookOut(rival);
    }
    return standingOf(state, claim.nonce) === 'owner' ? this.#granted({ claim, lease, state }) : undefined;
  }

  /** Gives it up; whether it was still held. What cannot be settled is tried again in the background. */
  async release(nonce: string): Promise<boolean> {
    try {
      return await this.item.swapWith((state) => [
        this.#tidied(withdraw(state, nonce, this.#clock.now())),
        standingOf(state, nonce) === 'owner',
      ]);
    } catch (error) {
      this.#abandon(nonce);
      throw error;
    }
  }

  async #claim(extra: object, { timeoutMs }: CallLimits): Promise<{ lease: Lease; claim: Claim }> {
    const lease = await this.session.lease(timeoutMs === undefined ? {} : { timeoutMs });
    const { purpose } = this.#terms;
    const { host, pid } = this.session.info;
    const nonce = Buffer.from(this.#randomBytes(9)).toString('base64url');
    const claim = { nonce, session: lease.id, host, pid, ...(purpose !== undefined && { purpose }), ...extra };
    return { lease, claim };
  }

  /** Asks for it, or for a ticket; what was claimed under the session `over` goes first. */
  async #request(claim: Claim, queueMax: number, limits: CallLimits, over?: string): Promise<S> {
    try {
      return await this.item.swap((state) => {
        const now = this.#clock.now();
        const tidy = evict(this.#tidied(state), (session) => session === over, now);
        return request(tidy, claim, queueMax, now);
      }, limits);
    } catch (error) {
      if (isLeydenError(error) && error.outcome !== 'not-done') this.#abandon(claim.nonce);
      // The claim is taken back whatever became of it, so there is nothing that the caller has to be told beyond the own reason.
      limits.signal?.throwIfAborted();
      throw error;
    }
  }

  /** A grant under a lease that has ended is none. */
  #granted(granted: Granted<S>): Granted<S> {
    const { lease, claim } = granted;
    if (!lease.isLive()) this.#abandon(claim.nonce);
    lease.assertLive();
    return granted;
  }

  async #wait(
    claimed: Granted<S>,
    limits: { readonly waitMs: number; readonly deadlineAt: number; readonly signal: AbortSignal | undefined },
  ): Promise<Granted<S>> {
    const { claim, lease } = claimed;
    const waiting = new Waiting(this.#clock, lease, limits);
    const rivals = new Rivals<S>(this.session, (id) => this.#evict(id, waiting.signal));
    let { state } = claimed;
    try {
      for await (const value of this.item.atom.watch({ signal: waiting.signal, pollMsMax })) {
        state = this.item.mine(value);
        let standing = standingOf(state, claim.nonce);
        if (standing === 'none') {
          // No room for a ticket yet; or somebody took it away by hand.
          state = await this.#request(claim, this.#terms.queueMax, { signal: waiting.signal });
          standing = standingOf(state, claim.nonce);
        }
        if (standing === 'owner') return this.#granted({ claim, lease, state });
        rivals.observe(state, claim);
      }
      throw new TypeError(`Cannot acquire ${this.item.subject}: its table was closed`);
    } catch (error) {
      return await this.#giveUp({ claim, lease, state }, error, waiting, limits, rivals.obstacle);
    } finally {
      waiting.end();
      rivals.close();
    }
  }

  /** Withdraws a claim that is not waited for any longer; who finds at its deadline that it was granted keeps it. */
  async #giveUp(
    { claim, lease, state }: Granted<S>,
    error: unknown,
    waiting: Waiting,
    limits: { readonly waitMs: number },
    obstacle: unknown,
  ): Promise<Granted<S>> {
    const { nonce } = claim;
    const isTimeout = waiting.isTimeout(error);
    try {
      const stands = await this.item.swap((now) => {
        const keeps = isTimeout && lease.isLive() && !this.#orphans.has(nonce) && standingOf(now, nonce) === 'owner';
        return keeps ? now : withdraw(this.#tidied(now), nonce, this.#clock.now());
      });
      if (standingOf(stands, nonce) === 'owner') return this.#granted({ claim, lease, state: stands });
    } catch {
      // The first error is what the caller has to know; the claim is withdrawn in the background.
      this.#abandon(nonce);
    }
    if (isTimeout) throw new LockTimeoutError(this.item.subject, limits.waitMs, state, nonce, obstacle);
    throw error;
  }

  /** Takes out what was claimed under a session that is over; tries until it is done or nobody waits here. */
  async #evict(id: string, signal: AbortSignal): Promise<void> {
    const { graceMs } = this.#terms;
    try {
      if (graceMs > 0) await this.#clock.sleep(graceMs, { signal, background: true });
      while (!signal.aborted) {
        const done = await this.item
          .swap((state) => evict(this.#tidied(state), (session) => session === id, this.#clock.now()))
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

  /** Observes the owner's session for somewhat longer than our own lease, and evicts it when it is over. */
  #lookOut(id: string): void {
    if (this.#lookouts.has(id)) return;
    const end = new AbortController();
    const close = () => {
      observation.close();
      end.abort();
      this.#lookouts.delete(id);
    };
    const observation = this.session.observe(id, () => {
      void this.#evict(id, end.signal).finally(close);
    });
    this.#lookouts.add(id);
    after(this.#clock, lookoutLeases * this.session.leaseMs, close, true);
  }

  /** Without the claims that this process has given up. */
  #tidied(state: S): S {
    let tidy = state;
    for (const nonce of this.#orphans) tidy = withdraw(tidy, nonce, this.#clock.now());
    return tidy;
  }

  #abandon(nonce: string): void {
    this.#orphans.add(nonce);
    if (this.#isTidying) return;
    this.#isTidying = true;
    void this.#tidy();
  }

  async #tidy(): Promise<void> {
    while (this.#orphans.size > 0 && !this.session.isClosed) {
      const gone = [...this.#orphans];
      try {
        await this.item.swap((state) => this.#tidied(state));
        for (const nonce of gone) this.#orphans.delete(nonce);
      } catch {
        await this.#clock.sleep(againMs, { background: true });
      }
    }
    this.#isTidying = false;
  }
}

/** What ends a wait: the deadline, the caller, the end of the own lease. */
class Waiting {
  readonly #controller = new AbortController();
  readonly #timeout = Symbol('timeout');
  readonly #leave: (() => void)[];

  constructor(
    clock: Clock,
    lease: Lease,
    { deadlineAt, signal }: { readonly deadlineAt: number; readonly signal: AbortSignal | undefined },
  ) {
    const leftMs = deadlineAt - clock.monotonicMs();
    this.#leave = [lease.onEnd((error) => this.#controller.abort(error))];
    if (leftMs < Number.POSITIVE_INFINITY) {
      this.#leave.push(after(clock, Math.max(0, leftMs), () => this.#controller.abort(this.#timeout)));
    }
    if (signal !== undefined) this.#leave.push(onAbort(signal, () => this.#controller.abort(signal.reason)));
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  isTimeout(error: unknown): boolean {
    return error === this.#timeout || this.#controller.signal.reason === this.#timeout;
  }

  /** Nobody waits any longer. */
  end(): void {
    for (const leave of this.#leave) leave();
    this.#controller.abort();
  }
}

/** The sessions on which a claim waits: the owner's, and that of the ticket before it. Each ticket so has somebody who looks after it. */
class Rivals<S extends LockState> {
  readonly #session: Session;
  readonly #onOver: (id: string) => void;
  readonly #observed = new Map<string, Observation>();

  constructor(session: Session, onOver: (id: string) => void) {
    this.#session = session;
    this.#onOver = onOver;
  }

  get obstacle(): unknown {
    for (const { obstacle } of this.#observed.values()) if (obstacle !== undefined) return obstacle;
    return undefined;
  }

  observe({ owner, queue }: S, { nonce, session }: Claim): void {
    const place = queue.findIndex((claim) => claim.nonce === nonce);
    const before = queue[place < 0 ? queue.length - 1 : place - 1];
    const wanted = new Set([owner?.session, before?.session]);
    for (const [id, observation] of this.#observed) {
      if (wanted.has(id)) continue;
      observation.close();
      this.#observed.delete(id);
    }
    for (const id of wanted) {
      if (id === undefined || id === session || this.#observed.has(id)) continue;
      this.#observed.set(
        id,
        this.#session.observe(id, () => this.#onOver(id)),
      );
    }
  }

  close(): void {
    for (const observation of this.#observed.values()) observation.close();
    this.#observed.clear();
  }
}
