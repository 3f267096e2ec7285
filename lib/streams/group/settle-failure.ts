/** What becomes of records that have failed for good, and of records of items that are parked. */
import { isLeydenError } from '../../errors.js';
import { errorText } from '../error-text.js';
import type { DeadLetterFacts } from './dead-letter.js';
import { type Entry, keyTextOf } from './entry.js';
import { Leaving } from './leaving.js';
import { isPassing } from './saver.js';
import type { ShardWork } from './shard-work.js';

/** Longest text of an error that stands in a lease. */
const reasonLengthMax = 500;
/** Pause before a dead letter is written again that the store did not take. */
const againMs = 1_000;

/**
 * Settles them in the way that was chosen. `again`: they were parked with their shard, and are to be tried anew.
 *
 * @throws {Leaving}, or the reason of the loss.
 */
export async function settleFailure<T>(
  work: ShardWork<T>,
  entries: readonly Entry<T>[],
  error: unknown,
  attempts: number,
): Promise<'settled' | 'again'> {
  const { exhausted } = work.ground.policy;
  if (exhausted === 'park-shard') return parkShard(work, entries[0], error);
  for (const entry of entries) {
    if (exhausted === 'skip') {
      work.tell({ type: 'skipped', sequenceNumber: entry.meta.sequenceNumber, error });
      work.complete([entry]);
      continue;
    }
    const facts: DeadLetterFacts = { why: 'failed', error, attempts, parksKey: exhausted === 'park-key' };
    const kept = await keep(work, entry, facts);
    if (kept === undefined) continue;
    // It can't be kept, so it must not be passed over: the shard waits in sight of all.
    await parkShard(work, entry, kept.error);
    return 'again';
  }
  return 'settled';
}

/**
 * Sends a record of a parked item after those before it. `false`: the item is parked no more, and the record is to be handled as any other.
 *
 * @throws {Leaving}, or the reason of the loss.
 */
export async function divert<T>(work: ShardWork<T>, entry: Entry<T>): Promise<boolean> {
  for (;;) {
    const facts: DeadLetterFacts = { why: 'behind', error: undefined, attempts: 0, parksKey: true };
    const kept = await keep(work, entry, facts);
    if (kept === undefined) return true;
    if (kept.error === 'not-parked') {
      work.parkedKeys.delete(keyTextOf(entry.record));
      work.tell({ type: 'key-unparked', sequenceNumber: entry.meta.sequenceNumber });
      return false;
    }
    await parkShard(work, entry, kept.error);
  }
}

async function parkShard<T>(work: ShardWork<T>, entry: Entry<T> | undefined, error: unknown): Promise<'again'> {
  const at = entry?.meta.sequenceNumber;
  await work.park({
    reason: errorText(error).slice(0, reasonLengthMax),
    sinceMs: work.ground.clock.now(),
    ...(at !== undefined && { at }),
  });
  return 'again';
}

/** Keeps a record in the dead letters; `undefined` when it is there, else why it can't be. Tries as long as the store may take it. */
async function keep<T>(
  work: ShardWork<T>,
  entry: Entry<T>,
  facts: DeadLetterFacts,
): Promise<{ readonly error: unknown } | undefined> {
  for (;;) {
    if (work.isLeaving) throw new Leaving();
    try {
      const kept = await work.ground.letters.keep(work, entry, facts);
      if (kept === 'not-parked') return { error: kept };
    } catch (error) {
      work.lease.signal.throwIfAborted();
      if (isLeydenError(error, 'ERR_GROUP_LEASE_LOST')) throw error;
      if (!isPassing(error)) return { error };
      await work.sleepUntilLeaving(againMs);
      continue;
    }
    if (facts.parksKey) {
      const keyText = keyTextOf(entry.record);
      if (!work.parkedKeys.has(keyText)) work.tell({ type: 'key-parked', sequenceNumber: entry.meta.sequenceNumber });
      work.parkedKeys.add(keyText);
    }
    work.tell({ type: 'dead-letter', sequenceNumber: entry.meta.sequenceNumber, error: facts.error });
    return undefined;
  }
}
