/** What is told of a write when it comes to its end, or is given up for the time being. */
import { itemBytes } from '../../codec/index.js';
import type { Flight, KnownFate } from '../flight.js';
import type { Events } from './events.js';

/** `fate` is what {@link Flight.drive} gave. */
export function tellFate(events: Events, key: string, flight: Flight, fate: KnownFate | 'unsent' | 'paused'): void {
  if (fate === 'unsent') return;
  if (flight.wasUnclear(fate) && events.wants('settle')) tellSettled(events, key, flight, fate);
  if (fate === 'paused') return;
  const { draft, runs } = flight;
  if (fate.status === 'applied' && events.wants('commit')) {
    const { version } = (fate.evaluated ?? draft.image).lineage;
    events.tell('commit', { key, version, callers: runs.length, bytes: itemBytes(draft.pending.item) });
  }
  // A write that was cancelled lost to nobody else.
  if (fate.status === 'conflict' && !flight.isCancelled && events.wants('conflict')) {
    const attempt = runs.reduce((most, { operation }) => Math.max(most, operation.attempts), 0);
    events.tell('conflict', { key, attempt, callers: runs.length });
  }
}

function tellSettled(events: Events, key: string, flight: Flight, fate: KnownFate | 'paused'): void {
  const { copies, draft } = flight;
  const facts = { key, writeId: draft.image.lineage.token, copies };
  if (fate === 'paused') events.tell('settle', { ...facts, verdict: 'unknown', reason: 'in-flight' });
  else if (fate.status === 'lost') events.tell('settle', { ...facts, verdict: 'unknown', reason: fate.reason });
  else {
    const verdict = fate.status === 'applied' ? 'applied' : 'not-applied';
    events.tell('settle', { ...facts, verdict, reason: undefined });
  }
}
