/** The errors of event stores. Those of the journal and of the atoms below come as they are. */
import { LeydenError } from '../errors.js';
import type { RecordedEvent } from './event.js';
import type { ExpectedVersion } from './expected-version.js';

/** Facts of a {@link ConflictError}. */
export interface ConflictFacts {
  readonly stream: string;
  readonly expected: ExpectedVersion;
  readonly actual: number;
  readonly events: readonly RecordedEvent[];
  /** What was to be done. @defaultValue 'append to' */
  readonly action?: string;
  /** How often it was decided again before. */
  readonly retries?: number;
}

/**
 * `ERR_CONFLICT`: the stream is not at the version that was expected, or others were faster each time that a command was decided.
 * Nothing was appended.
 */
export class ConflictError extends LeydenError {
  readonly stream: string;
  readonly expected: ExpectedVersion;
  /** Version of the stream, as this process knows it; perhaps others have appended since. */
  readonly actual: number;
  /** The events that were faster: those after the expected version, the oldest hundred at most. */
  readonly events: readonly RecordedEvent[];

  constructor({ stream, expected, actual, events, action = 'append to', retries = 0 }: ConflictFacts) {
    const types = events.slice(0, 3).map(({ seq, type }) => `${seq} ${type}`);
    const winners = types.length === 0 ? '' : ` (${types.join(', ')}${events.length > 3 ? ', …' : ''})`;
    const again = retries === 0 ? '' : `, after it was decided ${retries + 1} times`;
    super(
      'ERR_CONFLICT',
      `Cannot ${action} stream ${stream}: expected ${JSON.stringify(expected)}, it is at version ${actual}${winners}${again}; ` +
        'decide again on the events that are there now',
      { outcome: 'not-done', retryable: false },
    );
    this.stream = stream;
    this.expected = expected;
    this.actual = actual;
    this.events = events;
  }
}

/** `ERR_STREAM_CLOSED`: the stream was archived, or deleted. Nothing was appended. */
export class StreamClosedError extends LeydenError {
  readonly stream: string;
  readonly closed: 'archived' | 'deleted';

  constructor(action: string, stream: string, closed: 'archived' | 'deleted') {
    const remedy = closed === 'archived' ? 'call unarchive() first' : 'its name is used up; use another one';
    super('ERR_STREAM_CLOSED', `Cannot ${action} stream ${stream}: it was ${closed}; ${remedy}`, {
      outcome: 'not-done',
      retryable: false,
    });
    this.stream = stream;
    this.closed = closed;
  }
}

/**
 * `ERR_STREAM_PRUNED`: events that are wanted were pruned below a snapshot. Nothing is skipped, and no state is made of the rest; whoever
 * reads stops here.
 */
export class StreamPrunedError extends LeydenError {
  readonly stream: string;
  /** The event that is wanted. */
  readonly from: number;
  /** The first event that is still there, where that is known. */
  readonly floor: number | undefined;

  constructor(
    stream: string,
    { from, floor }: { readonly from: number; readonly floor?: number | undefined },
    cause: unknown,
  ) {
    const left = floor === undefined ? '' : `; those from ${floor} on are there`;
    super(
      'ERR_STREAM_PRUNED',
      `Cannot read stream ${stream} from event ${from}: older events were pruned, a snapshot covers them${left}; ` +
        'load the aggregate by the snapshot (truth, stateVersion), or read from the floor on',
      { outcome: 'not-done', retryable: false, cause },
    );
    this.stream = stream;
    this.from = from;
    this.floor = floor;
  }
}

/**
 * `ERR_PRUNE_REFUSED`: a state that is stored is not what the events give that are about to be pruned. Nothing was removed.
 *
 * Mostly `apply` was changed, and `stateVersion` was not.
 */
export class PruneRefusedError extends LeydenError {
  readonly stream: string;
  /** Events in the stored state. */
  readonly seq: number;

