/**
 * Judges a condition against one image of an item. What is missing or of another type makes a comparison false (`<>`
 * true), never an error. Pure.
 */
import type { AttributeValue, Item } from '../codec/index.js';
import type { Operand, Path } from './expression.js';
import type { Comparison, Condition } from './expression-condition.js';
import {
  type AttributeType,
  attributeOf,
  bytesText,
  compareValues,
  equalValues,
  membersOf,
  typeOf,
} from './memory-value.js';

/** Whether `condition` holds for an item, `undefined` being no item. */
export function holds(condition: Condition, item: Item | undefined): boolean {
  switch (condition.kind) {
    case 'and':
      return holds(condition.left, item) && holds(condition.right, item);
    case 'or':
      return holds(condition.left, item) || holds(condition.right, item);
    case 'not':
      return !holds(condition.of, item);
    case 'exists':
      return valueAt(condition.path, item) !== undefined;
    case 'missing':
      return valueAt(condition.path, item) === undefined;
    case 'compare':
      return compares(condition.operator, operandValue(condition.left, item), operandValue(condition.right, item));
    case 'between': {
      const value = operandValue(condition.operand, item);
      return (
        compares('>=', value, operandValue(condition.low, item)) &&
        compares('<=', value, operandValue(condition.high, item))
      );
    }
    case 'in': {
      const value = operandValue(condition.operand, item);
      return condition.among.some((one) => compares('=', value, operandValue(one, item)));
    }
    case 'type': {
      const value = operandValue(condition.operand, item);
      return value !== undefined && typeOf(value) === condition.type;
    }
    case 'begins':
      return begins(operandValue(condition.operand, item), operandValue(condition.part, item));
    case 'contains':
      return contains(operandValue(condition.operand, item), operandValue(condition.part, item));
  }
}

function compares(operator: Comparison, left: AttributeValue | undefined, right: AttributeValue | undefined): boolean {
  if (left === undefined || right === undefined) return operator === '<>';
  if (operator === '=') return equalValues(left, right);
  if (operator === '<>') return !equalValues(left, right);
  const order = compareValues(left, right);
  if (order === undefined) return false;
  if (order === 0) return operator === '<=' || operator === '>=';
  return order < 0 === operator.startsWith('<');
}

function begins(value: AttributeValue | undefined, part: AttributeValue | undefined): boolean {
  if (value === undefined || part === undefined) return false;
  if ('S' in value && 'S' in part) return value.S.startsWith(part.S);
  if ('B' in value && 'B' in part) return bytesText(value.B).startsWith(bytesText(part.B));
  return false;
}

function contains(value: AttributeValue | undefined, part: AttributeValue | undefined): boolean {
  if (value === undefined || part === undefined) return false;
  if ('S' in value && 'S' in part) return value.S.includes(part.S);
  if ('B' in value && 'B' in part) return bytesText(value.B).includes(bytesText(part.B));
  if ('L' in value) return value.L.some((one) => equalValues(one, part));
  const type: AttributeType = typeOf(value);
  if (type !== `${typeOf(part)}S`) return false;
  const member = 'B' in part ? bytesText(part.B) : 'S' in part ? part.S : 'N' in part ? part.N : '';
  return membersOf(value).includes(member);
}

/** The value of an operand for an item. */
function operandValue(operand: Operand, item: Item | undefined): AttributeValue | undefined {
  if (operand.kind === 'value') return operand.value;
  if (operand.kind === 'path') return valueAt(operand.path, item);
  const value = operandValue(operand.of, item);
  const size = value === undefined ? undefined : sizeOf(value);
  return size === undefined ? undefined : { N: String(size) };
}

function sizeOf(value: AttributeValue): number | undefined {
  if ('S' in value) return value.S.length;
  if ('B' in value) return value.B.length;
  if ('L' in value) return value.L.length;
  if ('M' in value) return Object.keys(value.M).length;
  return /S$/.test(typeOf(value)) ? membersOf(value).length : undefined;
}

/** What stands at a path in an item. */
export function valueAt(path: Path, item: Item | undefined): AttributeValue | undefined {
  let value = attributeOf(item, path[0] as string);
  for (let at = 1; at < path.length && value !== undefined; at += 1) {
    const step = path[at] as string | number;
    if (typeof step === 'number') value = 'L' in value ? value.L[step] : undefined;
    else value = 'M' in value ? attributeOf(value.M, step) : undefined;
  }
  return value;
}
