/**
 * What the answer to a transaction says: pure judgements, apart from the sending.
 *
 * A cancelled transaction tells a reason for each action. One failed condition is enough to run the function again, whatever
 * else was in the way: the values were computed on a base that is gone. Only then does a refusal for good count, then
 * throttling, then another transaction that was passing through.
 */
import type { CancellationReason } from '../../engine/index.js';
import { type Attempt, decide, type Lineage, type Verdict } from '../evidence.js';

/** What is to be done about a cancelled transaction. */
export type Cancellation =
  /** A condition failed, or nothing was told: run again on what is there now. */
  | 'conflict'
  /** Not now: the same bytes again, after a longer pause. */
  | 'throttled'
  /** Another transaction was at work on one of the items: the same bytes again, soon. */
  | 'brief'
  /** Never. */
  | 'refused';

const throttlingCodes: ReadonlySet<string> = new Set([
  'ThrottlingError',
  'ProvisionedThroughputExceeded',
  'RequestLimitExceeded',
]);

/** Weighs the reasons of a cancelled transaction. */
export function weigh(reasons: readonly CancellationReason[]): Cancellation {
  const codes = new Set(reasons.map(({ code }) => code));
  codes.delete('None');
  if (codes.size === 0 || codes.has('ConditionalCheckFailed')) return 'conflict';
  let heaviest: Cancellation = 'brief';
  for (const code of codes) {
    if (throttlingCodes.has(code)) heaviest = 'throttled';
    else if (code !== 'TransactionConflict') return 'refused';
  }
  return heaviest;
}

/** What an atom can't tell, and never will. */
export type UndecidableVerdict = Exclude<Verdict, 'applied' | 'not-applied' | 'pending'>;

/**
 * What one written atom says about the whole transaction: all of it took effect, or none. `isOld`: a creation may have been applied,
 * deleted and removed since; then nothing, or another item in its place, proves nothing.
 */
export function verdictOf(lineage: Lineage | undefined, attempt: Attempt, isOld: boolean): Verdict {
  const verdict = decide(lineage, attempt);
  if (!isOld || attempt.base !== undefined) return verdict;
  if (verdict === 'pending') return 'item-gone';
  return verdict === 'not-applied' ? 'incarnation-changed' : verdict;
}

/** What several written atoms say together. As long as one still stands at its base, those that can't tell do not count. */
export function combine(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes('applied')) return 'applied';
  if (verdicts.includes('not-applied')) return 'not-applied';
  if (verdicts.includes('pending')) return 'pending';
  return verdicts.find(isUndecidable) ?? 'pending';
}

export function isUndecidable(verdict: Verdict): verdict is UndecidableVerdict {
  return verdict === 'evidence-evicted' || verdict === 'incarnation-changed' || verdict === 'item-gone';
}
