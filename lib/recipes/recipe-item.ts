/**
 * The item of a recipe: an atom under a key of its own, whose value says what kind of recipe it is.
 *
 *   new Lock(session, 'report')  ->  atom 'lock:report'  ->  { kind: 'lock', fence: 7, ... }
 *
 * The kind stands in the key, so that a lock and a semaphore may bear the same name, and in the value, so that a recipe never takes
 * somebody else's item for its own: it refuses, and writes nothing.
 */
import type {
  AtomOptions,
  AtomTable,
  CallOptions,
  CommuteChanges,
  CommuteCondition,
  CommuteOptions,
  CommuteResult,
  DerefOptions,
  ItemAtom,
  SwapOnceOptions,
} from '../atom/index.js';
import { RecipeKindError } from './errors.js';

/** What every recipe's value has. */
export interface RecipeState {
  readonly kind: string;
}

/** Longest name of a recipe, in bytes of UTF-8; the service's limit of a partition key is 2,048. */
const nameBytesMax = 512;

const loneSurrogate = /\p{Surrogate}/u;

const aKind = (kind: string) => (/^[aeiou]/.test(kind) ? `an ${kind}` : `a ${kind}`);

/** @throws TypeError, RangeError for what is no name. */
export function requireName(kind: string, name: unknown): asserts name is string {
  if (typeof name !== 'string')
    throw new TypeError(`Cannot open ${aKind(kind)}: name must be a string: ${typeof name}`);
  const bytes = Buffer.byteLength(name);
  if (bytes < 1 || bytes > nameBytesMax) {
    throw new RangeError(`Cannot open ${aKind(kind)}: name must have 1 to ${nameBytesMax} bytes: ${bytes}`);
  }
  if (!isWellFormed(name)) {
    throw new RangeError(`Cannot open ${aKind(kind)}: name must be whole characters: ${JSON.stringify(name)}`);
  }
}

/** Whether a text has no half of a surrogate pair: in UTF-8, as clients of the store send it, all of these are the same. */
export function isWellFormed(text: string): boolean {
  return !loneSurrogate.test(text);
}

const isTable = (table: unknown): boolean => typeof (table as Partial<AtomTable> | undefined)?.keyNamed === 'function';

/** @throws TypeError for what is no table; a session is what is given by mistake. */
export function requireTable(kind: string, table: unknown): asserts table is AtomTable {
  if (isTable(table)) return;
  throw new TypeError(
    `Cannot open ${aKind(kind)}: must be given an AtomTable (that of a session is session.table): ${given(table)}`,
  );
}

/** The table of a session. @throws TypeError for what is no session; a table is what is given by mistake. */
export function tableOf(kind: string, session: { readonly table: AtomTable }): AtomTable {
  const { table } = (session ?? {}) as { readonly table?: AtomTable };
  if (table !== undefined && isTable(table)) return table;
  throw new TypeError(
    `Cannot open ${aKind(kind)}: must be given a Session (await openSession(table)): ${given(session)}`,
  );
}

const given = (value: unknown): string => (value as object | null | undefined)?.constructor?.name ?? String(value);

/** @throws RangeError for what is no positive integer. */
export function requireCount(action: string, what: string, value: unknown): asserts value is number {
  if (!Number.isSafeInteger(value) || (value as number) < 1) {
    throw new RangeError(`Cannot ${action}: ${what} must be a positive integer: ${String(value)}`);
  }
}

/** @throws RangeError for what is no time to wait. */
export function requireWaitMs(action: string, waitMs: unknown): asserts waitMs is number {
  if (typeof waitMs !== 'number' || !(waitMs >= 0)) {
    throw new RangeError(`Cannot ${action}: waitMs must be a number of at least 0: ${String(waitMs)}`);
  }
}

/** @throws TypeError for what is no function. */
export function requireFunction(action: string, f: unknown): void {
  if (typeof f !== 'function') throw new TypeError(`Cannot ${action}: must be given a function: ${typeof f}`);
}

