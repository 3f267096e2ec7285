/** A condition as a function, for engines that judge it on this side of the wire. */
import type { Item } from '../codec/index.js';
import { Placeholders } from './expression.js';
import { parseCondition } from './expression-condition.js';
import { holds } from './expression-judge.js';
import type { Expression } from './port.js';

/**
 * @internal Whether an item meets `condition`, `undefined` being no item.
 *
 * @throws an error named `ValidationException` for what can't be read.
 */
export function judgeOf(condition: Expression): (item: Item | undefined) => boolean {
  const placeholders = new Placeholders(condition);
  const tree = parseCondition(condition, placeholders);
  placeholders.finish();
  return (item) => holds(tree, item);
}
