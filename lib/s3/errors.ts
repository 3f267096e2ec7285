/** What can be wrong with a bucket, and with an object in it. */
import { LeydenError, type Outcome } from '../errors.js';

/**
 * - `missing`: there is no such bucket.
 * - `denied`: these credentials may not do this, or the bucket's policy forbids it.
 * - `credentials`: there are none, or they are unknown or have expired.
 * - `other-region`: the bucket is in another region than the client talks to.
 * - `clock-skew`: the clock of this machine is too far off.
 * - `no-conditional-writes`: the service refuses or ignores the conditions `If-None-Match` and `If-Match` of PUT.
 * - `archived`: a lifecycle rule has moved the object to where it can't be read at once.
 * - `encryption-key`: the key of KMS that the bucket encrypts with can't be used.
 */
export type BucketProblem =
  | 'missing'
  | 'denied'
  | 'credentials'
  | 'other-region'
  | 'clock-skew'
  | 'no-conditional-writes'
  | 'archived'
  | 'encryption-key';

const remedies: Readonly<Record<BucketProblem, string>> = {
  missing: 'create it, or name another one',
  denied:
    'allow s3:GetObject, s3:PutObject and s3:DeleteObject on its objects, and s3:ListBucket on the bucket: ' +
    'without that, S3 says of an object that is not there that access is denied',
  credentials: 'give the S3Client credentials that are valid',
  'other-region': "give the S3Client the bucket's region",
  'clock-skew': "set this machine's clock",
  'no-conditional-writes':
    'use a service and a bucket that know the conditions If-None-Match and If-Match of PUT; nothing else keeps writers apart',
  archived: 'restore the object, and take the lifecycle rule away from the prefix',
  'encryption-key': 'enable the key, and allow kms:GenerateDataKey and kms:Decrypt',
};

/** `ERR_BUCKET`: the bucket can't be used as it is. Nothing was written by the request that found out. */
export class BucketError extends LeydenError {
  readonly bucket: string;
  readonly reason: BucketProblem;

  constructor(bucket: string, reason: BucketProblem, detail: string, cause?: unknown) {
    super('ERR_BUCKET', `Cannot use bucket ${bucket}: ${detail} (${reason}); ${remedies[reason]}`, {
      outcome: 'not-done',
      retryable: false,
      cause,
    });
    this.bucket = bucket;
    this.reason = reason;
  }
}

/**
 * `ERR_BUCKET_UNAVAILABLE`: what was asked of the bucket met one passing trouble after the other, for as long as that makes sense:
 * there was no connection, no answer, or the service was busy. `outcome` says what is known of what was to be written; the same call may
 * succeed later.
 */
export class BucketUnavailableError extends LeydenError {
  readonly bucket: string;

  constructor(bucket: string, triedMs: number, outcome: Outcome, cause: unknown) {
    const obstacle = cause instanceof Error ? cause.message || cause.name : String(cause);
    super(
      'ERR_BUCKET_UNAVAILABLE',
      `Cannot use bucket ${bucket}: tried for ${Math.round(triedMs)} ms, last obstacle: ${obstacle}; ` +
        "try again, and if that does not help, see that the S3Client's endpoint can be reached from this machine",
      { outcome, retryable: true, cause },
    );
    this.bucket = bucket;
  }
}

/**
 * `ERR_OBJECT_DAMAGED`: an object is not what was written, however often it is read: cut short, altered, or written by something
 * else; `newer-format`: by a later release of this library. Nothing was made up, and nothing was written.
 */
export class ObjectDamagedError extends LeydenError {
  readonly bucket: string;
  readonly key: string;
  readonly reason: 'damaged' | 'foreign' | 'newer-format';

  constructor(bucket: string, key: string, reason: ObjectDamagedError['reason'], detail: string, cause?: unknown) {
    super(
      'ERR_OBJECT_DAMAGED',
      `Cannot read object ${key} of bucket ${bucket}: ${detail} (${reason}); ${damageRemedies[reason]}`,
      { outcome: 'not-done', retryable: false, cause },
    );
    this.bucket = bucket;
    this.key = key;
    this.reason = reason;
  }
}

const damageRemedies: Readonly<Record<ObjectDamagedError['reason'], string>> = {
  damaged: 'bring the object back as it was, from a replica or an earlier version',
  foreign: 'use a prefix under which nothing else is written',
  'newer-format': 'use the release that wrote it, or a later one',
};
