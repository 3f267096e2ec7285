/** The errors of prevalent systems. Those of the journal below come from `leyden-jar/journal`. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { LeydenError } from '../errors.js';

/** `ERR_HANDLER`: the handler returned what no handler may. The event left no trace; the next one works. */
export class HandlerError extends LeydenError {
  readonly reason: 'undefined' | 'promise';

  constructor(reason: HandlerError['reason']) {
    const words =
      reason === 'undefined'
        ? 'it returned undefined; return the next state, or the same one if nothing happened'
        : 'it returned a promise; a handler is synchronous: ask for what it needs before, and put it into the event';
    super('ERR_HANDLER', `Cannot take what the handler made: ${words}`, { outcome: 'not-done', retryable: false });
    this.reason = reason;
  }
}

/** `ERR_INVALID_EVENT`: the schema refused an event. Nothing was sent. */
export class InvalidEventError extends LeydenError {
  readonly issues: readonly StandardSchemaV1.Issue[];

  constructor(system: string, issues: readonly StandardSchemaV1.Issue[]) {
    const [first] = issues;
    super('ERR_INVALID_EVENT', `Cannot handle an event of ${system}: ${first?.message ?? 'the schema refused it'}`, {
      outcome: 'not-done',
      retryable: false,
    });
    this.issues = issues;
  }
}

/** `ERR_LOG_NOT_EMPTY`: a log was to begin with a state, and there is something in it already. Nothing was changed. */
export class LogNotEmptyError extends LeydenError {
  /** Number of its last event. */
  readonly seq: number;

  constructor(log: string, seq: number) {
    super(
      'ERR_LOG_NOT_EMPTY',
      `Cannot begin ${log} with a state: there is something in it already, up to event ${seq}; choose a place that is new`,
      { outcome: 'not-done', retryable: false },
    );
    this.seq = seq;
  }
}

/**
 * `ERR_LOG_UNFINISHED`: the state that a log begins with is being stored, or was not stored to the end. Nobody has appended to it, and
 * nothing is lost: whoever stored it, a migration for instance, does so again, and goes on where it stopped.
 */
export class LogUnfinishedError extends LeydenError {
  constructor(log: string) {
    super(
      'ERR_LOG_UNFINISHED',
      `Cannot open ${log}: the state that it begins with is not stored yet; wait for who stores it, or migrate to it again`,
      { outcome: 'not-done', retryable: true },
    );
  }
}

/** `ERR_CLOSED`: the instance was closed. Nothing was done. */
export class ClosedError extends LeydenError {
  constructor(action: string, system: string) {
    super('ERR_CLOSED', `Cannot ${action} ${system}: this instance is closed; open another one`, {
      outcome: 'not-done',
      retryable: false,
    });
  }
}

/**
 * `ERR_POISONED`: something happened after which this instance can't know its own state any more (`cause` says what). It
 * serves nothing from then on. Close it and open another one, which recovers from the store.
 */
export class PoisonedError extends LeydenError {
  constructor(action: string, system: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(
      'ERR_POISONED',
      `Cannot ${action} ${system}: this instance is out of use: ${why}; close it and open another one`,
      {
        outcome: 'not-done',
        retryable: false,
        cause,
      },
    );
  }
}

/** `ERR_READ_ONLY`: the instance was opened to read. Nothing was done. */
export class ReadOnlyError extends LeydenError {
  constructor(action: string, system: string) {
    super('ERR_READ_ONLY', `Cannot ${action} ${system}: it was opened with mode 'read-only'; open it to write`, {
      outcome: 'not-done',
      retryable: false,
    });
  }
}

/**
 * `ERR_OVERLOADED`: as many events wait already as may. Nothing was done; `await system.ready()` and call again, or call less
 * often.
 */
export class OverloadedError extends LeydenError {
  readonly waiting: number;
  readonly waitingMax: number;

