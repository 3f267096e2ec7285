/** The text of a number, taken apart: texts of one number have the same parts, however they are written. */

/** What is the text of a number. */
export const decimal: RegExp = /^-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** Significant digits without zeros at either end, and the power of ten of the last of them. */
export function decimalParts(text: string): readonly [digits: string, exponent: number] {
  const [, whole = '', fraction = '', power = '0'] = /^-?(\d*)\.?(\d*)(?:[eE](.+))?$/.exec(text) ?? [];
  const all = (whole + fraction).replace(/^0+/, '');
  const digits = all.replace(/0+$/, '');
  return [digits, Number(power) - fraction.length + (all.length - digits.length)];
}
