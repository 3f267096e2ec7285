/**
 * Values to attributes and back: pure functions, no clock, no I/O.
 *
 * @module
 */
export type { AttributeValue, Item } from './attribute.js';
