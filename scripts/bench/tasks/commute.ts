/** What a worker does with changes that the store evaluates. */
import { RawUpdate } from '../baselines/raw-update.js';
import { clientOf, type Place } from '../clients.js';
import { atomOf, open } from '../opened.js';
import { closedLoop, type Sample } from '../sample.js';
import type { Size } from '../values.js';

export interface CommuteArguments {
  readonly place: Place;
  readonly key: string;
  readonly size: Size;
  readonly callers: number;
  readonly forMs: number;
}

/** All callers add 1 to one atom. */
export async function commute({ place, key, size, callers, forMs }: CommuteArguments): Promise<Sample> {
  const opened = open(place);
  const atom = atomOf(opened, key, size);
  return closedLoop({
    callers,
    forMs,
    counts: () => opened.engine.counts(),
    op: () => atom.commute({ add: { n: 1 } }),
  });
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
