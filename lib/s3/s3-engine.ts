/**
 * The engine port over buckets, as far as S3 reaches: single items, each one object, under conditions.
 *
 *   put   what was seen last ─► does the condition hold on it? ─► PUT If-Match: its ETag ─► stored: applied
 *             ▲                      │ no                              │ 412, 404
 *             │                      ▼                                 ▼
 *             └── GET ◄─── unless it was looked at now ◄───────── judged again, on what stands there
 *
 * S3 compares ETags and nothing else, so a condition is judged here, and the PUT is conditional on the very object that it was
 * judged on. An ETag may come back with the same content: a condition is about nothing but the content, so that is no harm. What
 * is remembered is never trusted to say no: only a look is. `table` is the bucket.
 */
import type { Item } from '../codec/index.js';
import type * as port from '../engine/index.js';
import { equalItems, isTransient, judgeOf, type RefusalKind } from '../engine/index.js';
import type { Bucket } from './bucket.js';
import { ObjectDamagedError } from './errors.js';
import { contentOfItem, itemOfContent } from './item-content.js';
import { withOwnSignal } from './own-signal.js';
import { type Seen, SeenItems } from './seen-items.js';

/** Other writers that come between a look and the write after it, before the caller is told to try again with a pause. */
const putsMax = 4;
/** GETs at once, for one call. */
const getsMax = 16;

export class S3Engine implements port.Engine {
  readonly name: string = 's3';
  readonly #bucket: Bucket;
  readonly #keyName: string;
  readonly #isOnce: (key: string) => boolean;
  readonly #seen = new SeenItems();
  /** Fewer where not even these came in time. */
  #getsAtOnce = getsMax;

  /**
   * `keyName` is the attribute that names an item. `isOnce` tells which ones are written once: of these, what is damaged is given as an item
   * with nothing in it, as of a table.
   */
  constructor(bucket: Bucket, keyName: string, isOnce: (key: string) => boolean = () => false) {
    this.#bucket = bucket;
    this.#keyName = keyName;
    this.#isOnce = isOnce;
  }

  spent(): port.Spent {
    return this.#bucket.spent();
  }

  async supportsTransactions(): Promise<boolean> {
    return false;
  }

