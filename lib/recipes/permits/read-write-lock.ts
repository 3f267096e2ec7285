import { Grant } from '../claims/grant.js';
import { whileHeld } from '../claims/while-held.js';
import { claimTermsOf, type TicketOptions } from '../lock/lock-options.js';
import { RecipeItem, tableOf, type WaitOptions } from '../recipe-item.js';
import type { Session } from '../session/session.js';
import { type GrantedPermits, PermitClaims } from './permit-claims.js';
import { holdersMax, noPermits, type PermitClaim, type PermitState } from './permit-state.js';

/** A reader takes one permit, a writer all. */
const permitsOf = { read: 1, write: holdersMax } as const;

/** Options of {@link ReadWriteLock}. */
export type ReadWriteLockOptions = Omit<TicketOptions, 'purpose'>;

/** Who holds a read-write lock: sessions. */
export interface ReadWriteHolders {
  readonly writer: string | undefined;
  readonly readers: readonly string[];
}

/**
 * A read-write lock that was granted, to read or to write. `await using` releases it.
 *
 * It is held until it is released or the session's lease ends; `isHeld` knows of both at once.
 */
export class ReadWriteGrant extends Grant<PermitState, PermitClaim> {
  readonly mode: 'read' | 'write';

  /** @internal Made by `ReadWriteLock`. */
  constructor(claims: PermitClaims, granted: GrantedPermits) {
    super(claims, granted, granted.state.fence);
    this.mode = granted.claim.n === permitsOf.read ? 'read' : 'write';
  }
}

/**
 * Many readers or one writer, in many processes.
 *
 * **Guarantee.** At no version of the item is there a writer beside a reader or another writer, whatever answers are lost. Calls are served
 * in the order of their tickets: a reader that comes while a writer waits waits behind it, so writers do not starve; and that writer waits
 * only for the readers before it, so readers do not starve either. Readers that wait in a row enter together.
 *
 * **Tokens.** A writer's is larger than all before. Readers share one: larger than that of the writer before them, smaller than that of
 * the next. So a resource that keeps the largest token it has seen, and refuses older ones, refuses a writer whose time is over as soon
 * as one reader has shown its token, and a reader whose time is over as soon as the next writer has.
 *
 * **It can not** keep a process from reading or writing after its lease has ended (see `Lock`); the token makes that harmless where it is
 * checked. It is not reentrant, and a grant to read can't be made one to write: two readers that wait for each other to leave would wait for ever.
 *
 * **If the process dies**, who waits goes on after `leaseMs` of silence, counted on the waiter's own clock. If an answer is lost, that is
 * settled: nobody enters twice, and nobody leaves twice.
 *
 * At most 1,000 calls read at the same time; others wait. Each takes about 60 bytes of the item, and so 1 write unit more for each 17 of
 * them with every update. What is read often and written seldom wants no lock, but an atom and `deref`.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { openSession, ReadWriteLock } from 'leyden-jar/recipes';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * await using session = await openSession(table);
 * const catalogue = new ReadWriteLock(session, 'catalogue');
 * await catalogue.withWrite(async ({ token }) => console.log('rebuilt under', token)); // => rebuilt under 2n
 * const [one, two] = await Promise.all([catalogue.read(), catalogue.read({ waitMs: 1_000 })]);
 * console.log(one.token, two.token, await catalogue.tryWrite()); // => 3n 3n undefined
 * await Promise.all([one.release(), two.release()]);
 * ```
 */
export class ReadWriteLock {
  readonly name: string;
  readonly #claims: PermitClaims;

  /** Sends nothing. @throws TypeError, RangeError for a name or option that is none. */
  constructor(session: Session, name: string, options: ReadWriteLockOptions = {}) {
    const item = new RecipeItem<PermitState>(tableOf('rw-lock', session), name, noPermits('rw-lock', holdersMax));
    this.name = name;
    this.#claims = new PermitClaims(session, item, claimTermsOf(item.subject, options));
  }

