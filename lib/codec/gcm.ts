/**
 * AES-256-GCM over parts, and data that is authenticated with them.
 *
 * One place that knows the cipher's parameters: keys of 32 bytes, nonces of 12, tags of 16. A tag of another length is never
 * looked at: what is cut off a sealed value is missing from its tag.
 */
import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';

/** Bytes of a key. */
export const keyBytes = 32;
/** Bytes of a nonce. */
export const nonceBytes = 12;
/** Bytes of a tag. */
export const tagBytes = 16;

const cipherName = 'aes-256-gcm';
const options = { authTagLength: tagBytes } as const;
const lengthBytes = 4;

/** Ciphertext of `parts`, one after the other, and the tag behind it, in pieces. */
export function encrypt(
  key: KeyObject,
  nonce: Uint8Array,
  associated: Uint8Array,
  parts: readonly Uint8Array[],
): Uint8Array[] {
  const cipher = createCipheriv(cipherName, key, nonce, options).setAAD(associated);
  const pieces: Uint8Array[] = parts.map((part) => cipher.update(part));
  pieces.push(cipher.final(), cipher.getAuthTag());
  return pieces;
}

/** The plaintext, or `undefined` if `sealed` (ciphertext and tag) is not what the key made for this nonce and these data. */
export function decrypt(
  key: KeyObject,
  nonce: Uint8Array,
  associated: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  if (sealed.length < tagBytes) return undefined;
  const end = sealed.length - tagBytes;
  const decipher = createDecipheriv(cipherName, key, nonce, options).setAAD(associated);
  const plain = decipher.update(sealed.subarray(0, end));
  try {
    // The error says no more than that it is so.
    decipher.setAuthTag(sealed.subarray(end)).final();
  } catch {
    return undefined;
  }
  return plain;
}

/** Fields as one run of bytes, each with its length before it: no two lists of fields look alike. */
export function unambiguous(fields: readonly (string | Uint8Array)[]): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (const field of fields) {
    const bytes = typeof field === 'string' ? Buffer.from(field) : field;
    const length = Buffer.alloc(lengthBytes);
    length.writeUInt32BE(bytes.length);
    pieces.push(length, bytes);
  }
  return Buffer.concat(pieces);
}
