/** Parts of snapshots as objects: `<prefix>/part/<id>/<number>`. */
import { isTransient, systemClock, systemRandom } from '../engine/index.js';
import { isLeydenError } from '../errors.js';
import type { SnapshotStore } from '../snapshot/index.js';
import { SnapshotDamagedError } from '../snapshot/index.js';
import { Bucket, requireBucket, type S3ClientLike } from './bucket.js';
import { frameBytes } from './object-frame.js';
import { Passing, persist, type Sources } from './patience.js';
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

/** Large, as S3 bills requests; small enough that four at once are little memory, and that one is soon sent again. */
const partBytesMax: number = 8 * 1_024 * 1_024;

/**
 * Stores parts of snapshots in a bucket; for `atomStorage(table, name, { snapshots })`, and what `s3Storage` uses itself.
 *
 * @cost 1 PUT for each 8 MB, 1 GET to read them, 1 DELETE. Never lists.
 * @iam s3:PutObject, s3:GetObject, s3:DeleteObject, s3:ListBucket (without which S3 does not tell that an object is missing)
 * @throws TypeError, RangeError for wrong options.
 */
export function s3SnapshotStore({ client, bucket: name, prefix }: S3Place): SnapshotStore {
  requireBucket('keep snapshots', client, name);
  const plain = requirePrefix('keep snapshots', prefix);
  return snapshotStoreIn(new Bucket(client, name), plain, { clock: systemClock, random: systemRandom });
}

export function snapshotStoreIn(bucket: Bucket, prefix: string, sources: Sources): SnapshotStore {
  const keyOf = (id: string, part: number) => `${prefix}/part/${id}/${part}`;
  return {
    partBytesMax: partBytesMax - frameBytes,
    put: (id, part, bytes, options) =>
      persist(sources, options?.signal, async (signal) => {
        const key = keyOf(id, part);
        const outcome = await bucket.put(key, bytes, 'absent', { signal });
        if (outcome.status === 'stored') return;
        if (outcome.status === 'not-applied' && outcome.kind === 'refused') throw outcome.error;
        if (outcome.status !== 'unmet') throw new Passing(outcome.error);
        // An earlier copy of this put, as a rule. What else it may be is found when it is read.
        if (await isSame(bucket, key, bytes, signal)) return;
        throw new SnapshotDamagedError('foreign', 'something else stands under its key', { id, part });
      }),
    get: (id, part, options) =>
      persist(sources, options?.signal, async (signal) => {
        try {
          return (await bucket.get(keyOf(id, part), { signal }))?.content;
        } catch (error) {
          if (isTransient(error)) throw new Passing(error);
          if (isLeydenError(error, 'ERR_OBJECT_DAMAGED')) {
            throw new SnapshotDamagedError('damaged', error.message, { id, part }, error);
          }
          throw error;
        }
      }),
    delete: (id, part, options) =>
      persist(sources, options?.signal, async (signal) => {
        const outcome = await bucket.delete(keyOf(id, part), { signal });
        if (outcome.status === 'stored') return;
        throw outcome.status === 'not-applied' && outcome.kind === 'refused'
          ? outcome.error
          : new Passing(outcome.error);
      }),
  };
}

async function isSame(bucket: Bucket, key: string, bytes: Uint8Array, signal: AbortSignal): Promise<boolean> {
  try {
    const found = await bucket.get(key, { signal });
    if (found === undefined) throw new Passing(new Error(`${key} was there and is not`));
    return Buffer.compare(found.content, bytes) === 0;
  } catch (error) {
    throw isTransient(error) ? new Passing(error) : error;
  }
}
