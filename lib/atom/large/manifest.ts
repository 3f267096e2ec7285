/**
 * The manifest of a large value: what lies in the atom's item instead of it.
 *
 *   d   JSON: id, count and size of the parts, bytes and SHA-256 of the whole, its head, until when the parts stand
 *   c   "parts"
 *
 * It is the one thing that the conditional write commits. Text, so that the console shows it, and layers can seal it.
 */
import { DecodeError, type Encoded } from '../../codec/index.js';

/** Names the parts of one value, and what they must add up to. */
export interface Manifest {
  readonly id: string;
  /** How many parts. */
  readonly count: number;
  /** Bytes of each part but the last. */
  readonly partBytes: number;
  /** Bytes of all. */
  readonly bytes: number;
  /** SHA-256 of all bytes, base64url. */
  readonly digest: string;
  /** What the bytes are: the head of their form, base64url. */
  readonly head: string;
  /** When the parts may be removed, epoch seconds; absent for values that do not expire. */
  readonly until?: number | undefined;
}

/** Codec name of a manifest. */
export const manifestCodecName = 'parts';

/** The manifest as it lies in the item, or beneath the layer that seals it. */
export function formatManifest(manifest: Manifest): Encoded {
  return { data: { S: JSON.stringify(manifest) }, codec: manifestCodecName };
}

/**
 * The manifest in an item, if nothing in it contradicts the rest.
 *
 * @param bytesMax what a large value can have: a small item must not make its reader run out of memory
 * @throws {DecodeError} `ERR_DECODE`, reason `damaged`
 */
export function parseManifest({ data, annotations }: Encoded, key: string, bytesMax: number): Manifest {
  const damaged = (what: string) => new DecodeError(key, 'damaged', `manifest of a large value: ${what}`);
  if (!('S' in data) || annotations !== undefined) throw damaged('it is no text');
  let manifest: Partial<Manifest> | null;
  try {
    manifest = JSON.parse(data.S) as Partial<Manifest> | null;
  } catch {
    throw damaged('it is no JSON');
  }
  const { id, count, partBytes, bytes, digest, head, until } = manifest ?? {};
  if (![id, digest, head].every((one) => typeof one === 'string' && one !== '')) throw damaged('a text is missing');
  if (!isCount(count) || !isCount(partBytes) || !isCount(bytes)) throw damaged('a count is missing');
  if (until !== undefined && !isCount(until)) throw damaged('an expiry that is none');
  if (count !== Math.ceil(bytes / partBytes)) throw damaged(`${count} parts of ${partBytes} are not ${bytes} bytes`);
  if (bytes > bytesMax) throw damaged(`it claims ${bytes} bytes, and ${bytesMax} is the limit`);
  return manifest as Manifest;
}

function isCount(value: number | undefined): value is number {
  return value !== undefined && Number.isSafeInteger(value) && value > 0;
}
