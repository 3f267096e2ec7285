/**
 * What an error of the SDK or of the network says about a request to a bucket.
 *
 * Told apart by name and status, as there may be two copies of the SDK. What is not recognised of a write is unclear, so that an
 * unknown error can cost time but never an event.
 */
import { isTransient, type RefusalKind, refusalKind } from '../engine/index.js';
import { BucketError, type BucketProblem } from './errors.js';

interface ErrorFacts {
  readonly name?: string;
  readonly message?: string;
  readonly $fault?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}

const throttlingNames: ReadonlySet<string> = new Set(['SlowDown', 'TooManyRequests', 'BandwidthLimitExceeded']);
/** What was sent is not what arrived; nothing was done, and sent again it may arrive. */
const alteredNames: ReadonlySet<string> = new Set([
  ...['BadDigest', 'XAmzContentSHA256Mismatch', 'XAmzContentChecksumMismatch', 'IncompleteBody', 'RequestTimeout'],
]);
const problems: Readonly<Record<string, BucketProblem>> = {
  NoSuchBucket: 'missing',
  AccessDenied: 'denied',
  AllAccessDisabled: 'denied',
  AccountProblem: 'denied',
  MethodNotAllowed: 'denied',
  Forbidden: 'denied',
  CredentialsProviderError: 'credentials',
  InvalidAccessKeyId: 'credentials',
  SignatureDoesNotMatch: 'credentials',
  ExpiredToken: 'credentials',
  InvalidToken: 'credentials',
  PermanentRedirect: 'other-region',
  AuthorizationHeaderMalformed: 'other-region',
  IncorrectEndpoint: 'other-region',
  IllegalLocationConstraintException: 'other-region',
  RequestTimeTooSkewed: 'clock-skew',
  RequestExpired: 'clock-skew',
  NotImplemented: 'no-conditional-writes',
  InvalidObjectState: 'archived',
};

function statusOf(error: unknown): number | undefined {
  return (error as ErrorFacts | undefined)?.$metadata?.httpStatusCode;
}

/** Whether the object that was asked for is not there; a bucket that is not is another matter. */
export function isMissing(error: unknown): boolean {
  const name = nameOf(error);
  return name === 'NoSuchKey' || (name === 'NotFound' && statusOf(error) === 404);
}

/** Whether the condition of a PUT did not hold. */
export function isUnmet(error: unknown): boolean {
  return nameOf(error) === 'PreconditionFailed' || statusOf(error) === 412;
}

/** Whether what was asked for is what is known already. */
export function isUnchanged(error: unknown): boolean {
  return statusOf(error) === 304;
}

/** Whether the error came before anything was sent: the SDK asks for credentials once for each call. */
export function isUnsent(error: unknown): boolean {
  return nameOf(error) === 'CredentialsProviderError';
}

/** Whether an answer came that nobody can read: it is no verdict, whatever its status. */
function isUnreadable(error: unknown): boolean {
  return statusOf(error) !== undefined && (error as ErrorFacts).$fault === undefined;
}

/** The kind of refusal that `error` is, if exactly one copy was sent; as `refusalKind` of the engines, for S3. */
export function refusalOfWrite(error: unknown): RefusalKind | undefined {
  if (throttlingNames.has(nameOf(error)) || statusOf(error) === 429) return 'throttled';
  // Another write of the same object was under way.
  if (statusOf(error) === 409) return 'conflict';
  if (alteredNames.has(nameOf(error))) return 'unreachable';
  if (isUnreadable(error)) return undefined;
  return problemOf(error) === undefined ? refusalKind(error) : 'refused';
}

/** The error that a caller sees: what the user can mend with its remedy, all else as it came, passing or not. */
export function explained(error: unknown, bucket: string): Error {
  const problem = problemOf(error);
  const isGarbled = isUnreadable(error) || alteredNames.has(nameOf(error));
  if (problem !== undefined && !isGarbled) return new BucketError(bucket, problem, detailOf(error), error);
  const status = statusOf(error) ?? 0;
  const isPassing =
    isGarbled || throttlingNames.has(nameOf(error)) || status === 409 || status === 429 || status >= 500;
  if (!isPassing || isTransient(error)) return error instanceof Error ? error : new Error(String(error));
  // The SDK calls what it doesn't know a client's fault, whatever the status.
  return Object.assign(passingError(nameOf(error), detailOf(error), error), {
    $metadata: (error as ErrorFacts).$metadata,
  });
}

/** An error after which it makes sense to ask again: `isTransient`. */
export function passingError(name: string, message: string, cause: unknown): Error {
  return Object.assign(new Error(message, { cause }), { name, $fault: 'server' });
}

function problemOf(error: unknown): BucketProblem | undefined {
  const name = nameOf(error);
  if (name.startsWith('KMS.')) return 'encryption-key';
  if (Object.hasOwn(problems, name)) return problems[name];
  // A HEAD and some services answer without a code.
  const status = statusOf(error);
  if (status === 301 || status === 307) return 'other-region';
  if (status === 403) return 'denied';
  return status === 501 ? 'no-conditional-writes' : undefined;
}

function detailOf(error: unknown): string {
  const { message = '', $response } = error as ErrorFacts;
  const region = $response?.headers?.['x-amz-bucket-region'];
  const name = nameOf(error);
  const said = message === '' || message === name ? name : `${name}: ${message}`;
  return region === undefined ? said : `${said} Its region is ${region}`;
}

function nameOf(error: unknown): string {
  return (error as ErrorFacts | undefined)?.name ?? '';
}
