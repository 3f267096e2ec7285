/**
 * A DynamoDB-compatible store inside this process, for specs, demos and single machines. Needs the optional peer
 * dependency `dynalite`.
 *
 * @module
 */
export { type Embedded, type EmbeddedOptions, type LocalClientConfig, startEmbedded } from './embedded.js';
export { EmbeddedError, type EmbeddedErrorFacts, type EmbeddedFailure } from './errors.js';
