/** What the function of a transaction is given, and the options of a transaction. */
import type { AtomReader } from '../atom-reader.js';
import type { CallOptions, SwapContext } from '../call-options.js';
import type { ItemAtom } from '../item-atom.js';

/** Options of `AtomTable.transact`. */
export interface TransactOptions extends CallOptions {
  /**
   * Names this call for ever, whoever makes it: a call under an id that was used before does nothing and gives the first one's
   * result. At least for `receiptMs` of the table. At most 512 bytes.
   * @defaultValue a call that dies with its process cannot be asked for
   */
  readonly opId?: string;
}

/** An atom of whatever type. */
// biome-ignore lint/suspicious/noExplicitAny: atoms take values as well as give them, so nothing else stands for each of them.
export type AnyAtom = ItemAtom<any, any>;

// The types of an atom are taken from the atom alone: were they inferred from the function as well, `{ ...v, status: 'paid' }` would
// make a string of a status that may only be 'new' or 'paid'.

/** What an atom stores. */
export type StoredIn<A> = A extends ItemAtom<infer T, infer _V> ? T : never;

/** A function that makes the next value of an atom. */
export type ChangeOf<A> =
  A extends ItemAtom<infer T, infer V> ? (value: V, context: SwapContext) => T | Promise<T> : never;

/** A function that makes the next value of an atom, and a result. */
export type ChangeWithOf<A, R> =
  A extends ItemAtom<infer T, infer V>
    ? (value: V, context: SwapContext) => readonly [next: T, result: R] | Promise<readonly [next: T, result: R]>
    : never;

/**
 * One run of a transaction's function on its atoms.
 *
 * Nothing of it is written before the function has ended; until then it sees its own writes, and nobody else does. Calls need not
 * be awaited: all are before the commit. Those on one atom take effect in their order. A call that fails, and whose promise nobody
 * looked at, fails the transaction. After the function has ended, every call throws a `TypeError`.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * const ann = table.atom<number>('ann', { initial: 100 });
 * const bob = table.atom<number>('bob', { initial: 0 });
 * const left = await table.transact(async (tx) => {
 *   if ((await tx.deref(ann)) < 30) throw new RangeError('not enough');
 *   tx.swap(bob, (n) => n + 30);
 *   return tx.swap(ann, (n) => n - 30);
 * });
 * console.log(left, await bob.deref()); // => 70 30
 * ```
 */
export interface Transaction {
  /** The value as this transaction has it. That it is still so is checked when the transaction is committed. */
  deref<V>(atom: AtomReader<V>): Promise<V>;
  /** As `ItemAtom.swap`; returns the new value. */
  swap<A extends AnyAtom>(atom: A, f: ChangeOf<A>): Promise<StoredIn<A>>;
  /** As `ItemAtom.swapWith`: the function returns `[next, result]`; returns `result`. */
  swapWith<A extends AnyAtom, R>(atom: A, f: ChangeWithOf<A, R>): Promise<R>;
  /** As `ItemAtom.reset`; returns the new value. */
  reset<A extends AnyAtom>(atom: A, value: StoredIn<A>): Promise<StoredIn<A>>;
  /** As `ItemAtom.delete`; returns whether there was a value. */
  delete(atom: AnyAtom): Promise<boolean>;
}
