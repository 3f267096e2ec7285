/** The hash of a partition key, by which keys fall to shards. */
import type { AttributeValue } from '../../codec/index.js';

/** FNV-1a over the value's text, with a last mix; 32 bits. */
export function keyHash(value: AttributeValue | undefined): number {
  const text = textOf(value);
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}

function textOf(value: AttributeValue | undefined): string {
  if (value === undefined) return '';
  if ('S' in value) return value.S;
  if ('N' in value) return value.N;
  return 'B' in value ? Buffer.from(value.B).toString('latin1') : '';
}
