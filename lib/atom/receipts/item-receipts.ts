/**
 * Receipts within an atom's own item: a bounded map, by `opId`. The oldest goes only when its promised time is over, so that a
 * call is never done twice for want of room; then there is no room, and the call is refused.
 *
 * Pure.
 */
import type { AttributeValue, Item } from '../../codec/index.js';
import { ReceiptsFullError } from '../transact/transaction-errors.js';
import { writtenAtOf } from './receipt-format.js';

/** How many, and how long. */
export interface ReceiptLimits {
  readonly receiptMs: number;
  readonly receiptsMax: number;
}

/** The receipts of an item and one more. @throws {ReceiptsFullError} `ERR_RECEIPTS_FULL` */
export function withReceipt(
  receipts: Item | undefined,
  opId: string,
  receipt: AttributeValue,
  now: number,
  { receiptMs, receiptsMax, key }: ReceiptLimits & { readonly key: string },
): Item {
  const kept = Object.entries(withoutOld(receipts, now, receiptMs) ?? {});
  if (kept.length >= receiptsMax) {
    const oldest = Math.min(...kept.map(([, one]) => writtenAtOf(one)));
    throw new ReceiptsFullError(key, receiptsMax, oldest + receiptMs);
  }
  return Object.fromEntries([...kept, [opId, receipt]]);
}

/** Those whose time is not over; `undefined` when there are none. */
export function withoutOld(receipts: Item | undefined, now: number, receiptMs: number): Item | undefined {
  if (receipts === undefined) return undefined;
  const kept = Object.entries(receipts).filter(([, one]) => writtenAtOf(one) + receiptMs > now);
  if (kept.length === 0) return undefined;
  return kept.length === Object.keys(receipts).length ? receipts : Object.fromEntries(kept);
}

/** Until when the last of them is promised, epoch milliseconds; 0 without any. */
export function promisedUntil(receipts: Item | undefined, receiptMs: number): number {
  return Object.values(receipts ?? {}).reduce((latest, one) => Math.max(latest, writtenAtOf(one) + receiptMs), 0);
}
