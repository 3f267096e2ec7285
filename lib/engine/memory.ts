/**
 * An engine in the memory of this process: the service's behaviour, limits and prices without a service.
 *
 * Each request is judged in one synchronous step against the one state that is there, so the engine is linearizable by
 * construction; `latency` only moves that step and the answer in time. It never loses or doubles anything (that is
 * `faults.ts`), never throttles, never expires an item by itself, and draws its randomness from `seed` alone, so that a
 * run on a virtual clock is the same run each time.
 *
 * What the service leaves open is decided here: the order of a scan, and index entries being there at once.
 */
import { type Item, itemBytes, readUnits } from '../codec/index.js';
import { type Clock, systemClock } from './clock.js';
import * as limits from './limits.js';
import { serviceError, validationError } from './memory-error.js';
import { historyMax, type MemoryEngineOptions, type MemoryLimits, memoryLimits } from './memory-options.js';
import { type Page, queryPage, scanPage } from './memory-page.js';
import { judge, type Plan, plan, type Verdict } from './memory-plan.js';
import { type Address, MemoryTable } from './memory-table.js';
import { describeMemoryTable, refuseTable } from './memory-tables.js';
import { Transactions } from './memory-transaction.js';
import { attributeOf, equalItems, handOut, takeIn } from './memory-value.js';
import { Meter } from './meter.js';
import type * as port from './port.js';
import { type Random, seededRandom } from './random.js';

export type { Commit, MemoryEngineOptions, MemoryLimits } from './memory-options.js';

/**
 * The engine in memory.
 *
 * @example
 * ```ts
 * import { MemoryEngine } from 'leyden-jar/engine';
 * const engine = new MemoryEngine();
 * await engine.createTable({ table: 'jars', partitionKey: { name: 'pk', type: 'S' }, billing: { mode: 'on-demand' } });
 * await engine.put({ table: 'jars', item: { pk: { S: 'a' }, n: { N: '1' } } });
 * console.log(await engine.get({ table: 'jars', key: { pk: { S: 'a' } }, consistent: true })); // { pk: { S: 'a' }, n: { N: '1' } }
 * ```
 */
export class MemoryEngine implements port.Engine {
  readonly name: string = 'memory';
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #options: MemoryEngineOptions;
  readonly #limits: MemoryLimits;
  readonly #tables = new Map<string, MemoryTable>();
  readonly #transactions: Transactions;
  readonly #meter = new Meter();

