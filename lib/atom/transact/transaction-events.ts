/** What is told of a transaction when it comes to its end. */
import { itemBytes } from '../../codec/index.js';
import type { Events } from '../diagnostics/events.js';
import type { UnknownReason } from '../settlement.js';
import { isWritten, type Shipment } from './shipment.js';
import type { FlightEnd } from './transaction-flight.js';

/** `attempt`: how many were sent for the call. */
export function tellEnd(events: Events, shipment: Shipment, end: FlightEnd, attempt: number): void {
  if (end.status === 'unsent') return;
  const { writeId, copies, members } = shipment;
  if ((copies > 1 || end.status === 'lost') && events.wants('settle')) {
    const verdict = end.status === 'applied' ? 'applied' : end.status === 'lost' ? 'unknown' : 'not-applied';
    const reason = end.status === 'lost' ? end.reason : undefined;
    for (const { cell } of members.filter(isWritten)) {
      events.tell('settle', { key: cell.keyText, writeId, copies, verdict, reason });
    }
  }
  if (end.status === 'applied' && events.wants('commit')) {
    for (const { cell, draft } of members.filter(isWritten)) {
      const { version } = draft.image.lineage;
      events.tell('commit', { key: cell.keyText, version, callers: 1, bytes: itemBytes(draft.pending.item) });
    }
  }
  if (end.status === 'conflict' && events.wants('conflict')) {
    for (const { keyText } of end.changed) events.tell('conflict', { key: keyText, attempt, callers: 1 });
  }
}

export function tellUnknown(
  events: Events,
  action: string,
  keys: readonly string[],
  writeId: string,
  reason: UnknownReason,
): void {
  if (!events.wants('unknown')) return;
  for (const key of keys) events.tell('unknown', { key, action, writeId, reason });
}
