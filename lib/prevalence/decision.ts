/**
 * Deciding: what becomes of each of the events that wait, on one committed state, one after the other.
 *
 * Nothing here changes anything. What was decided becomes the state when its commit is known to be in the journal; when
 * another writer was first, it is thrown away and decided again on the state that this one left.
 */

import { type FrozenBytes, freezeState } from '../snapshot/index.js';
import { StateSpoiledError } from './errors.js';
import { type Handler, runHandler } from './handler.js';
import type { IdWindow } from './id-window.js';

/** An event that is to be decided. */
export interface Candidate<E> {
  /** The event: frozen, or a copy of its own. */
  hand(): E;
  readonly id: string | undefined;
  /** Whether its caller has gone: then it is passed over. */
  readonly isOver: boolean;
}

/** What became of one event. */
export type Outcome<S, R> =
  /** Counts. `seq` is its number if the commit gets in. */
  | { readonly kind: 'accepted'; readonly state: S; readonly result: R | undefined; readonly seq: number }
  /** The state is the same: nothing to journal. */
  | { readonly kind: 'same'; readonly state: S; readonly result: R | undefined; readonly seq: number }
  /** An event with this id was handled before. */
  | { readonly kind: 'known'; readonly state: S; readonly result: R | undefined; readonly seq: number }
  | { readonly kind: 'refused'; readonly error: unknown }
  /** Its caller has gone. */
  | { readonly kind: 'gone' }
  /** Would be accepted, but there is no room for it in what was written: it has to wait for the next commit. */
  | { readonly kind: 'later' };

/** What was decided on one state. */
export interface Decision<S, R> {
  readonly outcomes: readonly Outcome<S, R>[];
  /** After all accepted events. */
  readonly state: S;
  readonly accepted: number;
  /** Ids of accepted events, in order, with their results. */
  readonly ids: readonly (readonly [id: string, result: R | undefined])[];
  /** What it was decided on. */
  readonly on: DecidedOn<S>;
}

export interface DecidedOn<S> {
  readonly state: S;
  readonly seq: number;
  readonly time: number;
}

/** What decides, and what it knows beside the state. */
export interface Decider<S, E, R> {
  readonly handler: Handler<S, E, R>;
  /** Ids of events that were handled before. */
  readonly known: IdWindow<R>;
  /** Those in the state, which can't be frozen. */
  readonly bytes: FrozenBytes;
}

/**
 * Decides `events` in order. `mayAccept` tells which may be accepted at all.
 *
 * @throws {StateSpoiledError} `ERR_STATE_SPOILED` when a handler wrote into bytes of the state.
 */
export function decideAll<S, E, R>(
  { handler, known, bytes }: Decider<S, E, R>,
  events: readonly Candidate<E>[],
  on: DecidedOn<S>,
  mayAccept: (index: number) => boolean = () => true,
): Decision<S, R> {
  let { state, seq } = on;
  const { time } = on;
  const outcomes: Outcome<S, R>[] = [];
  const ids: [string, R | undefined][] = [];
  const own = new Map<string, R | undefined>();
  let isLater = false;
  for (let index = 0; index < events.length; index += 1) {
    const event = events[index] as Candidate<E>;
    const { id } = event;
    if (isLater) {
      // What comes after one that has to wait may rest on it.
      outcomes.push({ kind: 'later' });
      continue;
    }
    // Also of one whose caller has gone: he may ask what became of it.
    if (id !== undefined && (own.has(id) || known.has(id))) {
      outcomes.push({ kind: 'known', state, result: own.has(id) ? own.get(id) : known.get(id), seq });
      continue;
    }
    if (event.isOver) {
      outcomes.push({ kind: 'gone' });
      continue;
    }
    try {
      const handled = runHandler(handler, state, event.hand(), { time, seq: seq + 1 });
      if (handled.state === state) {
        outcomes.push({ kind: 'same', state, result: handled.result, seq });
        continue;
      }
      const next = freezeState(handled.state, bytes);
      // It is remembered, and handed to whoever comes with this id.
      if (id !== undefined) freezeState(handled.result, bytes);
      if (!mayAccept(index)) {
        outcomes.push({ kind: 'later' });
        isLater = true;
        continue;
      }
      state = next;
      seq += 1;
      outcomes.push({ kind: 'accepted', state, result: handled.result, seq });
      if (id !== undefined) {
        own.set(id, handled.result);
        ids.push([id, handled.result]);
      }
    } catch (error) {
      outcomes.push({ kind: 'refused', error });
    }
  }
  if (bytes.haveChanged()) throw new StateSpoiledError(on.seq);
  return { outcomes, state, accepted: seq - on.seq, ids, on };
}
