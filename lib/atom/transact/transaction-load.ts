/** Making ready what a transaction sends: drafts of all that it writes, and what goes along, within the limits. */
import { transactionActionsMax, transactionBytesMax } from '../../engine/index.js';
import type { Known } from '../cache.js';
import type { Cell } from '../cell.js';
import { tokenOf } from '../evidence.js';
import type { Ground, Retry } from '../ground.js';
import { withReceipt } from '../receipts/item-receipts.js';
import type { Parts, ReceiptDraft, Slip } from '../receipts/receipt.js';
import { formatReceipt } from '../receipts/receipt-format.js';
import { isWritten, type Member, PlainShipment, type Shipment } from './shipment.js';
import { TransactionTooLargeError } from './transaction-errors.js';
import { TransactionShipment } from './transaction-shipment.js';
import type { View } from './transaction-view.js';

/** The receipt that goes along. */
export interface ReceiptPlan {
  readonly slip: Slip;
  /** Whether it lies in the item of the one atom. */
  readonly inItem: boolean;
  /** What an earlier call under this `opId` was told, as far as that shows in these states, or, if `look`, is found out. */
  readonly find: (views: readonly View[], look: boolean) => Promise<Parts | undefined>;
}

/** Something that is ready to be sent. */
export interface Loading {
  readonly shipment: Shipment;
  /** Monotonic time as of which its answer tells something. */
  readonly startedAtMs: number;
}

export interface Cargo {
  readonly views: readonly View[];
  readonly written: readonly View[];
  /** What is to be kept of the result, under an `opId`. */
  readonly parts: Parts | undefined;
  readonly once: ReceiptPlan | undefined;
}

/**
 * Drafts everything, under one number: the same token in all atoms. Their lanes must be held.
 *
 * @throws {TransactionTooLargeError} `ERR_TRANSACTION_TOO_LARGE`; what drafts throw.
 */
export async function load(ground: Ground, retry: Retry, cargo: Cargo, signal: AbortSignal): Promise<Loading> {
  const { views, written, parts, once } = cargo;
  // Before the number is drawn: making ready may take a write of its own.
  const bases = new Map<View, Known>();
  for (const view of views) {
    const base = view.base as Known;
    const { cache, writer } = view.cell;
    bases.set(view, written.includes(view) ? await writer.prepare(base, view.held, cache.start(), signal) : base);
  }
  const seq = ground.nextSeq();
  const writeId = tokenOf(ground.writer, seq);
  const startedAtMs = ground.clock.monotonicMs();
  const receipt = once && parts && !once.inItem ? await once.slip.draft(writeId, parts) : undefined;
  const drafting = await Promise.allSettled(
    views.map(async (view): Promise<Member> => {
      const { cell } = view;
      const base = bases.get(view) as Known;
      const start = cell.cache.start();
      if (!written.includes(view)) return { cell, base, start, draft: undefined };
      const receipts =
        once?.inItem && parts ? await receiptsOf(ground, view.cell, base, once.slip, writeId, parts) : undefined;
      return { cell, base, start, draft: await cell.writer.draft(base, view.held, start, { seq, receipts, signal }) };
    }),
  );
  const members = drafting.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  try {
    for (const one of drafting) if (one.status === 'rejected') throw one.reason;
    return { shipment: shipmentOf(ground, retry, members, receipt, writeId), startedAtMs };
  } catch (error) {
    drop(members);
    throw error;
  }
}

/** Forgets what was made ready and not sent, with all that was written beside it. */
export function drop(members: readonly Member[]): void {
  for (const { draft } of members) draft?.aftermath?.lost();
}

async function receiptsOf(ground: Ground, cell: Cell, base: Known, slip: Slip, writeId: string, parts: Parts) {
  const { clock, receiptMs, receiptsMax } = ground;
  const receipt = formatReceipt(await slip.make(writeId, parts));
  return withReceipt(base.image?.receipts, slip.opId, receipt, clock.now(), {
    receiptMs,
    receiptsMax,
    key: cell.keyText,
  });
}

function shipmentOf(
  ground: Ground,
  retry: Retry,
  members: readonly Member[],
  receipt: ReceiptDraft | undefined,
  writeId: string,
): Shipment {
  const [member] = members;
  if (members.length === 1 && member !== undefined && isWritten(member) && receipt === undefined) {
    return new PlainShipment(member);
  }
  const shipment = new TransactionShipment(ground, retry, { members, receipt, writeId });
  const { actions, bytes } = shipment;
  if (actions > transactionActionsMax) throw new TransactionTooLargeError('actions', actions, transactionActionsMax);
  if (bytes > transactionBytesMax) throw new TransactionTooLargeError('bytes', bytes, transactionBytesMax);
  return shipment;
}
