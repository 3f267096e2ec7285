/**
 * Bytes of attributes and items by the service's published rules, and the capacity units that those bytes cost.
 *
 * From "DynamoDB item sizes and formats"
 * (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html): names and strings
 * are UTF-8 bytes; binary is its raw length; null and boolean are one byte; a list or map is 3 bytes, one byte for each
 * element or pair, and its contents; a set is its members. Of numbers the page says "approximately one byte per two
 * significant digits, plus one byte"; here the pairs are aligned to the decimal point and the sign is one byte more, as
 * the service was found to store them. Where the page is vague this file therefore rounds up.
 *
 * Called on each write: one walk, no intermediate text.
 */
import type { AttributeValue, Item } from './attribute.js';

const containerBytes = 3;
const zero = 48;
const nine = 57;

/**
 * Bytes of one attribute value, without its name.
 *
 * @example
 * ```ts
 * import { attributeBytes } from 'leyden-jar/codec';
 * console.log(attributeBytes({ S: 'é' })); // 2
 * ```
 */
export function attributeBytes(value: AttributeValue): number {
  if ('S' in value) return Buffer.byteLength(value.S);
  if ('N' in value) return numberBytes(value.N);
  if ('B' in value) return value.B.byteLength;
  if ('M' in value) {
    let bytes = containerBytes;
    for (const name in value.M) bytes += 1 + Buffer.byteLength(name) + attributeBytes(value.M[name] as AttributeValue);
    return bytes;
  }
  if ('L' in value) {
    let bytes = containerBytes;
    for (const element of value.L) bytes += 1 + attributeBytes(element);
    return bytes;
  }
  if ('SS' in value) return sum(value.SS, Buffer.byteLength);
  if ('NS' in value) return sum(value.NS, numberBytes);
  if ('BS' in value) return sum(value.BS, (member) => member.byteLength);
  return 1;
}

/** Bytes of an item as the 400 KB limit and the capacity units count them: all names and all values. */
export function itemBytes(item: Item): number {
  let bytes = 0;
  for (const name in item) {
    const value = item[name];
    // The SDK loses the value of an attribute that is named `__proto__`.
    if (value !== undefined) bytes += Buffer.byteLength(name) + attributeBytes(value);
  }
  return bytes;
}

/** Units that one write of an item of `bytes` costs: one a KB begun, at least one. Twice that inside a transaction. */
export function writeUnits(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / 1_024));
}

/** Units that one read of `bytes` costs: one per 4 KB begun, at least one; half of it when not strongly consistent. */
export function readUnits(bytes: number, consistent: boolean): number {
  const units = Math.max(1, Math.ceil(bytes / 4_096));
  return consistent ? units : units / 2;
}

function sum<Member>(members: readonly Member[], bytesOf: (member: Member) => number): number {
  let bytes = 0;
  for (const member of members) bytes += bytesOf(member);
  return bytes;
}

/** One byte for the exponent, one per pair of digits on either side of the decimal point, one for a minus. */
function numberBytes(text: string): number {
  let digits = 0;
  let integerDigits = 0;
  let point = false;
  let first = -1;
  let last = -1;
  let exponent = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code >= zero && code <= nine) {
      if (code !== zero) {
        if (first < 0) first = digits;
        last = digits;
      }
      digits += 1;
      if (!point) integerDigits += 1;
    } else if (code === 46) point = true;
    else if (code === 101 || code === 69) {
      exponent = Number(text.slice(index + 1));
      break;
    }
  }
  if (first < 0) return 1;
  // Power of ten of the first significant digit: when even, that digit is a pair by itself.
  const magnitude = integerDigits + exponent - 1 - first;
  const significant = last - first + 1;
  const pairs = magnitude % 2 === 0 ? 1 + Math.ceil((significant - 1) / 2) : Math.ceil(significant / 2);
  return 1 + pairs + (text.charCodeAt(0) === 45 ? 1 : 0);
}
