// Goal: each error of S3 is told for what it is. Method: errors as the SDK makes them, by name and status.
import { describe, expect, it } from '@jest/globals';
import { isTransient } from '../../lib/engine/index.js';
import { explained, isMissing, isUnchanged, isUnmet, isUnsent, refusalOfWrite } from '../../lib/s3/outcome.js';

const failure = (name: string, httpStatusCode?: number, more: object = {}) =>
  Object.assign(
    new Error(`what ${name} says`),
    { name, $fault: 'client', $metadata: { httpStatusCode, attempts: 1 } },
    more,
  );

describe('refusalOfWrite', () => {
  it.each([
    ['SlowDown', 503, 'throttled'],
    ['TooManyRequests', 429, 'throttled'],
    ['anything', 429, 'throttled'],
    ['ConditionalRequestConflict', 409, 'conflict'],
    ['OperationAborted', 409, 'conflict'],
    ['AccessDenied', 403, 'refused'],
    ['NoSuchBucket', 404, 'refused'],
    ['EntityTooLarge', 400, 'refused'],
    ['NotImplemented', 501, 'refused'],
    ['InternalError', 500, undefined],
    ['ServiceUnavailable', 503, undefined],
    ['RequestTimeout', 400, 'unreachable'],
    ['BadDigest', 400, 'unreachable'],
    ['XAmzContentSHA256Mismatch', 400, 'unreachable'],
    ['AbortError', undefined, undefined],
  ])('%s %s is %s', (name, status, kind) => {
    const $fault = (status ?? 500) >= 500 ? 'server' : 'client';
    expect(refusalOfWrite(failure(name, status, { $fault }))).toBe(kind);
  });

  it('tells what never reached a server', () => {
    expect(refusalOfWrite(Object.assign(new Error(), { code: 'ECONNREFUSED' }))).toBe('unreachable');
    expect(refusalOfWrite(Object.assign(new Error(), { code: 'ECONNRESET' }))).toBeUndefined();
  });

  it('takes an answer that nobody can read for no verdict', () => {
    for (const status of [400, 403, 404, 501]) {
      expect(refusalOfWrite(failure('Error', status, { $fault: undefined }))).toBeUndefined();
    }
  });
});

describe('explained', () => {
  it.each([
    ['NoSuchBucket', 404, 'missing'],
    ['AccessDenied', 403, 'denied'],
    ['Unknown', 403, 'denied'],
    ['InvalidAccessKeyId', 403, 'credentials'],
    ['ExpiredToken', 400, 'credentials'],
    ['CredentialsProviderError', undefined, 'credentials'],
    ['PermanentRedirect', 301, 'other-region'],
    ['AuthorizationHeaderMalformed', 400, 'other-region'],
    ['RequestTimeTooSkewed', 403, 'clock-skew'],
    ['NotImplemented', 501, 'no-conditional-writes'],
    ['InvalidObjectState', 403, 'archived'],
    ['KMS.DisabledException', 400, 'encryption-key'],
  ])('%s %s is %s', (name, status, reason) => {
    const error = failure(name, status);
    expect(explained(error, 'b')).toMatchObject({ code: 'ERR_BUCKET', reason, bucket: 'b', cause: error });
  });

  it.each([
    ['SlowDown', 503],
    ['InternalError', 500],
    ['ServiceUnavailable', 503],
    ['OperationAborted', 409],
    ['TooManyRequests', 429],
    ['BadDigest', 400],
    ['RequestTimeout', 400],
  ])('lets %s %s be asked again, whosever fault the SDK says it is', (name, status) => {
    const error = explained(failure(name, status), 'b');
    expect([error.name, isTransient(error)]).toEqual([name, true]);
  });

  it('lets what nobody can read be asked again', () => {
    const errors = [400, 403, 404].map((status) => explained(failure('Error', status, { $fault: undefined }), 'b'));
    expect(errors.map(isTransient)).toEqual([true, true, true]);
  });

  it('hands on what it does not know', () => {
    const error = failure('InvalidRequest', 400);
    expect(explained(error, 'b')).toBe(error);
    expect(explained('text', 'b').message).toBe('text');
  });
});

describe('answers that are no errors', () => {
  it('are told by status and name', () => {
    expect([isUnmet(failure('PreconditionFailed', 412)), isUnmet(failure('Unknown', 412))]).toEqual([true, true]);
    expect([isMissing(failure('NoSuchKey', 404)), isMissing(failure('NotFound', 404))]).toEqual([true, true]);
    expect([isMissing(failure('NoSuchBucket', 404)), isUnmet(failure('NoSuchKey', 404))]).toEqual([false, false]);
    expect([isUnchanged(failure('304', 304)), isUnchanged(failure('NoSuchKey', 404))]).toEqual([true, false]);
    expect([isUnsent(failure('CredentialsProviderError')), isUnsent(failure('AccessDenied', 403))]).toEqual([
      true,
      false,
    ]);
  });
});
