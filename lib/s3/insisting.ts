/** Requests that are made again until there is an answer which says something. */
import type { Bucket, Failed } from './bucket.js';
import { type Effort, Passing, passing, persist, type Sources } from './patience.js';

/** Reads again after what passes, or was not answered in time. */
export function reading<T>(effort: Effort, read: (signal: AbortSignal) => Promise<T>): Promise<T> {
  return persist(effort, (signal) => passing(signal, read));
}

/**
 * Puts an object where nothing stands; resolves when this content stands there for certain, `false` when another one does.
 *
 * @throws {BucketUnavailableError} `ERR_BUCKET_UNAVAILABLE`: then it may stand there, or come to.
 */
export function putOnce(
  bucket: Bucket,
  key: string,
  content: Uint8Array,
  sources: Sources,
  outer: AbortSignal | undefined,
): Promise<boolean> {
  let isTaken = false;
  return persist({ bucket: bucket.name, sources, signal: outer, outcome: 'unknown' }, async (signal) => {
    if (!isTaken) {
      const outcome = await bucket.put(key, content, 'absent', { signal });
      if (outcome.status === 'stored') return true;
      if (outcome.status !== 'unmet') throw obstacle(outcome);
      // By an earlier copy of this put, as a rule.
      isTaken = true;
    }
    const found = await passing(signal, (attempt) => bucket.get(key, { signal: attempt }));
    if (found === undefined) {
      isTaken = false;
      throw new Passing(new Error(`${key} was there and is not`));
    }
    return Buffer.compare(found.content, content) === 0;
  });
}

/** Resolves when the object is gone for certain, also if it never was. */
export function deleteObject(
  bucket: Bucket,
  key: string,
  sources: Sources,
  outer: AbortSignal | undefined,
): Promise<void> {
  return persist({ bucket: bucket.name, sources, signal: outer, outcome: 'unknown' }, async (signal) => {
    const outcome = await bucket.delete(key, { signal });
    if (outcome.status !== 'gone') throw obstacle(outcome);
  });
}

/** What is thrown within an attempt of a write that was not done for certain: to have another one, unless it was refused. */
export function obstacle(failed: Failed): Error {
  const isRefused = failed.status === 'not-applied' && failed.kind === 'refused';
  return isRefused ? failed.error : new Passing(failed.error);
}
