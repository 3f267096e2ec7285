/**
 * Numbers as the service keeps them: decimals of up to 38 digits, exact, in one normal spelling.
 *
 * A decimal is `digits × 10^exponent` with a signed whole number without trailing zeros, so equal numbers have equal
 * parts. Whole numbers that fit a double, nearly all there are, take a short way without BigInt.
 */
import { validationError } from './memory-error.js';

/** Digits that one number may have. */
const digitsMax = 38;
/** Powers of ten of the first digit that the service can keep: 1E-130 to 9.99…E+125. */
const magnitudeMin = -130;
const magnitudeMax = 125;
const plainInteger = /^(?:0|-?[1-9]\d{0,14})$/;
const numeral = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;

interface Decimal {
  readonly digits: bigint;
  readonly exponent: number;
}

/** The number in its normal spelling: plain, without needless zeros or signs. Refuses what the service refuses. */
export function normalNumber(text: string): string {
  return plainInteger.test(text) ? text : format(parse(text));
}

/** Orders two numbers in normal spelling. */
export function compareNumbers(left: string, right: string): number {
  if (left === right) return 0;
  if (left.length < 16 && right.length < 16) return Number(left) < Number(right) ? -1 : 1;
  const { digits } = sum(parse(left), parse(right), -1n);
  return digits < 0n ? -1 : digits > 0n ? 1 : 0;
}

/** `left + right` or `left - right`, exactly; what needs more than 38 digits is refused. */
export function addNumbers(left: string, right: string, sign: 1 | -1): string {
  if (plainInteger.test(left) && plainInteger.test(right)) return String(Number(left) + sign * Number(right));
  const { digits, exponent } = sum(parse(left), parse(right), sign === 1 ? 1n : -1n);
  return format(checked(digits < 0n ? '-' : '', String(digits < 0n ? -digits : digits), exponent));
}

function sum(left: Decimal, right: Decimal, sign: bigint): Decimal {
  const exponent = Math.min(left.exponent, right.exponent);
  const scaled = (one: Decimal) => one.digits * 10n ** BigInt(one.exponent - exponent);
  return { digits: scaled(left) + sign * scaled(right), exponent };
}

function parse(text: string): Decimal {
  const match = numeral.exec(text);
  if (match === null || (match[2] === '' && (match[3] ?? '') === '')) {
    throw validationError(`The parameter cannot be converted to a numeric value: ${text}`);
  }
  const [, sign = '', whole = '', fraction = '', power = '0'] = match;
  return checked(sign, whole + fraction, Number(power) - fraction.length);
}

function checked(sign: string, text: string, power: number): Decimal {
  const leading = text.replace(/^0+/, '');
  const digits = leading.replace(/0+$/, '');
  if (digits === '') return { digits: 0n, exponent: 0 };
  const exponent = power + leading.length - digits.length;
  const magnitude = exponent + digits.length - 1;
  if (magnitude > magnitudeMax) {
    throw validationError('Number overflow. Attempting to store a number with magnitude larger than supported range');
  }
  if (magnitude < magnitudeMin) {
    throw validationError('Number underflow. Attempting to store a number with magnitude smaller than supported range');
  }
  if (digits.length > digitsMax) {
    throw validationError('Attempting to store more than 38 significant digits in a Number');
  }
  return { digits: BigInt(sign === '-' ? `-${digits}` : digits), exponent };
}

function format({ digits, exponent }: Decimal): string {
  if (exponent >= 0) return String(digits) + '0'.repeat(digits === 0n ? 0 : exponent);
  const sign = digits < 0n ? '-' : '';
  const text = String(digits < 0n ? -digits : digits).padStart(1 - exponent, '0');
  return `${sign}${text.slice(0, exponent)}.${text.slice(exponent)}`;
}
