/**
 * Which snapshots are kept, and how much of the journal. Pure, but for the pages that are looked into.
 *
 *   kept   the newest `keep`; the newest of each of the last `daily` days; the newest of each of the last `monthly` months;
 *          those that are pinned; and the newest in any case
 *   pages  from the oldest kept snapshot on; or more of them, for a time or for ever
 */
import type { PageStart } from './pointer-rules.js';
import { snapshotsMax } from './pointer-value.js';

/** Which snapshots are kept. */
export interface SnapshotRetention {
  /**
   * The newest so many. With one alone there is nothing to fall back to when it is damaged.
   * @defaultValue 2
   */
  readonly keep?: number;
  /**
   * And the newest of each of the last so many days (UTC) that have one. Days without one do not count, so that a pause drops nothing.
   * @defaultValue 0
   */
  readonly daily?: number;
  /**
   * And the newest of each of the last so many months (UTC) that have one.
   * @defaultValue 0
   */
  readonly monthly?: number;
}

/**
 * How much of the journal is kept: from the oldest kept snapshot on; all of it; or what is younger than `ms`, and at any
 * rate what `oldest-kept` keeps. What is gone cannot be looked at in the past, nor recovered from the initial state.
 */
export type JournalRetention = 'oldest-kept' | 'forever' | { readonly ms: number };

/** What retention goes by. */
interface Datable {
  readonly id: string;
  /** Epoch milliseconds. */
  readonly time: number;
  readonly pinned?: boolean;
}

const keepDefault = 2;
/** Leaves room in the pointer for those under way, on their way out, and pinned. */
const retainedMax = snapshotsMax / 2;

/**
 * The ids of those that stay.
 *
 * @param snapshots from the oldest to the newest, as the pointer has them
 * @throws RangeError for numbers that are none, or too large together.
 */
export function retainedIds(snapshots: readonly Datable[], retention: SnapshotRetention = {}): Set<string> {
  const { keep, daily, monthly } = requireSnapshotRetention(retention);
  const days = new Set<string>();
  const months = new Set<string>();
  const retained = new Set<string>();
  for (const [age, { id, time, pinned }] of snapshots.toReversed().entries()) {
    const date = new Date(time).toISOString();
    const [day, month] = [date.slice(0, -14), date.slice(0, -17)];
    // Each of these takes the day or month, whatever else keeps the snapshot.
    const isOfDay = isNextOf(days, day, daily);
    const isOfMonth = isNextOf(months, month, monthly);
    if (age < keep || isOfDay || isOfMonth || pinned) retained.add(id);
  }
  return retained;
}

/** @throws RangeError for numbers that are none, or too large together. */
export function requireSnapshotRetention({
  keep = keepDefault,
  daily = 0,
  monthly = 0,
}: SnapshotRetention): Required<SnapshotRetention> {
  requireCount('keep', keep, 1);
  requireCount('daily', daily, 0);
  requireCount('monthly', monthly, 0);
  if (keep + daily + monthly > retainedMax) {
    throw new RangeError(
      `Cannot keep snapshots: keep ${keep}, daily ${daily} and monthly ${monthly} are more than ${retainedMax} together`,
    );
  }
  return { keep, daily, monthly };
}

/** Whether it is the first of its period, and that one of the last `count`. */
function isNextOf(periods: Set<string>, period: string, count: number): boolean {
  if (periods.has(period) || periods.size >= count) return false;
  periods.add(period);
  return true;
}

function requireCount(name: string, count: number, least: number): void {
  if (Number.isSafeInteger(count) && count >= least) return;
  throw new RangeError(`Cannot keep snapshots: ${name} must be a whole number of at least ${least}: ${count}`);
}

/** The last commit of a page. */
export interface PageEnd {
  readonly place: number;
  /** Epoch milliseconds. */
  readonly time: number;
}

/**
 * From where on the journal is kept, for `SnapshotPointer.plan`; `undefined` when the snapshots decide alone.
 *
 * What it says stays true: a page that is old enough now is so later.
 *
 * @param start `prunedTo` and `prunedFrom` of the pointer
 * @param oldestKept page of the oldest kept snapshot: nothing from there on can go
 * @param endOf looks into a page; asked for those that may go, and one more
 */
export async function journalBound(
  retention: JournalRetention,
  nowMs: number,
  start: PageStart,
  oldestKept: number,
  endOf: (page: number) => Promise<PageEnd | undefined>,
): Promise<PageStart | undefined> {
  requireJournalRetention(retention);
  if (retention === 'oldest-kept') return undefined;
  let bound: PageStart = { page: start.page, from: start.from };
  if (retention === 'forever') return bound;
  while (bound.page < oldestKept) {
    const end = await endOf(bound.page);
    if (end === undefined || end.time > nowMs - retention.ms) break;
    bound = { page: bound.page + 1, from: end.place + 1 };
  }
  return bound;
}

/** @throws RangeError, TypeError */
export function requireJournalRetention(retention: JournalRetention): void {
  if (retention === 'oldest-kept' || retention === 'forever') return;
  const ms: unknown = (retention as { readonly ms?: unknown } | null)?.ms;
  if (typeof ms !== 'number') {
    throw new TypeError(
      `Cannot keep a journal: must be 'oldest-kept', 'forever' or { ms }: ${JSON.stringify(retention)}`,
    );
  }
  if (!(ms >= 0)) throw new RangeError(`Cannot keep a journal: ms must be at least 0: ${ms}`);
}
