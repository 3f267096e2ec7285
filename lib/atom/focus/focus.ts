/**
 * A part of an atom's value, as if it were an atom of its own.
 *
 *   cursor.swap(f)  =  atom.swap(whole -> whole with f(part) in place of part)
 *
 * A cursor holds nothing but the atom and the way: its calls wait in the atom's own lane, so those on different parts share one
 * write as all calls do, and everything that holds for the atom holds here. Another process that changes another part still
 * makes a conflict, since the item is written as a whole; the function then runs again on the newer value.
 */
import type { Held } from '../../codec/index.js';
import { AtomReader } from '../atom-reader.js';
import { AtomSnapshot } from '../atom-snapshot.js';
import type { DerefOptions, SwapContext, SwapOptions } from '../call-options.js';
import type { Cell } from '../cell.js';
import { isAsyncFunction } from '../inside.js';
import type { State, Work } from '../operation.js';
import { isThenable } from '../value-rules.js';
import type { Lens, PartAt, StepOf, WayIn } from './part-types.js';
import { joined, type Way, wayBy } from './part-way.js';
import { declined, ownPart, stepTo, submit } from './part-work.js';

/**
 * A part of an atom's value. `T` is the part's type; `V` is what a read gives: with `undefined` where the part need not be there.
 *
 * Guarantees, failures and costs are those of the atom. Get one from `ItemAtom.focus`; cursors are cheap.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * const settings = table.atom('settings', { initial: { limits: { perUser: 5 }, banner: 'hello' } });
 * const perUser = settings.focus('limits', 'perUser');
 * console.log(await perUser.swap((n) => n + 1)); // => 6
 * console.log(await settings.deref()); // => { limits: { perUser: 6 }, banner: 'hello' }
 * ```
 */
export class Cursor<T, V = T | undefined> {
  readonly #atom: AtomReader<unknown>;
  readonly #cell: Cell;
  readonly #way: Way;

  /** @internal Made by `ItemAtom.focus`. */
  constructor(atom: AtomReader<unknown>, way: Way) {
    this.#atom = atom;
    this.#cell = AtomReader.cellOf(atom);
    this.#way = way;
  }

  /** The canonical text of the atom's key. */
  get key(): string {
    return this.#cell.keyText;
  }

  /** The way to the part, as one would write it in code: `.limits.perUser`. */
  get path(): string {
    return this.#way.text;
  }

  /** A part of this part. */
  get focus(): Focus<V> {
    return focusOf<V>(this.#atom, this.#way);
  }

  /**
   * Reads the part.
   *
   * @consistency As `ItemAtom.deref`.
   * @cost As `ItemAtom.deref`.
   * @throws TypeError when the value has another shape than the path; else as `ItemAtom.deref`.
   */
  async deref(options: DerefOptions = {}): Promise<V> {
    return this.#way.get(await this.#atom.deref(options)) as V;
  }

  /** What this process knows of the part, without asking: `undefined` when it knows nothing. Costs nothing. */
  peek(): V | undefined {
    return this.#way.get(this.#atom.peek()) as V | undefined;
  }

  /**
   * Reads the part together with the atom's place in the order of writes: `version`, `bytes` and all else are those of the atom, and
   * `compareAndSet` with it passes only if nobody has written any part.
   *
   * @cost As `deref`.
   */
  async snapshot(options: DerefOptions = {}): Promise<AtomSnapshot<V>> {
    const whole = await this.#atom.snapshot(options);
    const part = this.#way.get(whole.value);
    return new AtomSnapshot({ ...whole, value: part as V, exists: whole.exists && part !== undefined }, whole.token);
  }

  /**
   * Applies `f` to the part and stores the result in its place; returns the new part. As `ItemAtom.swap`: `f` may run several times
   * and may be `async`, `undefined` is refused, what it throws reaches you unchanged and writes nothing. `context.exists` tells
   * whether the part is there.
   *
   * Missing parents are made, as objects. What stands beside the part is left as it is.
   *
   * @cost As `ItemAtom.swap`: calls that wait at the same time share one write, on whatever parts they are.
   * @iam dynamodb:PutItem, dynamodb:GetItem
   * @throws TypeError when the value has another shape than the path, RangeError for an index beyond the end of its list; else as
   * `ItemAtom.swap`.
   */
  swap(f: (part: V, context: SwapContext) => T | Promise<T>, options: SwapOptions = {}): Promise<T> {
    return this.#change(
      f,
      (made) => made,
      (_old, next) => next,
      options,
    );
  }

