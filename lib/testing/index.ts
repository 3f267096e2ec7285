/**
 * What this project tests itself with, for your own specs: real engines, faults between you and them, and time that
 * you turn by hand.
 *
 * @module
 */
export {
  type DynamoDBLocal,
  DynamoDBLocalError,
  type DynamoDBLocalFailure,
  type DynamoDBLocalOptions,
  startDynamoDBLocal,
} from './dynamodb-local.js';
export { type DynamoDBLocalFound, findDynamoDBLocal } from './find-dynamodb-local.js';
export { VirtualClock } from './virtual-clock.js';
