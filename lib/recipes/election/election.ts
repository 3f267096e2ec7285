import { onAbort, watchfulSignal } from '../../engine/index.js';
import { isLeydenError } from '../../errors.js';
import { LockClaims } from '../lock/lock-claims.js';
import { claimTermsOf, type TicketOptions } from '../lock/lock-options.js';
import { RecipeItem, tableOf, type WaitOptions } from '../recipe-item.js';
import type { Session } from '../session/session.js';
import {
  type ElectionState,
  isNews,
  type Leader,
  leaderOf,
  noElection,
  type Observed,
  observedOf,
  standingWith,
} from './election-state.js';
import { Leadership } from './leadership.js';

/** Longest interval between two looks of an observer, unless said otherwise. */
const pollMsMaxDefault = 1_000;
/** Pause before `lead` stands again after an error that may pass. */
const againMs = 1_000;

/** Options of {@link Election}. */
export type ElectionOptions = TicketOptions;

/** Options of {@link Election.lead}. */
export interface LeadOptions<V> {
  /** What to stand with, each time. */
  readonly value?: V;
  /** Ends it: `lead` resolves once the function has ended and the leadership is resigned. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of {@link Election.observe}. */
export interface ObserveOptions {
  /** Ends it: the loop throws `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Longest interval between two looks, in milliseconds.
   * @defaultValue 1000
   */
  readonly pollMsMax?: number;
}

/**
 * One leader at a time, with a value that all can read, in terms that grow.
 *
 * **Guarantee.** Terms strictly grow over all leaders, in all processes, and each belongs to one leadership: what observers see in a term was said by
 * its leader. While `leadership.isLeader`, nobody else leads, as long as the clocks of two machines differ in rate by less than a fifth.
 * Candidates lead in the order in which they stood.
 *
 * **It can not** keep a leader from acting after its lease has ended: a process may be stopped between its last look at `isLeader` and its
 * write. What makes that harmless is the term: resources that refuse a write under an older term than they have seen (`FencedAtom`) take
 * nothing from a leader of the past. And `leader()` may name one that has died, until a candidate has noticed: without candidates nobody looks.
 *
 * **If the leader dies**, the first candidate leads after `leaseMs` of the dead one's session, counted on the candidate's own clock from
 * the last sign of life, plus one look (an eighth of the lease, 1 s at most). If a candidate dies, its ticket goes with its session. If an
 * answer is lost, the atom settles it: nobody leads without knowing of it for longer than a lease.
 *
 * It is a lock (see `Lock`) with a value: etcd's election has the same verbs. Values wait in the tickets, so keep them small: an address, not a state.
 * The item is never removed: terms must not begin anew. Don't delete it.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { Election, openSession } from 'leyden-jar/recipes';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * await using session = await openSession(table);
 * const election = new Election<string>(session, 'scheduler');
 * const stop = new AbortController();
 * await election.lead(
 *   async ({ term }, signal) => {
 *     signal.throwIfAborted(); // before each step
 *     console.log(term, (await election.leader())?.value); // => 1n eu-1:8080
 *     stop.abort();
 *   },
 *   { value: 'eu-1:8080', signal: stop.signal },
 * );
 * ```
 */
export class Election<V = unknown> {
  readonly name: string;
  readonly #claims: LockClaims<ElectionState<V>>;

  /** Sends nothing. @throws TypeError, RangeError for a name or option that is none. */
  constructor(session: Session, name: string, options: ElectionOptions = {}) {
    const item = new RecipeItem<ElectionState<V>>(tableOf('election', session), name, noElection());
    this.name = name;
    this.#claims = new LockClaims(session, item, claimTermsOf(item.subject, options));
  }

