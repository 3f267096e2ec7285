/**
 * Values to attributes and back: pure functions, no clock, no I/O.
 *
 * @module
 */
export type { AttributeValue, Item } from './attribute.js';
export { decodeKey, encodeKey } from './canonical-key.js';
export { compactCodec } from './compact.js';
export { type CompressedOptions, compressed } from './compressed.js';
export { member as pathStep } from './copy.js';
export { type DataKey, type DataKeys, type DataKeysOptions, dataKeys } from './data-keys.js';
export { type EncryptedOptions, encrypted } from './encrypted.js';
export { DecodeError, type DecodeReason, KeyError, UnsupportedValueError } from './errors.js';
export { fromForeign } from './foreign.js';
export { contentOf, formBytesMax, formFrom, headOf } from './form-bytes.js';
export { type Encoded, type Held, heldFrom, hold } from './held.js';
export { attributeBytes, itemBytes, readUnits, writeUnits } from './item-size.js';
export { deepFreeze, linesIn, parseLines } from './json-lines.js';
export { KeyRingError, type KeyRingErrorCode } from './key-errors.js';
export { type KeyRing, type KeyRingOptions, keyRing } from './key-ring.js';
export type { KeySource } from './key-source.js';
export { asRefuser, type Kind, kindOf, type Refusal } from './kinds.js';
export { bareError } from './knot.js';
export { escapeName, setOwn } from './names.js';
export { nativeNestingMax } from './native.js';
export { type Note, notesOf } from './notes.js';
export { type NumbersAs, numberReader } from './numbers.js';
export { openBytes, sealBytes, sealedBytesMore, sealedWith } from './sealed-bytes.js';
export { isSealing, type Place, type SealingCodec, withForm } from './sealing.js';
export { jsonCodec, type ValueCodec } from './value-codec.js';
export { isHeavier } from './weight.js';