  constructor(stream: string, seq: number, where: string) {
    super(
      'ERR_PRUNE_REFUSED',
      `Cannot prune stream ${stream}: the state of event ${seq} in ${where} is not what the events give; ` +
        'raise stateVersion when apply was changed',
      { outcome: 'not-done', retryable: false },
    );
    this.stream = stream;
    this.seq = seq;
  }
}

/** `ERR_UPCAST`: an event has a version that is none, or could not be brought to the version of today. */
export class UpcastError extends LeydenError {
  readonly stream: string;
  readonly seq: number;
  readonly type: string;
  readonly schemaVersion: string;

  constructor(event: Pick<RecordedEvent, 'stream' | 'seq' | 'type' | 'schemaVersion'>, why: string, cause?: unknown) {
    const { stream, seq, type, schemaVersion } = event;
    super(
      'ERR_UPCAST',
      `Cannot read event ${seq} of stream ${stream}: ${type} of version ${schemaVersion}: ${why}; mend the upcaster, or add one`,
      { outcome: 'not-done', retryable: false, cause },
    );
    this.stream = stream;
    this.seq = seq;
    this.type = type;
    this.schemaVersion = schemaVersion;
  }
}

/** `ERR_COMMAND_ID_REUSED`: the id stands for other events than those that are to be appended. Nothing was appended. */
export class CommandIdReusedError extends LeydenError {
  readonly stream: string;
  readonly commandId: string;
  /** The events that the id stands for. */
  readonly events: readonly RecordedEvent[];

  constructor(stream: string, commandId: string, events: readonly RecordedEvent[]) {
    super(
      'ERR_COMMAND_ID_REUSED',
      `Cannot append to stream ${stream}: command id ${JSON.stringify(commandId)} stands for ${events.length} other events from ` +
        `${events[0]?.seq} on; use an id for one command alone`,
      { outcome: 'not-done', retryable: false },
    );
    this.stream = stream;
    this.commandId = commandId;
    this.events = events;
  }
}

/** `ERR_EVENT_STORE_CLOSED`: the store object was closed. Nothing was done. */
export class EventStoreClosedError extends LeydenError {
  constructor(action: string, store: string) {
    super('ERR_EVENT_STORE_CLOSED', `Cannot ${action} event store ${store}: this object is closed; make another one`, {
      outcome: 'not-done',
      retryable: false,
    });
  }
}

/** `ERR_UNKNOWN_EVENT_TYPE`: an aggregate type that lists the types of its events does not know this one. */
export class UnknownEventTypeError extends LeydenError {
  readonly aggregate: string;
  readonly type: string;
  /** The event in the stream; absent where it was to be appended, and was not. */
  readonly seq: number | undefined;

  constructor(
    aggregate: string,
    { type, stream, seq }: { readonly type: string; readonly stream: string; readonly seq?: number },
  ) {
    const action = seq === undefined ? `append to stream ${stream}` : `apply event ${seq} of stream ${stream}`;
    super(
      'ERR_UNKNOWN_EVENT_TYPE',
      `Cannot ${action}: aggregate type ${aggregate} knows no event ${JSON.stringify(type)}; add it to eventTypes, or mend its name`,
      { outcome: 'not-done', retryable: false },
    );
    this.aggregate = aggregate;
    this.type = type;
    this.seq = seq;
  }
}

/**
 * `ERR_CATEGORY_ORDER`: the stream belongs to a category that is ordered, and this store does not say so; or this store says so, and
 * the stream was begun without an order. Nothing was appended.
 */
export class CategoryOrderError extends LeydenError {
  readonly stream: string;
  readonly category: string;

  constructor(stream: string, category: string, isOrdered: boolean) {
    const name = JSON.stringify(category);
    const why = isOrdered
      ? `it was begun without an order; call order(${name}) once, which brings the streams of the category into it`
      : `its category is in order, and this store would slip past that; open it with ordered: [${name}]`;
    super('ERR_CATEGORY_ORDER', `Cannot append to stream ${stream}: ${why}`, { outcome: 'not-done', retryable: false });
    this.stream = stream;
    this.category = category;
  }
}