/** Longest purpose, in bytes of UTF-8: it stands in each claim. */
const purposeBytesMax = 256;

/** @throws TypeError, RangeError for what is no purpose. */
export function requirePurpose(action: string, purpose: unknown): asserts purpose is string | undefined {
  if (purpose === undefined) return;
  if (typeof purpose !== 'string') throw new TypeError(`Cannot ${action}: purpose must be a string: ${typeof purpose}`);
  const bytes = Buffer.byteLength(purpose);
  if (bytes > purposeBytesMax) {
    throw new RangeError(`Cannot ${action}: purpose must have at most ${purposeBytesMax} bytes: ${bytes}`);
  }
}

/** How the item of a recipe is opened. */
export interface RecipeItemOptions<S> extends Pick<AtomOptions<S>, 'ttlMs'> {
  /**
   * For recipes that hold nothing: once the table is closed their calls are refused, as those of atoms are.
   * @defaultValue false: whoever holds something can still give it back
   */
  readonly closesWithTable?: boolean;
}

/** The item of one recipe. `initial` is what stands there before the first write; it must be the same for all of a kind. */
export class RecipeItem<S extends RecipeState> {
  readonly table: AtomTable;
  readonly kind: S['kind'];
  readonly name: string;
  readonly atom: ItemAtom<S, S>;

  /** Sends nothing. @throws TypeError, RangeError for what is no name. */
  constructor(table: AtomTable, name: string, initial: S, options: RecipeItemOptions<S> = {}) {
    requireTable(initial.kind, table);
    requireName(initial.kind, name);
    this.table = table;
    this.kind = initial.kind;
    this.name = name;
    const { closesWithTable = false, ...rest } = options;
    const key = table.keyNamed(`${initial.kind}:${name}`);
    this.atom = closesWithTable ? table.atom<S>(key, { ...rest, initial }) : table.atomOf<S>(key, { ...rest, initial });
  }

  /** In messages. */
  get subject(): string {
    return `${this.kind} ${this.name}`;
  }

  /** @throws {RecipeKindError} for a value of another kind. */
  mine(value: S): S {
    const { kind } = (value ?? {}) as Partial<S>;
    if (kind !== this.kind) throw new RecipeKindError(this.atom.key, this.kind, kind);
    return value;
  }

  async read(options?: DerefOptions): Promise<S> {
    return this.mine(await this.atom.deref(options));
  }

  /** What this process knows, without asking. */
  peek(): S | undefined {
    const value = this.atom.peek();
    return value === undefined ? undefined : this.mine(value);
  }

  swap(f: (state: S) => S, options?: SwapOnceOptions): Promise<S> {
    return this.atom.swap((value) => f(this.mine(value)), options);
  }

  swapWith<R>(f: (state: S) => readonly [next: S, result: R], options?: SwapOnceOptions): Promise<R> {
    return this.atom.swapWith((value) => f(this.mine(value)), options);
  }

  /** Changes that the store makes itself, if all of `when` holds of an item of this kind. */
  async commute(
    changes: CommuteChanges<S>,
    when: CommuteCondition<S> = {},
    options: CommuteOptions = {},
  ): Promise<CommuteResult<S>> {
    const ofKind = { ...when, is: { ...(when.is as object | undefined), kind: this.kind } };
    const result = await this.atom.commute(changes, { ...options, when: ofKind as CommuteCondition<S> });
    this.mine(result.value);
    return result;
  }
}

/** Options of calls that may wait. */
export interface WaitOptions {
  /** Longest wait in milliseconds; `Infinity` for none. */
  readonly waitMs?: number;
  /** Gives up waiting: the call rejects with `signal.reason`, and leaves nothing behind. */
  readonly signal?: AbortSignal | undefined;
}

/** What is left of a wait. */
export type CallLimits = Pick<CallOptions, 'timeoutMs' | 'signal'>;
