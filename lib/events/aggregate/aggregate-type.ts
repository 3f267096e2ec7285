/**
 * A type of aggregates: what commands may do to one, and what events make of it. Pure functions; a store runs them.
 *
 *   command ─► handle(state, command) ─► events ─► stream       apply(state, event) ─► the next state, now and at each load
 */

import { FrozenBytes, freezeState } from '../../snapshot/index.js';
import { requireOptions } from '../call-options.js';
import type { EventInput, EventMetadata, RecordedEvent } from '../event.js';
import { requireAggregateId, streamOf } from '../stream-name.js';

/** Where the state of an aggregate is taken from. */
export type Truth =
  /** From all its events, each time that it is loaded. */
  | 'events'
  /**
   * From a snapshot, and the events after it. A small one is in the head of the stream, with each commit; else one is made when so many
   * events are in none, and do not come with the head.
   */
  | { readonly snapshotEvery: number }
  /** From the state after the last command, which is stored with the command's events. */
  | 'aggregate';

/** What a command is told of the aggregate beside its state. */
export interface CommandContext {
  readonly stream: string;
  /** Events so far; 0 for one that there is not yet. */
  readonly version: number;
  /** Time that the events of this command will have, if they are appended as decided now: epoch milliseconds. */
  readonly time: number;
  readonly commandId: string | undefined;
  readonly metadata: EventMetadata;
  /** The caller's own signal. */
  readonly signal: AbortSignal | undefined;
}

/** What a command leads to: an event, some, or none. */
export type Decision<E extends EventInput> = E | readonly E[] | undefined;

/** Options of {@link AggregateType}. */
export interface AggregateTypeOptions<State, Command, E extends EventInput, Services> {
  /** Names the type, for ever: the streams of its aggregates are `<name>-<id>`, and under another name it has none of them. */
  readonly name: string;
  /** State of an aggregate that has no event yet. Frozen, as all states: see {@link AggregateTypeOptions.apply}. */
  readonly initial: State;
  /**
   * Decides. What it throws refuses the command, and reaches the caller as it is. Runs again when others were faster, so what it does
   * besides deciding happens again too. It must not wait for a call that appends to this very stream: that would wait for this command,
   * until its deadline.
   */
  readonly handle: (
    state: State,
    command: Command,
    services: Services,
    context: CommandContext,
  ) => Decision<E> | Promise<Decision<E>>;
  /**
   * The state after an event. Pure and synchronous: it runs again at each load.
   *
   * What it returns is frozen at once, all the way down, Maps, Sets, Dates and URLs as well, so a handler that would change a state
   * throws. Bytes can't be frozen: a handler that changes some is refused, and the state is loaded anew. A state is data, everything
   * that a snapshot takes; functions and instances of classes are refused with `ERR_UNSUPPORTED_VALUE`.
   */
  readonly apply: (state: State, event: RecordedEvent<E>) => State;
  /**
   * Where the state is taken from.
   * @defaultValue { snapshotEvery: 100 }
   */
  readonly truth?: Truth;
  /**
   * Raise it when `apply` or the shape of the state changes: snapshots of another version are passed over, and made anew.
   * @defaultValue 1
   */
  readonly stateVersion?: number;
  /** Types of its events; others are refused, when appended and when loaded. @defaultValue all */
  readonly eventTypes?: readonly E['type'][];
}

const snapshotEveryDefault = 100;

/**
 * A type of aggregates.
 *
 * @example
 * ```ts
 * import { AggregateType } from 'leyden-jar/events';
 *
 * type Event = { type: 'deposited'; data: number } | { type: 'withdrawn'; data: number };
 * type Command = { deposit: number } | { withdraw: number };
 *
 * const account = new AggregateType<number, Command, Event>({
 *   name: 'account',
 *   initial: 0,
 *   handle: (balance, command) => {
 *     if ('deposit' in command) return { type: 'deposited', data: command.deposit };
 *     if (command.withdraw > balance) throw new RangeError(`only ${balance} left`);
 *     return { type: 'withdrawn', data: command.withdraw };
 *   },
 *   apply: (balance, { type, data }) => (type === 'deposited' ? balance + data : balance - data),
 * });
 * console.log(account.name); // account
 * ```
 */
