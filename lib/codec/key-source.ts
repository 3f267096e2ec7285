/**
 * Where `encrypted` gets its keys: the inner side of key rings and data keys.
 *
 * Keys leave a source as `KeyObject`s only, whose bytes no inspection shows, and by a way that this folder keeps to
 * itself: there is no public one to ask a source for a key.
 */
import { createSecretKey, type KeyObject } from 'node:crypto';
import { isBytes } from './copy.js';
import { keyBytes } from './gcm.js';

/** A key to seal one message with; whoever takes it has spent one message of its budget. */
export interface SealingKey {
  readonly id: string;
  readonly key: KeyObject;
  /** The key under the key of a key service; travels with what it seals. */
  readonly wrapped: Uint8Array | undefined;
}

/** What `encrypted` asks of a source. */
export interface KeyAccess {
  /** The current key. */
  sealing(): SealingKey | Promise<SealingKey>;
  /** Ids of all keys, for messages. */
  ids(): readonly string[];
  /** Bytes of the wrapped key that travels with what it seals, about; 0 where none does. */
  readonly wrappedBytes: number;
  /** The key of an id; `undefined` where the source does not know the id, or keys of the other kind. */
  opening(id: string, wrapped: Uint8Array | undefined): KeyObject | Promise<KeyObject> | undefined;
}

const accesses = new WeakMap<KeySource, KeyAccess>();

/** Keys for `encrypted`: what `keyRing` and `dataKeys` return. */
export abstract class KeySource {
  protected constructor() {
    const inspect = (_depth: number, options: object, inspectAny: InspectFunction) =>
      `${this.constructor.name} ${inspectAny(this.toJSON(), options)}`;
    Object.defineProperty(this, Symbol.for('nodejs.util.inspect.custom'), { value: inspect });
  }

  /** All that may be seen of it. */
  abstract toJSON(): object;
}

type InspectFunction = (value: unknown, options: object) => string;

/** Lets this folder, and nobody else, ask `source` for keys. */
export function giveAccess(source: KeySource, access: KeyAccess): void {
  accesses.set(source, access);
}

/** The inner side of a source; `undefined` for what is none. */
export function accessTo(source: KeySource): KeyAccess | undefined {
  return accesses.get(source);
}

const idPattern = /^[\w.:/@+=-]{1,128}$/;

/** Whether `text` may be the id of a key. */
export function isKeyId(text: string): boolean {
  return idPattern.test(text);
}

/** @throws {TypeError | RangeError} for what can't be the id of a key. */
export function checkKeyId(id: unknown): string {
  if (typeof id !== 'string') throw new TypeError(`Cannot name a key: must be a string: ${typeof id}`);
  if (!isKeyId(id)) {
    throw new RangeError(
      `Cannot name a key: must be 1 to 128 letters, digits or . : / @ + = _ -: ${JSON.stringify(id)}`,
    );
  }
  return id;
}

/** A copy of `bytes` as a key. The message tells their length, never what they are. */
export function keyFrom(bytes: unknown, id: string): KeyObject {
  if (!isBytes(bytes)) throw new TypeError(`Cannot take the key ${id}: must be a Uint8Array: ${typeof bytes}`);
  if (bytes.byteLength !== keyBytes) {
    throw new RangeError(`Cannot take the key ${id}: must have ${keyBytes} bytes: ${bytes.byteLength}`);
  }
  return createSecretKey(bytes);
}

/** @throws {RangeError} for a number of messages that is none, or beyond what random nonces allow. */
export function checkMessages(name: string, messages: number): number {
  if (!Number.isSafeInteger(messages) || messages < 1 || messages > messagesLimit) {
    throw new RangeError(`Cannot count ${name}: must be an integer from 1 to ${messagesLimit}: ${messages}`);
  }
  return messages;
}

/** Messages under one key with random nonces: NIST SP 800-38D, section 8.3, over all processes and all of the key's life. */
const messagesLimit = 2 ** 32;
