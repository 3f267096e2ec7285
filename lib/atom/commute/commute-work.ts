/** How a commute enters the lane of its atom: as changes that the store can make, and as the function that does the same here. */
import type { Held } from '../../codec/index.js';
import type { Cell } from '../cell.js';
import type { Commit, Step, Work } from '../operation.js';
import { isThenable } from '../value-rules.js';
import { readChanges } from './commute.js';
import { applyChanges } from './commute-apply.js';

/**
 * The work of a commute. Its answer is what stands there once it is done.
 *
 * @throws TypeError for what is no change; `UnsupportedValueError` for what cannot be stored.
 */
export function commuteWork<V>(cell: Cell, asked: unknown): Work<V> {
  const changes = readChanges(cell.keyText, asked);
  const answerOf = (known: Held | undefined) => (commit: Commit) =>
    (commit.stands === undefined ? known : cell.valueOf(commit.stands))?.hand() as V;
  return {
    action: 'commute',
    commute: changes,
    run: ({ held }): Step<V> | Promise<Step<V>> => {
      const current = held ?? cell.initial;
      const value = current?.hand();
      const changed = applyChanges(cell.keyText, value, changes);
      if (Object.is(changed, value)) return { next: undefined, answer: answerOf(current) };
      const admitted = cell.rules.admit(cell.hold(changed));
      const finish = (next: Held): Step<V> => ({
        next: held?.equals(next) === true ? undefined : next,
        answer: answerOf(next),
      });
      return isThenable(admitted) ? admitted.then(finish) : finish(admitted);
    },
  };
}
