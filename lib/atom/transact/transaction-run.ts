/**
 * One run of a transaction's function: hands out values, gathers what it makes of them, writes nothing.
 *
 *   call -> view of its atom -> after the calls before it -> [first: read] -> the user's function -> the next value
 *
 * The states that it reads need not have been there at one instant; whoever runs it checks that before anything of it is
 * believed.
 */
import type { Held } from '../../codec/index.js';
import { transactionActionsMax } from '../../engine/index.js';
import { AtomReader } from '../atom-reader.js';
import type { Known } from '../cache.js';
import type { SwapContext } from '../call-options.js';
import type { Cell } from '../cell.js';
import { type Frame, type Inside, isAsyncFunction, runWithin } from '../inside.js';
import type { Step, Work } from '../operation.js';
import { isThenable } from '../value-rules.js';
import { NotedPromise } from './noted-promise.js';
import type { AnyAtom, ChangeOf, ChangeWithOf, StoredIn, Transaction } from './transaction.js';
import { TransactionTooLargeError } from './transaction-errors.js';
import { View } from './transaction-view.js';

/** What a run needs of those who run it. */
export interface RunRooms {
  /** Reads an atom for the first time in this run. */
  readonly read: (cell: Cell) => Promise<Known>;
  /** @throws what is to be thrown where the store can't write several atoms at once. */
  readonly requireTransactions: () => Promise<void>;
  /** Whether an atom is of this table. */
  readonly isOwn: (cell: Cell) => boolean;
  /** Atoms that nobody else can write now: calling one of them directly would wait for ever. */
  readonly holds: (inside: Inside) => boolean;
  /** Told of the frame that the function runs in. */
  readonly onFrame: (frame: Frame) => void;
}

/** What running a function gave. */
export type RunResult<R> = { readonly value: R } | { readonly error: unknown };

export class TransactionRun implements Transaction {
  /** Atoms that were touched, in the order in which they were. */
  readonly views: Map<Cell, View> = new Map();
  readonly #rooms: RunRooms;
  readonly #context: Omit<SwapContext, 'exists'>;
  readonly #actionsMax: number;
  readonly #calls = new Set<NotedPromise<unknown>>();
  /** Ends the run whatever the function makes of it. */
  #fatal: { readonly error: unknown } | undefined;
  #frame: Frame | undefined;
  #isOver = false;

  /** `spare`: actions that the commit needs beside the atoms. */
  constructor(rooms: RunRooms, context: Omit<SwapContext, 'exists'>, spare: number) {
    this.#rooms = rooms;
    this.#context = context;
    this.#actionsMax = transactionActionsMax - spare;
  }

  /** What must not be hidden behind a check of the reads: nothing can be sent here. */
  get isFatal(): boolean {
    return this.#fatal !== undefined;
  }

  /** Runs `f`, and waits for every call that it made. */
  perform<R>(f: (run: this) => R | Promise<R>): Promise<RunResult<R>> {
    const covers = (inside: Inside): boolean => this.#rooms.holds(inside) || this.#isTouched(inside);
    return runWithin(covers, async (frame): Promise<RunResult<R>> => {
      this.#frame = frame;
      this.#rooms.onFrame(frame);
      try {
        const value = await f(this);
        await this.#allCalls();
        return this.#fatal ?? { value };
      } catch (error) {
        return this.#fatal ?? { error };
      } finally {
        this.#isOver = true;
      }
    });
  }

  /** Nobody waits for it any more. */
  end(): void {
    this.#isOver = true;
  }

  deref<V>(atom: AtomReader<V>): Promise<V> {
    return this.#call('deref', atom, (view) => view.hand() as V);
  }

