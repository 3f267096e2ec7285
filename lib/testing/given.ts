/**
 * A test kit for aggregates of `leyden-jar/events`, for any test runner.
 *
 *   given(type, events) ─► a store in memory: they are appended, encoded, upcast, folded
 *     .when(command)    ─► executed there: decided, encoded, applied, committed
 *       .then(…)        ─► what was recorded, compared with what you expect; and the state, folded once more from the events
 *
 * The real store does all of it, so what passes here is what happens there. Failures are `AssertionError`s with a difference.
 */
import { systemClock } from '../engine/index.js';
import {
  AggregateType,
  type EventInput,
  type EventMetadata,
  type EventStore,
  type ExecuteArguments,
  transientEventStore,
  type Upcaster,
} from '../events/index.js';
import { digestState } from '../snapshot/index.js';
import { type CommandOutcome, type CommandResult, outcomeOf, requireEqual } from './command-outcome.js';

/** Options of {@link given}. */
export interface GivenOptions {
  /** Those of your store. Events are given in whatever shape they were stored, and expected in that of today. @defaultValue none */
  readonly upcasters?: readonly Upcaster[];
  /** The aggregate's id. @defaultValue '1' */
  readonly id?: string;
  /** Time of all events, and what `handle` is told: epoch milliseconds. @defaultValue 0 */
  readonly time?: number;
}

/** Options of {@link Given.when}. */
export interface WhenOptions<Services> {
  /** Handed to `handle`. */
  readonly services?: Services;
  /** Kept with each event. */
  readonly metadata?: EventMetadata;
  readonly commandId?: string;
  readonly signal?: AbortSignal;
}

/**
 * Begins a test of an aggregate type: these events have happened, none if there are none.
 *
 * @throws what the store refuses of these events, at the first check.
 *
 * @example
 * ```ts
 * import { AggregateType } from 'leyden-jar/events';
 * import { given } from 'leyden-jar/testing';
 *
 * type Event = { type: 'deposited' | 'withdrawn'; data: number };
 * const account = new AggregateType<number, { withdraw: number }, Event>({
 *   name: 'account',
 *   initial: 0,
 *   handle: (balance, { withdraw }) => {
 *     if (withdraw > balance) throw new RangeError(`only ${balance} left`);
 *     return { type: 'withdrawn', data: withdraw };
 *   },
 *   apply: (balance, { type, data }) => (type === 'deposited' ? balance + data : balance - data),
 * });
 *
 * await given(account, [{ type: 'deposited', data: 10 }])
 *   .when({ withdraw: 3 })
 *   .then([{ type: 'withdrawn', data: 3 }])
 *   .thenState(7);
 * await given(account).when({ withdraw: 3 }).thenThrows('only 0 left');
 * ```
 */
export function given<State, Command, E extends EventInput, Services>(
  type: AggregateType<State, Command, E, Services>,
  events: readonly E[] = [],
  options: GivenOptions = {},
): Given<State, Command, E, Services> {
  return new Given(type, events, options);
}

/** Events that have happened. */
export class Given<State, Command, E extends EventInput, Services> {
  readonly #type: AggregateType<State, Command, E, Services>;
  readonly #events: readonly E[];
  readonly #options: GivenOptions;

  constructor(type: AggregateType<State, Command, E, Services>, events: readonly E[], options: GivenOptions) {
    this.#type = type;
    this.#events = events;
    this.#options = options;
  }

  /** Executes a command. Each call begins anew from the events that were given. */
  when(command: Command, options: WhenOptions<Services> = {}): CommandOutcome<State, E> {
    const execute = async (store: EventStore, id: string): Promise<CommandResult<State, E>> => {
      try {
        const { events, state, version } = await store.execute(
          this.#type,
          id,
          command,
          ...([options] as unknown as ExecuteArguments<Services>),
        );
        return { events, state, version };
      } catch (error) {
        return { events: [], ...(await store.load(this.#type, id)), error };
      }
    };
    return outcomeOf(this.#run(execute));
  }

  /** Executes nothing: for the state that the events give. */
  whenNothing(): CommandOutcome<State, E> {
    return outcomeOf(this.#run(async (store, id) => ({ events: [], ...(await store.load(this.#type, id)) })));
  }

  async #run(
    work: (store: EventStore, id: string) => Promise<CommandResult<State, E>>,
  ): Promise<CommandResult<State, E>> {
    const { upcasters = [], id = '1', time = 0 } = this.#options;
    const type = this.#type;
    await using store = transientEventStore({ upcasters, clock: { ...systemClock, now: () => time } });
    await store.append(type.streamOf(id), this.#events);
    const result = await work(store, id);
    // What others will make of the events, at any time.
    const { name, initial, handle, apply } = type;
    const again = new AggregateType<State, Command, E, Services>({ name, initial, handle, apply, truth: 'events' });
    const { state } = await store.load(again, id);
    requireEqual(
      result.state,
      state,
      'The same events give another state when they are applied again; make apply pure',
    );
    // What a snapshot refuses is refused here, and not by a warning of some day.
    if (type.truth !== 'events') await digestState(result.state);
    return result;
  }
}
