/**
 * Keys of one's own, by id: one to seal with, all of them to open with.
 *
 *   every process: add(k2)  ──>  every process: use(k2)  ──>  all values rewritten  ──>  every process: retire(k1)
 *
 * In this order no process ever meets a key that it lacks. Writers may go on all the while: what was sealed with k1 stays
 * readable until it is retired.
 *
 * Nonces are random, so a key may seal 2^32 messages in all its life (NIST SP 800-38D, section 8.3): with more, two of them may
 * get the same nonce, and then both are laid open. A ring counts what its own process seals, by the bytes of the key, so that a
 * second ring or another id does not begin a new count. It knows nothing of other processes, nor of itself before a restart.
 */
import { createHash, type KeyObject } from 'node:crypto';
import { keyExhausted, keyMissing } from './key-errors.js';
import { checkKeyId, checkMessages, giveAccess, KeySource, keyFrom, type SealingKey } from './key-source.js';
import { after } from './then.js';

/** Options of {@link keyRing}. */
export interface KeyRingOptions {
  /** Id of the key to seal with. */
  readonly current: string;
  /** Keys of 32 random bytes by id. An id is stored with each value that its key seals. */
  readonly keys: Readonly<Record<string, Uint8Array>>;
  /**
   * Messages that this process may seal with one key; after them `ERR_KEY_EXHAUSTED`. 2^32 divided by the number of processes
   * that seal with it, each restart counted as one more.
   * @defaultValue 268,435,456 (2^28): good for 16 processes
   */
  readonly messagesMax?: number | undefined;
  /**
   * Called once a key has sealed `rotateAfter` messages, by the write that comes next, which waits for it: to add a key and to
   * use it. When it throws, that write fails with the same error, and the next write calls it again.
   */
  readonly rotate?: ((ring: KeyRing) => void | Promise<void>) | undefined;
  /**
   * Messages under one key after which `rotate` is called.
   * @defaultValue half of `messagesMax`
   */
  readonly rotateAfter?: number | undefined;
}

interface Entry {
  readonly key: KeyObject;
  readonly count: { messages: number };
}

/** By the digest of a key's bytes, for as long as the process lives: a key that comes back goes on where it was. */
const counts = new Map<string, { messages: number }>();

/**
 * Makes a ring of keys for {@link encrypted}.
 *
 * Keys are copied. No property, message or inspection of a ring shows them.
 *
 * @throws {TypeError | RangeError} a key that has not 32 bytes, one key under two ids, an id that can't be stored, `current` not
 * among the keys
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import { keyRing } from 'leyden-jar/codec';
 *
 * const ring = keyRing({ current: 'k1', keys: { k1: randomBytes(32) } });
 * ring.add('k2', randomBytes(32)); // in every process
 * ring.use('k2'); // then, in every process, while others write
 * console.log(ring); // KeyRing { current: 'k2', ids: [ 'k1', 'k2' ] }
 * ring.retire('k1'); // once every value has been rewritten
 * ```
 */
export function keyRing(options: KeyRingOptions): KeyRing {
  return new KeyRing(options);
}

/** A ring of keys. Made by {@link keyRing}. */
export class KeyRing extends KeySource {
  readonly #entries = new Map<string, Entry>();
  readonly #messagesMax: number;
  readonly #rotateAfter: number;
  readonly #rotate: KeyRingOptions['rotate'];
  #current: string;
  /** The key for which `rotate` was called. */
  #asked: string | undefined;

  constructor({ current, keys, messagesMax = 2 ** 28, rotate, rotateAfter }: KeyRingOptions) {
    super();
    this.#messagesMax = checkMessages('messagesMax', messagesMax);
    this.#rotateAfter = checkMessages('rotateAfter', rotateAfter ?? Math.ceil(messagesMax / 2));
    if (this.#rotateAfter > messagesMax) {
      throw new RangeError(
        `Cannot rotate in time: rotateAfter must be at most messagesMax, ${messagesMax}: ${rotateAfter}`,
      );
    }
    this.#rotate = rotate;
    for (const [id, bytes] of Object.entries(keys)) this.add(id, bytes);
    this.#current = checkKeyId(current);
    if (!this.#entries.has(current)) {
      throw new RangeError(`Cannot make a key ring: current must be one of ${this.ids.join(', ')}: ${current}`);
    }
    giveAccess(this, {
      sealing: () => this.#sealing(),
      ids: () => this.ids,
      wrappedBytes: 0,
      opening: (id, wrapped) => (wrapped === undefined ? this.#entries.get(id)?.key : undefined),
    });
  }

  /** Id of the key that seals. */
  get current(): string {
    return this.#current;
  }

  /** Ids of all keys. */
  get ids(): readonly string[] {
    return [...this.#entries.keys()];
  }

  /**
   * Adds a key to open with. To add what is there already does nothing.
   *
   * @throws {RangeError} for another key under an id of the ring, or a key that the ring has under another id
   */
  add(id: string, bytes: Uint8Array): void {
    const key = keyFrom(bytes, checkKeyId(id));
    for (const [other, entry] of this.#entries) {
      if ((other === id) === entry.key.equals(key)) continue;
      const why = other === id ? 'the ring has another key under this id' : `the ring has it under the id ${other}`;
      throw new RangeError(`Cannot add the key ${id}: ${why}`);
    }
    const digest = createHash('sha256').update(bytes).digest('base64');
    const count = counts.get(digest) ?? { messages: 0 };
    counts.set(digest, count);
    this.#entries.set(id, { key, count });
  }

  /**
   * Seals with this key from now on; what is under way keeps its own.
   *
   * @throws {KeyRingError} `ERR_KEY_MISSING`
   */
  use(id: string): void {
    if (!this.#entries.has(id)) throw keyMissing(id, this.ids);
    this.#current = id;
  }

  /**
   * Forgets a key. Values that were sealed with it can't be read from now on: `ERR_KEY_MISSING`, until it is added again.
   *
   * @returns whether it was there
   * @throws {RangeError} for the current key
   */
  retire(id: string): boolean {
    if (id === this.#current) throw new RangeError(`Cannot retire the key ${id}: it is current; use another one first`);
    return this.#entries.delete(id);
  }

  /** Messages that this process has sealed with a key. */
  messages(id: string): number {
    return this.#entries.get(id)?.count.messages ?? 0;
  }

  #sealing(): SealingKey | Promise<SealingKey> {
    const id = this.#current;
    const due = this.#rotate !== undefined && this.#asked !== id && this.messages(id) >= this.#rotateAfter;
    return due ? after(this.#askToRotate(id), () => this.#take()) : this.#take();
  }

  #askToRotate(id: string): void | Promise<void> {
    this.#asked = id;
    const failed = (error: unknown): never => {
      this.#asked = undefined;
      throw error;
    };
    try {
      const asked = this.#rotate?.(this);
      return asked === undefined ? undefined : asked.then(undefined, failed);
    } catch (error) {
      return failed(error);
    }
  }

  #take(): SealingKey {
    const id = this.#current;
    const { key, count } = this.#entries.get(id) as Entry;
    if (count.messages >= this.#messagesMax) throw keyExhausted(id, count.messages, this.#messagesMax);
    count.messages += 1;
    return { id, key, wrapped: undefined };
  }

  /** What may be seen. */
  toJSON(): { readonly current: string; readonly ids: readonly string[] } {
    return { current: this.#current, ids: this.ids };
  }
}
