/**
 * What the processes of a run write down: who called what when and what came back, and what else they saw.
 *
 *   {"on":"call","id":"w1.0#7","at":812,"event":{…}}                    before the call is made
 *   {"on":"ret","id":"w1.0#7","at":815,"outcome":"done","seq":40,…}     after it returned
 *   {"on":"settled","id":"w1.0#7","at":990,"outcome":"done"}            when an unknown outcome was asked for
 *   {"on":"read","how":"sync","from":991,"at":995,"seq":44,…}           a state that was read
 *   {"on":"seen","by":"w1.0/0:0","seq":40,"uid":"w1.0#7",…}             an event that came by `changes()`
 *   {"on":"digest","seq":44,"digest":"…"}                               of a whole state
 */
import type { SettledNote } from '../notebook.js';
import type { LedgerEvent, LedgerResult } from './ledger.js';

/** An event as it is written down: the text of a large one can be made again. */
export type NotedEvent = Omit<LedgerEvent, 'pad'> & { readonly padLength?: number };

/** A state, by what it was made of. */
export interface Sight {
  readonly seq: number;
  readonly rolling: string;
}

/** What a caller was told. */
export interface Told extends Partial<Sight> {
  /** `refused`: by the handler; `seq` and `rolling` are those of the state that it was decided on, as with `same` and `known`. */
  readonly outcome: 'done' | 'refused' | 'not-done' | 'unknown';
  readonly status?: 'journalled' | 'same' | 'known';
  readonly time?: number;
  readonly result?: LedgerResult | undefined;
  readonly error?: string;
  /** What its instance showed right afterwards. */
  readonly saw?: Sight & { readonly instance: string };
}

export interface CallNote {
  readonly on: 'call';
  readonly id: string;
  readonly at: number;
  readonly event: NotedEvent;
  /** Whether it was called with an idempotency id: the event's own. */
  readonly keyed: boolean;
}
export interface RetNote extends Told {
  readonly on: 'ret';
  readonly id: string;
  readonly at: number;
}
/** `sync` and `open` have to be new, `past` is what it was asked for. */
export interface ReadNote extends Sight {
  readonly on: 'read';
  readonly how: 'sync' | 'open' | 'past';
  readonly target?: { readonly seq: number } | { readonly time: number };
  readonly instance: string;
  readonly from: number;
  readonly at: number;
}
export interface SeenNote {
  readonly on: 'seen';
  /** One iteration of `changes()`. */
  readonly by: string;
  readonly at: number;
  readonly seq: number;
  readonly time: number;
  readonly uid: string;
  readonly keyed: boolean;
}
export interface DigestNote {
  readonly on: 'digest';
  readonly instance: string;
  readonly seq: number;
  readonly digest: string;
}
export type Note = CallNote | RetNote | SettledNote | ReadNote | SeenNote | DigestNote;

/** Events with ids whose callers died without an answer: somebody else may repeat them. */
export function openEvents(notes: readonly Note[]): NotedEvent[] {
  const open = new Map<string, NotedEvent>();
  for (const note of notes) {
    if (note.on === 'call' && note.keyed) open.set(note.id, note.event);
    else if (note.on === 'ret') open.delete(note.id);
  }
  return [...open.values()];
}
