/** What may stand before the keys of a system. */

/** Of the 1,024 bytes of a key; the rest is for what comes behind. */
const prefixBytesMax = 512;

/** What stands behind a prefix: a system in such a folder of another one would be taken for a part of that. */
const ownNames: ReadonlySet<string | undefined> = new Set(['head', 'snap', 'page', 'volume', 'body', 'part', 'probe']);

/**
 * A prefix without its last slash: segments of the characters that S3 calls safe, so that a key is the same in every tool, URL and policy.
 *
 * @throws TypeError, RangeError for what can't be one.
 */
export function requirePrefix(action: string, prefix: unknown): string {
  if (typeof prefix !== 'string') throw new TypeError(`Cannot ${action}: prefix must be a string: ${typeof prefix}`);
  const plain = prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
  const isSafe = plain
    .split('/')
    .every((segment) => /^[A-Za-z0-9!_.*'()-]+$/.test(segment) && !/^\.\.?$/.test(segment));
  if (ownNames.has(plain.split('/').at(-1))) {
    throw new RangeError(`Cannot ${action}: prefix must not end as the names behind prefixes do: ${plain}`);
  }
  if (isSafe && plain.length <= prefixBytesMax) return plain;
  throw new RangeError(
    `Cannot ${action}: prefix must be 1 to ${prefixBytesMax} of A-Z a-z 0-9 ! _ . * ' ( ) - in segments between single slashes: ` +
      JSON.stringify(prefix.slice(0, 100)),
  );
}
