import { hostname } from 'node:os';
import { type AtomTable, DeadlineError } from '../../atom/index.js';
import { after, onAbort } from '../../engine/index.js';
import { type CallLimits, requirePurpose, requireTable } from '../recipe-item.js';
import { Lease, type LeaseTerms, type Renewal } from './lease.js';
import { localProcess } from './local-death.js';
import { LeaseLostError, SessionClosedError } from './session-errors.js';
import { leaseMsMax, type SessionInfo } from './session-item.js';
import { type Observation, observersOf } from './session-observer.js';
import { tellAll } from './told.js';

/** Shortest lease in milliseconds. A beat that nobody answers is sent again after 200 ms at the earliest, so below 400 it costs the lease. */
const leaseMsMin = 300;
/** Heartbeats in one lease at least, so that one may fail. */
const heartbeatsMin = 3;
/** How long `close` tries to say good-bye. */
const closeMs = 5_000;
/** However little time a caller has, so long an opening is waited for: one attempt. */
const attemptMs = 2_000;

/** Options of {@link Session}. */
export interface SessionOptions {
  /**
   * How long others wait after the last sign of life before they may take over, in milliseconds: 300 to 3,600,000. What is held is
   * relied on for four fifths of it. Others read it from the item, so processes may differ.
   * @defaultValue 15000
   */
  readonly leaseMs?: number;
  /**
   * Interval of renewals; at most a third of `leaseMs`.
   * @defaultValue a fifth of `leaseMs`
   */
  readonly heartbeatMs?: number;
  /**
   * `auto`: renewed by a timer. `progress`: by a timer, but only if `tick()` was called since the last time, so that a worker that
   * is stuck loses its lease. `manual`: by `beat()` alone.
   * @defaultValue 'auto'
   */
  readonly renewal?: Renewal;
  /** What it is for, in your words; stands in the item, for people. At most 256 bytes. */
  readonly purpose?: string;
  /**
   * Whether others on this host need not wait for the lease of this process when it is dead for certain, nor this process for theirs:
   * both must ask for it. A process is dead when the same boot of the same kernel, in the same namespaces, has no process of its pid and
   * start; read from `/proc`, so it changes nothing elsewhere than on Linux.
   *
   * Leave it off where a running machine may be copied (snapshots of virtual machines, Lambda's SnapStart): copies can't be told apart.
   * @defaultValue false
   */
  readonly localDeath?: boolean;
}

/**
 * The liveness of a process: one item that is renewed once per heartbeat, however many locks, memberships and leaderships hang on it.
 *
 * **A lease is a hint.** While `lease.isLive()` no other process has been told that the session is over, as long as the clocks of two
 * machines differ in *rate* by less than a fifth; what time they show does not matter. Nothing can stop a process between its look
 * at the lease and its next write; what makes such a write harmless is the fencing token (see `Lock` and `FencedAtom`).
 *
 * **When it is lost** (no renewal was acknowledged in time; others saw none for a whole lease), everything that was held under
 * it is lost, its signal aborts, and listeners of `onLost` are called. The session itself goes on: what is acquired next is held
 * under a new lease. A process that was stopped or suspended finds the loss at its first look at `signal`, `isLive()` or
 * `assertLive()`, before any timer has fired.
 *
 * **If the process dies**, others take over after `leaseMs` of silence, counted on their own clocks. After `close()` they need not wait. If the answer
 * to a renewal is lost, the item settles whether it counts; the lease is not lost for it as long as one renewal in time is acknowledged.
 *
 * Timers of a session keep no process alive.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { openSession } from 'leyden-jar/recipes';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * await using session = await openSession(table, { leaseMs: 15_000, purpose: 'nightly reports' });
 * session.onLost((error) => console.log(error.code));
 * console.log(session.signal.aborted); // => false
 * ```
 */
export class Session implements AsyncDisposable {
  readonly table: AtomTable;
  readonly #terms: LeaseTerms;
  readonly #losers = new Set<(error: LeaseLostError) => void>();
  #lease: Lease;
  #closing: Promise<boolean> | undefined;

  /** Sends nothing: the item is written when it is needed first. @throws RangeError, TypeError for wrong options. */
  constructor(table: AtomTable, options: SessionOptions = {}) {
    requireTable('session', table);
    this.table = table;
    this.#terms = termsOf(options);
    this.#lease = this.#next();
  }

  /** Who this process is, for people. */
  get info(): SessionInfo {
    return this.#terms.info;
  }

  /** Whether it was closed. */
  get isClosed(): boolean {
    return this.#closing !== undefined;
  }

  /** How long others wait after the last sign of life. */
  get leaseMs(): number {
    return this.#terms.leaseMs;
  }

