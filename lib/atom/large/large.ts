/** When a value is too large for its item, what then, and how large it may be. */
import { formBytesMax } from '../../codec/index.js';
import { itemBytesMax } from '../../engine/index.js';

/** Sizes of large values. */
export interface LargeLimits {
  /**
   * Bytes that an item may have, names and evidence included; a value that would make it larger is compressed, and split into parts
   * when even that does not fit. Smaller than the store's limit where reads and writes of the item itself are to stay cheap.
   * @defaultValue 409,600, the store's limit
   */
  readonly itemBytesMax?: number | undefined;
  /**
   * Bytes that the item of one part may have.
   * @defaultValue 409,600, the store's limit
   */
  readonly partBytesMax?: number | undefined;
  /**
   * Bytes that a value may have, as JSON text or as the bytes that its codec makes, before compression. Larger ones are refused
   * before anything is sent. A reader needs about five times as much memory.
   * @defaultValue 67,108,864 (64 MB)
   */
  readonly bytesMax?: number | undefined;
}

/** `refuse`: a value that does not fit its item is refused, and nothing is compressed unless the codec does. */
export type Large = 'parts' | 'refuse' | LargeLimits;

/** The same with all defaults filled in. */
export type LargeRules = Required<{ readonly [Name in keyof LargeLimits]: number }>;

/** Less leaves no room for a value beside names and evidence. */
const itemBytesMin = 1_024;

/**
 * The rules that an option stands for; `undefined` where large values are refused.
 *
 * @throws RangeError for sizes out of range
 */
export function largeRules(large: Large): LargeRules | undefined {
  if (large === 'refuse') return undefined;
  const given = large === 'parts' ? {} : large;
  const rules = {
    itemBytesMax: given.itemBytesMax ?? itemBytesMax,
    partBytesMax: given.partBytesMax ?? itemBytesMax,
    bytesMax: given.bytesMax ?? formBytesMax,
  };
  requireSize('itemBytesMax', rules.itemBytesMax, itemBytesMin, itemBytesMax);
  requireSize('partBytesMax', rules.partBytesMax, itemBytesMin, itemBytesMax);
  requireSize('bytesMax', rules.bytesMax, 1, formBytesMax);
  return rules;
}

function requireSize(name: keyof LargeLimits, bytes: number, least: number, most: number): void {
  if (Number.isSafeInteger(bytes) && bytes >= least && bytes <= most) return;
  throw new RangeError(`Cannot store large values: ${name} must be an integer from ${least} to ${most}: ${bytes}`);
}
