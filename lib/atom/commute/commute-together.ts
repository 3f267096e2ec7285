/**
 * Calls that one update makes together, and on which conditions on the state before all of them.
 *
 *   calls                          on the state before the first
 *   add 1 to used, if used <= 4    used <= 4
 *   add 1 to used, if used <= 4    used <= 3         the call before it has added 1 by then
 *   add 1 to used, if who is 'x'   who is 'x'        no call before it touches that
 *
 * The store judges an update's conditions before it does anything, while a call's condition speaks of what the calls before it left.
 * A bound over whole numbers moves with what was added: exact, as all of it stays within the safe integers. Whatever else the calls
 * before it touch is not told in advance: the update ends before that call. Pure.
 */
import type { Change, Place } from './commute.js';
import type { Clause } from './commute-condition.js';

/** What one call asks for. */
export interface CommuteCall {
  readonly changes: readonly Change[];
  /** All must hold; none for a call without `when`. */
  readonly when: readonly Clause[];
}

/** The conditions of as many of `calls` as can go together, from the first on, each on the state before the first of them. */
export function conditionsOf(calls: readonly CommuteCall[]): readonly (readonly Clause[])[] {
  if (calls.every(({ when }) => when.length === 0)) return calls.map(() => []);
  const pending = new Pending();
  const conditions: (readonly Clause[])[] = [];
  for (const { changes, when } of calls) {
    const before: Clause[] = [];
    for (const clause of when) {
      const moved = pending.before(clause);
      if (moved === undefined) return conditions;
      before.push(moved);
    }
    conditions.push(before);
    for (const change of changes) pending.note(change);
  }
  return conditions;
}

/** What the calls so far do, by place. */
class Pending {
  /** What is added at a place, `undefined` where something else is done to it. */
  readonly #sums = new Map<string, number | undefined>();
  /** Places that hold one of them. */
  readonly #above = new Set<string>();

  note(change: Change): void {
    const text = textOf(change.path);
    const before = this.#sums.has(text) ? this.#sums.get(text) : 0;
    this.#sums.set(text, change.verb === 'add' ? sum(before, change.delta) : undefined);
    for (const parent of parentsOf(change.path)) this.#above.add(parent);
  }

  /** A condition on the state that is pending, as one on the state before; `undefined` where it cannot be told. */
  before(clause: Clause): Clause | undefined {
    const text = textOf(clause.path);
    if (this.#above.has(text) || parentsOf(clause.path).some((parent) => this.#sums.has(parent))) return undefined;
    if (!this.#sums.has(text)) return clause;
    if (clause.test !== 'atMost' && clause.test !== 'atLeast') return undefined;
    const added = this.#sums.get(text);
    const bound = added === undefined ? undefined : sum(-added, clause.bound);
    return bound === undefined ? undefined : { ...clause, bound };
  }
}

/** Of whole numbers within the safe integers; `undefined` of others. */
function sum(left: number | undefined, right: number | bigint): number | undefined {
  const result = left === undefined ? Number.NaN : left + Number(right);
  return Number.isSafeInteger(right) && Number.isSafeInteger(result) ? result : undefined;
}

function textOf(place: Place): string {
  return JSON.stringify(place);
}

function parentsOf(place: Place): readonly string[] {
  return place.map((_, depth) => textOf(place.slice(0, depth)));
}