  /** As {@link Cursor.swap}, and returns the old and the new part. */
  swapVals(
    f: (part: V, context: SwapContext) => T | Promise<T>,
    options: SwapOptions = {},
  ): Promise<[old: V, new_: T]> {
    return this.#change(
      f,
      (made) => made,
      (old, next) => [old, next],
      options,
    );
  }

  /** As {@link Cursor.swap}, for a function that returns `[next, result]`: stores `next`, returns `result`. */
  swapWith<R>(
    f: (part: V, context: SwapContext) => readonly [next: T, result: R] | Promise<readonly [next: T, result: R]>,
    options: SwapOptions = {},
  ): Promise<R> {
    const nextOf = (pair: readonly [T, R]): T => {
      if (Array.isArray(pair) && pair.length === 2) return pair[0];
      throw new TypeError(
        `Cannot ${this.#action('swap')} atom ${this.key}: the function of swapWith must return [next, result]`,
      );
    };
    return this.#change(f, nextOf, (_old, _next, pair) => pair[1], options);
  }

  /** Stores `part`, whatever was there; returns it. Guarantees and costs as {@link Cursor.swap}. */
  reset(part: T, options: SwapOptions = {}): Promise<T> {
    const cell = this.#cell;
    const action = this.#action('reset');
    const own = ownPart(cell, part);
    return this.#submit('reset', options, (state) => {
      this.#requirePart(action, part, 'undefined is not a value');
      return stepTo(cell, state, this.#with(state, own()), options, (whole) => this.#way.get(whole) as T);
    });
  }

  /**
   * Stores `next` if the part is `expected`; returns whether it was. `expected` is a part (compared by its encoded form; `undefined` =
   * not there) or a snapshot of this cursor. `false` means that at some instant during the call it was another one, and nothing
   * was written.
   *
   * @cost As `ItemAtom.compareAndSet`.
   */
  compareAndSet(expected: V | AtomSnapshot<V>, next: T, options: SwapOptions = {}): Promise<boolean> {
    const cell = this.#cell;
    const action = this.#action('compareAndSet');
    this.#requirePart(action, next, 'undefined is not a value');
    const own = ownPart(cell, next);
    const wanted = expected instanceof AtomSnapshot ? expected.value : expected;
    const ownWanted = wanted === undefined ? () => undefined : ownPart(cell, wanted);
    const matches = (state: State): boolean => {
      if (expected instanceof AtomSnapshot) {
        if (state.token !== expected.token) return false;
        // The same item, in which the value may have expired since.
        if (expected.token !== undefined) return expected.exists === this.#isThere(state);
      }
      return this.#holds(state, ownWanted());
    };
    return this.#submit('compareAndSet', options, (state) =>
      matches(state) ? stepTo(cell, state, this.#with(state, own()), options, () => true) : declined,
    );
  }

  /**
   * Takes the part out of the object or Map that holds it; returns whether it was there. An element of a list can't be taken out: swap
   * the list.
   *
   * @cost As {@link Cursor.swap}.
   * @throws TypeError for an element of a list, and for a lens without `without`.
   */
  delete(options: SwapOptions = {}): Promise<boolean> {
    const cell = this.#cell;
    const action = this.#action('delete');
    const { take, text } = this.#way;
    if (take === undefined) {
      throw new TypeError(
        `Cannot ${action} atom ${this.key}: there is no way to do without; give the lens ${text} a without`,
      );
    }
    return this.#submit('delete', options, (state) => {
      const { whole, taken } = take(wholeOf(cell, state)?.hand());
      return taken ? stepTo(cell, state, whole, options, () => true) : declined;
    });
  }

  #change<Result, R>(
    f: (part: V, context: SwapContext) => Result | Promise<Result>,
    nextOf: (result: Result) => T,
    answer: (old: V, next: T, result: Result) => R,
    options: SwapOptions,
  ): Promise<R> {
    const cell = this.#cell;
    const action = this.#action('swap');
    if (typeof f !== 'function') {
      throw new TypeError(`Cannot ${action} atom ${this.key}: must be given a function: ${typeof f}`);
    }
    const run = (state: State, attempt: number) => {
      // Asked for anew each time: a function may change the copy that it is given.
      const part = () => this.#way.get(wholeOf(cell, state)?.hand()) as V;
      const result = f(part(), { attempt, exists: this.#isThere(state), signal: options.signal });
      const admit = (made: Result) => {
        const next = nextOf(made);
        this.#requirePart(action, next, 'the function returned undefined; return the new part');
        return stepTo(cell, state, this.#with(state, next), options, (whole) =>
          answer(part(), this.#way.get(whole) as T, made),
        );
      };
      return isThenable(result) ? result.then(admit) : admit(result);
    };
    return this.#submit('swap', options, run, isAsyncFunction(f));
  }

  #submit<R>(verb: string, options: SwapOptions, run: Work<R>['run'], isAsync = false): Promise<R> {
    return submit(this.#cell, verb, { action: this.#action(verb), isAsync, run }, options);
  }

  /** The whole with another part. */
  #with(state: State, part: unknown): unknown {
    return this.#way.set(wholeOf(this.#cell, state)?.hand(), part);
  }

  #isThere(state: State): boolean {
    return state.held !== undefined && this.#way.get(state.held.hand()) !== undefined;
  }

  /** Whether the part is `wanted`, by the encoded form of the whole: that of a part alone is the codec's own affair. */
  #holds(state: State, wanted: unknown): boolean {
    const part = this.#way.get(wholeOf(this.#cell, state)?.hand());
    if (wanted === undefined || part === undefined) return part === wanted;
    const [found, sought] = [part, wanted].map((one) => this.#cell.hold(this.#with(state, one))) as [Held, Held];
    return found.equals(sought);
  }

  /** For messages, which go on with the atom. */
  #action(verb: string): string {
    return `${verb} ${this.#way.text} of`;
  }

  #requirePart(action: string, part: unknown, why: string): void {
    if (part === undefined)
      throw new TypeError(`Cannot ${action} atom ${this.key}: ${why} (null is one), or use delete()`);
  }
}