  /**
   * The lease that is live now; a new one when the last was lost.
   *
   * @cost Nothing while it is live; 2 requests (a read and a write) for a new one, and 1 write unit each heartbeat from then on.
   * @iam dynamodb:GetItem, dynamodb:PutItem
   * @throws {SessionClosedError} `ERR_SESSION_CLOSED`; what `ItemAtom.swap` throws.
   */
  async lease(limits: CallLimits = {}): Promise<Lease> {
    if (this.#closing !== undefined) throw new SessionClosedError('hold anything');
    limits.signal?.throwIfAborted();
    if (this.#lease.end !== undefined) this.#lease = this.#next();
    const lease = this.#lease;
    await this.#opened(lease, limits);
    return lease;
  }

  /** The signal of the lease that is live now, or that will be opened next. */
  get signal(): AbortSignal {
    if (this.#closing === undefined && this.#lease.end !== undefined) this.#lease = this.#next();
    return this.#lease.signal;
  }

  /** Calls `call` with each loss of a lease; gives what calls that off. */
  onLost(call: (error: LeaseLostError) => void): () => void {
    this.#losers.add(call);
    return () => this.#losers.delete(call);
  }

  /**
   * Renews the lease now, and resolves when that is acknowledged.
   *
   * @cost 1 request, 1 write unit.
   * @iam dynamodb:GetItem, dynamodb:PutItem
   * @throws {SessionClosedError} `ERR_SESSION_CLOSED`; {@link LeaseLostError} `ERR_LEASE_LOST` when it was lost; what `ItemAtom.swap` throws.
   */
  async beat(): Promise<void> {
    if (this.#closing !== undefined) throw new SessionClosedError('renew a lease');
    if (this.#lease.end !== undefined) throw this.#lease.end;
    await this.#lease.open();
    await this.#lease.beat();
  }

  /** Tells of progress; for `renewal: 'progress'`. Costs nothing. */
  tick(): void {
    this.#lease.tick();
  }

  /**
   * Calls `isOver` once when the session `id`, of whatever process, is over for ever: it was closed, or it was silent for a whole
   * lease on this process's clock and is marked as expired. The building block of recipes: what a session held may be taken from it
   * only then.
   *
   * @param options `unhurried`: nobody waits for it, so it is looked at twice a lease. That a session was closed is told as late.
   * @cost All sessions that are observed in a table share 1 batch read a second or less, 1 read unit each; 1 write to expire one.
   * `unhurried`: 2 reads a lease.
   * @iam dynamodb:BatchGetItem, dynamodb:PutItem
   */
  observe(id: string, isOver: () => void, options: { readonly unhurried?: boolean } = {}): Observation {
    const localDeath = this.#terms.info.local !== undefined;
    return observersOf(this.table).observe(id, isOver, { localDeath, unhurried: options.unhurried === true });
  }

  /**
   * Ends the session: whatever was held under it is no longer, at once, and others need not wait. Resolves with whether that could be
   * written; if not, others wait for `leaseMs`. Closing again is the same as the first time.
   *
   * @cost 1 request, 1 write unit; nothing when it was never opened.
   * @iam dynamodb:GetItem, dynamodb:PutItem
   */
  close(): Promise<boolean> {
    this.#closing ??= this.#lease.close(closeMs).catch(() => false);
    return this.#closing;
  }

  /** As {@link Session.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Waits for an opening that others may share, as long as this caller has; the opening goes on. */
  async #opened(lease: Lease, { timeoutMs = Number.POSITIVE_INFINITY, signal }: CallLimits): Promise<void> {
    const { clock } = this.table.sources;
    const leaves: (() => void)[] = [];
    const left = new Promise<never>((_, reject) => {
      leaves.push(lease.onEnd(reject));
      if (signal !== undefined) leaves.push(onAbort(signal, () => reject(signal.reason)));
      if (timeoutMs === Number.POSITIVE_INFINITY) return;
      const facts = { key: lease.id, attempts: 1, conflicts: 0, subject: `session ${lease.id}` };
      const tooLate = () => reject(new DeadlineError('open', facts, timeoutMs));
      leaves.push(after(clock, Math.max(timeoutMs, attemptMs), tooLate));
    });
    try {
      await Promise.race([lease.open(), left]);
    } finally {
      for (const leave of leaves) leave();
    }
  }

  #next(): Lease {
    const lease = new Lease(this.table, this.#terms);
    lease.onEnd((error) => {
      if (!(error instanceof LeaseLostError)) return;
      tellAll(this.#losers, error);
    });
    return lease;
  }
}

/**
 * Makes a session and opens it, so that what is wrong with the table is told at once.
 *
 * @cost 2 requests, 1 write unit.
 * @throws as {@link Session} and {@link Session.lease}.
 */
export async function openSession(table: AtomTable, options?: SessionOptions): Promise<Session> {
  const session = new Session(table, options);
  await session.lease();
  return session;
}

function termsOf(options: SessionOptions): LeaseTerms {
  const { leaseMs = 15_000, renewal = 'auto', purpose, localDeath = false } = options;
  if (!(typeof leaseMs === 'number' && leaseMs >= leaseMsMin && leaseMs <= leaseMsMax)) {
    throw new RangeError(`Cannot open a session: leaseMs must be ${leaseMsMin} to ${leaseMsMax}: ${String(leaseMs)}`);
  }
  const { heartbeatMs = leaseMs / 5 } = options;
  if (!(typeof heartbeatMs === 'number' && heartbeatMs > 0 && heartbeatMs * heartbeatsMin <= leaseMs)) {
    throw new RangeError(
      `Cannot open a session: leaseMs ${leaseMs} must be at least ${heartbeatsMin} heartbeats, so heartbeatMs at most ` +
        `${leaseMs / heartbeatsMin}: ${String(heartbeatMs)}`,
    );
  }
  if (!['auto', 'manual', 'progress'].includes(renewal)) {
    throw new TypeError(`Cannot open a session: renewal must be 'auto', 'manual' or 'progress': ${String(renewal)}`);
  }
  requirePurpose('open a session', purpose);
  const local = localDeath ? localProcess() : undefined;
  const told = { ...(purpose !== undefined && { purpose }), ...(local !== undefined && { local }) };
  return { leaseMs, heartbeatMs, renewal, info: { host: hostname(), pid: process.pid, ...told } };
}
