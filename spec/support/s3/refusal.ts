/** What S3 says when it does not do something: a status, a code, and some words. */
const statuses = {
  AccessDenied: 403,
  AuthorizationHeaderMalformed: 400,
  BadDigest: 400,
  BucketAlreadyOwnedByYou: 409,
  BucketNotEmpty: 409,
  ConditionalRequestConflict: 409,
  IncompleteBody: 400,
  InternalError: 500,
  InvalidArgument: 400,
  InvalidRequest: 400,
  KeyTooLongError: 400,
  MalformedXML: 400,
  NoSuchBucket: 404,
  NoSuchKey: 404,
  NotImplemented: 501,
  NotModified: 304,
  PermanentRedirect: 301,
  PreconditionFailed: 412,
  SlowDown: 503,
  XAmzContentSHA256Mismatch: 400,
} as const;

const words: Partial<Record<RefusalCode, string>> = {
  AccessDenied: 'Access Denied',
  ConditionalRequestConflict:
    'The conditional request cannot succeed due to a conflicting operation against this resource.',
  NoSuchBucket: 'The specified bucket does not exist',
  NoSuchKey: 'The specified key does not exist.',
  PermanentRedirect: 'The bucket you are attempting to access must be addressed using the specified endpoint.',
  PreconditionFailed: 'At least one of the pre-conditions you specified did not hold',
  SlowDown: 'Please reduce your request rate.',
};

export type RefusalCode = keyof typeof statuses;

export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: RefusalCode;
  readonly status: number;

  constructor(code: RefusalCode, message?: string) {
    super(message ?? words[code] ?? code);
    this.code = code;
    this.status = statuses[code];
  }
}
