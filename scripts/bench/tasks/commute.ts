/** What a worker does with changes that the store evaluates. */
import { isLeydenError } from '../../../lib/errors.js';
import { RawUpdate } from '../baselines/raw-update.js';
import { clientOf, type Place } from '../clients.js';
import { atomOf, open } from '../opened.js';
import { closedLoop, type Sample } from '../sample.js';
import { increment, type Size } from '../values.js';

export interface CommuteArguments {
  readonly place: Place;
  readonly key: string;
  readonly size: Size;
  readonly callers: number;
  readonly forMs: number;
}

/**
 * All callers add 1 to one atom. With more processes than the evidence has room for, a call may end with a typed error when its
 * answer is late; such calls are counted in `failed`, and may have been done.
 */
export async function add(
  args: CommuteArguments & { readonly by: 'commute' | 'swap' },
): Promise<Sample & { readonly failed: number }> {
  const { place, key, size, callers, forMs, by } = args;
  const opened = open(place);
  const atom = atomOf(opened, key, size);
  const once = by === 'swap' ? () => atom.swap(increment) : () => atom.commute({ add: { n: 1 } });
  let failed = 0;
  const sample = await closedLoop({
    callers,
    forMs,
    counts: () => opened.engine.counts(),
    op: () =>
      once().catch((error: unknown) => {
        if (!isLeydenError(error)) throw error;
        process.stderr.write(`${by} failed: ${error.message}\n`);
        return undefined;
      }),
    judge(_caller, value) {
      if (value !== undefined) return true;
      failed += 1;
      return false;
    },
  });
  return { ...sample, failed };
}

export async function rawUpdateMake(args: Pick<CommuteArguments, 'place' | 'key' | 'size'>): Promise<void> {
  await new RawUpdate(clientOf(args.place.endpoint), args.place, args.key).make(args.size);
}

/** All callers add 1 to one item, by the SDK's own call. */
export async function rawUpdate({ place, key, callers, forMs }: Omit<CommuteArguments, 'size'>): Promise<Sample> {
  const raw = new RawUpdate(clientOf(place.endpoint), place, key);
  return closedLoop({
    callers,
    forMs,
    counts: () => raw.counts(),
    op: () => raw.add(),
    judge: (_caller, done) => done,
  });
}
