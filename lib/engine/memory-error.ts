/**
 * The service's own errors, made here: same names, same messages where they are known, same marks of a client's fault, so
 * that whoever tells errors apart by name, fault or status sees no difference.
 */

/** An error of the service with its name. */
export function serviceError(name: string, message: string): Error {
  const error = new Error(message);
  error.name = name;
  return Object.assign(error, { $fault: 'client', $metadata: { httpStatusCode: 400, attempts: 1 } });
}

/** The error for a request that is wrong in itself. */
export function validationError(message: string): Error {
  return serviceError('ValidationException', message);
}
