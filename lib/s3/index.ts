/**
 * Prevalence in a bucket of S3, and snapshots there.
 *
 * @module
 */
export type { S3ClientLike } from './bucket.js';
export { deleteS3Storage, type S3Deleted } from './delete-s3-storage.js';
export { BucketError, type BucketProblem, BucketUnavailableError, ObjectDamagedError } from './errors.js';
export { type S3Place, s3SnapshotStore } from './s3-snapshot-store.js';
export { type S3StorageOptions, s3Storage } from './s3-storage.js';
