/** The service's refusals, as the SDK would throw them: recognised by name. */

function refused(name: string, status: number, message: string): Error {
  const error = new Error(message);
  error.name = name;
  return Object.assign(error, { $fault: status < 500 ? 'client' : 'server', $metadata: { httpStatusCode: status } });
}

export const streamGone = (arn: string): Error =>
  refused('ResourceNotFoundException', 400, `Requested resource not found: Stream: ${arn} not found`);
export const shardGone = (shardId: string): Error =>
  refused('ResourceNotFoundException', 400, `Requested resource not found: Shard does not exist: ${shardId}`);
export const iteratorExpired = (): Error =>
  refused('ExpiredIteratorException', 400, 'Iterator expired: it was made more than 15 minutes ago');
export const recordsTrimmed = (): Error =>
  refused(
    'TrimmedDataAccessException',
    400,
    'The operation attempted to read past the oldest stream record in a shard',
  );
export const invalid = (message: string): Error => refused('ValidationException', 400, message);
export const tooManyReads = (): Error =>
  refused('ProvisionedThroughputExceededException', 400, 'Rate exceeded for shard: too many GetRecords');
export const tooManyDescribes = (): Error =>
  refused('ThrottlingException', 400, 'Rate exceeded: too many DescribeStream');
export const tooManyReaders = (): Error =>
  refused('LimitExceededException', 400, 'More than two processes read from the same shard at the same time');
export const serverFault = (): Error => refused('InternalServerError', 500, 'The request could not be processed');

/** Carried out or not: nobody knows. */
export function answerLost(): Error {
  const error = new Error('socket hang up');
  error.name = 'TimeoutError';
  return Object.assign(error, { code: 'ECONNRESET' });
}
