/** What a course is given, and what it throws when nobody can tell its fate. */

import type { Trace } from '../diagnostics/trace.js';
import type { Ground, Retry } from '../ground.js';
import type { Frame } from '../inside.js';
import type { Parts } from '../receipts/receipt.js';
import type { KnownShipmentFate, Shipment } from './shipment.js';
import type { ReceiptPlan } from './transaction-load.js';
import type { RunRooms, TransactionRun } from './transaction-run.js';

/** What is to be done, and under which receipt. */
export interface CourseCall<R> {
  readonly body: (run: TransactionRun) => R | Promise<R>;
  readonly signal: AbortSignal | undefined;
  /** Whether the first run has to see what is read after the call. */
  readonly isFresh?: boolean;
  /** Finds out how it is made once for ever, if it is. */
  readonly once?: (() => Promise<OncePlan<R>>) | undefined;
  readonly trace?: Trace | undefined;
}

/** Thrown when nobody can tell any more what became of it. */
export class LostFate {
  readonly shipment: Shipment;
  readonly fate: KnownShipmentFate & { readonly status: 'lost' };

  constructor(shipment: Shipment, fate: LostFate['fate']) {
    this.shipment = shipment;
    this.fate = fate;
  }
}

/** A call with an `opId`. */
export interface OncePlan<R> extends ReceiptPlan {
  readonly keep: (value: R) => Parts;
  readonly recall: (parts: Parts) => R;
}

/** What all courses of one table share. */
export interface CourseRooms extends Pick<RunRooms, 'requireTransactions' | 'isOwn'> {
  readonly ground: Ground;
  readonly retry: Retry;
  readonly onFrame: (frame: Frame) => void;
}
