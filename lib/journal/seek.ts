/** Finds the page from which a sequence number is read, by halving: pages are in order, but carry no index. */
import type { Head } from './head.js';
import { decodePage, type Page } from './page.js';
import { tailFrom } from './protocol.js';
import { type ReadFrom, type ReadPlace, Trouble } from './reader.js';
import { volumePages } from './volume.js';

/**
 * Where to begin to read, so that event `seq` comes; `undefined` when it lies before page `lowest`. Where there are volumes, at
 * the first page of one, as it is read as a whole.
 *
 * @cost log2(volumes + pages that are in none) + 1 requests.
 * @throws {Trouble}
 */
export async function seekPage(
  place: ReadPlace,
  seq: number,
  lowest: number,
  image: Head,
): Promise<ReadFrom | undefined> {
  const inTail = image.tail[0]?.first ?? image.seq + 1;
  if (seq >= inTail) {
    return { place: tailFrom(image) - 1, seq: inTail - 1, chain: undefined, page: image.pages };
  }
  const starts = startsFrom(lowest, image);
  let [low, high] = [0, starts.length];
  let found: { readonly page: number; readonly start: Page } | undefined;
  while (low < high) {
    const middle = (low + high) >> 1;
    const number = starts[middle] as number;
    const page = await readPage(place, number, image);
    if ((page.commits[0]?.first as number) <= seq) {
      found = { page: number, start: page };
      low = middle + 1;
    } else high = middle;
  }
  const first = found?.start.commits[0];
  if (found === undefined || first === undefined) return undefined;
  return { place: first.place - 1, seq: first.first - 1, chain: undefined, page: found.page };
}

/** The page behind those that are read together with the one that {@link seekPage} found. */
export function pageBehind(page: number, { volumes = 0 }: Head): number {
  return page < volumes * volumePages ? (Math.floor(page / volumePages) + 1) * volumePages : page + 1;
}

/** Pages with which reading may begin. */
function startsFrom(lowest: number, image: Head): number[] {
  const starts: number[] = [];
  for (let page = lowest; page < image.pages; page = pageBehind(page, image)) starts.push(page);
  return starts;
}

async function readPage({ items, keys, signal }: ReadPlace, page: number, { journalId }: Head): Promise<Page> {
  const key = keys.page(page);
  const bytes = await items.get(key, { signal });
  if (bytes === undefined) throw new Trouble(key, 'missing');
  const decoded = decodePage({ kind: 'page', journalId, key }, bytes);
  if (typeof decoded === 'string') throw new Trouble(key, decoded);
  return decoded;
}
