/** What a worker does without the library. */
import { Ancestor, type Pause } from '../baselines/ancestor.js';
import { RawItem } from '../baselines/raw.js';
import { type ClientKind, clientOf, type Place } from '../clients.js';
import { type Counts, closedLoop, noCounts, type Sample } from '../sample.js';
import type { Size } from '../values.js';
import type { EachArguments } from './atoms.js';

const rawItems = new Map<string, RawItem>();

async function rawItemOf(place: Place, key: string, size: Size, kind?: ClientKind): Promise<RawItem> {
  const name = `${kind} ${place.endpoint} ${place.table} ${key}`;
  const known = rawItems.get(name);
  if (known !== undefined) return known;
  const made = await RawItem.make(clientOf(place.endpoint, kind), place, `${kind ?? 'tuned'}-${key}`, size);
  rawItems.set(name, made);
  return made;
}

export interface RawArguments {
  readonly place: Place;
  readonly key: string;
  readonly size: Size;
  readonly callers: number;
  readonly forMs: number;
  readonly request: 'put' | 'get';
  readonly kind?: ClientKind;
}

/** The SDK's own conditional put, or strong get, in a closed loop; each caller has an item of its own. */
export async function raw({ place, key, size, callers, forMs, request, kind }: RawArguments): Promise<Sample> {
  const names = Array.from({ length: callers }, (_, caller) => `${key}-${caller}`);
  const items = await Promise.all(names.map((name) => rawItemOf(place, name, size, kind)));
  return closedLoop({
    callers,
    forMs,
    counts: () => total(items),
    op: (caller) => (items[caller] as RawItem)[request](),
    judge: (_caller, done) => done,
  });
}

/** One conditional put, after a strong get or not, of each of many items. */
export async function rawEach(args: EachArguments & { readonly read: boolean }): Promise<Sample> {
  const { place, key, size, from, count, inFlight, read } = args;
  const items: RawItem[] = [];
  for (let at = from; at < from + count; at += inFlight) {
    const names = Array.from({ length: Math.min(inFlight, from + count - at) }, (_, i) => `${key}-${at + i}`);
    items.push(...(await Promise.all(names.map((name) => rawItemOf(place, name, size)))));
  }
  let next = 0;
  return closedLoop({
    callers: inFlight,
    ops: count,
    counts: () => total(items),
    async op() {
      const item = items[next] as RawItem;
      next += 1;
      return (!read || (await item.get())) && (await item.put());
    },
    judge: (_caller, done) => done,
  });
}

export interface AncestorArguments {
  readonly place: Place;
  readonly key: string;
  readonly size: Size;
  readonly callers: number;
  readonly forMs: number;
  readonly pause: Pause;
}

export async function ancestorMake(args: Pick<AncestorArguments, 'place' | 'key' | 'size'>): Promise<void> {
  const { place, key, size } = args;
  await new Ancestor(clientOf(place.endpoint), place).make(key, size);
}

/** The ancestor's loop; all callers on one item. */
export async function ancestor({ place, key, callers, forMs, pause }: AncestorArguments): Promise<Sample> {
  const loop = new Ancestor(clientOf(place.endpoint), place);
  return closedLoop({
    callers,
    forMs,
    counts: () => loop.counts(),
    op: (_caller, over) => loop.increment(key, pause, over),
    judge: (_caller, done) => done,
  });
}

export async function ancestorLook({ place, key }: { place: Place; key: string }): Promise<number> {
  const { d } = await new Ancestor(clientOf(place.endpoint), place).read(key);
  return Number(d?.M?.n?.N);
}

function total(items: readonly RawItem[]): Counts {
  const counts = { ...noCounts };
  for (const item of items) {
    const one = item.counts();
    counts.requests += one.requests;
    counts.readUnits += one.readUnits;
    counts.writeUnits += one.writeUnits;
    counts.commits += one.commits;
  }
  return counts;
}
