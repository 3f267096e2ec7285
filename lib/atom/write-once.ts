/**
 * Items beside the atoms that are written once: pages and bodies of journals, parts of snapshots.
 *
 * A key names one content for ever. So a copy of a put that comes late can do no harm but to bring a deleted item back, and a
 * put of unclear outcome is simply sent again. The one exception is {@link WriteOnceItems.putIfAbsent}, for keys for which
 * several writers have different contents: there the first one counts, and who is not sure reads.
 *
 *   key | data (B)
 *
 * They carry no lineage, so an atom that is opened over one refuses it as foreign.
 */
import { type Item, itemBytes } from '../codec/index.js';
import { batchGetKeysMax, itemBytesMax, type WriteAnswer } from '../engine/index.js';
import { DeadlineError, ItemTooLargeError } from './errors.js';
import type { Ground, Retry } from './ground.js';
import { Again, refusalOf, Sender } from './sender.js';

/** Options of each call of {@link WriteOnceItems}. */
export interface WriteOnceOptions {
  /** Stops trying. What was sent may still arrive. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of reads of {@link WriteOnceItems}. */
export interface ReadOnceOptions extends WriteOnceOptions {
  /**
   * `eventual` costs half, and may not see yet what was stored a moment ago; what it sees is right.
   * @defaultValue 'strong'
   */
  readonly consistency?: 'strong' | 'eventual' | undefined;
}

/** What became of {@link WriteOnceItems.putIfAbsent}. */
export type PutIfAbsentAnswer =
  /** This very content stands there. */
  | 'stored'
  /** Something stood there before. */
  | 'exists'
  /** It may stand there, or come to: read to know. */
  | 'unanswered';

/**
 * Items that are written once. One for each `AtomTable`: {@link AtomTable.writeOnce}.
 *
 * @iam dynamodb:PutItem, dynamodb:GetItem, dynamodb:BatchGetItem, dynamodb:DeleteItem
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * const items = table.writeOnce();
 * console.log(await items.putIfAbsent('page/0', new Uint8Array([1]))); // stored
 * console.log(await items.putIfAbsent('page/0', new Uint8Array([2]))); // exists
 * ```
 */
export class WriteOnceItems {
  readonly #ground: Ground;
  readonly #retry: Retry;
  readonly #sender: Sender;
  readonly #itemKeyOf: (key: string) => Item;

  /** @internal Made by `AtomTable.writeOnce`. */
  constructor(ground: Ground, retry: Retry, itemKeyOf: (key: string) => Item) {
    this.#ground = ground;
    this.#retry = retry;
    this.#sender = new Sender(ground, retry);
    this.#itemKeyOf = itemKeyOf;
  }