  /**
   * Stands for election, and waits until it leads; for ever, unless `waitMs` or `signal` says otherwise. `value` stands beside the leader
   * from the first moment of its term. A call that gives up leaves no ticket behind.
   *
   * @cost Vacant and warm: 1 request, 1 write unit per KB of the item. Cold: 1 read more; the first use of a session: 2 more. Waiting: 1 write
   * for the ticket, 1 read, then 1 batch read at 0.1 to 1 s for the election and one for the sessions that are waited for; the first
   * write of a term is that of whoever resigns or takes out the dead.
   * @iam dynamodb:GetItem, dynamodb:PutItem, dynamodb:BatchGetItem
   * @throws {LockTimeoutError} `ERR_LOCK_TIMEOUT` after `waitMs`; `signal.reason`; `LeaseLostError` `ERR_LEASE_LOST` when the own session
   * is lost meanwhile; `SessionClosedError` `ERR_SESSION_CLOSED`; `RecipeKindError` `ERR_RECIPE_KIND`; RangeError; what
   * `ItemAtom.swap` throws.
   */
  async campaign(value?: V, options: WaitOptions = {}): Promise<Leadership<V>> {
    return new Leadership(this.#claims, await this.#claims.acquire(options, standingWith(value)));
  }

  /**
   * Runs `f` whenever this process leads, until `signal` aborts: stands, runs `f`, resigns when `f` has ended, and stands again, behind
   * those who wait. The second argument of `f` is a signal that aborts when the leadership is lost or `signal` aborts; `f` should end
   * then. It is waited for: two runs never overlap in one process.
   *
   * When the leadership was lost, whatever `f` throws is taken for a consequence of that, and it stands again; as it does, after a pause, when a
   * wait ends for a reason that may pass (a lost lease, a store that does not answer). Any other error of `f` ends it: it resigns
   * and rejects with that error. After `signal` has aborted it resolves; an error of `f` that is no abort is thrown even then.
   *
   * @cost As {@link Election.campaign} and {@link Leadership.resign}, each term.
   * @iam As {@link Election.campaign}.
   * @throws what `f` throws; `SessionClosedError` `ERR_SESSION_CLOSED`; `RecipeKindError` `ERR_RECIPE_KIND`; TypeError.
   */
  async lead(
    f: (leadership: Leadership<V>, signal: AbortSignal) => unknown,
    { value, signal }: LeadOptions<V> = {},
  ): Promise<void> {
    if (typeof f !== 'function') throw new TypeError(`Cannot lead ${this.name}: must be given a function: ${typeof f}`);
    while (!signal?.aborted) {
      const leadership = await this.#elected(value, signal);
      if (leadership !== undefined) await serve(leadership, f, signal);
    }
  }

  /**
   * Who leads, for people and decisions that may be wrong a moment later.
   *
   * @cost 1 strong read.
   * @iam dynamodb:GetItem
   * @throws {RecipeKindError} `ERR_RECIPE_KIND`
   */
  async leader(): Promise<Leader<V> | undefined> {
    return leaderOf(await this.#claims.item.read());
  }

  /**
   * The leader now, and then each change that this process sees: a new term, a new value, a vacancy (`leader: undefined`, under the term that
   * ended). Terms never go back. Changes are conflated: whoever is slow gets the newest. Keeps the process alive.
   *
   * @consistency As `ItemAtom.watch`: changes of this process at once, others at the next look.
   * @cost As `ItemAtom.watch`: half a read unit per 4 KB and look, 1 look a second while nothing happens.
   * @iam dynamodb:BatchGetItem
   * @throws {RecipeKindError} `ERR_RECIPE_KIND`; what `ItemAtom.watch` throws.
   */
  async *observe(options: ObserveOptions = {}): AsyncGenerator<Observed<V>, void, undefined> {
    const { item } = this.#claims;
    const { signal, pollMsMax = pollMsMaxDefault } = options;
    let last: ElectionState<V> | undefined;
    for await (const value of item.atom.watch({ signal, pollMsMax })) {
      const state = item.mine(value);
      if (!isNews(last, state)) continue;
      last = state;
      yield observedOf(state);
    }
  }

  /** The next leadership; `undefined` when the wait for it ended for a reason that may be another one the next time. */
  async #elected(value: V | undefined, signal: AbortSignal | undefined): Promise<Leadership<V> | undefined> {
    try {
      return await this.campaign(value, { signal });
    } catch (error) {
      if (signal?.aborted) return undefined;
      if (!isLeydenError(error) || !(error.retryable || error.outcome === 'unknown')) throw error;
      const { clock } = this.#claims.session.table.sources;
      await clock.sleep(againMs, { signal }).catch(() => {});
      return undefined;
    }
  }
}

/** One term. */
async function serve<V>(
  leadership: Leadership<V>,
  f: (leadership: Leadership<V>, signal: AbortSignal) => unknown,
  outer: AbortSignal | undefined,
): Promise<void> {
  const stop = new AbortController();
  const leave = [leadership.signal, outer].map((signal) => signal && follow(signal, stop));
  try {
    await f(
      leadership,
      watchfulSignal(stop, () => void leadership.isLeader),
    );
  } catch (error) {
    // Whatever goes wrong once it is lost may go wrong because of that.
    if (leadership.loss === undefined && !(outer?.aborted && isAbort(error, outer))) throw error;
  } finally {
    for (const off of leave) off?.();
    await leadership[Symbol.asyncDispose]();
  }
}

function follow(signal: AbortSignal, controller: AbortController): () => void {
  return onAbort(signal, () => controller.abort(signal.reason));
}

function isAbort(error: unknown, { reason }: AbortSignal): boolean {
  return error === reason || (error as { name?: unknown } | null)?.name === 'AbortError';
}
