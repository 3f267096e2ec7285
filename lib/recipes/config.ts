/**
 * Settings that all processes have in memory, and that change while they run.
 *
 *   defaults in the code   { beta: false, perPage: 20 }
 *   stored                 { perPage: 50 }                what somebody has changed, and no more
 *   get()                  { beta: false, perPage: 50 }   checked by the schema
 *
 * Only changes are stored, so a release with other defaults brings them to everybody, and a release that doesn't know a setting leaves it
 * alone. A value that does not fit is told and passed over: a bad change must not take down every process that reads it.
 */
import { isDeepStrictEqual } from 'node:util';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { type AtomTable, type CallOptions, InvalidValueError, type SwapOnceOptions } from '../atom/index.js';
import { RecipeItem } from './recipe-item.js';
import { tellAll } from './session/told.js';

type Settings = Readonly<Record<string, unknown>>;

interface ConfigState {
  readonly kind: 'config';
  readonly changed: Settings;
}

const unchanged: ConfigState = { kind: 'config', changed: {} };

interface Checked<T> {
  /** `undefined`: it does not fit. */
  readonly value?: T;
  readonly error?: InvalidValueError;
}

/** Options of {@link Config}. */
export interface ConfigOptions<T extends object> {
  /** What stands where nobody has changed anything. An object; it must fit the schema. */
  readonly defaults: T;
  /** What a value must be; any Standard Schema. Must accept its own output. */
  readonly schema?: StandardSchemaV1<unknown, T>;
  /**
   * Told of a stored value that does not fit, or can't be read. The last good one stays; at the start, the defaults. What it throws is an
   * unhandled error.
   * @defaultValue a warning of the process
   */
  readonly onInvalid?: (error: unknown) => void;
}

/** Told of each new value. */
export type ConfigListener<T> = (value: T, old: T) => void;

/**
 * Settings, feature flags: typed, checked, in memory.
 *
 * **Guarantee.** `get` answers from memory, with a whole value that fits the schema. What `update` has returned is seen by `get` in this
 * process at once, and in the others at their next look. `update` loses no change of another process, and stores nothing that does not fit.
 *
 * **It can not** change all processes at one instant: each sees a change when it looks, by default between 0.1 and 16 s later (`watch`
 * of the table; sooner with a `watchSource`), and while the store can't be reached each goes on with what it has. Settings are an object,
 * merged one level deep.
 *
 * **If the process dies** in `update`, the change was stored or not. If the answer is lost, that is settled before it returns.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { Config } from 'leyden-jar/recipes';
 *
 * await using table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * const flags = new Config(table, 'flags', { defaults: { beta: false, perPage: 20 } });
 * await flags.start();
 * flags.onChange((value) => console.log(value));
 * await flags.update((value) => ({ ...value, beta: true })); // here, or in another process
 * // => { beta: true, perPage: 20 }
 * console.log(flags.get().beta); // => true
 * ```
 */
export class Config<T extends object> {
  readonly #item: RecipeItem<ConfigState>;
  readonly #defaults: T;
  readonly #schema: StandardSchemaV1<unknown, T> | undefined;
  readonly #onInvalid: (error: unknown) => void;
  readonly #listeners = new Set<ConfigListener<T>>();
  /** Names the watch of the last start; `undefined` once that is closed. */
  #watch: symbol | undefined;
  #started: Promise<void> | undefined;
  #value: T | undefined;
  /** Values are checked one after the other: a schema may take its time. */
  #taking: Promise<void> = Promise.resolve();

  /** Sends nothing. @throws TypeError, RangeError for wrong arguments. */
  constructor(table: AtomTable, name: string, options: ConfigOptions<T>) {
    const { defaults, schema, onInvalid = warn } = options;
    if (!isObject(defaults))
      throw new TypeError(`Cannot open a config: defaults must be an object: ${typeof defaults}`);
    this.#item = new RecipeItem(table, name, unchanged, { closesWithTable: true });
    this.#defaults = defaults;
    this.#schema = schema;
    this.#onInvalid = onInvalid;
  }

  /** The key of its atom. */
  get key(): string {
    return this.#item.atom.key;
  }

  /**
   * Reads the settings, and from then on keeps them. A start that fails can be made again. It keeps no process alive.
   *
   * @cost As `AtomReader.watch`: 1 read, then about 0.04 read units a second while nothing changes.
   * @iam dynamodb:GetItem, dynamodb:BatchGetItem
   * @throws {InvalidValueError} `ERR_INVALID_VALUE` when the defaults don't fit the schema; `RecipeKindError` `ERR_RECIPE_KIND`; what
   * `ItemAtom.deref` throws.
   */
  start(options: CallOptions = {}): Promise<void> {
    this.#started ??= this.#start(options);
    return this.#started;
  }

