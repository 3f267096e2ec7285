/**
 * Values to attributes and back: pure functions, no clock, no I/O.
 *
 * @module
 */
export type { AttributeValue, Item } from './attribute.js';
export { decodeKey, encodeKey } from './canonical-key.js';
export { member as pathStep } from './copy.js';
export { DecodeError, type DecodeReason, KeyError, UnsupportedValueError } from './errors.js';
export { fromForeign } from './foreign.js';
export { type Encoded, type Held, heldFrom, hold } from './held.js';
export { attributeBytes, itemBytes, readUnits, writeUnits } from './item-size.js';
export { asRefuser, type Kind, kindOf, type Refusal } from './kinds.js';
export { bareError } from './knot.js';
export { setOwn } from './names.js';
export { nativeNestingMax } from './native.js';
export { isSealing, type Place, type SealingCodec } from './sealing.js';
export { jsonCodec, type ValueCodec } from './value-codec.js';
