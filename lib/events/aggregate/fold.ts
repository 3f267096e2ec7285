/**
 * Events folded into states. Whatever anybody is handed is frozen, so that whoever would change a state finds out at once, and the one
 * that is kept here between commands is what its events made it.
 */
import { type FrozenBytes, freezeState } from '../../snapshot/index.js';
import { UnknownEventTypeError } from '../errors.js';
import type { RecordedEvent } from '../event.js';
import type { AnyAggregateType } from './aggregate-type.js';

/** A state and the number of events that are in it. */
export interface Folded<State = unknown> {
  readonly state: State;
  readonly seq: number;
}

/** The state of an aggregate of which there is no event. */
export function foldedOf(type: AnyAggregateType, bytes?: FrozenBytes): Folded {
  return { state: type.initialState(bytes), seq: 0 };
}

/**
 * The state after `events`, which follow on to it; each state on the way is frozen as it is made.
 *
 * @param bytes takes note of the bytes in it, which can't be frozen
 * @throws {UnknownEventTypeError} `ERR_UNKNOWN_EVENT_TYPE`; `UnsupportedValueError` `ERR_UNSUPPORTED_VALUE` for a state that can't be
 * stored; what `apply` throws. TypeError when it returns nothing.
 */
export function foldAll(
  type: AnyAggregateType,
  from: Folded,
  events: readonly RecordedEvent[],
  bytes?: FrozenBytes,
): Folded {
  let { state, seq } = from;
  for (const event of events) {
    state = freezeState(applyOne(type, { state, seq }, event), bytes);
    seq = event.seq;
  }
  return { state, seq };
}

/**
 * As {@link foldAll}, for events of which there may be many: what is on the way is seen by nobody but `apply`, and not frozen; freezing a
 * list of a thousand members takes ten times as long as copying it.
 */
export function replayAll(type: AnyAggregateType, from: Folded, events: readonly RecordedEvent[]): Folded {
  let { state, seq } = from;
  for (const event of events) {
    state = applyOne(type, { state, seq }, event);
    seq = event.seq;
  }
  return { state, seq };
}

function applyOne(type: AnyAggregateType, { state, seq }: Folded, event: RecordedEvent): unknown {
  if (event.seq !== seq + 1) throw new Error(`event ${event.seq} does not follow on to a state of ${seq} events`);
  if (type.eventTypes?.has(event.type) === false) throw new UnknownEventTypeError(type.name, event);
  const next: unknown = type.apply(state, event);
  if (next !== undefined || type.initial === undefined) return next;
  throw new TypeError(
    `Cannot apply event ${event.seq} of stream ${event.stream}: apply of aggregate type ${type.name} returned nothing for ${event.type}; ` +
      'return the state as it is for events that do not change it',
  );
}
