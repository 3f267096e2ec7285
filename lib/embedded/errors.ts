/**
 * Why an embedded store did not start. One code, with the reason as a field; nothing is left open behind it: no
 * socket, no lock, no timer.
 */
import { LeydenError } from '../errors.js';

/** What stood in the way of {@link EmbeddedError}. */
export type EmbeddedFailure =
  /** The optional peer dependency `dynalite` is not installed. */
  | 'missing'
  /** Another process, or this one, listens on the port. */
  | 'port-in-use'
  /** Another process, or this one, has the folder open. */
  | 'path-in-use'
  /** The path is no directory, or may not be written. */
  | 'path-unusable'
  /** Anything else; see `cause`. */
  | 'failed';

/** Facts of an {@link EmbeddedError}. */
export interface EmbeddedErrorFacts {
  readonly reason: EmbeddedFailure;
  readonly port?: number | undefined;
  readonly path?: string | undefined;
  readonly cause?: unknown;
}

/**
 * Thrown by `startEmbedded` (code `ERR_EMBEDDED`, outcome `not-done`). Retryable where somebody else holds the port or
 * the folder, for they may let go.
 */
export class EmbeddedError extends LeydenError {
  /** What stood in the way. */
  readonly reason: EmbeddedFailure;
  /** The port asked for, where one was. */
  readonly port: number | undefined;
  /** The folder asked for, where one was. */
  readonly path: string | undefined;

  constructor(message: string, facts: EmbeddedErrorFacts) {
    const retryable = facts.reason === 'port-in-use' || facts.reason === 'path-in-use';
    super('ERR_EMBEDDED', message, { outcome: 'not-done', retryable, cause: facts.cause });
    this.reason = facts.reason;
    this.port = facts.port;
    this.path = facts.path;
  }
}