  constructor(system: string, unit: string, waiting: number, waitingMax: number) {
    super(
      'ERR_OVERLOADED',
      `Cannot handle an event of ${system}: ${waiting} ${unit} wait already, the limit is ${waitingMax}; ` +
        'await ready() and call again',
      { outcome: 'not-done', retryable: true },
    );
    this.waiting = waiting;
    this.waitingMax = waitingMax;
  }
}

/** `ERR_HANDLE_DEADLINE`: the deadline came while the event waited. It was not handled and never will be. */
export class HandleDeadlineError extends LeydenError {
  readonly timeoutMs: number;

  constructor(system: string, timeoutMs: number) {
    super(
      'ERR_HANDLE_DEADLINE',
      `Cannot handle an event of ${system}: timeoutMs ${timeoutMs} passed while it waited for those before it; nothing was written`,
      { outcome: 'not-done', retryable: true },
    );
    this.timeoutMs = timeoutMs;
  }
}

/**
 * `ERR_REPLAY`: an event of the journal can't be replayed: the handler throws for it, or it can't be read. The handler that wrote it
 * took it, so this one differs: bring the old behaviour back for old events, or upcast them.
 */
export class ReplayError extends LeydenError {
  readonly seq: number;
  /** Of the instance that wrote the event. */
  readonly handlerVersion: string | undefined;

  constructor(
    system: string,
    seq: number,
    handlerVersion: string | undefined,
    own: string | undefined,
    cause: unknown,
  ) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(
      'ERR_REPLAY',
      `Cannot replay event ${seq} of ${system}, written by handler version ${handlerVersion ?? '(none)'}, ` +
        `with version ${own ?? '(none)'}: ${why}; handle old events as before, or upcast them`,
      { outcome: 'not-done', retryable: false, cause },
    );
    this.seq = seq;
    this.handlerVersion = handlerVersion;
  }
}

/**
 * `ERR_STATE_DIVERGED`: the same events gave another state here than where they were written. The handler isn't pure (a clock, a
 * random number, the order of a Set), or it is another version. `from` to `to` are the events among which it happened.
 */
export class StateDivergedError extends LeydenError {
  readonly from: number;
  readonly to: number;
  readonly handlerVersions: readonly (string | undefined)[];

  constructor(
    system: string,
    range: { readonly from: number; readonly to: number },
    handlerVersions: readonly (string | undefined)[],
    own: string | undefined,
  ) {
    const versions = handlerVersions.map((version) => version ?? '(none)').join(', ');
    super(
      'ERR_STATE_DIVERGED',
      `Cannot trust the state of ${system}: events ${range.from} to ${range.to}, written by handler version ${versions}, ` +
        `give another state here, with version ${own ?? '(none)'}; make the handler pure, or bring the old behaviour back`,
      { outcome: 'not-done', retryable: false },
    );
    this.from = range.from;
    this.to = range.to;
    this.handlerVersions = handlerVersions;
  }
}

/**
 * `ERR_STATE_SPOILED`: a handler wrote into bytes (a typed array, a buffer) of the committed state, which can't be frozen. Nothing was
 * journalled, but what is in memory is not the state any more: the instance is out of use.
 */
export class StateSpoiledError extends LeydenError {
  /** Events in the state when it was found out. */
  readonly seq: number;

  constructor(seq: number) {
    super(
      'ERR_STATE_SPOILED',
      `Cannot go on after event ${seq}: a handler wrote into bytes of the state; copy them, and change the copy`,
      { outcome: 'not-done', retryable: false },
    );
    this.seq = seq;
  }
}

/** `ERR_SNAPSHOT`: a snapshot could not be made or published. The system goes on; the one before stays current. */
export class SnapshotError extends LeydenError {
  constructor(system: string, why: string, cause?: unknown) {
    const what = cause instanceof Error ? `${why} (${cause.message})` : why;
    super('ERR_SNAPSHOT', `Cannot make a snapshot of ${system}: ${what}; the one before stays current`, {
      outcome: 'not-done',
      retryable: true,
      cause,
    });
  }
}