  swap<A extends AnyAtom>(atom: A, f: ChangeOf<A>): Promise<StoredIn<A>> {
    requireFunction('swap', atom, f);
    return this.#call('swap', atom, async (view) => {
      await this.#put(view, await this.#apply(view, f as ChangeOf<AnyAtom>));
      return view.hand() as StoredIn<A>;
    });
  }

  swapWith<A extends AnyAtom, R>(atom: A, f: ChangeWithOf<A, R>): Promise<R> {
    requireFunction('swapWith', atom, f);
    return this.#call('swap', atom, async (view) => {
      const pair = await this.#apply(view, f as ChangeWithOf<AnyAtom, R>);
      if (!Array.isArray(pair) || pair.length !== 2) {
        throw new TypeError(`Cannot swap atom ${atom.key}: the function of swapWith must return [next, result]`);
      }
      await this.#put(view, pair[0]);
      return pair[1] as R;
    });
  }

  reset<A extends AnyAtom>(atom: A, value: StoredIn<A>): Promise<StoredIn<A>> {
    const own = ownOf(atom, value);
    return this.#call('reset', atom, async (view) => {
      await view.put(own());
      return view.hand() as StoredIn<A>;
    });
  }

  delete(atom: AnyAtom): Promise<boolean> {
    return this.#call('delete', atom, (view) => {
      const existed = view.held !== undefined;
      view.remove();
      return existed;
    });
  }

  /** Runs what an atom's verb would run in its lane. */
  step<R>(cell: Cell, work: Work<R>): Promise<Step<R>> {
    return this.#enqueue(this.#viewOf(cell), (view) => view.step(work, this.#context.attempt));
  }

  #call<R>(action: string, atom: AtomReader<unknown>, call: (view: View) => R | Promise<R>): Promise<R> {
    if (this.#isOver) {
      throw new TypeError(`Cannot ${action} atom ${atom.key}: the function of this transaction has ended`);
    }
    const cell = AtomReader.cellOf(atom);
    if (!this.#rooms.isOwn(cell)) {
      throw new TypeError(`Cannot ${action} atom ${atom.key}: it is of another AtomTable than the transaction`);
    }
    cell.lane.assertOutside(action, this.#frame);
    const view = this.#viewOf(cell);
    view.inside.assertOutside(action, this.#frame);
    return this.#enqueue(view, call);
  }

  #enqueue<R>(view: View, call: (view: View) => R | Promise<R>): Promise<R> {
    const noted = NotedPromise.of(
      view.inOrder(
        () => this.#read(view.cell),
        () => call(view),
      ),
    );
    this.#calls.add(noted);
    return noted;
  }

  #viewOf(cell: Cell): View {
    let view = this.views.get(cell);
    if (view === undefined) {
      view = new View(cell);
      this.views.set(cell, view);
    }
    return view;
  }

  async #read(cell: Cell): Promise<Known> {
    try {
      // Whoever touches two atoms in one go is refused before anything is asked of a store that can't write them together.
      if (this.views.size > 1) await this.#rooms.requireTransactions();
      if (this.views.size > this.#actionsMax) {
        throw new TransactionTooLargeError('actions', this.views.size, this.#actionsMax);
      }
    } catch (error) {
      this.#fatal ??= { error };
      throw error;
    }
    return this.#rooms.read(cell);
  }

  async #apply<V, Result>(
    view: View,
    f: (value: V, context: SwapContext) => Result | Promise<Result>,
  ): Promise<Result> {
    const value = view.hand() as V;
    const context = { ...this.#context, exists: view.held !== undefined };
    const made = view.inside.run(() => f(value, context), isAsyncFunction(f));
    return isThenable(made) ? await made : made;
  }

  async #put(view: View, value: unknown): Promise<void> {
    if (value === undefined) {
      throw new TypeError(
        `Cannot swap atom ${view.cell.keyText}: the function returned undefined; return the new value (null is one), or use delete()`,
      );
    }
    await view.put(view.cell.hold(value));
  }

  #isTouched(inside: Inside): boolean {
    for (const { lane } of this.views.keys()) if (lane.inside === inside) return true;
    return false;
  }

  /** Waits for all calls, those made meanwhile included; throws for the first that failed and that nobody looked at. */
  async #allCalls(): Promise<void> {
    while (this.#calls.size > 0) {
      const [call] = this.#calls;
      await call?.settled();
      this.#calls.delete(call as NotedPromise<unknown>);
      if (call?.isNoted === false) await call;
    }
  }
}

function requireFunction(action: string, atom: AtomReader<unknown>, f: unknown): void {
  if (typeof f !== 'function') {
    throw new TypeError(`Cannot ${action} atom ${atom.key}: must be given a function: ${typeof f}`);
  }
}

/** Copies a value now, for its owner may change it before its turn comes; what can't be copied is refused in its turn. */
function ownOf(atom: AtomReader<unknown>, value: unknown): () => Held {
  try {
    if (value === undefined) {
      throw new TypeError(`Cannot reset atom ${atom.key}: undefined is not a value; use delete()`);
    }
    const held = AtomReader.cellOf(atom).hold(value);
    return () => held;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}
