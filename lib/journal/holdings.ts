/**
 * Where commits are that have left the tail: in pages, and again in volumes of 32 pages each. Which items to read for them, and
 * reading those, a window at a time.
 *
 * Volumes are an optimisation only: any of them may be missing or wrong, then the pages count. Whoever reads takes account of that.
 *
 * What is written once is read eventually consistent, at half the price: what is found so is right, and what is not, or is none of
 * this journal's, is read again before anything is made of it. Only a few pages, which may be new, are read strongly at once.
 */
import type { WriteOnceItems } from '../atom/index.js';
import type { GapReason } from './errors.js';
import type { JournalKeys } from './keys.js';
import { decodePage, type Page } from './page.js';
import { decodeVolume, volumePages } from './volume.js';

/** Where items are read. */
interface HoldingPlace {
  readonly items: WriteOnceItems;
  readonly signal?: AbortSignal | undefined;
}

/** An item that holds commits: a page, or a volume. */
export interface Holding {
  readonly key: string;
  /** The first page of which it has the commits, and the one behind the last. */
  readonly from: number;
  readonly to: number;
  /** Its number, if it is a volume. */
  readonly volume: number | undefined;
}

/** A holding, and what was found there. */
export interface Found {
  readonly holding: Holding;
  readonly content: Page | GapReason;
}

/** Pages to read: `from` up to and without `to`; and volumes that may be taken in their place, likewise. */
export interface HoldingRange {
  readonly from: number;
  readonly to: number;
  readonly volumesFrom: number;
  readonly volumesTo: number;
}

/** So few pages of a volume are cheaper by themselves. */
const pagesAlone = 6;
/** What a window may weigh: a page weighs 1, a volume 1 for each so many bytes, before any was seen so much. */
const windowWeightMax = 100;
/** Windows of no more items are read strongly: a follower's, who is a page or two behind. */
const newMax = 4;
const volumeBytesPerWeight = 10_240;
const volumeWeightUnseen = 12;

/** The items to read, in order; the first may be a volume that begins before the range. */
export function* holdingsUp(keys: JournalKeys, range: HoldingRange): Generator<Holding> {
  for (let page = range.from; page < range.to; ) {
    const volume = Math.floor(page / volumePages);
    const isBound = volume >= range.volumesFrom && volume < range.volumesTo;
    const holding = isBound ? volumeHolding(keys, volume) : undefined;
    const next = holding !== undefined && holding.to - page > pagesAlone ? holding : pageHolding(keys, page);
    yield next;
    page = next.to;
  }
}

/** The items to read, the newest first; none of them begins before the range or ends behind it. */
export function* holdingsDown(keys: JournalKeys, range: HoldingRange): Generator<Holding> {
  for (let end = range.to; end > range.from; ) {
    const volume = end / volumePages - 1;
    const isBound = Number.isInteger(volume) && volume >= range.volumesFrom && volume < range.volumesTo;
    const holding = isBound ? volumeHolding(keys, volume) : undefined;
    const next = holding !== undefined && holding.from >= range.from ? holding : pageHolding(keys, end - 1);
    yield next;
    end = next.from;
  }
}

function volumeHolding(keys: JournalKeys, volume: number): Holding {
  return { key: keys.volume(volume), from: volume * volumePages, to: (volume + 1) * volumePages, volume };
}

function pageHolding(keys: JournalKeys, page: number): Holding {
  return { key: keys.page(page), from: page, to: page + 1, volume: undefined };
}

/**
 * Reads holdings, each window with one request, and unpacks each when it is asked for. `weight`: of the first window; each
 * is twice as heavy as the one before, up to {@link windowWeightMax}, so that who wants a little reads a little.
 */
export async function* readHoldings(
  place: HoldingPlace,
  journalId: string,
  plan: Generator<Holding>,
  weight: number = windowWeightMax,
): AsyncGenerator<Found> {
  let volumeWeight = volumeWeightUnseen;
  let next = plan.next();
  for (let weightMax = weight; !next.done; weightMax = Math.min(2 * weightMax, windowWeightMax)) {
    const window: Holding[] = [];
    for (let sum = 0; !next.done; next = plan.next()) {
      sum += next.value.volume === undefined ? 1 : volumeWeight;
      if (window.length > 0 && sum > weightMax) break;
      window.push(next.value);
    }
    const keys = window.map(({ key }) => key);
    const found = await readWindow(place, keys);
    const sizes = window.map(({ key, volume }) => (volume === undefined ? 0 : (found.get(key)?.byteLength ?? 0)));
    volumeWeight = Math.ceil(Math.max(...sizes) / volumeBytesPerWeight) || volumeWeight;
    for (const holding of window) yield { holding, content: await contentNow(place, journalId, holding, found) };
  }
}

async function readWindow({ items, signal }: HoldingPlace, keys: readonly string[]): Promise<Map<string, Uint8Array>> {
  if (keys.length <= newMax) return items.getMany(keys, { signal });
  const found = await items.getMany(keys, { signal, consistency: 'eventual' });
  const missing = keys.filter((key) => !found.has(key));
  return missing.length === 0 ? found : new Map([...found, ...(await items.getMany(missing, { signal }))]);
}

/** What was found, or, before it is called damaged, what stands there now. */
async function contentNow(
  { items, signal }: HoldingPlace,
  journalId: string,
  holding: Holding,
  found: ReadonlyMap<string, Uint8Array>,
): Promise<Page | GapReason> {
  const { key } = holding;
  const content = contentOf(holding, journalId, found.get(key));
  if (content !== 'damaged') return content;
  return contentOf(holding, journalId, await items.get(key, { signal }));
}

function contentOf({ key, volume }: Holding, journalId: string, bytes: Uint8Array | undefined): Page | GapReason {
  if (bytes === undefined) return 'missing';
  if (volume === undefined) return decodePage({ kind: 'page', journalId, key }, bytes);
  return decodeVolume({ kind: 'volume', journalId, key }, bytes);
}
