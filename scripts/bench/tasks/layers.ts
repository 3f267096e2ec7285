/** What a worker does with atoms whose values are compressed, encrypted, or both. */
import { randomBytes } from 'node:crypto';
import type { ItemAtom } from '../../../lib/atom/index.js';
import { compressed, encrypted, keyRing, type SealingCodec } from '../../../lib/codec/index.js';
import type { Place } from '../clients.js';
import { open } from '../opened.js';
import { closedLoop, type Sample } from '../sample.js';
import { increment, makeValue, type Size, type Value } from '../values.js';

export type Layer = 'none' | 'compressed' | 'encrypted' | 'both';

const keys = keyRing({ current: 'k', keys: { k: randomBytes(32) } });
const codecs: Readonly<Record<Layer, SealingCodec | undefined>> = {
  none: undefined,
  compressed: compressed(),
  encrypted: encrypted({ keys }),
  both: encrypted({ keys, inner: compressed() }),
};

export interface LayerArguments {
  readonly place: Place;
  readonly key: string;
  readonly size: Size;
  readonly layer: Layer;
  readonly forMs: number;
}

const atoms = new Map<string, ItemAtom<Value, Value>>();

/** One caller swaps an atom of its own. The atom is made anew: the keys of encryption are those of this process. */
export async function swapLayered({ place, key, size, layer, forMs }: LayerArguments): Promise<Sample> {
  const opened = open(place);
  const name = `${key}-${layer}-${size}-${process.pid}`;
  const codec = codecs[layer];
  const initial = makeValue(size);
  const atom = atoms.get(name) ?? opened.table.atom<Value>(name, { initial, ...(codec && { codec }) });
  atoms.set(name, atom);
  let last = (await atom.swap(increment)).n;
  return closedLoop({
    callers: 1,
    forMs,
    counts: () => opened.engine.counts(),
    op: () => atom.swap(increment),
    judge(_caller, { n }) {
      const isNext = n === last + 1;
      last = n;
      return isNext || 'wrong';
    },
  });
}