  constructor(options: MemoryEngineOptions = {}) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = seededRandom(options.seed ?? 0);
    this.#limits = { ...memoryLimits, ...options.limits };
    this.#transactions = new Transactions(this.#clock, this.#limits);
  }

  spent(): port.Spent {
    return this.#meter.read();
  }

  async supportsTransactions(): Promise<boolean> {
    return this.#options.transactions !== false;
  }

  get({ table, key, consistent }: port.GetRequest, options?: port.SendOptions): Promise<Item | undefined> {
    return this.#read(options, () => this.#look(this.#address(table, key), consistent, 1));
  }

  batchGet(
    { table, keys, consistent }: port.BatchGetRequest,
    options?: port.SendOptions,
  ): Promise<port.BatchGetAnswer> {
    return this.#read(options, () => {
      refuseCount('keys', keys.length, limits.batchGetKeysMax);
      const addresses = keys.map((key) => this.#address(table, key));
      refuseTwice(addresses);
      let bytes = 0;
      const [items, unprocessed]: [Item[], Item[]] = [[], []];
      for (const address of addresses) {
        if (bytes >= this.#limits.batchGetBytesMax) {
          unprocessed.push(handOut(address.key));
          continue;
        }
        const item = this.#look(address, consistent, 1);
        if (item === undefined) continue;
        bytes += itemBytes(item);
        items.push(item);
      }
      return { items, unprocessed };
    });
  }

  put(request: port.PutRequest, options?: port.SendOptions): Promise<port.WriteAnswer> {
    return this.#write(options, () => this.#single({ kind: 'put', ...request }));
  }

  update(request: port.UpdateRequest, options?: port.SendOptions): Promise<port.WriteAnswer> {
    return this.#write(options, () => this.#single({ kind: 'update', ...request }));
  }

  delete(request: port.DeleteRequest, options?: port.SendOptions): Promise<port.WriteAnswer> {
    return this.#write(options, () => this.#single({ kind: 'delete', ...request }));
  }

  batchWrite(request: port.BatchWriteRequest, options?: port.SendOptions): Promise<port.BatchWriteAnswer> {
    return this.#write(options, () => {
      const { table, puts = [], deletes = [] } = request;
      refuseCount('writes', puts.length + deletes.length, limits.batchWriteItemsMax);
      const found = this.#table(table);
      const plans = [
        ...puts.map((item) => plan({ kind: 'put', table, item }, found)),
        ...deletes.map((key) => plan({ kind: 'delete', table, key }, found)),
      ];
      refuseTwice(plans.map((one) => one.address));
      for (const planned of plans) {
        const verdict = judge(planned);
        this.#meter.units(0, verdict.units);
        this.#commit(planned, verdict);
      }
      return { status: 'applied', unprocessedPuts: [], unprocessedDeletes: [] } as const;
    });
  }

  query(request: port.QueryRequest, options?: port.SendOptions): Promise<port.PageAnswer> {
    return this.#read(options, () => {
      const page = queryPage(this.#table(request.table), request, this.#limits.pageBytesMax);
      return this.#paid(page, request.consistent);
    });
  }

  scan(request: port.ScanRequest, options?: port.SendOptions): Promise<port.PageAnswer> {
    return this.#read(options, () => {
      const page = scanPage(this.#table(request.table), request, this.#limits.pageBytesMax);
      return this.#paid(page, request.consistent);
    });
  }

  transactWrite(request: port.TransactWriteRequest, options?: port.SendOptions): Promise<port.TransactWriteAnswer> {
    return this.#write(options, () => {
      this.#expectTransactions();
      const { status, plans, verdicts, reasons } = this.#transactions.write(
        request,
        (name) => this.#table(name),
        (planned, verdict) => this.#commit(planned, verdict),
      );
      if (status === 'replayed') {
        // An answer from memory costs the reading of what was written.
        for (const { table, address } of plans)
          this.#meter.units(2 * readUnits(table.row(address)?.bytes ?? 0, true), 0);
        return { status: 'applied' } as const;
      }
      for (const [at, { units }] of verdicts.entries()) {
        if (reasons[at]?.code === 'ConditionalCheckFailed') this.#meter.conditionFailed(2 * units);
        else this.#meter.units(0, 2 * units);
      }
      if (status === 'applied') return { status } as const;
      const told = this.#options.images === false ? reasons.map(({ image: _, ...reason }) => reason) : reasons;
      return { status, reasons: told, resent: false } as const;
    });
  }

  transactGet({ gets }: port.TransactGetRequest, options?: port.SendOptions): Promise<readonly (Item | undefined)[]> {
    return this.#read(options, () => {
      this.#expectTransactions();
      refuseCount('gets', gets.length, this.#limits.transactionActionsMax);
      const addresses = gets.map(({ table, key }) => this.#address(table, key));
      if (new Set(addresses.map(({ table, id }) => `${table.definition.table}\u0000${id}`)).size < gets.length) {
        throw validationError('Transaction request cannot include multiple operations on one item');
      }
      return addresses.map((address) => this.#look(address, true, 2));
    });
  }

  describeTable(table: string, options?: port.SendOptions): Promise<port.TableDescription | undefined> {
    return this.#read(options, () => {
      const found = this.#tables.get(table);
      return found === undefined ? undefined : describeMemoryTable(found.definition);
    });
  }

  createTable(request: port.CreateTableRequest, options?: port.SendOptions): Promise<void> {
    return this.#read(options, () => {
      refuseTable(request);
      const { table } = request;
      if (this.#tables.has(table)) throw serviceError('ResourceInUseException', `Table already exists: ${table}`);
      const history = this.#options.staleness === undefined ? 0 : historyMax;
      this.#tables.set(table, new MemoryTable(structuredClone(request), this.#limits.itemBytesMax, history));
    });
  }

  deleteTable(table: string, options?: port.SendOptions): Promise<void> {
    return this.#read(options, () => {
      this.#table(table);
      this.#tables.delete(table);
    });
  }

  describeTimeToLive(table: string, options?: port.SendOptions): Promise<port.TimeToLiveDescription> {
    return this.#read(options, () => {
      const attribute = this.#table(table).timeToLive;
      return { enabled: attribute !== undefined, attribute };
    });
  }

  updateTimeToLive(table: string, attribute: string, options?: port.SendOptions): Promise<void> {
    return this.#read(options, () => {
      const found = this.#table(table);
      if (found.timeToLive !== undefined) throw validationError('TimeToLive is already enabled');
      found.timeToLive = attribute;
    });
  }

  /** Deletes what is past its time to live, as the service does sooner or later; tells how many items went. */
  expire(): number {
    const nowSeconds = this.#clock.now() / 1_000;
    let expired = 0;
    for (const table of this.#tables.values()) {
      const { timeToLive } = table;
      if (timeToLive === undefined) continue;
      for (const row of [...table.rows()]) {
        const value = attributeOf(row.image, timeToLive);
        // Times more than five years back are taken for something else.
        const age = value !== undefined && 'N' in value ? nowSeconds - Number(value.N) : -1;
        if (age < 0 || age > 5 * 365 * 86_400) continue;
        this.#change(table, table.address(row.key, false), row.image, undefined, true);
        expired += 1;
      }
    }
    return expired;
  }

  #table(name: string): MemoryTable {
    const table = this.#tables.get(name);
    if (table !== undefined) return table;
    throw serviceError('ResourceNotFoundException', `Cannot do operations on a non-existent table: ${name}`);
  }

  #address(name: string, key: Item): Address & { readonly table: MemoryTable } {
    const table = this.#table(name);
    return { ...table.address(takeIn(key), false), table };
  }

  #look(address: Address & { readonly table: MemoryTable }, consistent: boolean, factor: number): Item | undefined {
    const { staleness } = this.#options;
    let image: Item | undefined;
    if (consistent || staleness === undefined) image = address.table.row(address)?.image;
    else {
      const images = address.table.images(address);
      image = images[Math.min(Math.max(0, Math.floor(staleness(this.#random))), images.length - 1)];
    }
    this.#meter.units(factor * readUnits(image === undefined ? 0 : itemBytes(image), consistent), 0);
    return handOut(image);
  }

  #paid({ bytes, ...page }: Page, consistent: boolean): port.PageAnswer {
    this.#meter.units(readUnits(bytes, consistent), 0);
    return page;
  }

  #single(action: port.TransactAction): port.WriteAnswer {
    const planned = plan(action, this.#table(action.table));
    const verdict = judge(planned);
    if (!verdict.holds) {
      this.#meter.conditionFailed(verdict.units);
      const image = this.#options.images === false ? undefined : handOut(verdict.before);
      return { status: 'condition-failed', image, resent: false };
    }
    this.#meter.units(0, verdict.units);
    this.#commit(planned, verdict);
    return { status: 'applied', image: action.kind === 'update' ? handOut(verdict.after) : undefined };
  }

  #commit({ kind, table, address }: Plan, { before, after }: Verdict): void {
    if (kind !== 'check') this.#change(table, address, before, after, false);
  }

  #change(
    table: MemoryTable,
    address: Address,
    before: Item | undefined,
    after: Item | undefined,
    expired: boolean,
  ): void {
    table.set(address, after);
    const { onCommit } = this.#options;
    if (onCommit === undefined || before === after) return;
    if (before !== undefined && after !== undefined && equalItems(before, after)) return;
    const { table: name } = table.definition;
    onCommit({ table: name, key: handOut(address.key), before: handOut(before), after: handOut(after), expired });
  }

  #expectTransactions(): void {
    if (this.#options.transactions === false) throw serviceError('UnknownOperationException', 'No transactions here');
  }

  /** Sends a request that changes no item. */
  async #read<Answer>(options: port.SendOptions | undefined, judged: () => Answer): Promise<Answer> {
    options?.signal?.throwIfAborted();
    this.#meter.sent();
    const legMs = (this.#options.latency?.() ?? 0) / 2;
    if (legMs > 0) await this.#clock.sleep(legMs, options);
    const answer = judged();
    if (legMs > 0) await this.#clock.sleep(legMs, options);
    return answer;
  }

  /** Sends a write: once it is under way it arrives, whether somebody still listens or not. */
  async #write<Answer>(
    options: port.SendOptions | undefined,
    judged: () => Answer,
  ): Promise<Answer | (port.WriteAnswer & { status: 'not-applied' | 'unclear' })> {
    const signal = options?.signal;
    if (signal?.aborted) return this.#unclear(signal.reason);
    this.#meter.sent();
    const legMs = (this.#options.latency?.() ?? 0) / 2;
    if (legMs === 0) return guarded(judged);
    const journey = this.#clock
      .sleep(legMs)
      .then(() => guarded(judged))
      .then((answer) => this.#clock.sleep(legMs).then(() => answer));
    if (signal === undefined) return journey;
    return new Promise((resolve, reject) => {
      const onAbort = () => resolve(this.#unclear(signal.reason));
      signal.addEventListener('abort', onAbort, { once: true });
      journey.finally(() => signal.removeEventListener('abort', onAbort)).then(resolve, reject);
    });
  }

  #unclear(reason: unknown): port.WriteAnswer & { status: 'unclear' } {
    this.#meter.unclear();
    const error = new Error('Request aborted', { cause: reason });
    error.name = 'AbortError';
    return { status: 'unclear', error };
  }
}

/** The service's own refusals become answers; anything else is a fault of the program and is thrown. */
function guarded<Answer>(judged: () => Answer): Answer | (port.WriteAnswer & { status: 'not-applied' }) {
  try {
    return judged();
  } catch (error) {
    if ((error as { $fault?: unknown } | undefined)?.$fault !== 'client') throw error;
    return { status: 'not-applied', kind: 'refused', error: error as Error };
  }
}

function refuseCount(what: string, count: number, max: number): void {
  if (count >= 1 && count <= max) return;
  throw validationError(
    count < 1
      ? `The list of ${what} is required and must contain at least one`
      : `Too many items requested: the list of ${what} has ${count}, at most ${max} are allowed`,
  );
}

function refuseTwice(addresses: readonly Address[]): void {
  if (new Set(addresses.map((one) => one.id)).size === addresses.length) return;
  throw validationError('Provided list of item keys contains duplicates');
}
