import { isSealing, type SealingCodec, type ValueCodec } from '../codec/index.js';
import type { Clock, Random, Spent, TableDescription } from '../engine/index.js';
import type { AtomOptions, AtomTableOptions, CompositeKey } from './atom-options.js';
import type { Ground, Retry } from './ground.js';
import { ItemAtom } from './item-atom.js';
import { type PartsSwept, type SweepPartsOptions, sweepParts } from './large/parts-sweep.js';
import type { AtomEntry } from './many/atom-entry.js';
import { AtomImages } from './many/atom-images.js';
import {
  type KeySelection,
  type KeysOptions,
  keysOf,
  type NamedEntry,
  type NamedScan,
  type ScanOptions,
  type Standing,
  scanNamed,
  scanOf,
  standingOf,
} from './many/enumerate.js';
import { type Found, type GetManyOptions, getMany } from './many/get-many.js';
import { type QueryOptions, queryOf } from './many/index-query.js';
import type { PlainKey } from './many/many-keys.js';
import { type DeleteManyOptions, deleteMany, type PutEntry, type PutManyOptions, putMany } from './many/put-many.js';
import { type SweepOptions, sweep } from './many/sweep.js';
import type { Walk } from './many/walk.js';
import { OpenCells } from './open-cells.js';
import { nameOf } from './packing.js';
import { SealedOnceItems } from './sealed-once.js';
import { groundOf } from './table-ground.js';
import type { CloseOptions, SettledOptions } from './table-life.js';
import { type CreateOptions, type TableReport, TableSetup, type VerifyOptions } from './table-setup.js';
import { Transactor } from './transact/transact.js';
import type { Transaction, TransactOptions } from './transact/transaction.js';
import { Watches } from './watch/watches.js';
import { WriteOnceItems } from './write-once.js';

/**
 * The atoms of one DynamoDB table.
 *
 * Make one per process and table and share it: it holds the writer's identity, the caches and the queues. Making it sends
 * nothing.
 *
 * @example
 * ```ts
 * import { AtomTable, createClient } from 'leyden-jar';
 * import { startEmbedded } from 'leyden-jar/embedded';
 *
 * await using jar = await startEmbedded();
 * const client = createClient(jar.clientConfig);
 * const table = new AtomTable({ client, tableName: 'state' });
 * await table.ensure();
 * const flags = table.atom<{ beta: boolean }>('flags', { initial: { beta: false } });
 * console.log(await flags.swap((v) => ({ ...v, beta: true }))); // => { beta: true }
 * client.destroy();
 * ```
 */
export class AtomTable {
  readonly #ground: Ground;
  readonly #retry: Retry;
  readonly #codec: ValueCodec | SealingCodec | undefined;
  readonly #watches: Watches;
  readonly #setup: TableSetup;
  readonly #cells: OpenCells;
  readonly #transactor: Transactor;
  #closing: Promise<boolean> | undefined;

