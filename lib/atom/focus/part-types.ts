/** Types of the parts of a value, by the way that leads to them. Types only. */

/** What has no parts, or none that a path leads to. */
type Leaf =
  | string
  | number
  | boolean
  | bigint
  | symbol
  | Date
  | RegExp
  | URL
  | Error
  | ReadonlySet<unknown>
  | ArrayBuffer
  | ArrayBufferView
  | ((...args: never[]) => unknown);

/** The steps that lead on from a value of type `T`: property names, indexes of a list, keys of a Map. */
export type StepOf<T> = unknown extends T ? string | number : StepsFrom<NonNullable<T>>;

// Maps first: to the compiler they are sets of pairs as well.
type StepsFrom<T> =
  T extends ReadonlyMap<infer K, unknown>
    ? Extract<K, string | number>
    : T extends Leaf
      ? never
      : T extends readonly unknown[]
        ? number
        : Extract<keyof T, string | number>;

/** What a read of the part at step `K` gives; with `undefined` where it need not be there. */
export type PartAt<T, K> = unknown extends T
  ? unknown
  : T extends null | undefined
    ? undefined
    : T extends ReadonlyMap<unknown, infer Part>
      ? Part | undefined
      : T extends readonly unknown[]
        ? number extends T['length']
          ? T[number] | undefined
          : ElementAt<T, K>
        : K extends keyof T
          ? string extends keyof T
            ? T[K] | undefined
            : number extends keyof T
              ? T[K] | undefined
              : T[K]
          : undefined;

/** The element of a tuple: `K` is the number, the tuple's own names are texts. */
type ElementAt<T extends readonly unknown[], K> = K extends number
  ? number extends K
    ? T[number] | undefined
    : `${K}` extends keyof T
      ? T[K]
      : undefined
  : undefined;

/** A way into a value, step by step or as one list. */
export type WayIn<Steps extends readonly unknown[]> = Steps | [path: readonly [...Steps]];

/**
 * How a part is found in a whole, and a whole made with another part. Both must be pure, and lawful: `get` gives what `set` put, `set`
 * of what `get` gave changes nothing, and `set` leaves everything else alone.
 */
export interface Lens<W, P> {
  /** The part; `undefined` where there is none. */
  get(whole: W): P;
  /** The whole with another part. */
  set(whole: W, part: Exclude<P, undefined>): Exclude<W, undefined>;
  /** The whole without the part; without this, `delete()` of the cursor is refused. */
  without?(whole: Exclude<W, undefined>): Exclude<W, undefined>;
  /**
   * For messages.
   * @defaultValue 'a lens'
   */
  readonly name?: string | undefined;
}