export class AggregateType<State, Command, E extends EventInput = EventInput, Services = undefined> {
  readonly name: string;
  readonly initial: State;
  readonly handle: AggregateTypeOptions<State, Command, E, Services>['handle'];
  readonly apply: AggregateTypeOptions<State, Command, E, Services>['apply'];
  readonly truth: Truth;
  readonly stateVersion: number;
  readonly eventTypes: ReadonlySet<string> | undefined;
  /** A copy that nobody has, where `initial` has bytes in it. */
  readonly #pristine: State | undefined;

  /** @throws TypeError, RangeError for wrong options; `UnsupportedValueError` for an initial state that is no data. */
  constructor(options: AggregateTypeOptions<State, Command, E, Services>) {
    requireOptions<AggregateTypeOptions<State, Command, E, Services>>('make an aggregate type', options, {
      ...{ name: true, initial: true, handle: true, apply: true, truth: true, stateVersion: true, eventTypes: true },
    });
    const { name, initial, handle, apply, eventTypes } = options;
    const { truth = { snapshotEvery: snapshotEveryDefault }, stateVersion = 1 } = options;
    if (typeof name !== 'string' || name === '') {
      throw new TypeError(
        `Cannot make an aggregate type: name must be a string that is not empty: ${JSON.stringify(name)}`,
      );
    }
    for (const [key, value] of Object.entries({ handle, apply })) {
      if (typeof value !== 'function') {
        throw new TypeError(`Cannot make aggregate type ${name}: ${key} must be a function: ${typeof value}`);
      }
    }
    if (!('initial' in options)) throw new TypeError(`Cannot make aggregate type ${name}: initial must be given`);
    requireTruth(name, truth);
    if (
      eventTypes !== undefined &&
      !(Array.isArray(eventTypes) && eventTypes.every((one) => typeof one === 'string'))
    ) {
      throw new TypeError(`Cannot make aggregate type ${name}: eventTypes must be an array of strings`);
    }
    if (!Number.isSafeInteger(stateVersion) || stateVersion < 1) {
      throw new RangeError(
        `Cannot make aggregate type ${name}: stateVersion must be a whole number from 1: ${stateVersion}`,
      );
    }
    this.name = name;
    const bytes = new FrozenBytes();
    this.initial = freezeState(initial, bytes);
    // Bytes can't be frozen, and this one is shared by all aggregates.
    if (!bytes.areNone) this.#pristine = structuredClone(initial);
    this.handle = handle;
    this.apply = apply;
    this.truth = truth;
    this.stateVersion = stateVersion;
    this.eventTypes = eventTypes && new Set(eventTypes);
  }

  /** @internal State of an aggregate that has no event: one for all, or, with bytes in it, one of its own. */
  initialState(bytes: FrozenBytes | undefined): State {
    return this.#pristine === undefined ? this.initial : freezeState(structuredClone(this.#pristine), bytes);
  }

  /** Name of the stream of an aggregate: `<name>-<id>`, where a '-' in the name is escaped, so that no two of them meet. */
  streamOf(id: string): string {
    requireAggregateId(id);
    return streamOf(this.name, id);
  }
}

function requireTruth(name: string, truth: Truth): void {
  if (truth === 'events' || truth === 'aggregate') return;
  const every = (truth as { readonly snapshotEvery?: unknown } | null)?.snapshotEvery;
  if (Number.isSafeInteger(every) && (every as number) >= 1) return;
  throw new RangeError(
    `Cannot make aggregate type ${name}: truth must be 'events', 'aggregate' or { snapshotEvery } with a whole number from 1: ${JSON.stringify(truth)}`,
  );
}

/** Also of another copy of this package. */
export function isAggregateType(type: unknown): boolean {
  return typeof (type as Partial<AnyAggregateType> | undefined)?.initialState === 'function';
}

/** An aggregate type, whatever it is of. */
// biome-ignore lint/suspicious/noExplicitAny: types take states as well as give them, so nothing else stands for each of them.
export type AnyAggregateType = AggregateType<any, any, any, any>;
