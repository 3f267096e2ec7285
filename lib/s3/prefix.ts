/** What may stand before the keys of a system. */

/** Of the 1,024 bytes of a key; the rest is for what comes behind. */
const prefixBytesMax = 512;

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
  if (isSafe && plain.length <= prefixBytesMax) return plain;
  throw new RangeError(
    `Cannot ${action}: prefix must be 1 to ${prefixBytesMax} of A-Z a-z 0-9 ! _ . * ' ( ) - in segments between single slashes: ` +
      JSON.stringify(prefix.slice(0, 100)),
  );
}
