/** Requests that are made again until there is an answer which says something. */
import type { Bucket } from './bucket.js';
import { Passing, passing, persist, type Sources } from './patience.js';

/** Reads again after what passes, or was not answered within `attemptMs`. */
export function reading<T>(
  sources: Sources,
  outer: AbortSignal | undefined,
  read: (signal: AbortSignal) => Promise<T>,
  attemptMs?: number,
): Promise<T> {
  return persist(sources, outer, (signal) => passing(signal, read), attemptMs);
}

/**
 * Puts an object where nothing stands; resolves when this content stands there for certain, `false` when another one does.
 *
 * @throws what the last attempt met: then it may stand there, or come to.
 */
export function putOnce(
  bucket: Bucket,
  key: string,
  content: Uint8Array,
  sources: Sources,
  outer: AbortSignal | undefined,
): Promise<boolean> {
  return persist(sources, outer, async (signal) => {
    const outcome = await bucket.put(key, content, 'absent', { signal });
    if (outcome.status === 'stored') return true;
    if (outcome.status === 'not-applied' && outcome.kind === 'refused') throw outcome.error;
    if (outcome.status !== 'unmet') throw new Passing(outcome.error);
    // An earlier copy of this put, as a rule.
    const found = await reading(sources, signal, (attempt) => bucket.get(key, { signal: attempt }));
    if (found === undefined) throw new Passing(new Error(`${key} was there and is not`));
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
  return persist(sources, outer, async (signal) => {
    const outcome = await bucket.delete(key, { signal });
    if (outcome.status === 'gone') return;
    throw outcome.status === 'not-applied' && outcome.kind === 'refused' ? outcome.error : new Passing(outcome.error);
  });
}
