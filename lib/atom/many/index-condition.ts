/**
 * What is asked of the key attributes of an index: as a key condition for the store, and as a judgement of one item, in the store's
 * own order: texts by their UTF-8 bytes, bytes as bytes, numbers exactly.
 */
import type { AttributeValue, Item } from '../../codec/index.js';
import type { Expression } from '../../engine/index.js';
import { indexAttribute } from '../value-rules.js';

/** A value that an index attribute can have. */
export type IndexValue = string | number | bigint | Uint8Array;

/** What the sort attribute of an index must be: a value, or one of these. */
export type SortCondition =
  | IndexValue
  | { readonly equals: IndexValue }
  | { readonly beginsWith: string | Uint8Array }
  /** Both ends included. */
  | { readonly between: readonly [low: IndexValue, high: IndexValue] }
  | { readonly lt: IndexValue }
  | { readonly lte: IndexValue }
  | { readonly gt: IndexValue }
  | { readonly gte: IndexValue };

/** The key attributes of an index by their names, and what is asked of them. */
export interface IndexCondition {
  /** The partition attribute and its value, such as `{ status: 'open' }`. */
  readonly partition: Readonly<Record<string, IndexValue>>;
  /** The sort attribute and what it must be, such as `{ at: { beginsWith: '2026-' } }`. */
  readonly sort?: Readonly<Record<string, SortCondition>> | undefined;
}

interface Operator {
  readonly expression: string;
  /** Whether it holds, given how the attribute compares to each operand. */
  holds(attribute: AttributeValue, operands: readonly AttributeValue[]): boolean;
}

const compared = (expression: string, accepts: (order: number) => boolean): Operator => ({
  expression,
  holds: (attribute, [operand]) => {
    const order = compare(attribute, operand as AttributeValue);
    return order !== undefined && accepts(order);
  },
});

const operators: Readonly<Record<string, Operator>> = {
  equals: compared('#sort = :sort0', (order) => order === 0),
  lt: compared('#sort < :sort0', (order) => order < 0),
  lte: compared('#sort <= :sort0', (order) => order <= 0),
  gt: compared('#sort > :sort0', (order) => order > 0),
  gte: compared('#sort >= :sort0', (order) => order >= 0),
  between: {
    expression: '#sort BETWEEN :sort0 AND :sort1',
    holds: (attribute, [low, high]) =>
      (compare(attribute, low as AttributeValue) ?? -1) >= 0 && (compare(attribute, high as AttributeValue) ?? 1) <= 0,
  },
  beginsWith: {
    expression: 'begins_with(#sort, :sort0)',
    holds: (attribute, [prefix]) => {
      const bytes = bytesOf(attribute);
      const beginning = bytesOf(prefix as AttributeValue);
      if (bytes === undefined || beginning === undefined || 'B' in attribute !== 'B' in (prefix as object))
        return false;
      return bytes.subarray(0, beginning.length).equals(beginning);
    },
  },
};

/** A condition, checked and taken apart. */
export interface ParsedCondition {
  readonly keyCondition: Expression;
  /** Whether the attributes of `item` meet it. */
  holds(item: Item): boolean;
  /** The names of the attributes that it speaks of. */
  readonly names: readonly string[];
}

/** @throws TypeError for what is no condition. */
export function parseCondition({ partition, sort }: IndexCondition): ParsedCondition {
  const [partitionName, partitionGiven] = oneOf('partition', partition);
  const wanted = indexAttribute(partitionName, partitionGiven);
  const names: Record<string, string> = { '#partition': partitionName };
  const values: Record<string, AttributeValue> = { ':partition': wanted };
  const meetsPartition = (item: Item) => {
    const found = item[partitionName];
    return found !== undefined && compare(found, wanted) === 0;
  };
  if (sort === undefined) {
    const keyCondition = { expression: '#partition = :partition', names, values };
    return { keyCondition, holds: meetsPartition, names: [partitionName] };
  }
  const [sortName, condition] = oneOf('sort', sort);
  const { operator, operands } = sortOf(sortName, condition);
  names['#sort'] = sortName;
  operands.forEach((operand, place) => {
    values[`:sort${place}`] = operand;
  });
  return {
    keyCondition: { expression: `#partition = :partition AND ${operator.expression}`, names, values },
    holds: (item) => {
      const found = item[sortName];
      return meetsPartition(item) && found !== undefined && operator.holds(found, operands);
    },
    names: [partitionName, sortName],
  };
}

function sortOf(name: string, condition: SortCondition): { operator: Operator; operands: AttributeValue[] } {
  const isValue = typeof condition !== 'object' || condition instanceof Uint8Array;
  const [word, given] = isValue ? ['equals', condition] : oneOf(`sort.${name}`, condition as object);
  const operator = Object.hasOwn(operators, word) ? operators[word] : undefined;
  if (operator === undefined) {
    throw new TypeError(
      `Cannot query: sort.${name} must be a value or one of ${Object.keys(operators).join(', ')}: ${word}`,
    );
  }
  const list: readonly unknown[] = word === 'between' && Array.isArray(given) ? given : [given];
  if (word === 'between' && list.length !== 2)
    throw new TypeError(`Cannot query: sort.${name}.between must be [low, high]`);
  return { operator, operands: list.map((one) => indexAttribute(name, one)) };
}

function oneOf<T>(what: string, given: Readonly<Record<string, T>> | object): [string, T] {
  const entries = typeof given === 'object' && given !== null ? Object.entries(given as Record<string, T>) : [];
  const [entry, ...more] = entries;
  if (entry !== undefined && more.length === 0) return entry;
  throw new TypeError(
    `Cannot query: ${what} must have exactly one member, the name of an attribute or a comparison: ${entries.length}`,
  );
}

/** How two key attributes of one type stand in the store's order; `undefined` for different types. */
function compare(left: AttributeValue, right: AttributeValue): number | undefined {
  if ('N' in left && 'N' in right) {
    const [one, other] = [decimalOf(String(left.N)), decimalOf(String(right.N))];
    const exponent = Math.min(one.exponent, other.exponent);
    const scaled = (decimal: Decimal) => decimal.digits * 10n ** BigInt(decimal.exponent - exponent);
    return scaled(one) < scaled(other) ? -1 : scaled(one) > scaled(other) ? 1 : 0;
  }
  if (('S' in left && 'S' in right) || ('B' in left && 'B' in right)) {
    return Buffer.compare(bytesOf(left) as Buffer, bytesOf(right) as Buffer);
  }
  return undefined;
}

/** `digits × 10^exponent`. */
interface Decimal {
  readonly digits: bigint;
  readonly exponent: number;
}

/** A number as the store has it: exact, however it is spelt. `1e23` is no double, although a double is written so. */
function decimalOf(text: string): Decimal {
  const [mantissa = '', power = '0'] = text.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  return { digits: BigInt(whole + fraction), exponent: Number(power) - fraction.length };
}

function bytesOf(attribute: AttributeValue): Buffer | undefined {
  if ('S' in attribute && typeof attribute.S === 'string') return Buffer.from(attribute.S);
  return 'B' in attribute && attribute.B instanceof Uint8Array ? Buffer.from(attribute.B) : undefined;
}
