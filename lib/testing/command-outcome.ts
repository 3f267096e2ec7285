/** What a command led to, in a test, and what can be expected of it. */
import { AssertionError, deepStrictEqual } from 'node:assert';
import { isDeepStrictEqual } from 'node:util';
import type { EventInput, RecordedEvent } from '../events/index.js';
import { decodeState, encodeState, freezeState } from '../snapshot/index.js';

/** What a command led to. */
export interface CommandResult<State, E extends EventInput> {
  /** The events, as they were recorded; none when it was refused. */
  readonly events: readonly RecordedEvent<E>[];
  /** The state after it. */
  readonly state: State;
  /** Events in the state. */
  readonly version: number;
  /** What it was refused with. */
  readonly error?: unknown;
}

/** An event that is expected. Its data must be equal; of the rest only what is named. */
export type ExpectedEvent<E extends EventInput> = E extends EventInput
  ? Pick<E, 'type'> & Partial<Pick<E, 'data'>> & Pick<EventInput, 'metadata' | 'schemaVersion' | 'id'>
  : never;

/** What a refusal is looked at by: its class, its code or (a part of) its message, or a function that is true of it. */
export type ThrownCheck = (abstract new (...args: never[]) => Error) | string | RegExp | ((error: unknown) => boolean);

/** What can be expected of an outcome. Several checks can be made of one; await the last. Each throws an `AssertionError` of `node:assert`. */
export interface OutcomeChecks<State, E extends EventInput> {
  /** No events, and no refusal. */
  thenNothing(): CheckedOutcome<State, E>;
  /** A refusal: any, or one that the check is true of. */
  thenThrows(check?: ThrownCheck): CheckedOutcome<State, E>;
  /** Events of which a function is true; or events in order, of which only what is named must be equal, however deep. */
  thenMatches(wanted: EventsMatch<State, E>): CheckedOutcome<State, E>;
  /** This state after the command; after a refusal, that before it. */
  thenState(expected: State): CheckedOutcome<State, E>;
  /** The plain result. */
  result(): Promise<CommandResult<State, E>>;
}

/** What a command led to, before anything was expected of it. */
export interface CommandOutcome<State, E extends EventInput> extends OutcomeChecks<State, E> {
  /** These events, and no others. */
  then(expected: ExpectedEvent<E> | readonly ExpectedEvent<E>[]): CheckedOutcome<State, E>;
}

/** What a command led to, after a check: a promise of the plain result, and more checks. */
export interface CheckedOutcome<State, E extends EventInput>
  extends OutcomeChecks<State, E>,
    PromiseLike<CommandResult<State, E>> {}

/** What events are to be like. */
type EventsMatch<State, E extends EventInput> =
  | ((events: readonly RecordedEvent<E>[], result: CommandResult<State, E>) => boolean)
  | readonly object[];

/** The outcome of a command. */
export function outcomeOf<State, E extends EventInput>(
  result: Promise<CommandResult<State, E>>,
): CommandOutcome<State, E> {
  return new Outcome(result) as unknown as CommandOutcome<State, E>;
}

class Outcome<State, E extends EventInput> {
  #result: Promise<CommandResult<State, E>>;

  constructor(result: Promise<CommandResult<State, E>>) {
    this.#result = result;
  }

