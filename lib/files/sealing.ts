/** What goes through the codec of a log: the bodies of its records. Each is bound to its file and its place in the journal. */
import { openBytes, type SealingCodec, sealBytes } from '../codec/index.js';
import { explainSealed } from '../prevalence/index.js';

/** Seals and opens the bodies of the records of one file. */
export interface BodySeal {
  readonly codec: SealingCodec | undefined;
  readonly journalId: string;
  /** Name of the file. */
  readonly file: string;
  /** Of the file's random bytes, in text. */
  readonly salt: string;
}

export function sealBody(seal: BodySeal, body: Buffer, place: number): Uint8Array | Promise<Uint8Array> {
  return seal.codec === undefined ? body : sealBytes(seal.codec, body, placeOf(seal, place));
}

/** @throws {DecodeError} `ERR_DECODE`, {@link KeyRingError} */
export function openBody(seal: BodySeal, body: Uint8Array, place: number): Uint8Array | Promise<Uint8Array> {
  return openBytes(seal.codec, body, placeOf(seal, place));
}

function placeOf({ journalId, file, salt }: BodySeal, version: number) {
  return { table: journalId, key: file, attribute: 'record', incarnation: salt, version };
}

/**
 * Those who share a directory write with one codec: each must open what the other seals.
 *
 * @throws {SealedError} `ERR_SEALED`, {@link KeyRingError}
 */
export async function requireSameSeal(
  system: string,
  codec: SealingCodec | undefined,
  wanted: SealingCodec | undefined,
): Promise<void> {
  if (codec === wanted) return;
  const own = { journalId: '', file: '', salt: '' };
  const requireOpened = async (from: SealingCodec | undefined, by: SealingCodec | undefined) =>
    await openBody({ ...own, codec: by }, await sealBody({ ...own, codec: from }, Buffer.from('{}'), 0), 0);
  try {
    await requireOpened(codec, wanted);
    await requireOpened(wanted, codec);
  } catch (error) {
    throw explainSealed(system, wanted, error);
  }
}
