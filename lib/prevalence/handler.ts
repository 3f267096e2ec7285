/** The one function that changes the state of a prevalent system, and how it is run. */
import { HandlerError } from './errors.js';

/** What a handler may know beside the state and the event. The same at every replay, on every machine. */
export interface EventContext {
  /** Epoch milliseconds of the commit; never goes back. The only clock that a handler may look at. */
  readonly time: number;
  /** The event's number in the journal, from 1. */
  readonly seq: number;
}

/**
 * Business logic: the next state, from the state and an event. Synchronous and pure: it sees its arguments only.
 *
 * - Return the next state, or {@link withResult} to answer the caller as well.
 * - Throw to refuse the event: it leaves no trace.
 * - Return the very same state: nothing happened, and nothing is journalled. Identity decides, not equality.
 *
 * It runs again for each instance, at each recovery, and when another writer was first. States are frozen: make new ones.
 */
export type Handler<S, E, R> = (state: S, event: E, context: EventContext) => S | WithResult<S, R>;

/** A state with an answer to the caller; made by {@link withResult}. */
export class WithResult<S, R> {
  readonly state: S;
  readonly result: R;

  /** @internal */
  constructor(state: S, result: R) {
    this.state = state;
    this.result = result;
  }
}

/**
 * Returned by a handler: the next state, and the answer to whoever called `handle`.
 *
 * A class of its own, since a state may be an array or have any members.
 *
 * @example
 * ```ts
 * import { withResult } from 'leyden-jar/prevalence';
 * const handler = (stock: number, taken: number) => withResult(stock - taken, `${stock - taken} left`);
 * console.log(handler(10, 3).result); // 7 left
 * ```
 */
export function withResult<S, R>(state: S, result: R): WithResult<S, R> {
  return new WithResult(state, result);
}

/** What a handler made of an event. */
export interface Handled<S, R> {
  readonly state: S;
  readonly result: R | undefined;
}

/** Runs the handler. Throws what it throws, and {@link HandlerError} for what no handler may return. */
export function runHandler<S, E, R>(
  handler: Handler<S, E, R>,
  state: S,
  event: E,
  context: EventContext,
): Handled<S, R> {
  const made = handler(state, event, context);
  const handled = made instanceof WithResult ? made : { state: made, result: undefined };
  if (handled.state === undefined) throw new HandlerError('undefined');
  for (const given of [handled.state, handled.result] as readonly unknown[]) {
    if (!isThenable(given)) continue;
    // Its own failure must not end the process as well.
    given.then(undefined, () => {});
    throw new HandlerError('promise');
  }
  return handled;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
