/**
 * Bytes through a layer: what lies in files, objects and items that are no atoms, compressed or encrypted.
 *
 *   magic (4) | head: kind (1), length of the codec's name (1), the name | what the codec made of the bytes
 *
 * It says itself what it was sealed with, so whoever opens it needs no other note, and bytes that were never sealed are told from
 * it by the magic: no frame of this library begins with it.
 */
import { compressed, packedName } from './compressed.js';
import { DecodeError } from './errors.js';
import { contentOf, formBytesMax, formFrom, headBytes, headOf } from './form-bytes.js';
import type { Encoded } from './held.js';
import type { Place, SealingCodec } from './sealing.js';
import { after } from './then.js';

const magic = Buffer.from('ljs\x01', 'latin1');
/** The codec name of the bytes themselves. */
const bytesName = 'raw';
/** Compressed bytes are read by everybody, as compressed values of atoms are. */
const squeezer = compressed({ bytesMax: formBytesMax });

/** Sealing adds no more than this, keys that travel with it included. */
export const sealedBytesMore: number = 8 * 1_024;

/**
 * Seals bytes for a place. At once, or later where the codec waits. Made anew, it may be other bytes: send one result again.
 *
 * @param packed whether they are compressed, so that it would be in vain to compress them
 */
export function sealBytes(
  codec: SealingCodec,
  bytes: Uint8Array,
  place: Place,
  { packed = false }: { readonly packed?: boolean } = {},
): Uint8Array | Promise<Uint8Array> {
  const sealed = codec.seal({ data: { B: bytes }, codec: packed ? packedName : bytesName }, place);
  return after<Encoded, Uint8Array>(sealed, (form) => Buffer.concat([magic, headOf(form), contentOf(form)]));
}

/** The name of the codec that sealed `bytes`; `undefined` where they were not sealed. `raw` or `packed`: a layer let them through. */
export function sealedWith(bytes: Uint8Array): string | undefined {
  if (!isSealed(bytes)) return undefined;
  const head = bytes.subarray(magic.length, magic.length + headBytes(bytes.subarray(magic.length)));
  return Buffer.from(head.subarray(2)).toString();
}

/**
 * The bytes that were sealed for this place.
 *
 * @param codec absent: nothing but what was only compressed is opened
 * @throws {DecodeError} `ERR_DECODE`: `damaged` for what was altered, moved, or sealed with another key; `foreign` for bytes that
 * are not sealed where they must be, or sealed by another codec. {@link KeyRingError} for a key that is not at hand.
 */
export function openBytes(
  codec: SealingCodec | undefined,
  bytes: Uint8Array,
  place: Place,
): Uint8Array | Promise<Uint8Array> {
  if (!isSealed(bytes)) {
    if (codec === undefined || codec.acceptsUnsealed === true) return bytes;
    throw notSealed(codec, place);
  }
  const form = formOf(bytes, place);
  const isOpened = codec?.opens(form.codec as string) === true;
  if (!isOpened && codec !== undefined && codec.acceptsUnsealed !== true) throw notSealed(codec, place);
  return after(isOpened ? codec.open(form, place) : form, (opened) => openRest(opened, place));
}

/** What is authentic, or was never sealed: the bytes, perhaps compressed. */
function openRest(form: Encoded, place: Place): Uint8Array | Promise<Uint8Array> {
  const { codec = '', data } = form;
  if (isBytes(codec) && 'B' in data) return data.B;
  if (!squeezer.opens(codec)) {
    const detail = `it is sealed by codec ${JSON.stringify(codec)}, which is not given here`;
    throw new DecodeError(place.key, 'foreign', detail);
  }
  return after(squeezer.open(form, place), (opened) => {
    if (isBytes(opened.codec) && 'B' in opened.data) return opened.data.B;
    throw new DecodeError(place.key, 'damaged', 'compressed bytes: something else is in it');
  });
}

function isBytes(codec: string | undefined): boolean {
  return codec === bytesName || codec === packedName;
}

function isSealed(bytes: Uint8Array): boolean {
  return bytes.length >= magic.length && magic.equals(bytes.subarray(0, magic.length));
}

function notSealed({ name }: SealingCodec, { key }: Place): DecodeError {
  return new DecodeError(key, 'foreign', `it is not sealed by codec ${JSON.stringify(name)}`);
}

function formOf(bytes: Uint8Array, { key }: Place): Encoded {
  const sealed = bytes.subarray(magic.length);
  const end = headBytes(sealed);
  try {
    const form = formFrom(sealed.subarray(0, end), sealed.subarray(end));
    if (form.codec !== undefined) return form;
  } catch {
    // Said below.
  }
  throw new DecodeError(key, 'damaged', 'sealed bytes: the frame is not what it was');
}
