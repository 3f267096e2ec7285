/**
 * The item on which a large value is written, where there is none of ours yet.
 *
 *   no item         a tombstone, then the value on it
 *   other layout    the value that was taken over from it, as an item of ours, then the large value on that
 *
 * The parts of a value must go when the writer has died, and must not when it only slept. A sweep tells the two apart by moving the
 * item on: after that the sleeper's write fails for ever, because no item ever has an old token again. "There is no item" can be
 * true again, and so can "it has these attributes". Hence parts are written for a state with a token only.
 */
import type { Cache, Known } from '../cache.js';
import type { Image } from '../item-format.js';
import type { Register } from '../register.js';
import type { Draft } from '../writer.js';
import { Unwanted } from './part-requests.js';

/** The state that a draft was made on is not there any more. */
export class BaseMoved extends Error {
  /** What stands there: `null` = no item, `undefined` = not told. */
  readonly image: Image | null | undefined;

  constructor(image: Image | null | undefined) {
    super('the base has moved');
    this.image = image;
  }
}

const never = new AbortController().signal;

/**
 * Writes the item; resolves with the state that it made.
 *
 * When its outcome stays unknown, nothing is lost: it changes no value, and a copy that comes late is met as any other writer's.
 *
 * @throws {BaseMoved} when another writer was first, {@link Unwanted} when `signal` aborts, and what the store refuses for good
 */
export async function takeFooting(
  { register, cache }: { readonly register: Register; readonly cache: Cache },
  { pending, image, held, start }: Draft,
  signal: AbortSignal = never,
): Promise<Known> {
  const fate = await register.write(pending, { signal, wanted: () => !signal.aborted });
  switch (fate.status) {
    case 'applied': {
      const known = cache.wrote(image, held, start);
      if (fate.newer !== undefined && fate.newer.lineage.token !== image.lineage.token) throw new BaseMoved(fate.newer);
      return known;
    }
    case 'conflict':
      throw new BaseMoved(fate.image);
    case 'refused':
      throw fate.error;
    case 'lost':
      throw new BaseMoved(undefined);
    case 'pending':
      throw new Unwanted();
  }
}
