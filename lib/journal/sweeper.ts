/**
 * The sweeper: deletes pages that nobody wants any more, and before each page the bodies that its commits answer for.
 *
 * It is told by the pointer what may go, and after the pointer has said so to everybody. A page is read before it is deleted,
 * because only it knows its bodies; so bodies go first, and a sweep that breaks off is begun anew. Volumes of which no page is
 * left go last, whether they stand or not.
 */
import { type BodyPlace, bodyKeys, partsOf } from './body.js';
import type { Commit } from './commit.js';
import type { Head } from './head.js';
import { decodePage } from './page.js';
import { type BodyName, sweeps } from './protocol.js';
import { volumePages } from './volume.js';

/** What is to be swept: pages `from` up to and without `to`; commits from place `prunedFrom` on are not answered for. */
export interface SweepRange {
  readonly from: number;
  readonly to: number;
  readonly prunedFrom: number;
  /** Awaited before pages with these commits are deleted, perhaps several times for one. @defaultValue nothing */
  readonly beforeDelete?: ((commits: readonly Commit[]) => Promise<void>) | undefined;
}

export interface SweepReport {
  readonly pages: number;
  readonly bodies: number;
}

const pagesAtOnce = 50;
const deletesAtOnce = 16;

/** @cost Per page 1 read unit and 1 write unit; per body and volume its write units, as a delete costs what it deletes. */
export async function sweepPages(place: BodyPlace, range: SweepRange, signal?: AbortSignal): Promise<SweepReport> {
  const { items, keys, journalId } = place;
  let [pages, bodies] = [0, 0];
  for (let from = range.from; from < range.to; from += pagesAtOnce) {
    const count = Math.min(pagesAtOnce, range.to - from);
    const wanted = Array.from({ length: count }, (_, index) => keys.page(from + index));
    const found = await items.getMany(wanted, { signal });
    const present = wanted.filter((key) => found.has(key));
    const commits = present.flatMap((key) => {
      const page = decodePage({ kind: 'page', journalId, key }, found.get(key) as Uint8Array);
      // A page that can't be read names no bodies: they stay, and so does what else would have to be guessed.
      return typeof page === 'string' ? [] : page.commits;
    });
    await range.beforeDelete?.(commits);
    bodies += await deleteBodies(place, commits, range, signal);
    await inTurns(present, (key) => items.delete(key, { signal }));
    pages += present.length;
  }
  await inTurns(volumesWithin(place, range), (key) => items.delete(key, { signal }));
  return { pages, bodies };
}

/**
 * Deletes all of a journal that takes no more events, but its head: also the page that was put ahead of need, and the bodies that
 * each of its writers may have put ahead of its last commit. Breaking off is harmless: the head's tail stands, and it is begun anew.
 *
 * @cost As {@link sweepPages} for all pages; 1 read unit for each of two numbers of each writer in each 50 pages.
 */
export async function sweepWhole(
  place: BodyPlace,
  { pages, tail }: Head,
  beforeDelete: SweepRange['beforeDelete'],
  signal?: AbortSignal,
): Promise<SweepReport> {
  const range = { from: 0, to: pages + 1, prunedFrom: Number.POSITIVE_INFINITY };
  const before = async (commits: readonly Commit[]) => {
    await beforeDelete?.(commits);
    await deleteBodies(place, lastWords(commits), range, signal);
  };
  const swept = await sweepPages(place, { ...range, beforeDelete: before }, signal);
  await before(tail);
  const bodies = await deleteBodies(place, tail, range, signal);
  return { pages: swept.pages, bodies: swept.bodies + bodies };
}

/** As if each writer had retired with its last commit: then that answers for what comes behind it. */
function lastWords(commits: readonly Commit[]): Commit[] {
  const last = new Map(commits.map((commit) => [commit.writer, commit]));
  return [...last.values()].map((commit) => ({ ...commit, prev: commit.n, body: undefined, retires: true }));
}

async function deleteBodies(
  place: BodyPlace,
  commits: readonly Commit[],
  range: SweepRange,
  signal: AbortSignal | undefined,
): Promise<number> {
  const { first, rest } = await doomedBodies(place, commits, range);
  await inTurns(rest, (key) => place.items.delete(key, { signal }));
  await inTurns(first, (key) => place.items.delete(key, { signal }));
  return first.length;
}

/** Keys of the volumes whose last page is in the range. */
function volumesWithin({ keys }: BodyPlace, { from, to }: SweepRange): string[] {
  const volumes: string[] = [];
  for (let volume = Math.floor(from / volumePages); (volume + 1) * volumePages <= to; volume += 1) {
    volumes.push(keys.volume(volume));
  }
  return volumes;
}

/** Keys of the items of all bodies that go with these commits; part 0 of each goes last, since it tells of the others. */
async function doomedBodies(place: BodyPlace, commits: readonly Commit[], range: SweepRange) {
  const named = new Map(
    commits.filter(({ body }) => body !== undefined).map((one) => [nameOf(one), one.body?.parts ?? 1]),
  );
  const bodies = sweeps(commits, range);
  const unnamed = bodies.filter((body) => !named.has(nameOf(body)));
  const firsts = await place.items.getMany(unnamed.map(({ writer, n }) => place.keys.body(writer, n, 0)));
  const first: string[] = [];
  const rest: string[] = [];
  for (const body of bodies) {
    const found = firsts.get(place.keys.body(body.writer, body.n, 0));
    const [key, ...others] = bodyKeys(place.keys, body, named.get(nameOf(body)) ?? partsOf(place, body, found));
    if (key !== undefined) first.push(key);
    rest.push(...others);
  }
  return { first, rest };
}

function nameOf({ writer, n }: BodyName): string {
  return `${writer}/${n}`;
}

async function inTurns(keys: readonly string[], work: (key: string) => Promise<void>): Promise<void> {
  for (let at = 0; at < keys.length; at += deletesAtOnce) {
    await Promise.all(keys.slice(at, at + deletesAtOnce).map(work));
  }
}
