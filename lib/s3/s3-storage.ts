/**
 * Prevalence in a bucket. Everything is an object under the prefix:
 *
 *   <prefix>/head          the journal's head                    <prefix>/snap            the pointer to the snapshots
 *   <prefix>/page/<k>      commits moved out of the head         <prefix>/part/<id>/<p>   parts of snapshots
 *   <prefix>/body/<w>/<n>  events of large commits               <prefix>/probe/<id>      for a moment, once per process
 */
import { AtomTable } from '../atom/index.js';
import type { Clock } from '../engine/index.js';
import { type AtomStorageOptions, openAtomLog, type Storage } from '../prevalence/index.js';
import { Bucket, requireBucket } from './bucket.js';
import { type Sources, systemSources } from './patience.js';
import { requirePrefix } from './prefix.js';
import { probeOnce } from './probe.js';
import { S3Engine } from './s3-engine.js';
import { type S3Place, snapshotStoreIn } from './s3-snapshot-store.js';

/** Options of {@link s3Storage}. */
export interface S3StorageOptions extends S3Place, Omit<AtomStorageOptions, 'headBytesMax'> {
  /**
   * The head's object is kept within this many bytes, up to 256 KB. More makes fewer pages, and larger PUTs.
   * @defaultValue 16 KB
   */
  readonly headBytesMax?: number | undefined;
  /** @defaultValue the system's clock */
  readonly clock?: Clock | undefined;
}

const headBytesMaxDefault: number = 16 * 1_024;
/** A body of 400 KB may take a while on a slow line. What round trips suggest is mostly far less. */
const attemptTimeoutMs = 10_000;

/** `randomBytes`: names of writers, which must never repeat; those of the system by default. */
interface StorageSources extends Sources {
  readonly randomBytes?: ((count: number) => Uint8Array) | undefined;
}

/**
 * Keeps a system in a bucket of S3, or of a service that knows S3's conditional writes: any number of instances, on any number
 * of machines, one order, and no database.
 *
 * Each commit is one PUT under a condition, whatever number of events wait together. Whether the bucket knows the
 * conditions is asked once per process, with an object of its own, before anything is read.
 *
 * **If the process dies**, a commit has happened or not. If an answer is lost, it is settled by evidence in the objects.
 *
 * @cost `handle`: 1 PUT for all that wait together, and 1 more every few hundred commits; a race lost to another process: 1 PUT and
 * 1 GET more; a commit of more than some 100 KB of text: 1 PUT more for each 400 KB of it, packed. A look: 1 GET, without a body if nothing
 * is new. Opening: 2 GETs, and 1 for each page since the newest snapshot and each 2 MB of that; 9 requests of the probe, once per
 * process. Nothing is ever listed.
 * @iam s3:GetObject, s3:PutObject, s3:DeleteObject on `<prefix>/*`; s3:ListBucket on the bucket
 * @throws TypeError, RangeError for wrong options; {@link BucketError} `ERR_BUCKET`, {@link BucketUnavailableError}
 * `ERR_BUCKET_UNAVAILABLE` when a system is opened.
 *
 * @example
 * ```ts no-run
 * import { S3Client } from '@aws-sdk/client-s3';
 * import { openPrevayler } from 'leyden-jar/prevalence';
 * import { s3Storage } from 'leyden-jar/s3';
 *
 * const storage = s3Storage({ client: new S3Client({ region: 'eu-west-1' }), bucket: 'my-state', prefix: 'till' });
 * await using till = await openPrevayler({ storage, initialState: 0, handler: (sum: number, n: number) => sum + n });
 * console.log((await till.handle(5)).state);
 * ```
 */
export function s3Storage(options: S3StorageOptions): Storage {
  return s3StorageFrom(options, systemSources);
}

/** With chance from elsewhere than the system. */
export function s3StorageFrom(options: S3StorageOptions, { random, randomBytes, ...from }: StorageSources): Storage {
  requireBucket('keep a system', options);
  const { client, bucket: bucketName, prefix, clock = from.clock, ...rest } = options;
  const sources: Sources = { clock, random };
  const name = requirePrefix('keep a system', prefix);
  const bucket = new Bucket(client, bucketName);
  const changing = new Set([`${name}/head`, `${name}/snap`]);
  const engine = new S3Engine(bucket, keyName, (key) => !changing.has(key));
  const logOptions: AtomStorageOptions = {
    ...rest,
    headBytesMax: rest.headBytesMax ?? headBytesMaxDefault,
    snapshots: rest.snapshots ?? snapshotStoreIn(bucket, name, sources),
  };
  return {
    name,
    seals: true,
    clock,
    open(request) {
      const prepared = request.readOnly ? undefined : probeOnce(client, bucket, name, sources);
      // Each instance has a table object of its own, as if it ran on another machine.
      const table = new AtomTable({
        ...{ engine, tableName: bucketName, keyName, retry: { attemptTimeoutMs }, clock, random },
        ...(randomBytes !== undefined && { randomBytes }),
      });
      return openAtomLog(table, name, logOptions, request, prepared);
    },
  };
}

const keyName = 'id';
