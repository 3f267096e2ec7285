import { onAbort, watchfulSignal } from '../../engine/index.js';
import type { WaitOptions } from '../recipe-item.js';
import type { Lock } from './lock.js';
import type { LockGrant } from './lock-grant.js';

/** What a function of {@link withLocks} holds. */
export interface HeldLocks {
  /** In the order in which the locks were given. */
  readonly grants: readonly LockGrant[];
  /** Aborts when one of them is lost; each look at it looks at the clocks first. The reason is the error. */
  readonly signal: AbortSignal;
}

/**
 * Runs `f` while holding several locks, and releases them all; otherwise as `Lock.withLock`.
 *
 * They are acquired one by one in the order of their names, whatever order they are given in, so that calls that want the same locks never wait
 * for one another in a circle. That holds for calls of this function; a lock that is held already when it is called is not part of the order. `waitMs` is
 * for all of them together.
 *
 * If the process dies, all of them go with its session. Each has a token of its own.
 *
 * @cost Those of `Lock.acquire` and `LockGrant.release` for each lock, one after the other.
 * @throws {ReentrantLockError} `ERR_LOCK_REENTRANT`; what `Lock.withLock` throws; TypeError for no locks, the same one twice, or locks of
 * several tables.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { Lock, openSession, withLocks } from 'leyden-jar/recipes';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * await using session = await openSession(table);
 * const from = new Lock(session, 'shelf-7');
 * const to = new Lock(session, 'shelf-3');
 * const tokens = await withLocks([from, to], ({ grants }) => grants.map(({ name, token }) => `${name}: ${token}`));
 * console.log(tokens.join(', ')); // => shelf-7: 1, shelf-3: 1
 * ```
 */
export async function withLocks<R>(
  locks: readonly Lock[],
  f: (held: HeldLocks) => R | Promise<R>,
  options: WaitOptions = {},
): Promise<R> {
  const ordered = inOrder(locks);
  const { waitMs = Number.POSITIVE_INFINITY, ...rest } = options;
  const { clock } = (ordered[0] as Lock).session.table.sources;
  const startedAt = clock.monotonicMs();
  const granted = new Map<Lock, LockGrant>();
  const from = (place: number): Promise<R> => {
    const lock = ordered[place];
    if (lock === undefined) return run(locks.map((one) => granted.get(one) as LockGrant));
    const spentMs = place === 0 ? 0 : clock.monotonicMs() - startedAt;
    const acquire = (grant: LockGrant) => {
      granted.set(lock, grant);
      return from(place + 1);
    };
    return lock.withLock(acquire, { ...rest, waitMs: spentMs > 0 ? Math.max(0, waitMs - spentMs) : waitMs });
  };
  const run = async (grants: readonly LockGrant[]): Promise<R> => {
    const controller = new AbortController();
    const look = () => {
      for (const { loss } of grants) if (loss !== undefined) controller.abort(loss);
    };
    const leaves = grants.map(({ signal }) => onAbort(signal, look));
    try {
      const { loss } = grants.find((grant) => grant.loss !== undefined) ?? {};
      if (loss !== undefined) throw loss;
      return await f({ grants, signal: watchfulSignal(controller, look) });
    } finally {
      for (const leave of leaves) leave();
    }
  };
  return from(0);
}

/** @throws TypeError for locks that can't be held together. */
function inOrder(locks: readonly Lock[]): readonly Lock[] {
  const ordered = [...locks].sort((one, other) => (one.name < other.name ? -1 : 1));
  const [first] = ordered;
  if (first === undefined) throw new TypeError('Cannot hold locks: none were given');
  for (const [place, { name, session }] of ordered.entries()) {
    if (session.table !== first.session.table) throw new TypeError('Cannot hold locks: they are of several tables');
    if (ordered[place + 1]?.name === name) throw new TypeError(`Cannot hold locks: lock ${name} was given twice`);
  }
  return ordered;
}
