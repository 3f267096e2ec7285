/** The store's numbers, of up to 38 digits, in JavaScript without a digit lost. */
import { decimal, decimalParts } from './decimal.js';

/** What numbers become; see {@link numberReader}. */
export type NumbersAs = 'number' | 'bigint' | 'string';

/**
 * Makes what reads the text of a number.
 *
 * - `'number'`: a number; a whole one beyond `Number.MAX_SAFE_INTEGER` a `bigint`, a fraction with more digits than a number keeps
 *   its text.
 * - `'bigint'`: whole ones `bigint`, fractions as above.
 * - `'string'`: the text.
 *
 * @throws TypeError for a way that is none of these.
 *
 * @example
 * ```ts
 * import { numberReader } from 'leyden-jar/codec';
 * const read = numberReader('number');
 * console.log(read('12.5'), read('9007199254740993'), read('0.1234567890123456789'));
 * // => 12.5 9007199254740993n 0.1234567890123456789
 * ```
 */
export function numberReader(as: NumbersAs): (text: string) => number | bigint | string {
  if (as === 'string') return (text) => text;
  if (as === 'bigint') return (text) => wholeOf(text) ?? fractionOf(text);
  if (as !== 'number') {
    throw new TypeError(`Cannot read numbers: numbers must be 'number', 'bigint' or 'string': ${String(as)}`);
  }
  return (text) => {
    const number = Number(text);
    // Up to 15 digits there is one double for each decimal, and the way back gives it again.
    if (text.length <= 15 && /^-?\d+(?:\.\d+)?$/.test(text)) return number + 0;
    const whole = wholeOf(text);
    if (whole === undefined) return fractionOf(text);
    return Number.isSafeInteger(number) ? number + 0 : whole;
  };
}

/** The store's largest power of ten, with room: a text from elsewhere must not become a number of a million digits. */
const powerMax = 200;

/** A whole number; `undefined`: it is none. */
function wholeOf(text: string): bigint | undefined {
  if (!decimal.test(text)) throw new RangeError('Cannot read a number: its text is none');
  if (/^-?\d+$/.test(text)) return BigInt(text);
  const [digits, power] = decimalParts(text);
  if (digits === '') return 0n;
  if (power < 0 || power > powerMax) return undefined;
  return BigInt((text.startsWith('-') ? '-' : '') + digits + '0'.repeat(power));
}

/** A number if the way back gives the same decimal, else the text. */
function fractionOf(text: string): number | string {
  const number = Number(text);
  return Number.isFinite(number) && String(decimalParts(text)) === String(decimalParts(String(number))) ? number : text;
}