function wholeOf(cell: Cell, state: State): Held | undefined {
  return state.held ?? cell.initial;
}

/** The cursor on a part: `R` is what a read of it gives. */
export type PartCursor<R> = Cursor<Exclude<R, undefined>, R>;

/**
 * Focuses on a part of what a read gives: by a path of up to five steps (property names, indexes of lists, keys of Maps; one by one
 * or as one list), or by a {@link Lens}. A cursor focuses further.
 *
 * @throws TypeError for a path without steps, and for steps that are neither names nor indexes.
 */
export interface Focus<V> {
  <P>(lens: Lens<V, P>): PartCursor<P>;
  <A extends StepOf<V>>(...path: WayIn<[A]>): PartCursor<PartAt<V, A>>;
  <A extends StepOf<V>, B extends StepOf<PartAt<V, A>>>(...path: WayIn<[A, B]>): PartCursor<PartAt<PartAt<V, A>, B>>;
  <A extends StepOf<V>, B extends StepOf<PartAt<V, A>>, C extends StepOf<PartAt<PartAt<V, A>, B>>>(
    ...path: WayIn<[A, B, C]>
  ): PartCursor<PartAt<PartAt<PartAt<V, A>, B>, C>>;
  <
    A extends StepOf<V>,
    B extends StepOf<PartAt<V, A>>,
    C extends StepOf<PartAt<PartAt<V, A>, B>>,
    D extends StepOf<PartAt<PartAt<PartAt<V, A>, B>, C>>,
  >(
    ...path: WayIn<[A, B, C, D]>
  ): PartCursor<PartAt<PartAt<PartAt<PartAt<V, A>, B>, C>, D>>;
  <
    A extends StepOf<V>,
    B extends StepOf<PartAt<V, A>>,
    C extends StepOf<PartAt<PartAt<V, A>, B>>,
    D extends StepOf<PartAt<PartAt<PartAt<V, A>, B>, C>>,
    E extends StepOf<PartAt<PartAt<PartAt<PartAt<V, A>, B>, C>, D>>,
  >(
    ...path: WayIn<[A, B, C, D, E]>
  ): PartCursor<PartAt<PartAt<PartAt<PartAt<PartAt<V, A>, B>, C>, D>, E>>;
}

/** @internal Focuses within `atom`, from where `way` leads on. */
export function focusOf<V>(atom: AtomReader<unknown>, from?: Way): Focus<V> {
  const focus = (...given: readonly unknown[]) =>
    new Cursor<unknown, unknown>(atom, joined(from, wayBy(atom.key, given)));
  return focus as Focus<V>;
}