  /** @throws TypeError, RangeError for wrong options. */
  constructor(options: AtomTableOptions) {
    const { retry, ground } = groundOf(options);
    this.#retry = retry;
    this.#ground = ground;
    this.#codec = options.codec;
    this.#watches = new Watches(ground, retry, options);
    this.#setup = new TableSetup(ground);
    this.#cells = new OpenCells(ground, retry, options);
    this.#transactor = new Transactor({
      ground,
      retry,
      isOwn: (cell) => this.#cells.opened(cell.keyText) === cell,
      codec: options.codec,
    });
  }

  /** What this table object has spent: requests, attempts, capacity units. Costs nothing. */
  spent(): Spent {
    return this.#ground.engine.spent();
  }

  /**
   * Opens the atom of `key`. Sends nothing.
   *
   * Keys are any value that superjson takes, encoded canonically: equal values are one atom, whatever the order of their
   * properties. Plain strings stay plain. In a table with a sort key, give `{ pk, sk }`.
   *
   * @throws {OptionsDifferError} `ERR_OPTIONS_DIFFER`; `KeyError` `ERR_KEY` for a key that is too long or no value.
   */
  atom<T>(key: unknown, options: AtomOptions<T> & { readonly initial: T }): ItemAtom<T, T>;
  atom<T>(key: unknown, options?: AtomOptions<T>): ItemAtom<T>;
  atom<T>(key: unknown, options: AtomOptions<T> = {}): ItemAtom<T, T | undefined> {
    this.#assertOpen('open an atom of');
    // The cell knows nothing of T: it hands values through.
    const cell = this.#cells.held(this.#cells.keyOf(key), options as unknown as AtomOptions<never>);
    return new ItemAtom<T, T | undefined>(cell, this.#watches, this.#transactor);
  }

  /**
   * Reads many atoms. Takes keys and handles, in any mixture; answers in their order, `undefined` (or a handle's `initial`) where
   * there is nothing. A key that is named twice is read once.
   *
   * An atom of which a handle is held is read as that handle reads: with its codec and schema, and it remembers what came.
   * All others are read as atoms that were opened without options.
   *
   * @consistency By default each value is as new as the instant of the call; they are not read at one instant.
   * @cost 1 request per 100 keys or 16 MB; 1 read unit per 4 KB of each item, half of it for `eventual` and `session`; nothing for
   * what a handle remembers and may answer from.
   * @iam dynamodb:BatchGetItem
   * @throws {BatchError} `ERR_BATCH` when some could not be read or decoded, with what was found; what the store refuses for good
   * is thrown as it is.
   *
   * @example
   * ```ts
   * import { AtomTable } from 'leyden-jar';
   * import { MemoryEngine } from 'leyden-jar/engine';
   *
   * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
   * await table.create();
   * await table.putMany([['a', 1], ['b', 2]]);
   * const hits = table.atom<number>('hits', { initial: 0 });
   * const [b, nothing, count] = await table.getMany(['b', 'nothing', hits]);
   * console.log(b, nothing, count); // => 2 undefined 0
   * ```
   */
  getMany<T = unknown>(keys: Iterable<PlainKey>, options?: GetManyOptions): Promise<(T | undefined)[]>;
  getMany<const K extends readonly unknown[]>(
    keys: K,
    options?: GetManyOptions,
  ): Promise<{ -readonly [I in keyof K]: Found<K[I]> }>;
  getMany(keys: Iterable<unknown>, options?: GetManyOptions): Promise<unknown> {
    return this.#refused('read atoms of') ?? getMany(this.#cells, keys, options);
  }

  /**
   * Writes many atoms, each as `reset` would: under a condition, with evidence, through the atom's own queue. Takes pairs of a key or
   * handle and a value, as an array, a `Map` or `Object.entries(…)` are. Of a key that is named twice the last value counts.
   *
   * Values that can't be stored, and keys that can't be keys, are refused before anything is sent. After that each key has an
   * outcome of its own: there is no transaction around them.
   *
   * If the process dies, each has happened or not. BatchWriteItem is not used: it has no conditions, so it would overwrite what others
   * wrote meanwhile, and nothing could tell what became of a lost answer.
   *
   * @cost 1 request and 1 write unit per KB for each; 1 batch read per 100 atoms that this process does not know, 1 read unit
   * per 4 KB of each of their items; nothing is written where the value is stored already.
   * @iam dynamodb:PutItem, dynamodb:BatchGetItem, dynamodb:GetItem
   * @throws {BatchError} `ERR_BATCH` with the outcome of each key, unless all are done.
   */
  putMany(entries: Iterable<readonly [key: PlainKey, value: unknown]>, options?: PutManyOptions): Promise<void>;
  putMany<const E extends readonly (readonly [unknown, unknown])[]>(
    entries: E & { readonly [I in keyof E]: PutEntry<E[I]> },
    options?: PutManyOptions,
  ): Promise<void>;
  putMany<T, V>(entries: Iterable<readonly [atom: ItemAtom<T, V>, value: T]>, options?: PutManyOptions): Promise<void>;
  putMany(entries: Iterable<readonly [unknown, unknown]>, options?: PutManyOptions): Promise<void> {
    return this.#refused('write atoms of') ?? putMany(this.#cells, entries, options);
  }

  /**
   * Deletes many atoms, each as `delete` would; answers for each in its order whether there was a value. Takes keys and handles.
   *
   * @cost As {@link AtomTable.putMany}; nothing is written where there is no value.
   * @iam dynamodb:PutItem, dynamodb:BatchGetItem, dynamodb:GetItem
   * @throws {BatchError} `ERR_BATCH` with the outcome of each key, unless all are done.
   */
  deleteMany(keys: Iterable<unknown>, options?: DeleteManyOptions): Promise<boolean[]> {
    return this.#refused('delete atoms of') ?? deleteMany(this.#cells, keys, options);
  }

  /**
   * Several atoms, all or nothing: runs `f` on them, and commits what it has made of them in one step. Returns what `f` returned.
   *
   * Serializable: the states that `f` saw were all there at the instant of the commit, those of atoms that it only read included; an
   * atom that was written by somebody else meanwhile makes `f` run again. So `f` may run several times, should do nothing else than
   * compute, and may see, in a run that is thrown away, states that were never there together. What it throws reaches you
   * unchanged, once the states that it saw were confirmed, and nothing is written.
   *
   * With one atom it is a plain conditional write. If the process dies, all of it has happened or nothing. If the answer is lost, it is
   * settled by evidence in the items before you are answered; meanwhile, and after a call that ended as `unknown`, other writes of
   * this process to these atoms wait.
   *
   * @consistency Serializable, in one Region.
   * @cost Warm: 1 request, 2 write units per KB of each atom that is written, 2 per KB of each that was only read. Cold: 1 read more for each
   * atom. A lost race costs 1 request. A transaction that only reads: 1 request, 2 read units per 4 KB. Of one atom: as `swap`.
   * @iam dynamodb:PutItem, dynamodb:GetItem, dynamodb:ConditionCheckItem
   * @throws {TransactionTooLargeError} `ERR_TRANSACTION_TOO_LARGE` beyond 100 atoms or 4 MB, {@link EngineLacksTransactionsError}
   * `ERR_ENGINE_LACKS_TRANSACTIONS` for more than one atom on such a store, {@link ContentionError} `ERR_CONTENTION`,
   * {@link DeadlineError} `ERR_DEADLINE`, {@link UnknownOutcomeError} `ERR_UNKNOWN_OUTCOME`, {@link TransactionRefusedError}
   * `ERR_TRANSACTION_REFUSED`, {@link ReentrantError} `ERR_REENTRANT`, {@link OpIdReusedError} `ERR_OP_ID_REUSED`; TypeError for an atom
   * of another table.
   *
   * @example
   * ```ts
   * import { AtomTable } from 'leyden-jar';
   * import { MemoryEngine } from 'leyden-jar/engine';
   *
   * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
   * await table.create();
   * const from = table.atom<number>('from', { initial: 10 });
   * const to = table.atom<number>('to', { initial: 0 });
   * await table.transact(async (tx) => {
   *   const amount = await tx.deref(from);
   *   tx.reset(from, 0);
   *   tx.swap(to, (n) => n + amount); // need not be awaited
   * });
   * console.log(await from.deref(), await to.deref()); // => 0 10
   * ```
   */
  transact<R>(f: (tx: Transaction) => R | Promise<R>, options: TransactOptions = {}): Promise<R> {
    return this.#transactor.transact(f, options);
  }

  /**
   * Creates the table (on-demand by default) with time to live on, and waits until it is active.
   *
   * @iam dynamodb:CreateTable, DescribeTable, UpdateTimeToLive
   * @throws {TableError} `ERR_TABLE` when it exists already.
   */
  create(options: CreateOptions = {}): Promise<TableReport> {
    return this.#refused('create') ?? this.#setup.create(options);
  }

  /**
   * Creates the table, or accepts one that is there and right.
   *
   * @throws {TableError} `ERR_TABLE` when its keys differ, or when it is a last-writer-wins global table.
   */
  ensure(options: CreateOptions & VerifyOptions = {}): Promise<TableReport> {
    return this.#refused('ensure') ?? this.#setup.ensure(options);
  }

  /**
   * Looks whether the table is there and right. Nothing else calls DescribeTable: application roles often may not.
   *
   * @throws {TableError} `ERR_TABLE`
   */
  verify(options: VerifyOptions = {}): Promise<TableReport> {
    return this.#refused('verify') ?? this.#setup.verify(options);
  }

  /**
   * The keys of all atoms that have a value, in no order. Reads nothing before the loop asks, and at most one page ahead of it.
   *
   * An atom that is created or deleted meanwhile may be among them or not; each other one is, once.
   *
   * @consistency By default with every write that was acknowledged before the page was read; a walk is no snapshot.
   * @cost 1 request per 1 MB of the table, 1 read unit per 4 KB of all items, half of it when `eventual`; with `pk`, of that partition
   * alone. What a prefix leaves out is paid for in a scan, and not in a partition.
   * @iam dynamodb:Scan; dynamodb:Query with `pk`
   * @throws {DecodeError} `ERR_DECODE` for a key that is none of ours, {@link DeadlineError} `ERR_DEADLINE`
   *
   * @example
   * ```ts
   * import { AtomTable } from 'leyden-jar';
   * import { MemoryEngine } from 'leyden-jar/engine';
   *
   * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
   * await table.create();
   * await table.putMany([['job-1', 'open'], ['job-2', 'done'], ['flags', {}]]);
   * const found: unknown[] = [];
   * for await (const key of table.keys({ prefix: 'job-' })) found.push(key);
   * console.log(found.sort()); // => [ 'job-1', 'job-2' ]
   * ```
   */
  keys(options: KeysOptions = {}): Walk<unknown> {
    this.#assertOpen('list keys of');
    return keysOf(this.#cells, options);
  }

  /**
   * All atoms that have a value, with key, value and version, in no order; otherwise as {@link AtomTable.keys}.
   *
   * Atoms of which a handle is held are read as that handle reads, and it remembers what is newer. Items that are no atoms are passed
   * over, and so are items of other layouts that were not taken over yet.
   *
   * @cost As {@link AtomTable.keys}.
   * @iam dynamodb:Scan; dynamodb:Query with `pk`
   * @throws {DecodeError} `ERR_DECODE`, {@link InvalidValueError} `ERR_INVALID_VALUE` unless `onUndecodable` is `skip`,
   * {@link DeadlineError} `ERR_DEADLINE`
   */
  scan<T = unknown>(options: ScanOptions = {}): Walk<AtomEntry<T>> {
    this.#assertOpen('scan');
    return scanOf<T>(this.#cells, options);
  }

  /**
   * The atoms that a secondary index finds, in the order of its sort attribute. The attributes are those of the option `index` of the
   * atoms; the condition names them.
   *
   * @consistency An index lags behind: what was written a moment ago may be missing, and what is found may be older than the call. With
   * `fresh` what is found is read strongly, and dropped if the condition no longer holds.
   * @cost 1 request per 1 MB of what is found, half a read unit per 4 KB; with `fresh` 1 batch read per 100 more, 1 read unit per
   * 4 KB of each.
   * @iam dynamodb:Query on the index; dynamodb:BatchGetItem with `fresh`
   * @throws {DecodeError} `ERR_DECODE` unless `onUndecodable` is `skip`, {@link DeadlineError} `ERR_DEADLINE`
   *
   * @example
   * ```ts
   * import { AtomTable } from 'leyden-jar';
   * import { MemoryEngine } from 'leyden-jar/engine';
   *
   * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
   * await table.create({ indexes: [{ name: 'by-status', partitionKey: { name: 'status', type: 'S' } }] });
   * interface Job {
   *   readonly status: 'open' | 'done';
   * }
   * const index = { status: (job: Job) => job.status };
   * await table.atom<Job>('a', { index }).reset({ status: 'open' });
   * await table.atom<Job>('b', { index }).reset({ status: 'done' });
   * for await (const { key, value } of table.query<Job>('by-status', { partition: { status: 'open' } })) {
   *   console.log(key, value.status); // => a open
   * }
   * ```
   */
  query<T = unknown>(index: string, options: QueryOptions): Walk<AtomEntry<T>> {
    this.#assertOpen('query');
    return queryOf<T>(this.#cells, index, options);
  }

  /**
   * Removes tombstones whose hour is over, values that expired an hour ago, and parts of large values that were replaced an hour ago,
   * for tables without time to live. Each is removed under the condition that nobody has written it since. Resolves with how many were
   * removed.
   *
   * If the process dies, or an answer is lost, the next sweep finds what is left.
   *
   * @cost Reads the whole table; 1 request and 1 write unit per KB for each item removed.
   * @iam dynamodb:Scan, dynamodb:DeleteItem
   * @throws {DeadlineError} `ERR_DEADLINE` when a page could not be read.
   */
  sweep(options: SweepOptions = {}): Promise<number> {
    return this.#refused('sweep') ?? this.#ground.life.during(() => sweep(this.#cells, options));
  }

  /**
   * Removes parts of large values that no item names: of writers that died before their item was written, or before they had marked
   * the parts that it replaced; of writes whose outcome nobody knows. Resolves with what was done.
   *
   * An item whose writer may only be asleep is first moved on by a write that changes nothing but its version, so that the sleeper's
   * write fails whenever it wakes. If the process dies in between, the next sweep goes on. Call it now and then, a day apart or a week:
   * parts that were replaced in the usual way need no sweep, they are marked, and the time to live of the table (or `sweep`) removes
   * them.
   *
   * @cost Reads the whole table, parts included; for each atom with such parts 1 read, at most 1 write of its item, and 1 request and
   * 1 write unit per KB for each part removed.
   * @iam dynamodb:Scan, dynamodb:GetItem, dynamodb:PutItem, dynamodb:DeleteItem
   * @throws {DeadlineError} `ERR_DEADLINE` when a page could not be read. What concerns one atom is in `skipped`.
   *
   * @example
   * ```ts
   * import { AtomTable } from 'leyden-jar';
   * import { MemoryEngine } from 'leyden-jar/engine';
   *
   * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
   * await table.create();
   * console.log(await table.sweepParts()); // => { removed: 0, kept: 0, moved: 0, skipped: [] }
   * ```
   */
  sweepParts(options: SweepPartsOptions = {}): Promise<PartsSwept> {
    return this.#refused('sweep') ?? this.#ground.life.during(() => sweepParts(this.#cells, options));
  }

  /**
   * Waits until nothing is under way in this table: no call that writes, no lost answer that is still being settled, no look of a
   * watch; then resolves with `true`, or with `false` when `timeoutMs` comes first. For the end of an invocation on AWS Lambda,
   * which freezes the process with whatever is on its way.
   *
   * It ends nothing: watches look again after their interval, and calls go on being taken. Calls that only read are not waited for.
   *
   * @cost Nothing.
   * @throws RangeError for what is no time-out; `signal.reason`.
   *
   * @example
   * ```ts
   * import { AtomTable } from 'leyden-jar';
   * import { MemoryEngine } from 'leyden-jar/engine';
   *
   * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
   * await table.create();
   * const handler = async () => {
   *   await table.atom<number>('n', { initial: 0 }).swap((n) => n + 1);
   *   return { settled: await table.settled({ timeoutMs: 2_000 }) };
   * };
   * console.log(await handler()); // => { settled: true }
   * ```
   */
  settled(options: SettledOptions = {}): Promise<boolean> {
    return this.#ground.life.idle(true, options);
  }

  /**
   * Closes the table: ends its watches (their loops end, `waitFor` rejects), refuses every later call with `ERR_CLOSED`, and waits until
   * the writes that are under way are settled. Resolves with whether they were within `timeoutMs`; those that were not go on until
   * their own deadlines, and their callers learn what became of them. Closing again is the same as the first time.
   *
   * Nothing is left behind: no timer, no watch. Your client is yours: destroy it after this.
   *
   * Journals, snapshots and prevalent systems on this table belong to whoever opened them, and work on until they are closed
   * themselves. So close from the top down: systems, then the table, then the client; `await using` in the order of making does that.
   *
   * @cost Nothing beyond what is under way.
   * @throws RangeError for what is no time-out.
   */
  close(options: CloseOptions = {}): Promise<boolean> {
    if (this.#closing !== undefined) return this.#closing;
    this.#closing = this.#ground.life.idle(false, options);
    this.#ground.life.end();
    this.#watches.close();
    return this.#closing;
  }

  /** As {@link AtomTable.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The items of this table that are written once, beside its atoms. Sends nothing. */
  writeOnce(): WriteOnceItems {
    this.#assertOpen('open items of');
    return new WriteOnceItems(this.#ground, this.#retry, (key) => this.#cells.keyOf(this.keyNamed(key)).item);
  }

  /**
   * @internal The same, with all that is stored sealed; without a codec, what was only compressed is read all the same.
   */
  sealedOnce(codec: SealingCodec | undefined): WriteOnceItems {
    this.#assertOpen('open items of');
    const itemKeyOf = (key: string) => this.#cells.keyOf(this.keyNamed(key)).item;
    return new SealedOnceItems(this.#ground, this.#retry, itemKeyOf, codec);
  }

  /** The key of the item that is named `name` alone: in a table with a sort key, that one is `#`. */
  keyNamed(name: string): string | CompositeKey {
    return this.#ground.keyNames.length === 1 ? name : { pk: name, sk: '#' };
  }

  /** Whether the codec of this table encrypts: its atoms, and the prevalent systems in it. */
  get encrypts(): boolean {
    return this.encryption !== undefined;
  }

  /** @internal The codec of this table, if it encrypts. */
  get encryption(): SealingCodec | undefined {
    const codec = this.#codec;
    return codec !== undefined && isSealing(codec) && codec.encrypts === true ? codec : undefined;
  }

  /** @internal The table's name, also where its ARN was given: what is encrypted is bound to it. */
  get nameBound(): string {
    return nameOf(this.#ground.tableName());
  }

  /** The table's name, or its ARN, as it was given. */
  get tableName(): string {
    return this.#ground.tableName();
  }

  /** @internal What the table is; `undefined` where it does not exist. */
  describe(): Promise<TableDescription | undefined> {
    return this.#ground.engine.describeTable(this.#ground.tableName());
  }

  /** The clock and the source of randomness that this table works with. */
  get sources(): {
    readonly clock: Clock;
    readonly random: Random;
    readonly randomBytes: (count: number) => Uint8Array;
  } {
    const { clock, random, randomBytes } = this.#ground;
    return { clock, random, randomBytes };
  }

  /**
   * @internal An atom for a part of this library that is closed by itself: it works on when the table is closed.
   */
  atomOf<T>(key: unknown, options: AtomOptions<T> & { readonly initial: T }): ItemAtom<T, T>;
  atomOf<T>(key: unknown, options?: AtomOptions<T>): ItemAtom<T>;
  atomOf<T>(key: unknown, options: AtomOptions<T> = {}): ItemAtom<T, T | undefined> {
    const atom = this.atom<T>(key, options);
    ItemAtom.cellOf(atom).lane.outlives = true;
    return atom;
  }

  /**
   * @internal Reads images of atoms from the table's stream; with `options`, as a handle with those would, else as whoever has opened
   * the atom.
   */
  images<T>(selection: KeySelection = {}, options?: AtomOptions<T>): AtomImages {
    const given = options as unknown as AtomOptions<never> | undefined;
    return new AtomImages(this.#cells, this.#cells.readingRules(given), selection);
  }

  /**
   * @internal Atoms whose keys are names that begin so, for parts of this library that keep atoms under names of their own: see
   * {@link AtomTable.keyNamed}. Costs as {@link AtomTable.scan}: the whole table is read.
   */
  scanNamed<T>(prefix: string, options: NamedScan<T> = {}): Walk<NamedEntry<T>> {
    this.#assertOpen('scan');
    const rulesOf = this.#cells.readingRules((options.atom ?? {}) as unknown as AtomOptions<never>);
    return scanNamed<T>(this.#cells, rulesOf, prefix, options);
  }

  /** @internal One atom as it is now, as a scan would tell of it. */
  standing<T>(key: unknown): Promise<Standing<T>> {
    return this.#refused('read an atom of') ?? standingOf<T>(this.#cells, key);
  }

  #assertOpen(action: string): void {
    const refusal = this.#ground.life.refusal(action, `table ${this.#ground.events.table}`);
    if (refusal !== undefined) throw refusal;
  }

  #refused(action: string): Promise<never> | undefined {
    const refusal = this.#ground.life.refusal(action, `table ${this.#ground.events.table}`);
    return refusal && Promise.reject(refusal);
  }
}
