/**
 * Who is there. A directory in one item, and the sessions of those who stand in it: `membership-state.ts` has the drawing.
 *
 * An entry is removed by its owner; or, once its session is over, by whoever observes that. An entry that came in late, because its owner was
 * stopped between the look at its lease and the write, is removed as well: whoever sees it observes its session, which is over. So an
 * entry outlives its session only while nobody looks.
 */
import type { CallOptions } from '../../atom/index.js';
import { after, type Clock, onAbort } from '../../engine/index.js';
import { isLeydenError } from '../../errors.js';
import { Orphans } from '../orphans.js';
import { RecipeItem, tableOf } from '../recipe-item.js';
import type { Session } from '../session/session.js';
import { LeaseLostError } from '../session/session-errors.js';
import { sessionsOver } from '../session/session-observer.js';
import { Care } from './care.js';
import { Member } from './member.js';
import {
  arrivalOf,
  entriesOf,
  type MemberEntry,
  type MembershipState,
  noMembers,
  removalOf,
  sessionsOf,
} from './membership-state.js';

/** Longest interval between two looks of somebody who watches, unless said otherwise. */
const pollMsMaxDefault = 1_000;

/** Options of {@link Membership.watch}. */
export interface WatchMembersOptions {
  /** Ends it: the loop throws `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Longest interval between two looks, in milliseconds.
   * @defaultValue 1000
   */
  readonly pollMsMax?: number;
}

/**
 * Who is there: processes join a group, and each sees who else is in it.
 *
 * **Guarantee.** A member is in the list from when `join` has returned until it leaves or its session is over, and nobody removes it
 * before. While `member.isMember`, it has not been removed, as long as the clocks of two machines differ in rate by less than a
 * fifth. The order of a list is the same for all who look.
 *
 * **It can not** tell who is alive at this moment: a member that died stays in the list until its lease has run out on the clock of
 * somebody who looks; two processes may see different lists at one time. So it is good for finding peers and for sharing out work
 * that is safe to be done twice; what must be done by one alone wants a `Lock` or an `Election` as well.
 *
 * **If a member dies**, whoever watches (or joins, or asked for `members()` a lease ago or less) removes it after `leaseMs` of its session, counted on their own
 * clock, plus one look. If all die together, the next to come finds and removes them. If an answer is lost, it is settled: nobody is in twice.
 *
 * One item holds a group: 400 KB, so about 1,000 members with 200 bytes of `info` each; joining beyond that is refused. Each who looks observes at most 25
 * sessions, those that follow it in the ring of all; where more than 25 in a row die at once it takes a lease more for each further 25.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { Membership, openSession } from 'leyden-jar/recipes';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * await using session = await openSession(table);
 * const workers = new Membership<{ address: string }>(session, 'workers');
 * await using member = await workers.join({ address: 'eu-1:8080' });
 * for await (const members of workers.watch()) {
 *   console.log(members.map(({ info }) => info?.address), member.isMember); // => [ 'eu-1:8080' ] true
 *   break;
 * }
 * ```
 */
export class Membership<I = unknown> {
  readonly name: string;
  readonly #session: Session;
  readonly #item: RecipeItem<MembershipState<I>>;
  readonly #clock: Clock;
  /** Entries of this process that are to go. */
  readonly #orphans: Orphans;
  /** Where in the ring of all this one looks. */
  readonly #place: string;
  #lookout: { readonly care: Care<I>; callOff: () => void } | undefined;

