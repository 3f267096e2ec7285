/**
 * What an error of the SDK or of the network says about the request that it ends.
 *
 * Errors are told apart by name, code and HTTP status, never by class: there may be two copies of the SDK. What is not
 * recognised is `unclear`, so that an unknown error can cost time but never an update. Sources: "Error handling with
 * DynamoDB" (Programming.Errors.html) and measurements with a proxy that loses answers.
 */
import type { RefusalKind } from './port.js';

/** The facts in an error that matter here; every field may be missing. */
interface ErrorFacts {
  readonly name?: string;
  readonly $fault?: string;
  readonly $metadata?: { readonly attempts?: number; readonly httpStatusCode?: number };
}

const throttlingNames: ReadonlySet<string> = new Set([
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
  'Throttling',
  'ThrottledException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'TooManyRequestsException',
]);
const conflictNames: ReadonlySet<string> = new Set([
  'TransactionConflictException',
  'ReplicatedWriteConflictException',
]);
/** Codes that a connection can have only before it carried anything. */
const unreachableCodes: ReadonlySet<string> = new Set(['ENOTFOUND', 'ECONNREFUSED', 'EAI_AGAIN']);
const transportCodes: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ECONNABORTED',
]);

/**
 * The system's error code. In another realm (a test runner's) the SDK doesn't recognise the errors of Node's core and
 * leaves of them only a message, "AWS SDK error wrapper for TimeoutError: read ECONNRESET".
 */
function codeOf(error: unknown): string {
  const { code, message } = (error ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  if (typeof code === 'string') return code;
  if (typeof message !== 'string' || !message.startsWith('AWS SDK error wrapper for')) return '';
  return /\bE[A-Z]{3,}\b/.exec(message)?.[0] ?? (message.includes('socket hang up') ? 'ECONNRESET' : 'ETIMEDOUT');
}

/** How many copies the transport says it sent; `undefined` when it does not say. */
export function attemptsOf(error: unknown): number | undefined {
  return (error as ErrorFacts | undefined)?.$metadata?.attempts;
}

/**
 * The kind of refusal that `error` would be, had exactly one copy of the request been sent; `undefined` when even then it
 * would not prove that nothing happened.
 */
export function refusalKind(error: unknown): RefusalKind | undefined {
  const { name = '', $fault, $metadata } = (error ?? {}) as ErrorFacts;
  const code = codeOf(error);
  if (throttlingNames.has(name)) return 'throttled';
  if (conflictNames.has(name)) return 'conflict';
  if (unreachableCodes.has(code)) return 'unreachable';
  // The head of an answer came and its body was cut: a status of 400 may be a condition that failed, of this or another copy.
  if (transportCodes.has(code)) return undefined;
  // An answer that can't be read is no verdict: behind a status of 400 may be a condition that failed.
  if (name === 'SyntaxError') return undefined;
  // The same transaction is still being worked on: it may yet succeed.
  if (name === 'TransactionInProgressException') return undefined;
  const status = $metadata?.httpStatusCode;
  const clientFault = $fault === 'client' || (status !== undefined && status >= 400 && status < 500);
  return clientFault && status !== 408 ? 'refused' : undefined;
}

/**
 * Whether asking again makes sense after a failed *read*: throttling, a conflict, the network, the server's own faults.
 * Validation, access and programming errors are final.
 */
export function isTransient(error: unknown): boolean {
  const { name = '', $fault, $metadata } = (error ?? {}) as ErrorFacts;
  const code = codeOf(error);
  if (throttlingNames.has(name) || conflictNames.has(name)) return true;
  if (name === 'TransactionInProgressException' || name === 'TimeoutError') return true;
  if (unreachableCodes.has(code) || transportCodes.has(code)) return true;
  // Of undici, and of Node's parser for what is no HTTP.
  if (code.startsWith('UND_ERR_') || code.startsWith('HPE_')) return true;
  const status = $metadata?.httpStatusCode;
  if ($fault === 'client') return false;
  return (
    $fault === 'server' ||
    (status !== undefined && (status >= 500 || status === 408 || status === 429 || status === 200))
  );
}