  /** Bytes that a content under `key` may have at most. */
  bytesMax(key: string): number {
    return itemBytesMax - itemBytes(this.#itemOf(key, new Uint8Array()));
  }

  /**
   * Stores `bytes` unless something stands there.
   *
   * `stored` proves that this content stands there; `exists` that something stood there before this call. Anything else is
   * `unanswered`, at once: who wants to know reads.
   *
   * @cost 1 request, 1 write unit per KB, also when something stood there.
   * @throws {ItemTooLargeError} `ERR_ITEM_TOO_LARGE`, {@link DeadlineError} `ERR_DEADLINE`: nothing was written.
   */
  putIfAbsent(key: string, bytes: Uint8Array, options: WriteOnceOptions = {}): Promise<PutIfAbsentAnswer> {
    const item = this.#itemOf(key, bytes);
    const [keyName] = this.#ground.keyNames as [string];
    const condition = { expression: 'attribute_not_exists(#k)', names: { '#k': keyName } };
    return this.#persist('store', key, options, async () => {
      const answer = await this.#sender.tryWrite((signal) =>
        this.#ground.engine.put({ table: this.#ground.tableName(), item, condition }, { signal }),
      );
      if (answer === undefined || answer.status === 'unclear') return 'unanswered';
      if (answer.status === 'applied') return 'stored';
      if (answer.status === 'condition-failed') return answer.resent ? 'unanswered' : 'exists';
      throw refusalOf(answer);
    });
  }

  /**
   * Stores `bytes`; resolves when they stand there for certain. Nobody may ever put another content under `key`.
   *
   * @cost 1 request, 1 write unit per KB; again for each answer that was lost.
   * @throws {ItemTooLargeError} `ERR_ITEM_TOO_LARGE`; {@link DeadlineError} `ERR_DEADLINE`: it may or may not be there.
   */
  put(key: string, bytes: Uint8Array, options: WriteOnceOptions = {}): Promise<void> {
    const item = this.#itemOf(key, bytes);
    return this.#write('store', key, options, (table, signal) => this.#ground.engine.put({ table, item }, { signal }));
  }

  /**
   * Removes what stands under `key`, if anything; resolves when it is gone for certain.
   *
   * @cost 1 request, 1 write unit per KB of what stood there.
   */
  delete(key: string, options: WriteOnceOptions = {}): Promise<void> {
    const item = this.#itemKeyOf(key);
    return this.#write('remove', key, options, (table, signal) =>
      this.#ground.engine.delete({ table, key: item }, { signal }),
    );
  }

  /**
   * Reads what stands under `key`.
   *
   * @consistency Strong.
   * @cost 1 request, 1 read unit per 4 KB.
   * @throws {DeadlineError} `ERR_DEADLINE`
   */
  async get(key: string, options: WriteOnceOptions = {}): Promise<Uint8Array | undefined> {
    const { engine, tableName } = this.#ground;
    const item = await this.#read(key, options, (signal) =>
      engine.get({ table: tableName(), key: this.#itemKeyOf(key), consistent: true }, { signal }),
    );
    return item && this.#bytesOf(item);
  }

  /**
   * Reads many at once; those that are missing are missing in the answer.
   *
   * @consistency Strong for each of them unless asked otherwise; they are not read at one instant.
   * @cost 1 request per 100 keys or 16 MB; 1 read unit per 4 KB of each item, half of it when `eventual`.
   * @throws {DeadlineError} `ERR_DEADLINE`
   */
  async getMany(keys: readonly string[], options: ReadOnceOptions = {}): Promise<Map<string, Uint8Array>> {
    const found = new Map<string, Uint8Array>();
    const [keyName] = this.#ground.keyNames as [string];
    const textOf = new Map(keys.map((key) => [(this.#itemKeyOf(key)[keyName] as { S: string }).S, key]));
    let wanted = [...textOf.values()].map((key) => this.#itemKeyOf(key));
    while (wanted.length > 0) {
      const batch = wanted.slice(0, batchGetKeysMax);
      const { items, unprocessed } = await this.#getBatch(keys[0] as string, batch, options);
      for (const item of items)
        found.set(textOf.get((item[keyName] as { S: string }).S) as string, this.#bytesOf(item));
      wanted = [...unprocessed, ...wanted.slice(batchGetKeysMax)];
    }
    return found;
  }

  /** One batch; asks again, with a pause, when nothing of it was processed. */
  #getBatch(first: string, keys: readonly Item[], options: ReadOnceOptions) {
    const { engine, tableName } = this.#ground;
    const consistent = options.consistency !== 'eventual';
    return this.#read(first, options, async (signal) => {
      const answer = await engine.batchGet({ table: tableName(), keys, consistent }, { signal });
      if (answer.unprocessed.length < keys.length) return answer;
      throw new Again('throttled', new Error('the store processed none of the keys'));
    });
  }

  /** A read, given up when the caller's signal aborts, after the attempt under way. */
  #read<T extends object | undefined>(
    key: string,
    options: WriteOnceOptions,
    send: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return this.#persist('read', key, options, () => this.#sender.tryRead(send));
  }

  /** A write that is the same however often it is done. */
  #write(
    action: string,
    key: string,
    options: WriteOnceOptions,
    send: (table: string, signal: AbortSignal) => Promise<WriteAnswer>,
  ): Promise<void> {
    return this.#persist(action, key, options, async () => {
      const answer = await this.#sender.tryWrite((signal) => send(this.#ground.tableName(), signal));
      if (answer?.status === 'applied') return;
      if (answer?.status === 'not-applied') throw refusalOf(answer);
      throw new Again('brief', answer?.status === 'unclear' ? answer.error : undefined);
    });
  }

  async #persist<T>(action: string, key: string, { signal }: WriteOnceOptions, body: () => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    let attempts = 0;
    try {
      return await this.#sender.persist(key, { ...(signal && { signal }), deadlineAt: this.#deadline() }, () => {
        attempts += 1;
        return body();
      });
    } catch (error) {
      if (!(error instanceof Again)) throw error;
      signal?.throwIfAborted();
      throw new DeadlineError(action, { key, attempts, conflicts: 0 }, this.#retry.timeoutMs, error.cause);
    }
  }

  #deadline(): number {
    return this.#ground.clock.monotonicMs() + this.#retry.timeoutMs;
  }

  #itemOf(key: string, bytes: Uint8Array): Item {
    const item = { ...this.#itemKeyOf(key), [this.#ground.names.data]: { B: bytes } };
    const size = itemBytes(item);
    if (size > itemBytesMax) throw new ItemTooLargeError(key, size, itemBytesMax);
    return item;
  }

  #bytesOf(item: Item): Uint8Array {
    const data = item[this.#ground.names.data];
    // What is not ours is no content of ours; who reads it finds it damaged.
    return data !== undefined && 'B' in data ? data.B : new Uint8Array();
  }
}
