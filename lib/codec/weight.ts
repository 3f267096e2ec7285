/** Whether a value is large, found out without working its stored form out. */
import { isBytes } from './copy.js';
import type { Held } from './held.js';
import { attributeBytes } from './item-size.js';
import type { Json } from './plain.js';

const containerBytes = 3;

/**
 * Whether the native form of `held`, or the one that its codec made, has more than `bytes` bytes for certain. `false` where it
 * would have to be worked out to know. Counts no further than it must.
 *
 * @example
 * ```ts
 * import { hold, isHeavier } from 'leyden-jar/codec';
 * console.log(isHeavier(hold('x'.repeat(1_000)), 999)); // true
 * ```
 */
export function isHeavier(held: Held, bytes: number): boolean {
  if (!held.plain) return attributeBytes(held.encode().data) > bytes;
  return weigh(held.hand() as Json, bytes) < 0;
}

/** What is left of `bytes` when at least those of `json` are taken away. */
function weigh(json: Json, bytes: number): number {
  // Units of UTF-16: the bytes are no fewer.
  if (typeof json === 'string') return bytes - json.length;
  if (typeof json !== 'object' || json === null) return bytes - 1;
  if (isBytes(json)) return bytes - json.length;
  let left = bytes - containerBytes;
  if (Array.isArray(json)) {
    for (const element of json as readonly Json[]) {
      if (left < 0) return left;
      left = weigh(element, left - 1);
    }
    return left;
  }
  const object = json as { readonly [name: string]: Json };
  for (const name of Object.keys(object)) {
    if (left < 0) return left;
    left = weigh(object[name] as Json, left - 1 - name.length);
  }
  return left;
}
