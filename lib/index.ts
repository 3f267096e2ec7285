/**
 * leyden-jar: durable, distributed atoms on DynamoDB.
 *
 * @module
 */
export * from './atom/index.js';
export {
  DecodeError,
  jsonCodec,
  KeyError,
  KeyRingError,
  type Place,
  type SealingCodec,
  UnsupportedValueError,
  type ValueCodec,
} from './codec/index.js';
export { type CreateClientOptions, createClient, type DynamoDBClientLike, type Spent } from './engine/index.js';
export { isLeydenError, LeydenError, type LeydenErrorFacts, type Outcome } from './errors.js';
