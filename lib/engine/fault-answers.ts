/**
 * What a caller is told when a fault strikes: the errors and answers of the SDK and the network, made by hand. Plain data.
 */
import type { EngineFault, OperationKind } from './fault-plan.js';
import { serviceError } from './memory-error.js';
import type * as port from './port.js';

/** How many copies the transport would say that it sent. */
export function copiesOf(fault: EngineFault | undefined): number {
  return fault?.kind === 'duplicate' || fault?.kind === 'throttle-after' ? 2 : 1;
}

/** The part of a batch that is worked on, and the one that is left over. */
export function parted<One>(list: readonly One[], leftShare: number): readonly [readonly One[], readonly One[]] {
  const middle = Math.ceil(list.length * (1 - leftShare));
  return [list.slice(0, middle), list.slice(middle)];
}

/** The answer that this write certainly did not take effect. */
export function refused(kind: port.RefusalKind, error: Error): port.WriteAnswer | port.TransactWriteAnswer {
  return { status: 'not-applied', kind, error };
}

/** Another transaction in the way, as a single write or a transaction is told of it. */
export function conflict(kind: OperationKind, request: object): port.WriteAnswer | port.TransactWriteAnswer {
  const message = 'Transaction is ongoing for the item';
  if (kind !== 'transactWrite') return refused('conflict', serviceError('TransactionConflictException', message));
  const { actions } = request as port.TransactWriteRequest;
  const reasons = actions.map((_, index) =>
    index === 0 ? { code: 'TransactionConflict', message } : { code: 'None' },
  );
  return { status: 'cancelled', reasons, resent: false };
}

/** What the SDK throws when a signal ends the wait. */
export function aborted(signal: AbortSignal): Error {
  const error = new Error('Request aborted', { cause: signal.reason });
  error.name = 'AbortError';
  return error;
}

/** The error that a caller meets, as the SDK and the network would show it. */
export function failureOf(kind: EngineFault['kind']): Error {
  if (kind.startsWith('5xx')) {
    const error = serviceError('InternalServerError', 'Internal server error');
    return Object.assign(error, { $fault: 'server', $metadata: { httpStatusCode: 500, attempts: 1 } });
  }
  if (kind.startsWith('throttle')) {
    const error = serviceError(
      'ProvisionedThroughputExceededException',
      'The level of provisioned throughput was exceeded',
    );
    return Object.assign(error, { $metadata: { httpStatusCode: 400, attempts: kind === 'throttle' ? 1 : 2 } });
  }
  const unreachable = kind === 'unreachable';
  const error = new Error(
    unreachable ? 'connect ECONNREFUSED' : kind === 'cut-body' ? 'socket hang up' : 'read ECONNRESET',
  );
  error.name = unreachable ? 'Error' : 'TimeoutError';
  return Object.assign(error, { code: unreachable ? 'ECONNREFUSED' : 'ECONNRESET', $metadata: { attempts: 1 } });
}
