/**
 * Reading: from a cursor, through pages and bodies, to exactly one head image.
 *
 *   pages, a hundred at a time ─► the tail of that image ─► bodies, a window at a time ─► commits with their events
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
import type { JournalKeys } from './keys.js';
import { decodePage } from './page.js';
import { prefetch } from './prefetch.js';
import { catchUpFrom, join, type Position, positionAfter } from './protocol.js';

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

/** Pages read by one request. Most have about 1 KB. */
const pagesAtOnce = 100;
/** Text of the bodies that are fetched together. With one window worked on and one ahead, the most that reading holds. */
const windowBytesMax: number = 8 * 1_024 * 1_024;
/** Keys of one request. */
const windowKeysMax = 100;

/** Commits that join on and have the right digest. */
interface Stretch {
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
  const { journalId } = image;
  for await (const { stretch, bodies } of prefetch(withBodies(place, from, image), 1)) {
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

/** Cuts stretches into windows, and fetches the bodies of each. */
async function* withBodies(place: ReadPlace, from: ReadFrom, image: Head) {
  for await (const { commits, chains } of prefetch(stretches(place, from, image), 1)) {
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
 */
async function* stretches(place: ReadPlace, from: ReadFrom, image: Head): AsyncGenerator<Stretch> {
  let at: Position = from;
  let chain = from.chain;
  const next = (key: string, commits: readonly Commit[], wanted: string): Stretch => {
    const joined = join(at, commits);
    if (joined === 'gap') throw new Trouble(key, 'gap');
    const last = joined.at(-1);
    if (last === undefined) return { commits: [], chains: [] };
    at = positionAfter(last);
    const chains = joined.map((commit) => {
      chain = chain && chainAfter(chain, commit);
      return chain ?? '';
    });
    chain ??= wanted;
    if (chain !== wanted) throw new Trouble(key, 'diverged');
    return { commits: joined, chains };
  };
  const { keys, items, signal } = place;
  for (let page = catchUpFrom(from, from.page, image); page < image.pages; page += pagesAtOnce) {
    const count = Math.min(pagesAtOnce, image.pages - page);
    const wanted = Array.from({ length: count }, (_, index) => keys.page(page + index));
    const found = await items.getMany(wanted, { signal });
    for (const key of wanted) {
      const bytes = found.get(key);
      if (bytes === undefined) throw new Trouble(key, 'missing');
      const decoded = decodePage({ kind: 'page', journalId: image.journalId, key }, bytes);
      if (typeof decoded === 'string') throw new Trouble(key, decoded);
      yield next(key, decoded.commits, decoded.chain);
    }
  }
  yield next(keys.head, image.tail, image.chain);
  if (at.place !== image.place || at.seq !== image.seq) throw new Trouble(keys.head, 'gap');
}
