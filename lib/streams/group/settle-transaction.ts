/**
 * A transaction of which it is known in the end whether it happened.
 *
 * `AtomTable.transact` settles lost answers by evidence until its deadline, and says `unknown` when that was not enough. Here the
 * position of the lease is evidence as well: nobody else moves it in this epoch, so where it stands tells. It is asked until it is known, or
 * until the shard is lost; then the next owner finds out by reading it.
 */
import type { AtomTable, Transaction, UnknownOutcomeError } from '../../atom/index.js';
import type { Clock } from '../../engine/index.js';
import { isLeydenError } from '../../errors.js';
import type { ShardPosition } from '../position.js';
import { isBehind } from './lease-steps.js';
import type { OwnedLease } from './owned-lease.js';

/** Pause between two questions. */
const againMs = 500;

/**
 * `from`: where the shard stands.
 *
 * @throws what `transact` throws, when nothing happened, or when it stays unknown and may be done again; the reason of the loss, when
 * the shard was lost.
 */
export async function settleTransaction<R extends { readonly moved: ShardPosition }>(
  { table, clock }: { readonly table: AtomTable; readonly clock: Clock },
  lease: OwnedLease,
  from: ShardPosition,
  f: (tx: Transaction) => Promise<R>,
): Promise<R> {
  let result: R | undefined;
  try {
    return await table.transact(
      async (tx) => {
        result = undefined;
        result = await f(tx);
        return result;
      },
      { signal: lease.signal },
    );
  } catch (error) {
    lease.signal.throwIfAborted();
    if (!isLeydenError(error, 'ERR_UNKNOWN_OUTCOME') || result === undefined) throw error;
    // A position that was not to move tells nothing: then it is to be tried again.
    const next = result.moved === from ? undefined : result.moved;
    if (!(await hasHappened(error as UnknownOutcomeError, clock, lease, next))) throw error;
    return result;
  }
}

async function hasHappened(
  unknown: UnknownOutcomeError,
  clock: Clock,
  lease: OwnedLease,
  next: ShardPosition | undefined,
): Promise<boolean> {
  for (;;) {
    lease.signal.throwIfAborted();
    const settled = await unknown.settle({ signal: lease.signal });
    if (settled.outcome !== 'unknown') return settled.outcome === 'done';
    if (settled.reason !== 'in-flight') return next !== undefined && stands(lease, next, clock);
    await clock.sleep(againMs, { signal: lease.signal });
  }
}

/** Its evidence is gone, so the item was written since, and no copy of it can come any more: the position says what happened. */
async function stands(lease: OwnedLease, next: ShardPosition, clock: Clock): Promise<boolean> {
  for (;;) {
    lease.signal.throwIfAborted();
    try {
      const state = await lease.atom.deref({ signal: lease.signal });
      return state !== undefined && !isBehind(state.position, next);
    } catch (error) {
      if (!isLeydenError(error)) throw error;
      await clock.sleep(againMs, { signal: lease.signal });
    }
  }
}
