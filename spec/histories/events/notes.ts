/**
 * What the processes of a run write down: who called what when and what came back, and what else they saw.
 *
 *   {"on":"call","id":"p1.0:7","at":812,"order":{…},"expected":3}         before the call is made
 *   {"on":"ret","id":"p1.0:7","at":815,"outcome":"done","from":4,"to":5,…}  after it returned
 *   {"on":"settled","id":"p1.0:7","at":990,"outcome":"done"}              when an unknown outcome was asked for
 *   {"on":"read","stream":"kept-0","from":991,"at":995,"first":1,"last":40,"digest":"…"}   events that were read
 *   {"on":"load","stream":"kept-0","from":991,"at":995,"state":{…}}       a state that was loaded
 */
import type { ExpectedVersion } from '../../../lib/events/index.js';
import type { SettledNote } from '../notebook.js';
import type { Order, PurseState } from './purse.js';

/** What a caller was told. */
export interface Told {
  readonly outcome: 'done' | 'refused' | 'conflict' | 'not-done' | 'unknown';
  readonly repeated?: boolean;
  /** The events that it was told of, and their digest; `from` is behind `to` for none. */
  readonly from?: number;
  readonly to?: number;
  readonly digest?: string;
  readonly time?: number;
  /** The state in the answer, or in the refusal. */
  readonly state?: PurseState;
  /** Of a conflict. */
  readonly expected?: ExpectedVersion;
  readonly actual?: number;
  readonly error?: string;
}

export interface CallNote {
  readonly on: 'call';
  readonly id: string;
  readonly at: number;
  readonly order: Order;
  readonly expected: ExpectedVersion;
}
export interface RetNote extends Told {
  readonly on: 'ret';
  readonly id: string;
  readonly at: number;
}
/** Events `first` to `last` as they were read; `whole`: to the newest. */
export interface ReadNote {
  readonly on: 'read';
  readonly stream: string;
  readonly from: number;
  readonly at: number;
  readonly first: number;
  readonly last: number;
  readonly whole: boolean;
  readonly digest: string;
}
export interface LoadNote {
  readonly on: 'load';
  readonly stream: string;
  readonly from: number;
  readonly at: number;
  readonly version: number;
  readonly state: PurseState;
}
export type Note = CallNote | RetNote | SettledNote | ReadNote | LoadNote;

/** Orders with ids whose callers died without an answer, or were told that nobody knows: somebody else may give them again. */
export function openOrders(notes: readonly Note[]): Order[] {
  const open = new Map<string, Order>();
  for (const note of notes) {
    if (note.on === 'call' && note.order.key !== 'none') open.set(note.id, note.order);
    else if (note.on === 'ret' && note.outcome !== 'unknown') open.delete(note.id);
  }
  return [...new Map([...open.values()].map((order) => [order.uid, order])).values()];
}
