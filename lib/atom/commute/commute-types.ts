/** What a `commute` can be asked to do, and on which conditions, by the type of the value. Types only. */

/** What no name leads into. */
type Leaf =
  | string
  | number
  | boolean
  | bigint
  | symbol
  | readonly unknown[]
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | Date
  | RegExp
  | URL
  | Error
  | ArrayBuffer
  | ArrayBufferView
  | ((...args: never[]) => unknown);

type Named<T> = T extends Leaf ? never : T;

type Sums<T> = unknown extends T
  ? unknown
  : T extends number
    ? number
    : T extends bigint
      ? bigint
      : Named<T> extends never
        ? never
        : { readonly [K in keyof T]?: Sums<NonNullable<T[K]>> };

type Lists<T> = unknown extends T
  ? unknown
  : T extends readonly (infer Element)[]
    ? readonly Element[]
    : Named<T> extends never
      ? never
      : { readonly [K in keyof T]?: Lists<NonNullable<T[K]>> };

type Members<T> = unknown extends T
  ? unknown
  : T extends readonly (infer Member)[] | ReadonlySet<infer Member>
    ? readonly Member[] | ReadonlySet<Member>
    : Named<T> extends never
      ? never
      : { readonly [K in keyof T]?: Members<NonNullable<T[K]>> };

type Defaults<T> = unknown extends T
  ? unknown
  : Named<T> extends never
    ? T
    : { readonly [K in keyof T]?: Defaults<NonNullable<T[K]>> | Extract<T[K], null> };

type Removals<T> = unknown extends T
  ? unknown
  : Named<T> extends never
    ? never
    : { readonly [K in keyof T]?: true | Removals<NonNullable<T[K]>> };

/**
 * Changes for `ItemAtom.commute`. Nested objects name the places in the value: `add: { stats: { views: 2 } }`. What is not an
 * object without a class is what the change is made with; for a value that is itself a number, a list or a Set, that is all
 * there is: `add: 1`. A place is named once in one call. Missing parents are made.
 */
export interface CommuteChanges<T> {
  /**
   * Adds to numbers; a missing one counts as 0. As people do it: 0.1 and 0.2 make 0.3. Refused where the result would be beyond
   * the safe integers of JavaScript.
   */
  readonly add?: Sums<T>;
  /** Appends to lists; a missing one counts as empty. */
  readonly append?: Lists<T>;
  /** Adds what is not in there yet to Sets, and to lists taken as sets. Members are compared by their stored form. */
  readonly union?: Members<T>;
  /** Takes members out of Sets, and out of lists taken as sets. */
  readonly difference?: Members<T>;
  /** Sets whatever of this is missing, and leaves alone whatever is there, `null` as well. */
  readonly setIfAbsent?: Defaults<T>;
  /** Removes properties: `true` at each place, or a list of paths. A missing one is no error. */
  readonly remove?: Removals<T> | readonly (readonly string[])[];
}

type Scalars<T> = unknown extends T
  ? unknown
  : T extends string | number | boolean | bigint | null
    ? T
    : Named<T> extends never
      ? never
      : { readonly [K in keyof T]?: Scalars<NonNullable<T[K]>> | Extract<T[K], null> };

type Marks<T> = unknown extends T
  ? unknown
  : Named<T> extends never
    ? true
    : true | { readonly [K in keyof T]?: Marks<NonNullable<T[K]>> };

/**
 * Conditions for `ItemAtom.commute`, all of which must hold. Nested objects name the places, as in {@link CommuteChanges}. What is of
 * another type than is asked for does not satisfy a condition.
 */
export interface CommuteCondition<T> {
  /** What stands there is this text, number, boolean, bigint or `null`. */
  readonly is?: Scalars<T>;
  /** The number there is at most this; a missing one counts as 0. */
  readonly atMost?: Sums<T>;
  /** The number there is at least this; a missing one counts as 0. */
  readonly atLeast?: Sums<T>;
  /** Nothing stands there: `true` at each place. */
  readonly absent?: Marks<T>;
  /** Something stands there, `null` as well: `true` at each place. */
  readonly present?: Marks<T>;
}

/** What a commute with a condition came to. */
export interface CommuteResult<V> {
  /** Whether the condition held; then the changes were made, once. */
  readonly applied: boolean;
  /** The value with the changes in it, or the one that did not satisfy the condition. */
  readonly value: V;
}
