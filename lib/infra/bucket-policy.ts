/** What a prevalent system in a bucket needs, as a document of IAM. */
import type { PolicyDocument } from './policy.js';

/** Which system, and what is done with it. */
export interface BucketAccess {
  readonly bucket: string;
  /** As `s3Storage` or `s3SnapshotStore` is given it. */
  readonly prefix: string;
  /** `read`: `mode: 'read-only'`. `write`: all else, pruning and `deleteS3Storage` included. */
  readonly access: 'read' | 'write';
  /** @defaultValue 'aws' */
  readonly partition?: string;
}

/** What is asked of the objects under the prefix. */
const actions = {
  read: ['s3:GetObject'],
  write: ['s3:DeleteObject', 's3:GetObject', 's3:PutObject'],
} as const;

/**
 * The least that somebody needs who uses a system in a bucket.
 *
 * `s3:ListBucket` is among it though nothing is listed: without it S3 says of an object that is not there that access is denied. It
 * can't be narrowed to a prefix for that.
 *
 * @example
 * ```ts
 * import { bucketPolicyFor } from 'leyden-jar/infra';
 *
 * const { Statement } = bucketPolicyFor({ bucket: 'my-state', prefix: 'till', access: 'read' });
 * console.log(Statement[0]?.Action, Statement[0]?.Resource);
 * // => [ 's3:GetObject' ] [ 'arn:aws:s3:::my-state/till/*' ]
 * ```
 */
export function bucketPolicyFor({ bucket, prefix, access, partition = 'aws' }: BucketAccess): PolicyDocument {
  if (!Object.hasOwn(actions, access)) {
    throw new RangeError(`Cannot make a policy: access must be 'read' or 'write': ${String(access)}`);
  }
  const arn = bucket.startsWith('arn:') ? bucket : `arn:${partition}:s3:::${bucket}`;
  // Objects behind an access point are named in another way.
  const objects = bucket.startsWith('arn:') ? `${arn}/object` : arn;
  const plain = prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
  return {
    Version: '2012-10-17',
    Statement: [
      { Sid: 'Objects', Effect: 'Allow', Action: actions[access], Resource: [`${objects}/${plain}/*`] },
      { Sid: 'Bucket', Effect: 'Allow', Action: ['s3:ListBucket'], Resource: [arn] },
    ],
  };
}
