/**
 * What an endpoint can do that not every one can, found out without touching anything.
 *
 * The service has transactions. Any other endpoint is asked once: a transaction without actions is refused by all that know
 * the operation, and is an unknown operation to the others (dynalite).
 */
import { isTransient } from './outcome.js';

/** Variables by which the SDK is sent to another endpoint. */
const endpointVariables = ['AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_DYNAMODB', 'AWS_ENDPOINT_URL_DYNAMODB_STREAMS'];

/** Whether a client talks to the service itself, as far as can be told without a request. */
export function isServiceItself(config: object): boolean {
  const { endpoint, isCustomEndpoint } = config as { readonly endpoint?: unknown; readonly isCustomEndpoint?: unknown };
  if (endpoint !== undefined || isCustomEndpoint === true) return false;
  return endpointVariables.every((name) => process.env[name] === undefined);
}

/** What the failure of a transaction without actions says; throws one that says nothing (no answer, throttling). */
export function knowsTransactions(failure: unknown): boolean {
  const { name, $fault } = (failure ?? {}) as { readonly name?: unknown; readonly $fault?: unknown };
  if (name === 'UnknownOperationException') return false;
  // Refused for the lack of actions, or of a permission: known in either case.
  if ($fault === 'client' && !isTransient(failure)) return true;
  throw failure;
}
