/** What an error of the service says to a reader. Recognised by name: there may be two copies of the SDK. */
import { isTransient } from '../engine/index.js';

/** What follows from a failed question. */
export type Refusal =
  /** The iterator is older than a quarter of an hour: get another one, after the last record. */
  | 'expired'
  /** The records there are gone. */
  | 'trimmed'
  /** The stream or the shard is gone. */
  | 'gone'
  /** Asked too often, or by more readers than the shard bears: ask later. */
  | 'throttled'
  /** The network or the service itself: ask again. */
  | 'transient'
  /** Wrong, denied: asking again is of no use. */
  | 'fatal';

/** @returns what `error`, thrown by a {@link StreamsPort}, means. */
export function refusalOf(error: unknown): Refusal {
  const { name = '' } = (error ?? {}) as { readonly name?: string };
  if (name === 'ExpiredIteratorException') return 'expired';
  if (name === 'TrimmedDataAccessException') return 'trimmed';
  if (name === 'ResourceNotFoundException') return 'gone';
  if (name === 'LimitExceededException' || /thrott|ThroughputExceeded|RequestLimit/i.test(name)) return 'throttled';
  // DynamoDB Local's word for a server's fault comes with the fault of a client.
  if (name === 'InternalServerError' || name === 'InternalFailure') return 'transient';
  return isTransient(error) ? 'transient' : 'fatal';
}
