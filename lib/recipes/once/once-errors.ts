import { types } from 'node:util';
import { LeydenError } from '../../errors.js';
import type { Failure, OnceState } from './once-state.js';

/** `ERR_IN_PROGRESS`: another call runs under this key, and the wait was over before it had a result. Nothing was done here. */
export class InProgressError extends LeydenError {
  readonly key: string;
  readonly waitMs: number;
  /** Who runs it. */
  readonly host: string | undefined;
  readonly pid: number | undefined;
  /** Since when, in epoch milliseconds, by its own wall clock. */
  readonly startedAt: number | undefined;

  constructor(subject: string, key: string, waitMs: number, { run }: OnceState, cause?: unknown) {
    const by = run && `process ${run.pid} on ${run.host} has been at it since ${new Date(run.startedAt).toISOString()}`;
    super(
      'ERR_IN_PROGRESS',
      `Cannot run ${subject}: ${by ?? 'another call is at it'}, and waitMs ${waitMs} passed; wait longer, or call again later`,
      { outcome: 'not-done', retryable: true, cause },
    );
    this.key = key;
    this.waitMs = waitMs;
    this.host = run?.host;
    this.pid = run?.pid;
    this.startedAt = run?.startedAt;
  }
}

/** `ERR_PAYLOAD_MISMATCH`: the key was used before for another payload. Nothing was done, and nothing was written. */
export class PayloadMismatchError extends LeydenError {
  readonly key: string;

  constructor(subject: string, key: string, { state }: OnceState) {
    const used = state === 'running' ? 'is running' : 'was run';
    super(
      'ERR_PAYLOAD_MISMATCH',
      `Cannot run ${subject}: it ${used} with another payload under this key; use a key of its own for each payload`,
      { outcome: 'not-done', retryable: false },
    );
    this.key = key;
  }
}

/**
 * `ERR_RESULT_NOT_STORED`: the function has run, and its result is not stored. With `outcome: 'unknown'` the store did not answer in time, and
 * it is being stored in the background: call again under the same key. With `outcome: 'done'` it is no value that can be stored
 * (`cause`): the next call runs the function again.
 */
export class ResultNotStoredError extends LeydenError {
  readonly key: string;

  constructor(subject: string, key: string, isRefused: boolean, cause: unknown) {
    const [why, remedy] = isRefused
      ? ['cannot be stored', 'return plain data']
      : ['could not be stored in time', 'it is tried again in the background; call again under the same key'];
    super(
      'ERR_RESULT_NOT_STORED',
      `Cannot give the result of ${subject}: its function has run, and what it returned ${why}; ${remedy}`,
      {
        outcome: isRefused ? 'done' : 'unknown',
        retryable: !isRefused,
        cause,
      },
    );
    this.key = key;
  }
}

/** What is kept of what was thrown. Classes have no stored form; what callers look at mostly has: name, message, code, status. */
export function failureFrom(thrown: unknown): Failure {
  if (!types.isNativeError(thrown)) return { name: 'Error', message: String(thrown), properties: {} };
  const kept = Object.entries(thrown).filter(
    ([name, value]) =>
      !['name', 'message', 'stack'].includes(name) &&
      (value === null || ['string', 'number', 'boolean'].includes(typeof value)),
  );
  return { name: String(thrown.name), message: String(thrown.message), properties: Object.fromEntries(kept) };
}

/** An error like the one that was thrown, without its class. */
export function errorOf({ name, message, properties }: Failure): Error {
  const error = new Error(message);
  Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true });
  return Object.assign(error, properties);
}