  /** Sends nothing. @throws TypeError, RangeError for what is no name. */
  constructor(session: Session, name: string) {
    this.#item = new RecipeItem<MembershipState<I>>(tableOf('membership', session), name, noMembers());
    this.name = name;
    this.#session = session;
    const { clock } = session.table.sources;
    this.#clock = clock;
    this.#orphans = new Orphans(session, async (ids) => {
      for (const id of ids) await this.#item.commute(...removalOf<I>([id]));
    });
    this.#place = this.#newId();
  }

  /**
   * Becomes a member, under the live lease of the session. `info` stands in the list for all to see; plain JSON is best.
   * A process may join several times; each is a member of its own.
   *
   * When the lease is lost (`member.signal`), this is no member any longer: join again.
   *
   * @cost 1 request, 1 write unit per KB of the item, whoever else joins; cold 1 read more; the first use of a session 2 more. Then for
   * their leases and 6 s it looks after those whom it found: a batch read of up to 25 units at up to 1 s.
   * @iam dynamodb:UpdateItem, dynamodb:PutItem, dynamodb:GetItem, dynamodb:BatchGetItem
   * @throws {RecipeKindError} `ERR_RECIPE_KIND`; `LeaseLostError` `ERR_LEASE_LOST`, `SessionClosedError` `ERR_SESSION_CLOSED`; what
   * `ItemAtom.commute` throws: then this is no member, and what may stand there is removed in the background.
   */
  async join(info?: I, options: CallOptions = {}): Promise<Member<I>> {
    const { timeoutMs } = options;
    const lease = await this.#session.lease(timeoutMs === undefined ? {} : { timeoutMs });
    const id = this.#newId();
    const { host, pid } = this.#session.info;
    const facts = { session: lease.id, host, pid, joinedAt: this.#clock.now() };
    const entry = info === undefined ? facts : { ...facts, info };
    try {
      const { value } = await this.#item.commute(arrivalOf<I>(id, entry), {}, options);
      lease.assertLive();
      this.#lookOut(value);
    } catch (error) {
      if (lease.end !== undefined || (isLeydenError(error) && error.outcome !== 'not-done')) this.#orphans.add(id);
      throw error;
    }
    const forget = lease.onEnd((error) => {
      if (error instanceof LeaseLostError) this.#orphans.add(id);
    });
    return new Member<I>({ id, info, name: this.name, lease }, (limits) => {
      forget();
      return this.#leave(id, limits);
    });
  }

  /**
   * Who is in the list, in the order of their ids, without those whose session is known to be over.
   *
   * @cost 1 strong read of the item, and 1 read unit for each member; then as a watch for their leases and 6 s, so that who asks again
   * finds those gone that are silent.
   * @iam dynamodb:GetItem, dynamodb:BatchGetItem, dynamodb:UpdateItem
   * @throws {RecipeKindError} `ERR_RECIPE_KIND`; what `ItemAtom.deref` throws.
   */
  async members(options: CallOptions = {}): Promise<readonly MemberEntry<I>[]> {
    const state = await this.#item.read(options);
    const over = await sessionsOver(this.#session.table, sessionsOf(state), options);
    this.#lookOut(state);
    return entriesOf(state, over);
  }

  /**
   * The list now, and then each newer one that this process sees. Lists are conflated: whoever is slow gets the newest. Keeps the process alive.
   *
   * @consistency As `ItemAtom.watch`: members of this process at once, others at the next look.
   * @cost Half a read unit per 4 KB of the item and look, 1 look a second while nothing happens; up to 25 read units a second for the
   * sessions of the members; 1 write unit per KB of the item to remove a dead one, from each that observed it.
   * @iam dynamodb:BatchGetItem, dynamodb:UpdateItem
   * @throws {RecipeKindError} `ERR_RECIPE_KIND`; what `ItemAtom.watch` throws.
   */
  async *watch(options: WatchMembersOptions = {}): AsyncGenerator<readonly MemberEntry<I>[], void, undefined> {
    const { signal, pollMsMax = pollMsMaxDefault } = options;
    const care = new Care(this.#session, this.#item, this.#place);
    try {
      for await (const value of this.#item.atom.watch({ signal, pollMsMax })) {
        const state = this.#item.mine(value);
        care.see(state);
        yield entriesOf(state, care.over);
      }
    } finally {
      care.close();
    }
  }

  async #leave(id: string, options: CallOptions): Promise<boolean> {
    try {
      const { applied } = await this.#item.commute(...removalOf<I>([id]), options);
      return applied;
    } catch (error) {
      this.#orphans.add(id);
      throw error;
    }
  }

  /** Looks after those who are in the directory for as long as it takes to find out who is silent, at most as long as the own lease lasts. */
  #lookOut(state: MembershipState<I>): void {
    const { signal } = this.#session;
    if (signal.aborted) return;
    this.#lookout?.callOff();
    const care = this.#lookout?.care ?? new Care(this.#session, this.#item, this.#place);
    care.see(state);
    const end = () => {
      callOff();
      care.close();
      this.#lookout = undefined;
    };
    const timer = after(this.#clock, care.patienceMs, end, true);
    const leave = onAbort(signal, end);
    const callOff = () => {
      timer();
      leave();
    };
    this.#lookout = { care, callOff };
  }

  #newId(): string {
    return Buffer.from(this.#session.table.sources.randomBytes(9)).toString('base64url');
  }
}
