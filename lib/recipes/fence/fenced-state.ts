/**
 * What is stored of a fenced atom: the value, and beside it the newest token that it has seen.
 *
 *   { kind: 'fenced-atom', lock: 'lock:invoices', fence: 7, value: … }
 *
 * Pure: readings of that state, and the user's schema applied inside it.
 */
import type { AtomOptions } from '../../atom/index.js';
import type { SeenToken } from './fence.js';

export const kind = 'fenced-atom';

export interface FencedState {
  readonly kind: typeof kind;
  /** `null`: nothing is stored yet. */
  readonly lock: string | null;
  readonly fence: number;
  /** Absent when it was deleted. */
  readonly value?: unknown;
}

/** What is stored beside the token. */
export interface Data {
  readonly value?: unknown;
}

export const nothing: FencedState = { kind, lock: null, fence: 0 };

export function hasValue(state: FencedState): boolean {
  return state.lock !== null && 'value' in state;
}

export function dataOf(state: FencedState): Data {
  return hasValue(state) ? { value: state.value } : {};
}

export function seenBy({ lock, fence }: FencedState): SeenToken | undefined {
  return lock === null ? undefined : { lock, token: BigInt(fence) };
}

/** `f` of what was made, now or later. */
export function after<A, B>(made: A | Promise<A>, f: (made: A) => B): B | Promise<B> {
  return isPromise(made) ? made.then(f) : f(made);
}

/** Also one of another realm. */
function isPromise<A>(made: A | Promise<A>): made is Promise<A> {
  return typeof (made as { then?: unknown } | null | undefined)?.then === 'function';
}

type Schema<T = unknown> = NonNullable<AtomOptions<T>['schema']>;

/** Handles of one key are to have the same schema, so each schema is wrapped once. */
const wrapped = new WeakMap<object, Schema<FencedState>>();

/** The user's schema, applied to the value inside the state. */
export function schemaOf(schema: Schema): Schema<FencedState> {
  const known = wrapped.get(schema);
  if (known !== undefined) return known;
  const { vendor, validate } = schema['~standard'];
  const made: Schema<FencedState> = {
    '~standard': {
      version: 1,
      vendor,
      validate(found) {
        const state = found as FencedState;
        // An item of another kind is refused for that.
        if ((state as FencedState | null)?.kind !== kind || !('value' in state)) return { value: state };
        return after(validate(state.value), (result) =>
          result.issues === undefined ? { value: { ...state, value: result.value } } : result,
        );
      },
    },
  };
  wrapped.set(schema, made);
  return made;
}
