/** Parts of snapshots as objects: `<prefix>/part/<id>/<number>`. */
import { SnapshotDamagedError, type SnapshotStore } from '../snapshot/index.js';
import { Bucket, requireBucket, type S3ClientLike } from './bucket.js';
import { ObjectDamagedError } from './errors.js';
import { deleteObject, putOnce, reading } from './insisting.js';
import { frameBytes } from './object-frame.js';
import { type Sources, systemSources } from './patience.js';
import { requirePrefix } from './prefix.js';

/** Which objects are meant. */
export interface S3Place {
  /** Yours: it is neither changed nor closed. */
  readonly client: S3ClientLike;
  /** Name of the bucket, or ARN of an access point. */
  readonly bucket: string;
  /** All keys begin with it and a slash: 1 to 512 characters A-Z a-z 0-9 ! _ . * ' ( ) - in segments between slashes. */
  readonly prefix: string;
}

/** What a part may have; snapshots of systems have parts of 2 MB, so that those that are on their way at once are little memory. */
const partBytesMax: number = 8 * 1_024 * 1_024;

/**
 * Stores parts of snapshots in a bucket; for `atomStorage(table, name, { snapshots })`, and what `s3Storage` uses itself.
 *
 * @cost 1 PUT for each part (2 MB, of a system's snapshots), 1 GET to read it, 1 DELETE. Never lists.
 * @iam s3:PutObject, s3:GetObject, s3:DeleteObject, s3:ListBucket (without which S3 does not tell that an object is missing)
 * @throws TypeError, RangeError for wrong options.
 */
export function s3SnapshotStore(place: S3Place): SnapshotStore {
  requireBucket('keep snapshots', place);
  const { client, bucket: name, prefix } = place;
  const plain = requirePrefix('keep snapshots', prefix);
  return snapshotStoreIn(new Bucket(client, name), plain, systemSources);
}

export function snapshotStoreIn(bucket: Bucket, prefix: string, sources: Sources): SnapshotStore {
  const keyOf = (id: string, part: number) => `${prefix}/part/${id}/${part}`;
  return {
    partBytesMax: partBytesMax - frameBytes,
    async put(id, part, bytes, options) {
      if (await putOnce(bucket, keyOf(id, part), bytes, sources, options?.signal)) return;
      throw new SnapshotDamagedError('foreign', 'something else stands under its key', { id, part });
    },
    async get(id, part, options) {
      const key = keyOf(id, part);
      const effort = { bucket: bucket.name, sources, signal: options?.signal };
      try {
        return (await reading(effort, (signal) => bucket.get(key, { signal })))?.content;
      } catch (error) {
        if (!(error instanceof ObjectDamagedError)) throw error;
        throw new SnapshotDamagedError(error.reason, error.message, { id, part }, error);
      }
    },
    delete: (id, part, options) => deleteObject(bucket, keyOf(id, part), sources, options?.signal),
  };
}