  /** With events a check; with functions, as `await` calls it, the promise of the plain result. */
  // biome-ignore lint/suspicious/noThenProperty: it is a promise, and what a test reads like.
  then(first?: unknown, second?: unknown): unknown {
    if (typeof first === 'function' || typeof second === 'function' || first === undefined || first === null) {
      return this.#result.then(first as never, second as never);
    }
    const expected = (Array.isArray(first) ? first : [first]) as readonly EventInput[];
    return this.#check('done', ({ events }) => {
      const wanted = expected.map((event) => ({ type: event.type, data: event.data, ...restOf(event, event) }));
      const came = events.map((event, index) => {
        return { type: event.type, data: event.data, ...restOf(event, expected[index]) };
      });
      requireEqual(came, wanted, 'The command led to other events');
    });
  }

  thenNothing(): this {
    return this.#check('done', ({ events }) => {
      requireEqual(
        events.map(({ type, data }) => ({ type, data })),
        [],
        'The command led to events',
      );
    });
  }

  thenThrows(check?: ThrownCheck): this {
    return this.#check('refused', ({ error, events }) => {
      const came = events.map(({ type, data }) => ({ type, data }));
      if (error === undefined) fail('The command was not refused', { actual: came, expected: check });
      if (check !== undefined && !isThrown(error, check)) {
        fail(`The command was refused with another error: ${textOf(error)}`, { actual: error, expected: check });
      }
    });
  }

  thenMatches(wanted: EventsMatch<State, E>): this {
    return this.#check('done', (result) => {
      const { events } = result;
      if (typeof wanted === 'function') {
        if (!wanted(events, result)) fail('The events do not match', { actual: events, expected: wanted });
      } else if (!isPart(wanted, events)) {
        requireEqual(
          events.map(({ type, data }) => ({ type, data })),
          wanted,
          'The events do not match, of which what is named should be equal',
        );
        fail('The events do not match', { actual: events, expected: wanted });
      }
    });
  }

  thenState(expected: State): this {
    return this.#check('either', async ({ state }) => {
      // As states are: of fresh objects, and frozen.
      const { value } = await decodeState(encodeState(expected));
      requireEqual(state, freezeState(value), 'The state is another one');
    });
  }

  result(): Promise<CommandResult<State, E>> {
    return this.#result;
  }

  #check(
    wanted: 'done' | 'refused' | 'either',
    check: (result: CommandResult<State, E>) => void | Promise<void>,
  ): this {
    this.#result = this.#result.then(async (result) => {
      if (wanted === 'done' && result.error !== undefined) {
        fail(`The command was refused: ${textOf(result.error)}`, { actual: result.error, expected: undefined });
      }
      await check(result);
      return result;
    });
    return this;
  }
}

/** @throws AssertionError with a difference */
export function requireEqual(actual: unknown, expected: unknown, message: string): void {
  try {
    deepStrictEqual(actual, expected);
  } catch (error) {
    if (error instanceof AssertionError) error.message = `${message}\n${error.message}`;
    throw error;
  }
}

function fail(message: string, { actual, expected }: { readonly actual: unknown; readonly expected: unknown }): never {
  const error = new AssertionError({ message, actual, expected, operator: 'deepStrictEqual' });
  // Of a refusal that nobody expected the way to it is wanted.
  if (actual instanceof Error) error.cause = actual;
  throw error;
}

/** What `names` has of an event beside its type and data. */
function restOf(event: EventInput, names: EventInput | undefined): object {
  const rest = Object.entries(event).filter(
    ([name]) => name !== 'type' && name !== 'data' && names !== undefined && Object.hasOwn(names, name),
  );
  return Object.fromEntries(rest);
}

function isThrown(error: unknown, check: ThrownCheck): boolean {
  const { message, code } = (error ?? {}) as { readonly message?: unknown; readonly code?: unknown };
  if (typeof check === 'string') return code === check || String(message ?? error).includes(check);
  if (check instanceof RegExp) return check.test(String(message ?? error));
  if (isErrorClass(check)) return error instanceof check || hasClassNamed(check.name, error);
  return (check as (error: unknown) => boolean)(error);
}

/** A test runner may have classes of its own: its RangeError is not that of the engine. */
function hasClassNamed(name: string, error: unknown): boolean {
  for (let at: unknown = error; typeof at === 'object' && at !== null; at = Object.getPrototypeOf(at)) {
    if (Object.hasOwn(at, 'constructor') && at.constructor.name === name) return true;
  }
  return false;
}

function isErrorClass(check: object): check is abstract new (...args: never[]) => Error {
  return check === Error || ('prototype' in check && check.prototype instanceof Error);
}

function textOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

/** Whether all that `part` names is equal in `whole`. */
function isPart(part: unknown, whole: unknown): boolean {
  if (Array.isArray(part)) {
    return Array.isArray(whole) && part.length === whole.length && part.every((one, at) => isPart(one, whole[at]));
  }
  if (typeof part !== 'object' || part === null || Object.getPrototypeOf(part) !== Object.prototype) {
    return isDeepStrictEqual(part, whole);
  }
  if (typeof whole !== 'object' || whole === null) return false;
  return Object.entries(part).every(([name, value]) => isPart(value, (whole as Record<string, unknown>)[name]));
}
