/**
 * Reading: from a cursor, through pages and bodies, to exactly one head image.
 *
 *   pages or volumes, a window at a time ─► the tail of that image ─► bodies, likewise ─► commits with their events
 *
 * Each stage works ahead of the next, and holds no more than a window. Commits must join on, bodies must have their digest, and
 * at the end of each page and of the tail the digest chain must be the one that stands there. What is missing or wrong is
 * thrown as {@link Trouble}: whether pruning explains it is for those to say who can read the pointer, afterwards.
 */
import type { WriteOnceItems } from '../atom/index.js';
import type { BodiesAhead } from './bodies-ahead.js';
import { bodyKeys, bodyText } from './body.js';
import { chainAfter } from './chain.js';
import type { BodyRef, Commit } from './commit.js';
import type { GapReason } from './errors.js';
import type { Head } from './head.js';
import { type Found, type Holding, holdingsUp, readHoldings } from './holdings.js';
import type { JournalKeys } from './keys.js';
import type { Page } from './page.js';
import { chained, prefetch } from './prefetch.js';
import { catchUpFrom, join, type Position, positionAfter } from './protocol.js';
import { volumePages } from './volume.js';

/** A commit with its events. */
export interface ReadCommit {
  readonly commit: Commit;
  /** The events' texts, one a line; those in `commit.skip` are among them. */
  readonly text: string;
  /** The digest chain after it; empty where it is not known. */
  readonly chain: string;
}

/** Something is missing, damaged, or does not join on. Caught by whoever reads; never shown to users. */
export class Trouble extends Error {
  readonly key: string;
  readonly reason: GapReason;

  constructor(key: string, reason: GapReason) {
    super(`${key}: ${reason}`);
    this.key = key;
    this.reason = reason;
  }
}

/** Where the reading begins: behind `place`; what comes next is in page `page` or later. */
export interface ReadFrom extends Position {
  /** The digest chain there; `undefined` when it is not known: then the first page is believed, and those after it are not. */
  readonly chain: string | undefined;
  readonly page: number;
}

