/** Running the handler of an aggregate type: what a command leads to, checked before anything of it is appended. */
import type { FrozenBytes } from '../../snapshot/index.js';
import { UnknownEventTypeError } from '../errors.js';
import type { EventInput, EventMetadata } from '../event.js';
import { type EventLine, encodeEvent } from '../event-line.js';
import type { Recorder } from '../recorder.js';
import type { AnyAggregateType, CommandContext } from './aggregate-type.js';
import { type Folded, foldAll } from './fold.js';

/** What a command is decided with. */
export interface DecisionFacts {
  readonly stream: string;
  readonly command: unknown;
  readonly services: unknown;
  readonly metadata: EventMetadata | undefined;
  readonly commandId: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly time: number;
  readonly recorder: Recorder;
  readonly bytes: FrozenBytes;
}

/** What came of it. */
export interface DecidedCommand {
  readonly lines: readonly EventLine[];
  /** With the command's events. */
  readonly folded: Folded;
}

/** What a command leads to. @throws what `handle` throws. */
export function handleCommand(type: AnyAggregateType, { state, seq }: Folded, facts: DecisionFacts): unknown {
  const { stream, command, services, metadata = noMetadata, commandId, signal, time } = facts;
  const context: CommandContext = { stream, version: seq, time, commandId, metadata, signal };
  return type.handle(state, command, services, context);
}

/**
 * The events that a handler returned, as they are to be stored, and the state with them. They are applied before they are appended: one
 * that can't be would be in the way of every later command.
 *
 * @throws TypeError for what no handler may return; {@link UnknownEventTypeError} `ERR_UNKNOWN_EVENT_TYPE`; `UnsupportedValueError`
 * `ERR_UNSUPPORTED_VALUE`; `UpcastError` `ERR_UPCAST`; what `apply` throws.
 */
export function takeDecision(
  type: AnyAggregateType,
  folded: Folded,
  decided: unknown,
  { stream, metadata, commandId, time, recorder, bytes }: DecisionFacts,
): DecidedCommand {
  const events = eventsOf(type, decided);
  for (const event of events) {
    if (type.eventTypes?.has(event.type) === false)
      throw new UnknownEventTypeError(type.name, { type: event.type, stream });
  }
  const lines = events.map((event) => encodeEvent(event, metadata));
  const records = lines.map((line, index) =>
    recorder.record(line.content(), { seq: folded.seq + index + 1, time, commandId }),
  );
  return { lines, folded: foldAll(type, folded, records, bytes) };
}

const noMetadata: EventMetadata = Object.freeze({});

function eventsOf({ name }: AnyAggregateType, decided: unknown): readonly EventInput[] {
  if (decided === undefined || decided === null) return [];
  const events: readonly unknown[] = Array.isArray(decided) ? decided : [decided];
  for (const event of events) {
    if (typeof event === 'object' && event !== null && typeof (event as EventInput).type === 'string') continue;
    const place = Array.isArray(decided) ? 'an array with ' : '';
    throw new TypeError(
      `Cannot execute a command: handle of aggregate type ${name} must return an event ({ type, … }), an array of them, or nothing, ` +
        `not ${place}${describe(event)}`,
    );
  }
  return events as readonly EventInput[];
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value !== 'object') return typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`;
  if (Array.isArray(value)) return 'another array';
  if ('then' in value) return 'a promise; wait for it';
  if (Symbol.iterator in value || Symbol.asyncIterator in value) return 'what gives them one after the other';
  return `an object without a type (${Object.keys(value).slice(0, 3).join(', ')})`;
}