  /** Always consistent: S3 knows nothing else. */
  async get({ key }: port.GetRequest, options?: port.SendOptions): Promise<Item | undefined> {
    const text = this.#keyOf(key);
    try {
      return (await this.#look(text, options))?.item;
    } catch (error) {
      const isSpoiled = error instanceof ObjectDamagedError && error.reason !== 'newer-format';
      if (!isSpoiled || !this.#isOnce(text)) throw error;
      // Whoever reads it knows what it must be, whether it is wanted at all, and what there is in its stead.
      return { [this.#keyName]: { S: text } };
    }
  }

  /** What came before whoever asks gave up, on a slow line, is not asked for again. */
  async batchGet(request: port.BatchGetRequest, options?: port.SendOptions): Promise<port.BatchGetAnswer> {
    const { keys } = request;
    const [items, unprocessed]: [Item[], Item[]] = [[], []];
    let obstacle: unknown;
    let at = 0;
    while (at < keys.length && unprocessed.length === 0) {
      const some = keys.slice(at, at + this.#getsAtOnce);
      at += some.length;
      const answers = await Promise.allSettled(
        some.map((key) => withOwnSignal(options, (own) => this.get({ ...request, key }, own))),
      );
      for (const [index, answer] of answers.entries()) {
        if (answer.status === 'fulfilled') {
          if (answer.value !== undefined) items.push(answer.value);
          continue;
        }
        obstacle = answer.reason;
        if (options?.signal?.aborted !== true && !isTransient(obstacle)) throw obstacle;
        unprocessed.push(some[index] as Item);
      }
    }
    if (unprocessed.length === 0) {
      this.#getsAtOnce = getsMax;
      return { items, unprocessed };
    }
    // The service is in trouble: whoever asks pauses before it asks for these again.
    unprocessed.push(...keys.slice(at));
    if (unprocessed.length < keys.length) return { items, unprocessed };
    this.#getsAtOnce = Math.ceil(this.#getsAtOnce / 2);
    if (options?.signal?.aborted === true) throw obstacle;
    return { items, unprocessed };
  }

  async put({ item, condition }: port.PutRequest, options?: port.SendOptions): Promise<port.WriteAnswer> {
    const key = this.#keyOf(item);
    const holds = condition === undefined ? () => true : judgeOf(condition);
    const content = contentOfItem(item, this.#keyName);
    let base: Seen | { readonly item: undefined } = this.#seen.get(key) ?? nothing;
    let [isSure, resent] = [false, false];
    for (let puts = 0; ; puts += 1) {
      if (!holds(base.item) && !isSure) {
        const looked = await this.#lookForPut(key, options);
        if ('status' in looked) return looked;
        base = looked;
      }
      if (!holds(base.item)) return { status: 'condition-failed', image: base.item, resent };
      // An earlier copy may have been stored, and replaced since: that is not to be told here.
      if (resent) return unclear(new Error(`an answer to a PUT of ${key} was lost`));
      if (puts === putsMax) break;
      const outcome = await this.#bucket.put(key, content, base.item === undefined ? 'absent' : base, options);
      if (outcome.status === 'stored') {
        this.#seen.note(key, item, outcome.etag);
        return { status: 'applied' };
      }
      if (outcome.status !== 'unmet') return outcome;
      this.#seen.forget(key);
      const looked = await this.#lookForPut(key, options);
      if ('status' in looked) return outcome.resent ? unclear(looked.error) : looked;
      [base, isSure, resent] = [looked, true, outcome.resent];
      const isOwn = condition === undefined && base.item !== undefined && equalItems(base.item, item);
      if (isOwn) return { status: 'applied' };
    }
    return notApplied('conflict', new Error(`others wrote ${key} each time between a look and the write after it`));
  }

  async delete({ key, condition }: port.DeleteRequest, options?: port.SendOptions): Promise<port.WriteAnswer> {
    if (condition !== undefined) return notApplied('refused', unknownOperation('delete with a condition'));
    const text = this.#keyOf(key);
    this.#seen.forget(text);
    const outcome = await this.#bucket.delete(text, options);
    return outcome.status === 'gone' ? { status: 'applied' } : outcome;
  }

  async update(): Promise<port.WriteAnswer> {
    return notApplied('refused', unknownOperation('update'));
  }

  async batchWrite(): Promise<port.BatchWriteAnswer> {
    return notApplied('refused', unknownOperation('batchWrite'));
  }

  async query(): Promise<never> {
    throw unknownOperation('query');
  }

  async scan(): Promise<never> {
    throw unknownOperation('scan');
  }

  async transactWrite(): Promise<port.TransactWriteAnswer> {
    return notApplied('refused', unknownOperation('transactWrite'));
  }

  async transactGet(): Promise<never> {
    throw unknownOperation('transactGet');
  }

  async describeTable(): Promise<never> {
    throw unknownOperation('describeTable');
  }

  async createTable(): Promise<never> {
    throw unknownOperation('createTable');
  }

  async deleteTable(): Promise<never> {
    throw unknownOperation('deleteTable');
  }

  async describeTimeToLive(): Promise<never> {
    throw unknownOperation('describeTimeToLive');
  }

  async updateTimeToLive(): Promise<never> {
    throw unknownOperation('updateTimeToLive');
  }

  /** The item that stands there. One that is known is not sent again by S3. */
  async #look(
    key: string,
    options?: port.SendOptions,
  ): Promise<{ readonly item: Item; readonly etag: string | undefined } | undefined> {
    const known = this.#seen.get(key);
    const found =
      known === undefined ? await this.#bucket.get(key, options) : await this.#bucket.get(key, options, known.etag);
    if (found === 'unchanged') return known;
    if (found === undefined) {
      this.#seen.forget(key);
      return undefined;
    }
    let item: Item;
    try {
      item = itemOfContent(found.content, this.#keyName, key);
    } catch (error) {
      throw new ObjectDamagedError(this.#bucket.name, key, 'foreign', 'it holds no item', error);
    }
    this.#seen.note(key, item, found.etag);
    return { item, etag: found.etag };
  }

  async #lookForPut(key: string, options?: port.SendOptions) {
    try {
      const { item, etag } = (await this.#look(key, options)) ?? nothing;
      if (item === undefined) return nothing;
      if (etag !== undefined) return { item, etag };
      return notApplied('refused', new Error(`the service tells no ETag of ${key}`));
    } catch (error) {
      // Whoever has given up on this look may ask again: nothing was refused.
      const isPassing = options?.signal?.aborted === true || isTransient(error);
      return notApplied(isPassing ? 'unreachable' : 'refused', error as Error);
    }
  }

  #keyOf(item: Item): string {
    const value = item[this.#keyName];
    if (value === undefined || !('S' in value))
      throw new TypeError(`Cannot name an object: ${this.#keyName} is no text`);
    return value.S;
  }
}

const nothing = { item: undefined, etag: undefined } as const;

function notApplied(kind: RefusalKind, error: Error) {
  return { status: 'not-applied', kind, error } as const;
}

function unclear(error: Error) {
  return { status: 'unclear', error } as const;
}

function unknownOperation(operation: string): Error {
  const error = new Error(`${operation} is not known to buckets`);
  error.name = 'UnknownOperationException';
  return error;
}
