/**
 * What can go wrong with keys, whatever was to be done with them.
 *
 * Invariant: an error names a key by its id. No key, wrapped key or plaintext is in it.
 */
import { LeydenError } from '../errors.js';

/**
 * `ERR_KEY_MISSING`: no key of this id is at hand; `ERR_KEY_EXHAUSTED`: it has sealed as many messages as it may;
 * `ERR_KEY_SERVICE`: the key service failed.
 */
export type KeyRingErrorCode = 'ERR_KEY_MISSING' | 'ERR_KEY_EXHAUSTED' | 'ERR_KEY_SERVICE';

/**
 * A key is not to be had. Nothing was written, and what is stored is as it was.
 *
 * `cause` is there for `ERR_KEY_SERVICE` only: the error of the callback, untouched.
 */
export class KeyRingError extends LeydenError {
  declare readonly code: KeyRingErrorCode;
  /** The id of the key. */
  readonly keyId: string;

  constructor(code: KeyRingErrorCode, keyId: string, message: string, cause?: unknown) {
    super(code, message, { outcome: 'not-done', retryable: code === 'ERR_KEY_SERVICE', cause });
    this.keyId = keyId;
  }
}

/** No key of this id. */
export function keyMissing(keyId: string, known: readonly string[]): KeyRingError {
  const held = known.length === 0 ? 'none' : known.join(', ');
  const remedy =
    'add it to the ring of each process before another process seals with it, and retire it after the last value';
  return new KeyRingError(
    'ERR_KEY_MISSING',
    keyId,
    `Cannot find the key ${JSON.stringify(keyId)}: known here are ${held}; ${remedy}`,
  );
}

/** As many messages as one key may have. */
export function keyExhausted(keyId: string, messages: number, messagesMax: number): KeyRingError {
  return new KeyRingError(
    'ERR_KEY_EXHAUSTED',
    keyId,
    `Cannot seal with the key ${JSON.stringify(keyId)}: it sealed ${messages} messages in this process, and messagesMax is ` +
      `${messagesMax}; add another key to the ring and use it`,
  );
}

/** The callback of a key service failed, or answered what is no key. */
export function keyServiceFailed(keyId: string, action: string, cause: unknown): KeyRingError {
  return new KeyRingError(
    'ERR_KEY_SERVICE',
    keyId,
    `Cannot ${action} of ${JSON.stringify(keyId)}: the key service failed, see cause; the next call asks it again`,
    cause,
  );
}
