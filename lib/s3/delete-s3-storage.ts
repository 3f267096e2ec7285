/** Deleting a system that is not wanted any more: the one place that lists. */
import { Bucket, type Listing, requireBucket } from './bucket.js';
import { deleteObject, reading } from './insisting.js';
import { calledOffTogether } from './own-signal.js';
import { type Sources, systemSources } from './patience.js';
import { requirePrefix } from './prefix.js';
import type { S3Place } from './s3-snapshot-store.js';

/** What was done. */
export interface S3Deleted {
  /** Objects that were deleted. */
  readonly objects: number;
  /** Bytes of theirs. */
  readonly bytes: number;
  /** Objects under the prefix that are none of the system's: they stay. */
  readonly foreign: number;
}

/** What a system's keys are like behind its prefix; see `s3-storage.ts`. */
const ownKey = /^(?:head|snap|page\/\d+|volume\/\d+|body\/[\w-]+\/\d+(?:\/\d+)?|part\/[\w.-]+\/\d+|probe\/[\w-]+)$/;
/** These go last: while there is a head, what is missing besides is an error, and no new system. */
const lastKeys = ['snap', 'head'];
const deletesAtOnce = 16;

/**
 * Deletes a system with all its snapshots, or what an interrupted call has left of it. No instance may be open, and none may be opened
 * meanwhile: it would find its journal broken. Better not to use the prefix again soon: a copy of a DELETE that was held up on the way
 * would strike the new system's objects.
 *
 * @cost 1 LIST for each 1,000 objects, 1 DELETE for each object. In a versioned bucket older versions stay.
 * @iam s3:ListBucket on the bucket, s3:DeleteObject on `<prefix>/*`
 * @throws TypeError, RangeError for wrong options; {@link BucketError} `ERR_BUCKET`; {@link BucketUnavailableError}
 * `ERR_BUCKET_UNAVAILABLE`: call it again.
 */
export async function deleteS3Storage(place: S3Place, signal?: AbortSignal): Promise<S3Deleted> {
  return deleteS3StorageFrom(place, systemSources, signal);
}

/** With time and chance from elsewhere than the system. */
export async function deleteS3StorageFrom(place: S3Place, sources: Sources, signal?: AbortSignal): Promise<S3Deleted> {
  requireBucket('delete a system', place);
  const root = `${requirePrefix('delete a system', place.prefix)}/`;
  const bucket = new Bucket(place.client, place.bucket);
  const done = { objects: 0, bytes: 0, foreign: 0 };
  const last: Listing['objects'][number][] = [];
  let after: string | undefined;
  do {
    // What was deleted before stays so.
    const outcome = done.objects === 0 ? 'not-done' : 'unknown';
    const effort = { bucket: bucket.name, sources, signal, outcome } as const;
    const page = await reading(effort, (attempt) => bucket.list(root, after, { signal: attempt }));
    const own = page.objects.filter(({ key }) => ownKey.test(key.slice(root.length)));
    done.foreign += page.objects.length - own.length;
    const isLast = ({ key }: { readonly key: string }) => lastKeys.includes(key.slice(root.length));
    last.push(...own.filter(isLast));
    await deleteAll(
      bucket,
      own.filter((one) => !isLast(one)),
      done,
      sources,
      signal,
    );
    after = page.next;
  } while (after !== undefined);
  const rank = ({ key }: { readonly key: string }) => lastKeys.indexOf(key.slice(root.length));
  for (const one of last.toSorted((a, b) => rank(a) - rank(b))) await deleteAll(bucket, [one], done, sources, signal);
  return done;
}

async function deleteAll(
  bucket: Bucket,
  objects: Listing['objects'],
  done: { objects: number; bytes: number },
  sources: Sources,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (let at = 0; at < objects.length; at += deletesAtOnce) {
    const some = objects.slice(at, at + deletesAtOnce);
    await calledOffTogether(signal, (all) =>
      Promise.all(some.map(({ key }) => deleteObject(bucket, key, sources, all))),
    );
    done.objects += some.length;
    for (const { bytes } of some) done.bytes += bytes;
  }
}
