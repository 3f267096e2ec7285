/**
 * The port to where items live, and the engines behind it.
 *
 * @module
 */
export { type Clock, systemClock } from './clock.js';
export * from './limits.js';
export type * from './port.js';