export interface ReadPlace {
  readonly items: WriteOnceItems;
  readonly keys: JournalKeys;
  /** Bodies that are here already, if any. */
  readonly ahead?: BodiesAhead | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Text of the bodies that are fetched together. With one window worked on and one ahead, the most that reading holds. */
const windowBytesMax: number = 8 * 1_024 * 1_024;
/** Keys of one request. */
const windowKeysMax = 100;

/** Commits that join on and have the right digest. */
export interface Stretch {
  readonly commits: readonly Commit[];
  /** The chain after each of them; empty where it is not known. */
  readonly chains: readonly string[];
}

/**
 * Commits after `from` up to `image`, in order, in batches.
 *
 * @throws {Trouble}
 */
export async function* readCommits(place: ReadPlace, from: ReadFrom, image: Head): AsyncGenerator<ReadCommit[]> {
  const ahead = prefetch(withBodies(place, prefetch(stretches(place, from, image), 1)), 1);
  yield* withTexts(place, image.journalId, ahead);
}

/** Puts commits and their events together. */
export async function* withTexts(
  place: ReadPlace,
  journalId: string,
  windows: AsyncIterable<Window>,
): AsyncGenerator<ReadCommit[]> {
  for await (const { stretch, bodies } of windows) {
    const batch: ReadCommit[] = [];
    for (const [index, commit] of stretch.commits.entries()) {
      const { body } = commit;
      let { text } = commit;
      if (body !== undefined) {
        text = await textOf(place, journalId, commit, body, bodies);
      }
      batch.push({ commit, text, chain: stretch.chains[index] as string });
    }
    if (batch.length > 0) yield batch;
  }
}

/** The text of a body among `bodies`, or, before it is given up, as it stands in the store now. */
async function textOf(
  { items, keys, signal }: ReadPlace,
  journalId: string,
  { writer, n }: Commit,
  body: BodyRef,
  bodies: ReadonlyMap<string, Uint8Array>,
): Promise<string> {
  const name = { writer, n };
  let found = bodyText({ keys, journalId }, name, body, bodies);
  if (typeof found === 'string') {
    const again = await items.getMany(bodyKeys(keys, name, body.parts), { signal });
    found = bodyText({ keys, journalId }, name, body, again);
  }
  if (typeof found === 'string') throw new Trouble(keys.body(writer, n, 0), found);
  return found.text;
}

/** A stretch, or as much of one as is read together, and the bodies that it names. */
interface Window {
  readonly stretch: Stretch;
  readonly bodies: ReadonlyMap<string, Uint8Array>;
}

/** Cuts stretches into windows, and fetches the bodies of each. */
export async function* withBodies(place: ReadPlace, stretches: AsyncIterable<Stretch>): AsyncGenerator<Window> {
  for await (const { commits, chains } of stretches) {
    for (let at = 0; at < commits.length || at === 0; ) {
      let [bytes, end] = [0, at];
      const keys: string[] = [];
      for (; end < commits.length; end += 1) {
        const { body, writer, n } = commits[end] as Commit;
        if (body === undefined) continue;
        if (keys.length > 0 && (bytes + body.bytes > windowBytesMax || keys.length + body.parts > windowKeysMax)) break;
        bytes += body.bytes;
        keys.push(...bodyKeys(place.keys, { writer, n }, body.parts));
      }
      const bodies = keys.length === 0 ? none : await fetchBodies(place, keys);
      yield { stretch: { commits: commits.slice(at, end), chains: chains.slice(at, end) }, bodies };
      at = Math.max(end, at + 1);
    }
  }
}

const none: ReadonlyMap<string, Uint8Array> = new Map();

async function fetchBodies({ items, ahead, signal }: ReadPlace, keys: readonly string[]) {
  const here = ahead?.take(keys) ?? none;
  if (here.size === 0) return items.getMany(keys, { signal });
  if (here.size === keys.length) return here;
  const rest = keys.filter((key) => !here.has(key));
  return new Map([...here, ...(await items.getMany(rest, { signal }))]);
}

/**
 * Pages, then the tail; each without what came before, joining on, and with the digest chain that stands there. The chain
 * has the digests of bodies, so it is checked before any of them is fetched, and before anything is handed on.
 *
 * Volumes are read in the place of their pages. One that is missing, damaged, or ends elsewhere than its pages do, is passed
 * over: what is wrong is told of pages only.
 */
async function* stretches(place: ReadPlace, from: ReadFrom, image: Head): AsyncGenerator<Stretch> {
  const { keys } = place;
  let at: Position = from;
  let chain = from.chain;
  /** What of these commits comes next, if it joins on, and ends with `wanted`. */
  const take = ({ commits, chain: wanted }: Page): Stretch | GapReason => {
    const joined = join(at, commits);
    if (joined === 'gap') return joined;
    const last = joined.at(-1);
    if (last === undefined) return { commits: [], chains: [] };
    let end = chain;
    const chains = joined.map((commit) => {
      end = end && chainAfter(end, commit);
      return end ?? '';
    });
    if (end !== undefined && end !== wanted) return 'diverged';
    [at, chain] = [positionAfter(last), wanted];
    return { commits: joined, chains };
  };
  /** Reads to the end, or to a volume that can't be right; then from where to go on, without it. */
  async function* read(page: number, volumesFrom: number): AsyncGenerator<Stretch, Detour | undefined> {
    const plan = holdingsUp(keys, { from: page, to: image.pages, volumesFrom, volumesTo: image.volumes ?? 0 });
    let before: Holding | undefined;
    const tail: Found = {
      holding: { key: keys.head, from: image.pages, to: image.pages, volume: undefined },
      content: { commits: image.tail, chain: image.chain },
    };
    for await (const { holding, content } of chained(readHoldings(place, image.journalId, plan), tail)) {
      const stretch = typeof content === 'string' ? content : take(content);
      if (typeof stretch !== 'string') {
        before = holding;
        yield stretch;
        continue;
      }
      // What does not join on may be right, and the volume before it too short.
      const wrong = stretch === 'gap' && before?.volume !== undefined ? before : holding;
      if (wrong.volume === undefined) throw new Trouble(holding.key, stretch);
      return { page: Math.max(wrong.from, page), volumesFrom: Math.ceil(holding.to / volumePages) };
    }
    return undefined;
  }
  let next: Detour | undefined = { page: catchUpFrom(from, from.page, image), volumesFrom: 0 };
  while (next !== undefined) next = yield* read(next.page, next.volumesFrom);
  if (at.place !== image.place || at.seq !== image.seq) throw new Trouble(keys.head, 'gap');
}

/** From which page to go on, and from which volume on to take volumes again. */
interface Detour {
  readonly page: number;
  readonly volumesFrom: number;
}
