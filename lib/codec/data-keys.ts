/**
 * Keys from a key service: envelope encryption.
 *
 *   generate() ──> plaintext: seals values of this process, forgotten after `messagesMax` of them
 *              └─> ciphertext, "wrapped": travels in the header of each of those values
 *   decrypt(wrapped) <── whoever reads one, once per data key, then from its cache
 *
 * A data key seals in the process that generated it and nowhere else. So its count of messages is exact, however many processes
 * there are and however often they restart, and 2^32 messages are never near.
 *
 * What the service can't give now is never remembered: the next call asks again. Calls that want the same key share one request.
 */
import type { KeyObject } from 'node:crypto';
import { isBytes } from './copy.js';
import { keyServiceFailed } from './key-errors.js';
import { checkKeyId, checkMessages, giveAccess, KeySource, keyFrom, type SealingKey } from './key-source.js';

/** AWS KMS makes ciphertexts of up to 6,144 bytes, and about 184 for a data key. */
const wrappedBytesMax = 6_144;
const wrappedBytesUsual = 184;

/** A fresh data key, open and wrapped. */
export interface DataKey {
  /** 32 random bytes. */
  readonly plaintext: Uint8Array;
  /** The same under the key of the service, up to 6,144 bytes. Stored with each value. */
  readonly ciphertext: Uint8Array;
}

/** Options of {@link dataKeys}. */
export interface DataKeysOptions {
  /** Asks the service for a fresh data key. Must settle: give the client a time-out. */
  readonly generate: () => Promise<DataKey>;
  /** Asks the service to open a wrapped one. Must settle as well. */
  readonly decrypt: (ciphertext: Uint8Array) => Promise<Uint8Array>;
  /**
   * Values that one data key seals. Then the next one is generated.
   * @defaultValue 1,048,576 (2^20)
   */
  readonly messagesMax?: number | undefined;
  /**
   * Opened data keys that are kept; the one that was not used for longest makes room.
   * @defaultValue 1,000
   */
  readonly cacheMax?: number | undefined;
  /**
   * What is stored as the id of the key: values are named `encrypted:<id>`. Different for each key of the service, so that values
   * under a former one can be told.
   * @defaultValue `data-key`
   */
  readonly id?: string | undefined;
}

/**
 * Makes a source of data keys for {@link encrypted}, on top of a key service such as AWS KMS.
 *
 * Keys that are open stay in memory until `forget()`, so a process that has a key goes on reading when the service is out of
 * reach, and also after the service's own key was disabled.
 *
 * @cost one request of the service per `messagesMax` writes of a process, and one per data key that it reads and has not cached
 * @iam with KMS `kms:GenerateDataKey` for writers and `kms:Decrypt` for readers, on the key
 * @throws {KeyRingError} on use, `ERR_KEY_SERVICE`, retryable: a callback failed (`cause`) or its answer is no key
 *
 * @example With AWS KMS, `kms` is `new KMS({ requestHandler: { requestTimeout: 2_000 } })` of `@aws-sdk/client-kms`.
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import { AtomTable } from 'leyden-jar';
 * import { dataKeys, encrypted } from 'leyden-jar/codec';
 * import { MemoryEngine } from 'leyden-jar/engine';
 *
 * const inService = new Map<string, Uint8Array>(); // stands for KMS
 * const kms = {
 *   async generateDataKey(_request: { KeyId: string; KeySpec: 'AES_256' }) {
 *     const [Plaintext, CiphertextBlob] = [randomBytes(32), randomBytes(16)];
 *     inService.set(CiphertextBlob.toString('hex'), Plaintext);
 *     return { Plaintext, CiphertextBlob };
 *   },
 *   async decrypt({ CiphertextBlob }: { CiphertextBlob: Uint8Array }) {
 *     return { Plaintext: inService.get(Buffer.from(CiphertextBlob).toString('hex')) };
 *   },
 * };
 *
 * const keys = dataKeys({
 *   generate: async () => {
 *     const { Plaintext, CiphertextBlob } = await kms.generateDataKey({ KeyId: 'alias/state', KeySpec: 'AES_256' });
 *     return { plaintext: Plaintext, ciphertext: CiphertextBlob };
 *   },
 *   decrypt: async (ciphertext) => {
 *     const { Plaintext } = await kms.decrypt({ CiphertextBlob: ciphertext });
 *     if (Plaintext === undefined) throw new Error('no key came back');
 *     return Plaintext;
 *   },
 * });
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state', codec: encrypted({ keys }) });
 * await table.create();
 * console.log(await table.atom<string>('iban').reset('DE02 1203 0000 0000 2020 51')); // DE02 1203 0000 0000 2020 51
 * console.log(keys); // DataKeys { id: 'data-key' }
 * ```
 */
export function dataKeys(options: DataKeysOptions): DataKeys {
  return new DataKeys(options);
}

interface Current {
  readonly key: KeyObject;
  readonly wrapped: Uint8Array;
  messages: number;
}

