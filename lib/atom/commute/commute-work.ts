/** How a commute enters the lane of its atom: as changes that the store can make, and as the function that does the same here. */
import type { Held } from '../../codec/index.js';
import type { Cell } from '../cell.js';
import type { Commit, Step, Work } from '../operation.js';
import { isThenable } from '../value-rules.js';
import { readChanges } from './commute.js';
import { applyChanges } from './commute-apply.js';
import { type Clause, readConditions, satisfies } from './commute-condition.js';
import type { CommuteResult } from './commute-types.js';

/**
 * The work of a commute. Its answer is what stands there once it is done.
 *
 * @throws TypeError for what is no change; `UnsupportedValueError` for what cannot be stored.
 */
export function commuteWork<V>(cell: Cell, asked: unknown): Work<V> {
  return workOf(cell, asked, [], (value: V) => value);
}

/**
 * The work of a commute with a condition. Where that does not hold, nothing is written, and the answer is no.
 *
 * @throws TypeError for what is no change or no condition; `UnsupportedValueError` for what cannot be stored.
 */
export function commuteWhenWork<V>(cell: Cell, asked: unknown, condition: unknown): Work<CommuteResult<V>> {
  return workOf(cell, asked, readConditions(cell.keyText, condition), (value: V, applied) => ({ applied, value }));
}

function workOf<V, R>(
  cell: Cell,
  asked: unknown,
  when: readonly Clause[],
  resultOf: (value: V, applied: boolean) => R,
): Work<R> {
  const changes = readChanges(cell.keyText, asked);
  const done =
    (known: Held | undefined) =>
    ({ stands }: Commit): R =>
      resultOf((stands === undefined ? known : cell.valueOf(stands))?.hand() as V, true);
  return {
    action: 'commute',
    commute: { changes, when },
    run: ({ held }): Step<R> | Promise<Step<R>> => {
      const current = held ?? cell.initial;
      const value = current?.hand();
      if (!satisfies(value, when)) {
        return { next: undefined, declined: true, answer: () => resultOf(current?.hand() as V, false) };
      }
      const changed = applyChanges(cell.keyText, value, changes);
      if (Object.is(changed, value)) return { next: undefined, answer: done(current) };
      const admitted = cell.rules.admit(cell.hold(changed));
      const finish = (next: Held): Step<R> => ({
        next: held?.equals(next) === true ? undefined : next,
        answer: done(next),
      });
      return isThenable(admitted) ? admitted.then(finish) : finish(admitted);
    },
  };
}
