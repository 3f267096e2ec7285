/**
 * Reading backwards: from one head image, or from a page, down to the first commit.
 *
 *   the tail of that image ─► pages or volumes below it, in windows that grow ─► commits in descending order
 *
 * Nothing is asked for before it is wanted: who takes what the tail holds sends nothing. What an item holds is handed on once
 * the one below it has shown by its chain that it is right, so the chain is checked between windows as well. Only the tail, which
 * came with the head, goes at once: it is checked when the first item comes.
 */
import { chainAfter } from './chain.js';
import type { Commit } from './commit.js';
import type { GapReason } from './errors.js';
import { type Head, noChain } from './head.js';
import { type Found, type Holding, holdingsDown, readHoldings } from './holdings.js';
import type { Page } from './page.js';
import { chained } from './prefetch.js';
import { join, positionAfter } from './protocol.js';
import { type ReadPlace, type Stretch, Trouble } from './reader.js';

export interface DescentOptions {
  readonly image: Head;
  /** The page to begin below; `undefined` to begin with the tail. */
  readonly top: number | undefined;
  /** Commits that begin behind this event are passed over. */
  readonly from: number;
  /** Pages below may be gone, as the pointer says. */
  readonly readFloor: () => Promise<number>;
}

/** The commits of one item, in ascending order. */
interface Link extends Page {
  readonly holding: Holding;
}

/** Below which page to go on, and below which volume volumes may be taken again. */
interface Detour {
  readonly top: number;
  readonly volumesTo: number;
}

/** The first window, which is no more than a few pages. */
const firstWeight = 4;

export class Descent {
  readonly #place: ReadPlace;
  readonly #options: DescentOptions;
  /** The lowest that was handed on: what comes next ends where it begins. */
  #told: Link | undefined;
  /** What comes next, until it is known to be right. */
  #held: Link | undefined;
  #page: number;

  constructor(place: ReadPlace, options: DescentOptions) {
    this.#place = place;
    this.#options = options;
    this.#page = options.image.pages;
  }

  /** The lowest page that was looked for. */
  get page(): number {
    return this.#page;
  }

  /** @throws {Trouble} */
  async *stretches(): AsyncGenerator<Stretch> {
    const { image, top = image.pages } = this.#options;
    if (this.#options.top === undefined) {
      const holding: Holding = { key: this.#place.keys.head, from: top, to: top, volume: undefined };
      this.#held = { holding, commits: image.tail, chain: image.chain };
      yield this.#tell([]);
    }
    let next: Detour | undefined = { top, volumesTo: image.volumes ?? 0 };
    while (next !== undefined) next = yield* this.#walk(next);
  }

  /** Goes down to the first page, or to a volume that can't be right; then from where to go on, without it. */
  async *#walk({ top, volumesTo }: Detour): AsyncGenerator<Stretch, Detour | undefined> {
    const { image, readFloor } = this.#options;
    const { keys } = this.#place;
    const plan = holdingsDown(keys, { from: 0, to: top, volumesFrom: 0, volumesTo });
    const found = readHoldings(this.#place, image.journalId, plan, firstWeight);
    const root: Found = {
      holding: { key: keys.page(0), from: 0, to: 0, volume: undefined },
      content: { commits: [], chain: noChain },
    };
    for await (const { holding, content } of chained(found, root)) {
      this.#page = Math.min(this.#page, holding.from);
      const above = this.#held ?? this.#told;
      const chains = typeof content === 'string' ? content : chainsFrom(content, above);
      if (typeof content !== 'string' && typeof chains !== 'string') {
        yield this.#tell(chains);
        this.#held = { ...content, holding };
        continue;
      }
      // Of two that do not fit each other the one above is doubted first, as nothing has spoken for it yet.
      const doubted =
        typeof content !== 'string' && this.#held?.holding.volume !== undefined ? this.#held : { holding };
      const { volume, to } = doubted.holding;
      if (volume !== undefined) {
        if (doubted === this.#held) this.#held = undefined;
        return { top: to, volumesTo: volume };
      }
      // What would have spoken for it was pruned: it was the last.
      if (content === 'missing' && (await readFloor()) > holding.from) yield this.#tell([]);
      const key = typeof content === 'string' ? holding.key : (above as Link).holding.key;
      throw new Trouble(key, chains as GapReason);
    }
    return undefined;
  }

  /** Hands on what is held, if anything. */
  #tell(chains: readonly string[]): Stretch {
    const held = this.#held;
    if (held === undefined) return { commits: [], chains: [] };
    const end = this.#told?.commits[0]?.place ?? Number.POSITIVE_INFINITY;
    this.#told = held;
    this.#held = undefined;
    const { from } = this.#options;
    const wanted = [...held.commits.entries()].filter(([, { place, first }]) => place < end && first <= from).reverse();
    return {
      commits: wanted.map(([, commit]) => commit),
      chains: wanted.map(([index]) => chains[index] ?? ''),
    };
  }
}

/** The chain after each commit of `above`, which follows on to `below`; or what is wrong. */
function chainsFrom(below: Page, above: Link | undefined): readonly string[] | GapReason {
  if (above === undefined) return [];
  const last: Commit | undefined = below.commits.at(-1);
  const joined = join(last === undefined ? { place: 0, seq: 0 } : positionAfter(last), above.commits);
  if (joined === 'gap') return joined;
  let { chain } = below;
  const chains = joined.map((commit) => {
    chain = chainAfter(chain, commit);
    return chain;
  });
  if (chain !== above.chain) return 'diverged';
  return [...above.commits.slice(joined.length).map(() => ''), ...chains];
}