/** Data keys of a key service. Made by {@link dataKeys}. */
export class DataKeys extends KeySource {
  /** Stored with each value. */
  readonly id: string;
  readonly #generate: DataKeysOptions['generate'];
  readonly #decrypt: DataKeysOptions['decrypt'];
  readonly #messagesMax: number;
  readonly #cacheMax: number;
  #current: Current | undefined;
  #generating: Promise<void> | undefined;
  /** By wrapped key; the order is that of use. */
  #opened = new Map<string, KeyObject>();
  #opening = new Map<string, Promise<KeyObject>>();

  constructor({ generate, decrypt, messagesMax = 2 ** 20, cacheMax = 1_000, id = 'data-key' }: DataKeysOptions) {
    super();
    for (const [name, value] of Object.entries({ generate, decrypt })) {
      if (typeof value !== 'function')
        throw new TypeError(`Cannot use data keys: ${name} must be a function: ${typeof value}`);
    }
    if (!Number.isSafeInteger(cacheMax) || cacheMax < 1) {
      throw new RangeError(`Cannot cache data keys: cacheMax must be an integer of at least 1: ${cacheMax}`);
    }
    this.id = checkKeyId(id);
    this.#generate = generate;
    this.#decrypt = decrypt;
    this.#messagesMax = checkMessages('messagesMax', messagesMax);
    this.#cacheMax = cacheMax;
    giveAccess(this, {
      sealing: () => this.#sealing(),
      ids: () => [this.id],
      wrappedBytes: wrappedBytesUsual,
      opening: (id, wrapped) => (id === this.id && wrapped !== undefined ? this.#keyOf(wrapped) : undefined),
    });
  }

  /** Seals with a fresh data key from the next write on. */
  rotate(): void {
    this.#current = undefined;
    this.#generating = undefined;
  }

  /** Forgets every data key: the service is asked for each again. */
  forget(): void {
    this.rotate();
    this.#opened = new Map();
    this.#opening = new Map();
  }

  #sealing(): SealingKey | Promise<SealingKey> {
    return this.#take() ?? this.#sealingLater();
  }

  /** Those who wait for one key may be more than it may seal; then the last of them wait for the next. */
  async #sealingLater(): Promise<SealingKey> {
    for (;;) {
      this.#generating ??= this.#next();
      await this.#generating;
      const taken = this.#take();
      if (taken !== undefined) return taken;
    }
  }

  #take(): SealingKey | undefined {
    const current = this.#current;
    if (current === undefined || current.messages >= this.#messagesMax) return undefined;
    current.messages += 1;
    return { id: this.id, key: current.key, wrapped: current.wrapped };
  }

  #next(): Promise<void> {
    const isStillWanted = () => this.#generating === generating;
    const generating: Promise<void> = this.#asked('generate a data key', async () => {
      const { plaintext, ciphertext } = await this.#generate();
      if (!isBytes(ciphertext) || ciphertext.byteLength === 0 || ciphertext.byteLength > wrappedBytesMax) {
        throw new TypeError(`Cannot take a wrapped key: must be a Uint8Array of 1 to ${wrappedBytesMax} bytes`);
      }
      return { key: keyFrom(plaintext, this.id), wrapped: new Uint8Array(ciphertext), messages: 0 };
    })
      .then((fresh) => {
        // Otherwise it was rotated away while it was on its way.
        if (!isStillWanted()) return;
        this.#current = fresh;
        this.#keep(this.#opened, textOf(fresh.wrapped), fresh.key);
      })
      .finally(() => {
        if (isStillWanted()) this.#generating = undefined;
      });
    return generating;
  }

  #keyOf(wrapped: Uint8Array): KeyObject | Promise<KeyObject> {
    const name = textOf(wrapped);
    const opened = this.#opened.get(name);
    if (opened !== undefined) {
      this.#keep(this.#opened, name, opened);
      return opened;
    }
    return this.#opening.get(name) ?? this.#openAside(name, wrapped);
  }

  #openAside(name: string, wrapped: Uint8Array): Promise<KeyObject> {
    // Of the time before `forget`, if that comes meanwhile.
    const [opened, opening] = [this.#opened, this.#opening];
    const key = this.#asked('open a data key', async () =>
      keyFrom(await this.#decrypt(new Uint8Array(wrapped)), this.id),
    )
      .then((one) => {
        this.#keep(opened, name, one);
        return one;
      })
      .finally(() => opening.delete(name));
    opening.set(name, key);
    return key;
  }

  async #asked<Answer>(action: string, ask: () => Promise<Answer>): Promise<Answer> {
    try {
      return await ask();
    } catch (error) {
      throw keyServiceFailed(this.id, action, error);
    }
  }

  #keep(opened: Map<string, KeyObject>, name: string, key: KeyObject): void {
    opened.delete(name);
    opened.set(name, key);
    if (opened.size <= this.#cacheMax) return;
    const [oldest] = opened.keys();
    opened.delete(oldest as string);
  }

  /** What may be seen. */
  toJSON(): { readonly id: string } {
    return { id: this.id };
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
