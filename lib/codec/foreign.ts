/**
 * Items that other programs wrote, as JavaScript values: the guarded way to the SDK's `unmarshall`.
 *
 * The SDK knows all types, sets among them, and that is what is wanted of items of foreign layout. It has one fault: an
 * attribute named `__proto__`, at any depth, becomes the prototype of the result. Such an item is refused before it gets
 * there.
 */
import { unmarshall } from '@aws-sdk/util-dynamodb';
import type { AttributeValue, Item } from './attribute.js';
import { DecodeError } from './errors.js';

/** Deeper than anything that the store returns. */
const nestingMax = 64;

/**
 * Attributes of an item as plain values: numbers, strings, booleans, null, `Uint8Array`, `Set`, arrays and objects. A whole
 * number that JavaScript has no number for becomes a `bigint`; a fraction of more than 17 digits the nearest number.
 *
 * @param key named in errors
 * @param readNumber makes something else of numbers
 * @throws {DecodeError} `ERR_DECODE`, reason `foreign`: a name `__proto__` in it, or not an item
 *
 * @example
 * ```ts
 * import { fromForeign } from 'leyden-jar/codec';
 * console.log(fromForeign({ id: { S: 'a' }, tags: { SS: ['x'] } })); // { id: 'a', tags: Set(1) { 'x' } }
 * ```
 */
export function fromForeign(
  item: Item,
  key = '',
  readNumber: (text: string) => unknown = toNumber,
): Record<string, unknown> {
  const names = checkNames({ M: item }, 0);
  if (names !== undefined) throw new DecodeError(key, 'foreign', names);
  try {
    return unmarshall(item as never, { wrapNumbers: readNumber });
  } catch {
    throw new DecodeError(key, 'foreign', 'attributes that the SDK cannot read');
  }
}

/** What is wrong with the names in `attribute`, if anything. */
function checkNames(attribute: AttributeValue, depth: number): string | undefined {
  if (depth > nestingMax) return 'nested deeper than DynamoDB allows';
  if (typeof attribute !== 'object' || attribute === null) return 'something that is no attribute';
  let members: readonly AttributeValue[] = [];
  if ('M' in attribute) {
    if (typeof attribute.M !== 'object' || attribute.M === null) return 'a map without members';
    const prototype: unknown = Object.getPrototypeOf(attribute.M);
    // The root of any realm, and no other: a client may have set the name as a prototype already.
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) return 'a map with a prototype';
    if (Object.hasOwn(attribute.M, '__proto__')) return 'an attribute named __proto__';
    members = Object.values(attribute.M);
  } else if ('L' in attribute) {
    if (!Array.isArray(attribute.L)) return 'a list without elements';
    members = attribute.L;
  }
  for (const member of members) {
    const wrong = checkNames(member, depth + 1);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function toNumber(text: string): number | bigint {
  const number = Number(text);
  if (Number.isSafeInteger(number) || !/^-?\d+$/.test(text)) return number;
  return BigInt(text);
}
