import type { CallOptions } from '../../atom/index.js';
import type { Lease } from '../session/lease.js';

/** What a member is made of. */
interface MemberFacts<I> {
  readonly id: string;
  readonly info: I | undefined;
  readonly name: string;
  readonly lease: Lease;
}

/**
 * A stay in a group. `await using` leaves it.
 *
 * It lasts until `leave()` or the end of the session's lease; `isMember` knows of both at once.
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
 * const group = new Membership<string>(session, 'group');
 * const member = await group.join('me');
 * console.log((await group.members()).length, member.isMember); // => 1 true
 * console.log(await member.leave(), member.isMember); // => true false
 * ```
 */
export class Member<I = unknown> implements AsyncDisposable {
  /** Names this stay, at random; as in the list. */
  readonly id: string;
  /** What it joined with. */
  readonly info: I | undefined;
  /** The name of the group. */
  readonly name: string;
  /** Aborts when the lease is lost, before others can remove this member; each look at it looks at the clocks first. */
  readonly signal: AbortSignal;
  readonly #lease: Lease;
  readonly #leave: (options: CallOptions) => Promise<boolean>;
  #leaving: Promise<boolean> | undefined;

  /** @internal Made by `Membership`. */
  constructor({ id, info, name, lease }: MemberFacts<I>, leave: (options: CallOptions) => Promise<boolean>) {
    this.id = id;
    this.info = info;
    this.name = name;
    this.signal = lease.signal;
    this.#lease = lease;
    this.#leave = leave;
  }

  /** Whether this process may still take itself for a member. Looks at the clocks; costs nothing. */
  get isMember(): boolean {
    return this.#leaving === undefined && this.#lease.isLive();
  }

  /**
   * Leaves; whether it was in the list until then. Later calls answer as the first.
   *
   * @cost 1 request, 1 write unit per KB of the item.
   * @iam dynamodb:UpdateItem, dynamodb:PutItem, dynamodb:GetItem
   * @throws what `ItemAtom.commute` throws; it is then tried again in the background, as long as the session lasts.
   */
  leave(options: CallOptions = {}): Promise<boolean> {
    this.#leaving ??= this.#leave(options);
    return this.#leaving;
  }

  /** As {@link Member.leave}, but for errors: it is tried again in the background. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.leave().catch(() => false);
  }
}