  /** The settings as this process knows them. Costs nothing. @throws TypeError before it is started. */
  get(): T {
    if (this.#value === undefined) throw new TypeError(`Cannot get ${this.#item.subject}: await start() first`);
    return this.#value;
  }

  /** Calls `listener` with each new value, and the one before; returns the function that ends it. What it throws is an unhandled error. */
  onChange(listener: ConfigListener<T>): () => void {
    if (typeof listener !== 'function') {
      throw new TypeError(`Cannot watch ${this.#item.subject}: must be given a function: ${typeof listener}`);
    }
    const own: ConfigListener<T> = (value, old) => listener(value, old);
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  /**
   * Changes the settings; resolves with the new ones. What `f` leaves as it was is not stored. `f` may run several times. If what is
   * stored does not fit, `f` is given the last good value, and all of what is stored is replaced.
   *
   * @cost As `ItemAtom.swap`: 1 request, 1 write unit per KB; the first time 1 read more.
   * @iam dynamodb:PutItem, dynamodb:GetItem
   * @throws {InvalidValueError} `ERR_INVALID_VALUE` when the result does not fit; what `ItemAtom.swap` throws.
   */
  async update(f: (value: T) => T | Promise<T>, options: SwapOnceOptions = {}): Promise<T> {
    if (typeof f !== 'function')
      throw new TypeError(`Cannot update ${this.#item.subject}: must be given a function: ${typeof f}`);
    const value = await this.#item.atom.swapWith<T>(async (stored) => {
      const state = this.#item.mine(stored);
      const checked = await this.#check(state);
      const given = checked.value ?? this.#value ?? this.#defaults;
      const made: unknown = await f(given);
      if (!isObject(made))
        throw new TypeError(`Cannot update ${this.#item.subject}: the function must return an object: ${typeof made}`);
      const changed =
        checked.value === undefined
          ? differences(this.#defaults, made, {})
          : differences(checked.value, made, state.changed);
      const next: ConfigState = { ...state, changed };
      const { value: valid, error } = await this.#check(next, 'write');
      if (valid === undefined) throw error;
      return [next, valid];
    }, options);
    if (this.#value !== undefined) await this.#take();
    return value;
  }

  /** Ends the watch. `get` goes on answering with what it has. */
  close(): void {
    if (this.#watch !== undefined) this.#item.atom.removeWatch(this.#watch);
    this.#watch = undefined;
    this.#started = undefined;
  }

  /** As {@link Config.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  async #start(options: CallOptions): Promise<void> {
    const watch = Symbol('config');
    this.#watch = watch;
    try {
      const { value, error } = await this.#check(unchanged);
      if (value === undefined) throw error;
      // It may have been closed meanwhile.
      if (this.#watch === watch) this.#item.atom.addWatch(watch, () => void this.#take());
      await this.#item.read(options);
      await this.#take();
      this.#value ??= value;
    } catch (error) {
      if (this.#watch === watch) this.close();
      throw error;
    }
  }

  /** Takes over the newest value that this process knows: whatever it was called for, it goes forward only. */
  #take(): Promise<void> {
    this.#taking = this.#taking.then(async () => {
      try {
        const state = this.#item.peek();
        const { value, error } = await this.#check(state ?? unchanged);
        if (value === undefined) tellAll([this.#onInvalid], error);
        else this.#become(value);
      } catch (error) {
        tellAll([this.#onInvalid], error);
      }
    });
    return this.#taking;
  }

  #become(value: T): void {
    const old = this.#value;
    if (old !== undefined && isDeepStrictEqual(old, value)) return;
    this.#value = value;
    if (old === undefined) return;
    tellAll(this.#listeners, value, old);
  }

  async #check({ changed }: ConfigState, where: 'read' | 'write' = 'read'): Promise<Checked<T>> {
    const merged = { ...this.#defaults, ...changed };
    if (this.#schema === undefined) return { value: Object.freeze(merged) };
    const { key } = this;
    try {
      const result = await this.#schema['~standard'].validate(merged);
      if (result.issues === undefined) return { value: Object.freeze(result.value) };
      return { error: new InvalidValueError(key, where, 'schema', { issues: result.issues }) };
    } catch (cause) {
      return { error: new InvalidValueError(key, where, 'schema', { cause }) };
    }
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `changed`, with what differs between `old` and `next`. What neither knows stays. */
function differences(old: object, next: object, changed: Settings): Settings {
  const before = old as Settings;
  const after = next as Settings;
  const kept = Object.entries(changed).filter(([name]) => !(name in before) || name in after);
  const made = Object.entries(after).filter(([name, value]) => !isDeepStrictEqual(before[name], value));
  return Object.fromEntries([...kept, ...made]);
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error));
}
