/**
 * Prevalence in a bucket of S3, and snapshots there.
 *
 * @module
 */
export {};
