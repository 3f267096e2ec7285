/**
 * Items that are written once, through a layer: sealed before they are sent, so that whatever is sent again is the same.
 *
 * What can't be opened since it was altered, moved or put there by somebody is given as no bytes: whoever reads it knows what it must
 * be, and finds it damaged. A key that is missing, a service that fails, and what is stored in another way altogether are told as they are.
 */
import {
  DecodeError,
  type Item,
  openBytes,
  type Place,
  type SealingCodec,
  sealBytes,
  sealedBytesMore,
} from '../codec/index.js';
import type { Ground, Retry } from './ground.js';
import { answered, nameOf } from './packing.js';
import { type PutIfAbsentAnswer, type ReadOnceOptions, WriteOnceItems, type WriteOnceOptions } from './write-once.js';

export class SealedOnceItems extends WriteOnceItems {
  readonly #ground: Ground;
  readonly #timeoutMs: number;
  readonly #codec: SealingCodec | undefined;

  constructor(ground: Ground, retry: Retry, itemKeyOf: (key: string) => Item, codec: SealingCodec | undefined) {
    super(ground, retry, itemKeyOf);
    this.#ground = ground;
    this.#timeoutMs = retry.timeoutMs;
    this.#codec = codec;
  }

  override bytesMax(key: string): number {
    return super.bytesMax(key) - (this.#codec === undefined ? 0 : sealedBytesMore);
  }

  override async putIfAbsent(
    key: string,
    bytes: Uint8Array,
    options: WriteOnceOptions = {},
  ): Promise<PutIfAbsentAnswer> {
    return super.putIfAbsent(key, await this.#seal(key, bytes), options);
  }

  override async put(key: string, bytes: Uint8Array, options: WriteOnceOptions = {}): Promise<void> {
    return super.put(key, await this.#seal(key, bytes), options);
  }

  override async get(key: string, options: WriteOnceOptions = {}): Promise<Uint8Array | undefined> {
    const bytes = await super.get(key, options);
    return bytes && this.#open(key, bytes);
  }

  override async getMany(keys: readonly string[], options: ReadOnceOptions = {}): Promise<Map<string, Uint8Array>> {
    const found = await super.getMany(keys, options);
    for (const [key, bytes] of found) {
      const opened = this.#open(key, bytes);
      found.set(key, opened instanceof Promise ? await opened : opened);
    }
    return found;
  }

  #seal(key: string, bytes: Uint8Array): Uint8Array | Promise<Uint8Array> {
    const codec = this.#codec;
    if (codec === undefined) return bytes;
    return this.#within(codec, 'seal', key, sealBytes(codec, bytes, this.#placeOf(key), { packed: true }));
  }

  #open(key: string, bytes: Uint8Array): Uint8Array | Promise<Uint8Array> {
    const codec = this.#codec;
    try {
      const opened = openBytes(codec, bytes, this.#placeOf(key));
      if (!(opened instanceof Promise)) return opened;
      const work = codec === undefined ? opened : this.#within(codec, 'open', key, opened);
      return Promise.resolve(work).catch(unopened);
    } catch (error) {
      return unopened(error);
    }
  }

  #within(codec: SealingCodec, action: string, key: string, work: Uint8Array | Promise<Uint8Array>) {
    return answered(this.#ground, codec, { action, key, timeoutMs: this.#timeoutMs }, work);
  }

  #placeOf(key: string): Place {
    const { names, tableName } = this.#ground;
    return { table: nameOf(tableName()), key, attribute: names.data, incarnation: '', version: 0 };
  }
}

function unopened(error: unknown): Uint8Array {
  if (error instanceof DecodeError && error.reason === 'damaged') return new Uint8Array();
  throw error;
}
