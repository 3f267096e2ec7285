/**
 * Names and hashes of what a call is given: both by the canonical text of a value, so that equal values are the same whatever the order of
 * their properties.
 *
 *   new Once(session, 'charge').run('order-7', …)      once:charge/order-7
 *   …run({ order: 7 }, …)                              once:charge/~{"order":7}
 *   …run(a whole event, …)                             once:charge/~sha256:…      no canonical text looks like this
 */
import { createHash } from 'node:crypto';
import { encodeKey } from '../../codec/index.js';
import { requireName } from '../recipe-item.js';

/** Longest name of a `Once`, in bytes as it stands in the key. */
const nameBytesMax = 200;
/** Keys whose text is longer than this are named by its hash. */
const keyBytesMax = 256;

/** The first half of a key. @throws TypeError, RangeError for what is no name. */
export function prefixOf(name: string): string {
  requireName('once', name);
  // Two names and two keys never make the same text.
  const prefix = `${name.replace(/[%/]/g, encodeURIComponent)}/`;
  const bytes = Buffer.byteLength(prefix) - 1;
  if (bytes > nameBytesMax) {
    throw new RangeError(`Cannot open a once: name must have at most ${nameBytesMax} bytes: ${bytes}`);
  }
  return prefix;
}

/** The second half. @throws TypeError for a key that is missing: all calls would be one. */
export function keyTextOf(key: unknown): string {
  if (key === undefined || key === null || key === '') {
    throw new TypeError(`Cannot run once: key must name the call: ${key === '' ? 'an empty text' : String(key)}`);
  }
  const text = encodeKey(key, Number.POSITIVE_INFINITY);
  return Buffer.byteLength(text) <= keyBytesMax ? text : `~sha256:${hashOf(text)}`;
}

/** The hash of a payload. */
export function payloadHashOf(payload: unknown): string | undefined {
  return payload === undefined ? undefined : hashOf(encodeKey(payload, Number.POSITIVE_INFINITY));
}

function hashOf(text: string): string {
  // As UTF-8, all halves of surrogate pairs would be the same.
  return createHash('sha256').update(text, 'utf16le').digest('base64url');
}
