/**
 * What can go wrong between a value and its stored form.
 *
 * Two directions, two errors: a value that has no faithful stored form is refused before anything is sent, and a stored
 * form that is not one of ours is refused before anyone sees a value. Both refuse rather than guess. A third speaks of
 * keys.
 *
 * Invariant: no message holds a stored value; a key and a path are all that they show.
 */
import { LeydenError } from '../errors.js';

const charactersShown = 200;

/**
 * A value cannot be stored without losing something. Nothing was sent.
 *
 * `path` leads to the culprit, for instance `value.a[3].b`.
 *
 * @example
 * ```ts
 * import { hold, UnsupportedValueError } from 'leyden-jar/codec';
 * try {
 *   hold({ jobs: [{ run: () => 1 }] });
 * } catch (error) {
 *   console.log((error as UnsupportedValueError).path); // value.jobs[0].run
 * }
 * ```
 */
export class UnsupportedValueError extends LeydenError {
  /** Where in the value, as one would write it in code. */
  readonly path: string;
  readonly reason: string;

  constructor(path: string, reason: string, cause?: unknown) {
    super('ERR_UNSUPPORTED_VALUE', `Cannot store ${shorten(path)}: ${reason}`, {
      outcome: 'not-done',
      retryable: false,
      cause,
    });
    this.path = path;
    this.reason = reason;
  }
}

/** `damaged`: ours once, no longer; `foreign`: written by something else; `newer-format`: by a later version of this library. */
export type DecodeReason = 'damaged' | 'foreign' | 'newer-format';

/**
 * A stored form cannot be read back. Nothing was written, and no value was made up.
 *
 * Code `ERR_DECODE`. The message names the key and never the value.
 */
export class DecodeError extends LeydenError {
  /** Key of the item, in its stored form. */
  readonly key: string;
  readonly reason: DecodeReason;
  /** What is wrong, without the key. */
  readonly detail: string;

  constructor(key: string, reason: DecodeReason, detail: string, cause?: unknown) {
    super('ERR_DECODE', `Cannot decode the item of key ${JSON.stringify(shorten(key))}: ${detail} (${reason})`, {
      outcome: 'not-done',
      retryable: false,
      cause,
    });
    this.key = key;
    this.reason = reason;
    this.detail = detail;
  }
}

/**
 * A value cannot be a key: it is `undefined`, or its encoded form is too long. Nothing was sent.
 *
 * Code `ERR_KEY`. A key that holds something without a stored form is an {@link UnsupportedValueError} instead.
 */
export class KeyError extends LeydenError {
  /** Bytes of the encoded key as far as they were counted; at least so many. `undefined` when size is not the matter. */
  readonly bytes: number | undefined;
  /** Bytes that a key may have. */
  readonly bytesMax: number | undefined;

  constructor(reason: string, size?: { readonly bytes: number; readonly bytesMax: number }) {
    super('ERR_KEY', `Cannot make a key: ${reason}`, { outcome: 'not-done', retryable: false });
    this.bytes = size?.bytes;
    this.bytesMax = size?.bytesMax;
  }
}

/** Both ends of a text, if it is long. */
function shorten(text: string): string {
  if (text.length <= charactersShown) return text;
  return `${text.slice(0, charactersShown / 2)}…${text.slice(-charactersShown / 2)}`;
}