  /**
   * Waits until it may read; for ever, unless `waitMs` or `signal` says otherwise. A call that gives up leaves nothing behind.
   *
   * @cost Free and warm: 1 request, 1 write unit per KB of the item, whoever else reads; readers that come at the same time share it. Cold: 1
   * read more; the first use of a session: 2 more. Waiting: as `Lock.acquire`.
   * @iam dynamodb:GetItem, dynamodb:PutItem, dynamodb:UpdateItem, dynamodb:BatchGetItem
   * @throws {PermitTimeoutError} `ERR_PERMIT_TIMEOUT` after `waitMs`; `signal.reason`; `LeaseLostError` `ERR_LEASE_LOST` when the own session
   * is lost meanwhile; `SessionClosedError` `ERR_SESSION_CLOSED`; `RecipeKindError` `ERR_RECIPE_KIND`; RangeError; what `ItemAtom.swap`
   * throws.
   */
  read(options: WaitOptions = {}): Promise<ReadWriteGrant> {
    return this.#acquire('read', options);
  }

  /**
   * Waits until it may write, alone; for ever, unless `waitMs` or `signal` says otherwise.
   *
   * @cost As {@link ReadWriteLock.read}.
   * @iam As {@link ReadWriteLock.read}.
   * @throws As {@link ReadWriteLock.read}.
   */
  write(options: WaitOptions = {}): Promise<ReadWriteGrant> {
    return this.#acquire('write', options);
  }

  /**
   * Enters if nobody writes or waits, or if whoever does has a session that is over; `undefined` if not. Then the sessions of the holders
   * are observed in the background for their leases and 6 s, so that a process that only ever tries takes over from one that died.
   *
   * @cost Free and warm: 1 request, 1 write unit per KB. Not free: 1 strong read, and a batch read of the holders' sessions.
   * @iam As {@link ReadWriteLock.read}.
   * @throws As {@link ReadWriteLock.read}, but for the time-out.
   */
  tryRead(options: Pick<WaitOptions, 'signal'> = {}): Promise<ReadWriteGrant | undefined> {
    return this.#tryAcquire('read', options);
  }

  /**
   * As {@link ReadWriteLock.tryRead}, to write.
   *
   * @cost As {@link ReadWriteLock.tryRead}.
   * @iam As {@link ReadWriteLock.read}.
   * @throws As {@link ReadWriteLock.tryRead}.
   */
  tryWrite(options: Pick<WaitOptions, 'signal'> = {}): Promise<ReadWriteGrant | undefined> {
    return this.#tryAcquire('write', options);
  }

  /**
   * Runs `f` while it may read; returns what `f` returned. When that was lost before `f` had ended, it throws the loss. An error of `f`
   * reaches you unchanged.
   *
   * @cost As {@link ReadWriteLock.read} and {@link ReadWriteGrant.release}: 2 requests, warm.
   * @iam As {@link ReadWriteLock.read}.
   * @throws {LeaseLostError} `ERR_LEASE_LOST`; what {@link ReadWriteLock.read} throws.
   */
  async withRead<R>(f: (grant: ReadWriteGrant) => R | Promise<R>, options: WaitOptions = {}): Promise<R> {
    return whileHeld(await this.read(options), f);
  }

  /**
   * As {@link ReadWriteLock.withRead}, to write.
   *
   * @cost As {@link ReadWriteLock.withRead}.
   * @iam As {@link ReadWriteLock.read}.
   * @throws As {@link ReadWriteLock.withRead}.
   */
  async withWrite<R>(f: (grant: ReadWriteGrant) => R | Promise<R>, options: WaitOptions = {}): Promise<R> {
    return whileHeld(await this.write(options), f);
  }

  /**
   * Who holds it, for people and decisions that may be wrong a moment later. The item `session:…` of a session says whose it is.
   *
   * @cost 1 strong read.
   * @iam dynamodb:GetItem
   * @throws {RecipeKindError} `ERR_RECIPE_KIND`
   */
  async holders(): Promise<ReadWriteHolders> {
    const { holders } = await this.#claims.item.read();
    const all = Object.values(holders);
    const writer = all.find(({ n }) => n === permitsOf.write)?.session;
    return { writer, readers: all.filter(({ n }) => n === permitsOf.read).map(({ session }) => session) };
  }

  async #acquire(mode: 'read' | 'write', options: WaitOptions): Promise<ReadWriteGrant> {
    return new ReadWriteGrant(this.#claims, await this.#claims.acquire(options, askedOf(mode)));
  }

  async #tryAcquire(mode: 'read' | 'write', options: Pick<WaitOptions, 'signal'>): Promise<ReadWriteGrant | undefined> {
    const granted = await this.#claims.tryAcquire(options, askedOf(mode));
    return granted && new ReadWriteGrant(this.#claims, granted);
  }
}

function askedOf(mode: 'read' | 'write'): Pick<PermitClaim, 'n' | 'max'> {
  return { n: permitsOf[mode], max: holdersMax };
}
