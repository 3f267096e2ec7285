/** Whether a stream belongs to an order, as its journal's label says; and who may append to it. */
import type { Head } from '../../journal/index.js';
import { CategoryOrderError } from '../errors.js';

/** What the journals of streams are marked with, so that no other system takes one for its own. */
export const streamLabel = 'events';
/** The same, of streams whose appends go through the journal of their category. */
export const orderedLabel = 'events in order';

/** Those of all streams. */
export const streamLabels: readonly string[] = [streamLabel, orderedLabel];

/** The part that a stream has in an order. */
export interface StreamOrder {
  readonly stream: string;
  readonly category: string;
  /** Whether this store keeps the category in order. */
  readonly isOrdered: boolean;
}

/** @throws {CategoryOrderError} `ERR_CATEGORY_ORDER`, when an append would slip past the order, or would stand in one without its beginning. */
export function requireOrder({ stream, category, isOrdered }: StreamOrder, { label, seq }: Head): void {
  // A process that died before its first event has left no beginning.
  if (isOrdered && seq === 0) return;
  if (label !== (isOrdered ? orderedLabel : streamLabel)) throw new CategoryOrderError(stream, category, isOrdered);
}
